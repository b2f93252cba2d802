//! Self-attention of all heads: `y = softmax(scale q k^T + bias) v`.
//!
//! Vaswani et al. 2017, eq. 1; biases: Press, Smith and Lewis 2022, section 3 (slopes), Raffel et
//! al. 2020, section 2.1 (buckets). qkv `[tokens, 3 * hidden]`, y `[tokens, hidden]`, heads side
//! by side. Nothing is kept: backward computes scores anew. Cost: `4 * length^2 * hidden`
//! operations a sequence, memory linear in length.

use std::sync::{Arc, Mutex};

use contexture_kernels::attention::{
    AttentionShape, Cached, KeysValues, ToeplitzBias, attend, attend_backward, attend_cached,
    attention_map,
};
use contexture_kernels::{Pool, Reach};

use crate::{Backward, Forward, Op, Param, Revealed, Rows, Segments, Weights};

/// What scores gain by the distance of key and query.
#[derive(Debug, Clone, Default)]
pub enum ScoreBias {
    /// Nothing.
    #[default]
    None,
    /// `-slope_h |j - i|`, one slope for each head (ALiBi, both directions).
    Slopes(Arc<[f32]>),
    /// `table[bucket(j - i), h]`: half of the buckets for keys ahead of the query, half for the
    /// others; distances have buckets of their own at first, then share them by their logarithm
    /// up to `farthest`.
    Buckets {
        /// `[buckets, heads]`
        table: Param,
        /// From this distance on all share the last bucket.
        farthest: usize,
        /// Whether all buckets are for keys behind the query: those ahead share the first.
        one_sided: bool,
    },
}

/// Keys and values of sequences that grow from forward to forward, one entry a sequence. Clones
/// share them.
#[derive(Debug, Clone, Default)]
pub struct AttentionCarry(Arc<Mutex<Vec<KeysValues>>>);

impl AttentionCarry {
    fn with<T>(&self, f: impl FnOnce(&mut Vec<KeysValues>) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }

    /// Lets sequence i go on from what sequence `parents[i]` holds; whoever is no parent is dropped.
    pub fn follow(&self, parents: &[usize]) {
        self.with(|kept| {
            let mut left: Vec<usize> = vec![0; kept.len()];
            parents.iter().for_each(|parent| left[*parent] += 1);
            let mut old: Vec<Option<KeysValues>> =
                std::mem::take(kept).into_iter().map(Some).collect();
            kept.extend(parents.iter().filter_map(|&parent| {
                left[parent] -= 1;
                // The last one takes it, the others copy it.
                if left[parent] == 0 { old[parent].take() } else { old[parent].clone() }
            }));
        });
    }
}

/// Attention over sequences.
#[derive(Debug, Clone)]
pub struct Attention {
    /// Heads.
    pub heads: usize,
    /// Width of one head's query, key and value.
    pub head_width: usize,
    /// What scores are multiplied with.
    pub scale: f32,
    /// How far a query sees.
    pub reach: Reach,
    /// What scores gain by distance.
    pub bias: ScoreBias,
    /// Keys and values from earlier rows of the sequences, read before and added to by a forward:
    /// the rows given then come after those. For inference only.
    pub carry: Option<AttentionCarry>,
}

/// The bucket of distance `j - i`, as the reference computes it: in f32, rounded down.
pub fn bucket(distance: isize, buckets: usize, farthest: usize, one_sided: bool) -> usize {
    let half = if one_sided { buckets } else { buckets / 2 };
    let own = half / 2;
    let begin = if distance > 0 && !one_sided { half } else { 0 };
    let distance = if distance > 0 && one_sided { 0 } else { distance.unsigned_abs() };
    if distance < own {
        return begin + distance;
    }
    let ratio = (distance as f32 / own as f32).ln() / (farthest as f64 / own as f64).ln() as f32;
    let shared = own + (ratio * (half - own) as f32) as usize;
    begin + shared.min(half - 1)
}

impl Attention {
    /// The bias by head and distance, `[heads, 2 * span - 1]`.
    fn toeplitz(&self, weights: &Weights, span: usize) -> Option<Vec<f32>> {
        let distances = || (1 - span as isize)..span as isize;
        match &self.bias {
            ScoreBias::None => None,
            ScoreBias::Slopes(slopes) => {
                assert_eq!(slopes.len(), self.heads, "slopes against heads");
                let row = |slope: f32| distances().map(move |d| -slope * d.unsigned_abs() as f32);
                Some(slopes.iter().flat_map(|slope| row(*slope)).collect())
            }
            ScoreBias::Buckets { table, farthest, one_sided } => {
                assert_eq!(table.width, self.heads, "columns of a bucket table against heads");
                let values = weights.plain(*table);
                let place = |d| bucket(d, table.rows, *farthest, *one_sided) * self.heads;
                let places: Vec<usize> = distances().map(place).collect();
                let row = |head: usize| places.iter().map(move |place| values[place + head]);
                Some((0..self.heads).flat_map(row).collect())
            }
        }
    }

    fn with_shape<T>(
        &self,
        weights: &Weights,
        segments: &Segments,
        span: usize,
        f: impl FnOnce(&AttentionShape<'_>) -> T,
    ) -> T {
        let span = span.max(1);
        let table = self.toeplitz(weights, span);
        f(&AttentionShape {
            heads: self.heads,
            head_width: self.head_width,
            scale: self.scale,
            reach: self.reach,
            bias: table.as_deref().map(|table| ToeplitzBias { table, span }),
            offsets: segments.offsets(),
        })
    }

    /// Adds the rows' keys and values to those that are kept, and attends to all of them.
    fn step(&self, cx: &Forward<'_>, carry: &AttentionCarry, out: &mut Rows) {
        let (qkv, hidden) = (cx.input(0), self.heads * self.head_width);
        carry.with(|kept| {
            if kept.is_empty() {
                *kept = vec![KeysValues::new(self.heads, self.head_width); cx.segments.len()];
            }
            assert_eq!(kept.len(), cx.segments.len(), "kept sequences against those given");
            for (kept, rows) in kept.iter_mut().zip(cx.segments.iter()) {
                let from = &qkv.as_slice()[rows.start * 3 * hidden..rows.end * 3 * hidden];
                if let (Some(keys), Some(values)) = (from.get(hidden..), from.get(2 * hidden..)) {
                    kept.extend(keys, values, 3 * hidden, rows.len());
                }
            }
            let sequences: Vec<Cached<'_>> = kept
                .iter()
                .zip(cx.segments.iter())
                .map(|(kept, rows)| Cached { place: kept.len() - rows.len(), rows, kept })
                .collect();
            let span = kept.iter().map(KeysValues::len).max().unwrap_or(0);
            self.with_shape(cx.weights, cx.segments, span, |shape| {
                let queries = (qkv.as_slice(), 3 * hidden);
                attend_cached(cx.pool, shape, queries, &sequences, out.as_mut_slice());
            });
        });
    }
}

impl Op for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn forward(&self, cx: &mut Forward<'_>) -> Rows {
        let qkv = cx.input(0);
        let mut out = cx.rows(qkv.rows(), self.heads * self.head_width);
        if let Some(carry) = &self.carry {
            assert!(!cx.keeps(), "kept keys and values have no gradient");
            self.step(cx, carry, &mut out);
            return out;
        }
        let span = cx.segments.longest();
        self.with_shape(cx.weights, cx.segments, span, |shape| {
            attend(cx.pool, shape, qkv.as_slice(), out.as_mut_slice());
        });
        out
    }

    fn backward(&self, cx: &mut Backward<'_>) {
        let (pool, qkv, output, gradient): (&Pool, _, _, _) =
            (cx.pool, cx.input(0), cx.output, cx.gradient);
        let span = cx.segments.longest().max(1);
        let buckets = match self.bias {
            ScoreBias::Buckets { table, farthest, one_sided } => Some((table, farthest, one_sided)),
            _ => None,
        };
        let mut by_distance = buckets.map(|_| vec![0.0; self.heads * (2 * span - 1)]);
        self.with_shape(cx.weights, cx.segments, span, |shape| {
            attend_backward(
                pool,
                shape,
                qkv.as_slice(),
                output.as_slice(),
                gradient.as_slice(),
                cx.input_gradient(0).as_mut_slice(),
                by_distance.as_deref_mut(),
            );
        });
        if let (Some((table, farthest, one_sided)), Some(by_distance)) = (buckets, by_distance) {
            let sum = cx.parameter_gradient(table);
            for (head, row) in by_distance.chunks_exact(2 * span - 1).enumerate() {
                for (place, part) in row.iter().enumerate() {
                    let distance = place as isize - (span as isize - 1);
                    let bucket = bucket(distance, table.rows, farthest, one_sided);
                    sum[bucket * self.heads + head] += part;
                }
            }
        }
    }

    fn reveal(&self, cx: &mut Forward<'_>) -> Vec<Revealed> {
        // A step's maps would need the keys of earlier steps: watch a whole sequence instead.
        if self.carry.is_some() {
            return Vec::new();
        }
        let qkv = cx.input(0).as_slice();
        self.with_shape(cx.weights, cx.segments, cx.segments.longest(), |shape| {
            let mut maps = Vec::new();
            for (segment, rows) in cx.segments.iter().enumerate().filter(|(_, r)| !r.is_empty()) {
                for head in 0..self.heads {
                    let map = attention_map(shape, qkv, segment, head);
                    let rows = Rows::new(map, rows.len());
                    maps.push(Revealed { what: "attention", segment, head, rows });
                }
            }
            maps
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Initial, check_gradients};

    fn check(heads: usize, head_width: usize, reach: Reach, bias: &ScoreBias) {
        let (bias, carry) = (bias.clone(), None);
        let op = Attention { heads, head_width, scale: 0.4, reach, bias, carry };
        let rows = (7, 3 * heads * head_width);
        let check = check_gradients(|_| (), |()| op.clone(), &[rows], &[4, 0, 3], 31);
        assert!(check.worst < 1e-2 && check.checked > 0, "{op:?}: {check:?}");
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        let slopes = ScoreBias::Slopes(Arc::from([0.5, 0.125]));
        for (heads, width) in [(2, 4), (2, 5), (2, 18)] {
            for reach in [Reach::ALL, Reach::window(1), Reach::CAUSAL] {
                for bias in [&ScoreBias::None, &slopes] {
                    check(heads, width, reach, bias);
                }
            }
        }
    }

    #[test]
    fn gradients_of_buckets_agree_with_finite_differences() {
        for (one_sided, reach) in [(false, Reach::ALL), (true, Reach::CAUSAL), (true, Reach::ALL)] {
            let check = check_gradients(
                |b| b.table("buckets", 8, 2, Initial::Zeros),
                |table| Attention {
                    heads: 2,
                    head_width: 4,
                    scale: 0.5,
                    reach,
                    bias: ScoreBias::Buckets { table: *table, farthest: 16, one_sided },
                    carry: None,
                },
                &[(9, 24)],
                &[5, 4],
                37,
            );
            assert!(check.worst < 1e-2 && check.checked == 9 * 24 + 16, "{one_sided} {check:?}");
        }
    }

    #[test]
    fn buckets_are_those_of_the_reference() {
        // MPNetEncoder.relative_position_bucket of transformers, 32 buckets and 128 places,
        // for j - i = 0, -1, ..., at the borders of buckets.
        let distances = [0, 1, 7, 8, 11, 12, 15, 16, 22, 23, 31, 32, 45, 46, 63, 64, 90, 91, 127];
        let expected = [0, 1, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 14, 14, 15, 15];
        for (distance, expected) in distances.into_iter().zip(expected) {
            assert_eq!(bucket(-distance, 32, 128, false), expected, "{distance} behind");
            let ahead = if distance == 0 { 0 } else { 16 + expected };
            assert_eq!(bucket(distance, 32, 128, false), ahead, "{distance} ahead");
        }
        assert_eq!(bucket(-5000, 32, 128, false), 15);
        // T5Attention._relative_position_bucket of a decoder: all 32 for what is behind.
        let one_sided = [(0, 0), (1, 1), (15, 15), (16, 16), (18, 16), (19, 17), (127, 31)];
        for (distance, expected) in one_sided {
            assert_eq!(bucket(-distance, 32, 128, true), expected, "{distance} behind, one side");
            assert_eq!(bucket(distance, 32, 128, true), 0, "{distance} ahead, one side");
        }
    }
}

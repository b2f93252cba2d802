//! Self-attention of all heads: `y = softmax(scale q k^T + bias) v`.
//!
//! Vaswani et al. 2017, eq. 1; biases: Press, Smith and Lewis 2022, section 3 (slopes), Raffel et
//! al. 2020, section 2.1 (buckets). qkv `[tokens, 3 * hidden]`, y `[tokens, hidden]`, heads side
//! by side. Nothing is kept: backward computes scores anew. Cost: `4 * length^2 * hidden`
//! operations a sequence, memory linear in length.

use std::sync::Arc;

use contexture_kernels::attention::{
    AttentionShape, ToeplitzBias, attend, attend_backward, attention_map,
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
    },
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
}

/// The bucket of distance `j - i`, as the reference computes it: in f32, rounded down.
pub fn bucket(distance: isize, buckets: usize, farthest: usize) -> usize {
    let half = buckets / 2;
    let own = half / 2;
    let begin = if distance > 0 { half } else { 0 };
    let distance = distance.unsigned_abs();
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
            ScoreBias::Buckets { table, farthest } => {
                assert_eq!(table.width, self.heads, "columns of a bucket table against heads");
                let values = weights.plain(*table);
                let places: Vec<usize> =
                    distances().map(|d| bucket(d, table.rows, *farthest) * self.heads).collect();
                let row = |head: usize| places.iter().map(move |place| values[place + head]);
                Some((0..self.heads).flat_map(row).collect())
            }
        }
    }

    fn with_shape<T>(
        &self,
        weights: &Weights,
        segments: &Segments,
        f: impl FnOnce(&AttentionShape<'_>) -> T,
    ) -> T {
        let span = segments.longest().max(1);
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
}

impl Op for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn forward(&self, cx: &mut Forward<'_>) -> Rows {
        let qkv = cx.input(0);
        let mut out = cx.rows(qkv.rows(), self.heads * self.head_width);
        self.with_shape(cx.weights, cx.segments, |shape| {
            attend(cx.pool, shape, qkv.as_slice(), out.as_mut_slice());
        });
        out
    }

    fn backward(&self, cx: &mut Backward<'_>) {
        let (pool, qkv, output, gradient): (&Pool, _, _, _) =
            (cx.pool, cx.input(0), cx.output, cx.gradient);
        let span = cx.segments.longest().max(1);
        let buckets = match self.bias {
            ScoreBias::Buckets { table, farthest } => Some((table, farthest)),
            _ => None,
        };
        let mut by_distance = buckets.map(|_| vec![0.0; self.heads * (2 * span - 1)]);
        self.with_shape(cx.weights, cx.segments, |shape| {
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
        if let (Some((table, farthest)), Some(by_distance)) = (buckets, by_distance) {
            let sum = cx.parameter_gradient(table);
            for (head, row) in by_distance.chunks_exact(2 * span - 1).enumerate() {
                for (place, part) in row.iter().enumerate() {
                    let distance = place as isize - (span as isize - 1);
                    sum[bucket(distance, table.rows, farthest) * self.heads + head] += part;
                }
            }
        }
    }

    fn reveal(&self, cx: &mut Forward<'_>) -> Vec<Revealed> {
        let qkv = cx.input(0).as_slice();
        self.with_shape(cx.weights, cx.segments, |shape| {
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
        let op = Attention { heads, head_width, scale: 0.4, reach, bias: bias.clone() };
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
        let check = check_gradients(
            |b| b.table("buckets", 8, 2, Initial::Zeros),
            |table| Attention {
                heads: 2,
                head_width: 4,
                scale: 0.5,
                reach: Reach::ALL,
                bias: ScoreBias::Buckets { table: *table, farthest: 16 },
            },
            &[(9, 24)],
            &[5, 4],
            37,
        );
        assert!(check.worst < 1e-2 && check.checked == 9 * 24 + 16, "{check:?}");
    }

    #[test]
    fn buckets_are_those_of_the_reference() {
        // MPNetEncoder.relative_position_bucket of transformers, 32 buckets and 128 places,
        // for j - i = 0, -1, ..., at the borders of buckets.
        let distances = [0, 1, 7, 8, 11, 12, 15, 16, 22, 23, 31, 32, 45, 46, 63, 64, 90, 91, 127];
        let expected = [0, 1, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 14, 14, 15, 15];
        for (distance, expected) in distances.into_iter().zip(expected) {
            assert_eq!(bucket(-distance, 32, 128), expected, "{distance} behind");
            let ahead = if distance == 0 { 0 } else { 16 + expected };
            assert_eq!(bucket(distance, 32, 128), ahead, "{distance} ahead");
        }
        assert_eq!(bucket(-5000, 32, 128), 15);
    }
}

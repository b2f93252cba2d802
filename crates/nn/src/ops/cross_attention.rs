//! Attention of one text's rows to another's: `y = softmax(scale q k^T) v`.
//!
//! Vaswani et al. 2017, eq. 1 and section 3.2.3: queries are a decoder's rows, keys and values the
//! encoder's. q `[tokens, hidden]`, kv `[keys, 2 * hidden]`, keys first, y `[tokens, hidden]`, heads
//! side by side. Sequence i of queries attends to sequence i of keys, all of it; without any key y is
//! 0. Nothing is kept: backward computes scores anew. Cost: `4 * tokens * keys * hidden` operations a
//! sequence.

use std::sync::Arc;

use contexture_kernels::Reach;
use contexture_kernels::attention::{
    AttentionShape, Cached, KeysValues, attend_across, attend_across_backward, attend_cached,
    attention_map_across,
};

use crate::{Backward, Forward, Op, Revealed, Rows, Segments};

/// Where keys and values come from.
#[derive(Debug, Clone)]
pub enum Attended {
    /// The second input: rows of keys and values, in these sequences.
    Rows(Segments),
    /// What was packed before, one entry a sequence; for inference only.
    Kept(Arc<[Arc<KeysValues>]>),
}

/// Attention to another text. Inputs: q, and kv where those are rows.
#[derive(Debug, Clone)]
pub struct CrossAttention {
    /// Heads.
    pub heads: usize,
    /// Width of one head's query, key and value.
    pub head_width: usize,
    /// What scores are multiplied with.
    pub scale: f32,
    /// Where keys and values come from.
    pub attended: Attended,
}

impl CrossAttention {
    fn shape<'a>(&self, segments: &'a Segments) -> AttentionShape<'a> {
        AttentionShape {
            heads: self.heads,
            head_width: self.head_width,
            scale: self.scale,
            reach: Reach::ALL,
            bias: None,
            offsets: segments.offsets(),
        }
    }

    /// Packs keys and values `[keys, 2 * hidden]` of sequences, for forwards to come.
    pub fn keep(&self, rows: &Rows, keys: &Segments) -> Arc<[Arc<KeysValues>]> {
        let hidden = self.heads * self.head_width;
        let kept = keys.iter().map(|range| {
            let mut kept = KeysValues::new(self.heads, self.head_width);
            let from = &rows.as_slice()[range.start * 2 * hidden..range.end * 2 * hidden];
            if let Some(values) = from.get(hidden..) {
                kept.extend(from, values, 2 * hidden, range.len());
            }
            Arc::new(kept)
        });
        kept.collect()
    }
}

impl Op for CrossAttention {
    fn name(&self) -> &'static str {
        "cross attention"
    }

    fn forward(&self, cx: &mut Forward<'_>) -> Rows {
        let q = cx.input(0);
        let hidden = self.heads * self.head_width;
        let mut out = cx.rows(q.rows(), hidden);
        let shape = self.shape(cx.segments);
        match &self.attended {
            Attended::Rows(keys) => {
                let over = (cx.input(1).as_slice(), keys.offsets());
                attend_across(cx.pool, &shape, q.as_slice(), over, out.as_mut_slice());
            }
            Attended::Kept(kept) => {
                assert!(!cx.keeps(), "kept keys and values have no gradient");
                assert_eq!(kept.len(), cx.segments.len(), "kept sequences against those given");
                let sequences: Vec<Cached<'_>> = kept
                    .iter()
                    .zip(cx.segments.iter())
                    .map(|(kept, rows)| Cached { rows, kept, place: 0 })
                    .collect();
                let queries = (q.as_slice(), hidden);
                attend_cached(cx.pool, &shape, queries, &sequences, out.as_mut_slice());
            }
        }
        out
    }

    fn backward(&self, cx: &mut Backward<'_>) {
        let Attended::Rows(keys) = &self.attended else {
            unreachable!("a forward that kept nothing has no backward")
        };
        let (pool, q, kv) = (cx.pool, cx.input(0), cx.input(1));
        let mut by_kv = cx.rows(kv.rows(), kv.width());
        by_kv.as_mut_slice().fill(0.0);
        attend_across_backward(
            pool,
            &self.shape(cx.segments),
            (q.as_slice(), kv.as_slice(), keys.offsets()),
            (cx.output.as_slice(), cx.gradient.as_slice()),
            cx.input_gradient(0).as_mut_slice(),
            by_kv.as_mut_slice(),
        );
        cx.add_input_gradient(1, 1.0, &by_kv);
        cx.give_back(by_kv);
    }

    fn reveal(&self, cx: &mut Forward<'_>) -> Vec<Revealed> {
        let Attended::Rows(keys) = &self.attended else { return Vec::new() };
        let (q, over) = (cx.input(0).as_slice(), (cx.input(1).as_slice(), keys.offsets()));
        let shape = self.shape(cx.segments);
        let mut maps = Vec::new();
        for (segment, (rows, keys)) in cx.segments.iter().zip(keys.iter()).enumerate() {
            if rows.is_empty() || keys.is_empty() {
                continue;
            }
            for head in 0..self.heads {
                let map = attention_map_across(&shape, q, over, segment, head);
                let rows = Rows::new(map, keys.len());
                maps.push(Revealed { what: "cross attention", segment, head, rows });
            }
        }
        maps
    }
}

#[cfg(test)]
mod tests {
    use contexture_kernels::Pool;

    use super::*;
    use crate::{Builder, Session, Weights, check_gradients};

    fn op(heads: usize, head_width: usize, keys: &[usize]) -> CrossAttention {
        let attended = Attended::Rows(Segments::from_lengths(keys.to_vec()));
        CrossAttention { heads, head_width, scale: 0.4, attended }
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        for (heads, width) in [(2, 4), (2, 5), (1, 18)] {
            let hidden = heads * width;
            let op = op(heads, width, &[3, 2, 0, 6]);
            let inputs = [(7, hidden), (11, 2 * hidden)];
            let check = check_gradients(|_| (), |()| op.clone(), &inputs, &[4, 0, 2, 1], 29);
            let all = (7 + 22) * hidden;
            assert!(check.worst < 1e-2 && check.checked == all, "{op:?}: {check:?}");
        }
    }

    #[test]
    fn what_is_kept_gives_the_same_bits_and_maps_sum_to_one() {
        let weights = Arc::new(Weights::initial(Builder::new().finish(), 0));
        let value = |i: usize| (i as f32 * 0.73).sin();
        let rows =
            |rows: usize, width: usize| Rows::new((0..rows * width).map(value).collect(), width);
        let (q, kv) = (rows(6, 24), rows(9, 48));
        let (queries, keys) = (Segments::from_lengths([4, 2]), Segments::from_lengths([5, 4]));
        let op = op(3, 8, &[5, 4]);
        let mut s = Session::explain(weights, Arc::new(Pool::new(1)), true);
        let (q, kv_value) = (s.input(q), s.input(kv.clone()));
        let whole = s.apply(op.clone(), &[&q, &kv_value], &queries);
        let maps: Vec<Revealed> =
            s.observations().into_iter().flat_map(|seen| seen.revealed).collect();
        assert_eq!(maps.len(), 6);
        for map in &maps {
            assert_eq!((map.rows.rows(), map.rows.width()), [(4, 5), (2, 4)][map.segment]);
            for row in 0..map.rows.rows() {
                let sum: f32 = map.rows.row(row).iter().sum();
                assert!((sum - 1.0).abs() < 1e-6, "{sum}");
            }
        }
        let kept = CrossAttention { attended: Attended::Kept(op.keep(&kv, &keys)), ..op };
        let again = s.apply(kept, &[&q], &queries);
        assert_eq!(whole.rows(), again.rows());
    }
}

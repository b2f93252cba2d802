//! Rotary positions (Su et al. 2021, eq. 15): each pair of a query's or key's first `width`
//! values turns by `i * base^(-2k / width)`, k the pair's number. The op does it.

use contexture_nn::ops::Rotate;
use contexture_nn::{Session, Value};

use super::{Heads, Position};
use crate::architectures::Batch;

#[derive(Debug)]
pub(crate) struct Rotary {
    pub(crate) width: usize,
    pub(crate) interleaved: bool,
}

impl Position for Rotary {
    fn on_heads(&self, s: &mut Session, qkv: Value, heads: Heads, batch: &Batch) -> Value {
        let op = Rotate {
            heads: heads.heads,
            head_width: heads.width,
            rotary_width: self.width,
            base: heads.rotary_base,
            interleaved: self.interleaved,
            first: batch.first,
        };
        s.apply(op, &[&qkv], &batch.segments)
    }
}

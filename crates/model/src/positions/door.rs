//! The three doors by which a position may enter an encoder.

use std::sync::Arc;

use contexture_nn::ops::ScoreBias;
use contexture_nn::{Rows, Session, Value};

use crate::architectures::Batch;

/// The shape of a layer's heads, for those who turn queries and keys.
#[derive(Debug, Clone, Copy)]
pub struct Heads {
    /// How many.
    pub heads: usize,
    /// The width of one.
    pub width: usize,
    /// The layer's base of rotation.
    pub rotary_base: f32,
}

/// A position function. Each uses the doors that it needs and leaves the others shut.
pub trait Position: std::fmt::Debug + Send + Sync {
    /// Rows to be added to the words' `[tokens, hidden]`.
    fn on_input(&self, _: &mut Session, _: &Batch) -> Option<Value> {
        None
    }

    /// A table `[places, hidden]` that is computed, not learned, and the row of a sequence's first
    /// token; added to the words'.
    fn fixed_rows(&self) -> Option<(Arc<Rows>, usize)> {
        None
    }

    /// Changes queries and keys inside `qkv` `[tokens, 3 * heads * width]`.
    fn on_heads(&self, _: &mut Session, qkv: Value, _: Heads, _: &Batch) -> Value {
        qkv
    }

    /// What is added to the attention's scores.
    fn on_scores(&self) -> ScoreBias {
        ScoreBias::None
    }
}

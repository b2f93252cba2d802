//! Attention of recurrent layers to another text, after the last of them (Luong et al. 2015, eqs. 5, 7
//! and 8, "general", all of the text, what was attended to is not fed back):
//!
//! ```text
//! a = softmax(h W_a^T m^T)              h the decoder's rows, m the encoder's
//! y = tanh((a m | h) W_c^T)
//! ```
//!
//! h and y `[tokens, hidden]`, m `[keys, memory]`.

use std::sync::Arc;

use contexture_kernels::Activation;
use contexture_kernels::attention::KeysValues;
use contexture_nn::ops::{Attended, Concatenate, CrossAttention as Op, Linear};
use contexture_nn::{Builder, Segments, Session, Value};

use super::cross_attention::Memory;
use super::linear;
use crate::architectures::EncoderSettings;

#[derive(Debug)]
pub(crate) struct Luong {
    query: Linear,
    output: Linear,
    memory: usize,
}

impl Luong {
    pub(crate) fn declare(e: &EncoderSettings, memory: usize, b: &mut Builder) -> Self {
        let (none, deviation) = (Activation::Identity, e.initial_deviation);
        b.within("cross", |b| Self {
            query: b.within("query", |b| linear(memory, e.hidden, false, none, deviation, b)),
            output: b.within("output", |b| {
                linear(e.hidden, memory + e.hidden, false, Activation::Tanh, deviation, b)
            }),
            memory,
        })
    }

    fn op(&self, attended: Attended) -> Op {
        Op { heads: 1, head_width: self.memory, scale: 1.0, attended }
    }

    /// The memory, packed for steps to come.
    pub(crate) fn keep(
        &self,
        s: &mut Session,
        memory: &Value,
        segments: &Segments,
    ) -> Arc<[Arc<KeysValues>]> {
        let twice = s.apply(Concatenate, &[memory, memory], segments);
        self.op(Attended::Rows(segments.clone())).keep(twice.rows(), segments)
    }

    pub(crate) fn forward(
        &self,
        s: &mut Session,
        x: &Value,
        memory: Memory<'_>,
        segments: &Segments,
    ) -> Value {
        let q = s.apply(self.query, &[x], segments);
        let context = match memory {
            Memory::Rows(rows, theirs) => {
                let twice = s.apply(Concatenate, &[rows, rows], theirs);
                s.apply(self.op(Attended::Rows(theirs.clone())), &[&q, &twice], segments)
            }
            Memory::Kept(kept, queries) => {
                s.apply(self.op(Attended::Kept(kept.clone())), &[&q], queries)
            }
        };
        let both = s.apply(Concatenate, &[&context, x], segments);
        s.apply(self.output, &[&both], segments)
    }
}

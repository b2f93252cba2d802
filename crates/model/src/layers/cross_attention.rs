//! Attention to another text with its residual (Vaswani et al. 2017, eq. 1 and section 3.2.3):
//!
//! ```text
//! q     = x W_q^T + b_q            x the decoder's rows
//! k | v = m W_kv^T + b_kv          m the encoder's, the memory
//! y     = r + (softmax(q k^T / sqrt(head_width)) v) W_o^T + b_o
//! ```

use std::sync::Arc;

use contexture_kernels::Activation;
use contexture_kernels::attention::KeysValues;
use contexture_nn::ops::{Attended, CrossAttention as Op, Linear};
use contexture_nn::{Builder, Segments, Session, Value};

use super::attention::close;
use super::{linear, residual_deviation};
use crate::architectures::EncoderSettings;

/// The other text, as a layer reads it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Memory<'a> {
    /// The encoder's rows, and its sequences: one for each of the decoder's.
    Rows(&'a Value, &'a Segments),
    /// What this layer has kept of them, and which rows of the decoder belong to each.
    Kept(&'a Arc<[Arc<KeysValues>]>, &'a Segments),
}

#[derive(Debug)]
pub(crate) struct CrossAttention {
    query: Linear,
    keys_values: Linear,
    output: Linear,
    heads: usize,
    head_width: usize,
    scale: f32,
    dropout: f32,
}

impl CrossAttention {
    /// `memory` is the width of the encoder's rows.
    pub(crate) fn declare(e: &EncoderSettings, memory: usize, b: &mut Builder) -> Self {
        let width = e.heads * e.head_width;
        let none = Activation::Identity;
        let (bias, deviation) = (e.biases.qkv, e.initial_deviation);
        Self {
            query: b.within("query", |b| linear(width, e.hidden, bias, none, deviation, b)),
            keys_values: b
                .within("keys_values", |b| linear(2 * width, memory, bias, none, deviation, b)),
            output: b.within("output", |b| {
                linear(e.hidden, width, e.biases.output, none, residual_deviation(e), b)
            }),
            heads: e.heads,
            head_width: e.head_width,
            scale: e.score_scale(),
            dropout: e.dropout,
        }
    }

    fn op(&self, attended: Attended) -> Op {
        let Self { heads, head_width, scale, .. } = *self;
        Op { heads, head_width, scale, attended }
    }

    /// Keys and values of the memory, packed for steps to come.
    pub(crate) fn keep(
        &self,
        s: &mut Session,
        memory: &Value,
        segments: &Segments,
    ) -> Arc<[Arc<KeysValues>]> {
        let rows = s.apply(self.keys_values, &[memory], segments);
        self.op(Attended::Rows(segments.clone())).keep(rows.rows(), segments)
    }

    pub(crate) fn forward(
        &self,
        s: &mut Session,
        x: &Value,
        residual: &Value,
        memory: Memory<'_>,
        segments: &Segments,
    ) -> Value {
        let q = s.apply(self.query, &[x], segments);
        let mixed = match memory {
            Memory::Rows(rows, theirs) => {
                let kv = s.apply(self.keys_values, &[rows], theirs);
                s.apply(self.op(Attended::Rows(theirs.clone())), &[&q, &kv], segments)
            }
            Memory::Kept(kept, queries) => {
                s.apply(self.op(Attended::Kept(kept.clone())), &[&q], queries)
            }
        };
        drop(q);
        close(s, self.output, &mixed, residual, self.dropout, segments)
    }
}

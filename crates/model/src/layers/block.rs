//! One layer of an encoder or a decoder, with its norms after (Vaswani et al. 2017) or before (Xiong et
//! al. 2020) what they belong to. Only a decoder's attends to another text.
//!
//! ```text
//! after:   h = norm(x + attention(x))     [h = norm(h + cross(h))]     y = norm(h + feed_forward(h))
//! before:  h = x + attention(norm(x))     [h = h + cross(norm(h))]     y = h + feed_forward(norm(h))
//! ```

use std::sync::Arc;

use contexture_kernels::attention::KeysValues;
use contexture_nn::ops::{Add, AttentionCarry, FeedForward};
use contexture_nn::{Builder, Segments, Session, Value};

use super::attention::SelfAttention;
use super::cross_attention::{CrossAttention, Memory};
use super::feed_forward::feed_forward;
use super::norm::Norm;
use crate::architectures::{Batch, EncoderSettings, NormPlace};
use crate::positions::Position;

#[derive(Debug)]
pub(crate) struct Block {
    place: NormPlace,
    attention: SelfAttention,
    /// `None` only in a first layer whose input is already normed.
    attention_norm: Option<Norm>,
    /// Only in a decoder.
    cross: Option<(CrossAttention, Norm)>,
    feed_forward: FeedForward,
    feed_forward_norm: Norm,
    dropout: f32,
}

/// What a layer sees besides its own rows; an encoder's sees nothing.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Around<'a> {
    /// Keys and values of earlier steps.
    pub(crate) carry: Option<&'a AttentionCarry>,
    /// The other text.
    pub(crate) memory: Option<Memory<'a>>,
}

impl Block {
    /// `memory`: the width of the rows of another text, where it attends to one.
    pub(crate) fn declare(
        e: &EncoderSettings,
        index: usize,
        memory: Option<usize>,
        b: &mut Builder,
    ) -> Self {
        let normed = e.norm == NormPlace::After || index > 0 || e.first_attention_norm;
        let norm = |b: &mut Builder| Norm::declare(e, e.hidden, b);
        let (attention, attention_norm) = b.within("attention", |b| {
            (SelfAttention::declare(e, e.layers[index], b), normed.then(|| norm(b)))
        });
        let cross = memory
            .map(|memory| b.within("cross", |b| (CrossAttention::declare(e, memory, b), norm(b))));
        let (feed_forward, feed_forward_norm) =
            b.within("feed_forward", |b| (feed_forward(e, b), norm(b)));
        let (place, dropout) = (e.norm, e.dropout);
        Self { place, attention, attention_norm, cross, feed_forward, feed_forward_norm, dropout }
    }

    /// What its attention to the other text reads of it.
    pub(crate) fn keep(
        &self,
        s: &mut Session,
        memory: &Value,
        segments: &Segments,
    ) -> Arc<[Arc<KeysValues>]> {
        let (cross, _) = self.cross.as_ref().expect("only a decoder's layers keep a memory");
        cross.keep(s, memory, segments)
    }

    pub(crate) fn forward(
        &self,
        s: &mut Session,
        x: &Value,
        positions: &[Box<dyn Position>],
        batch: &Batch,
        around: Around<'_>,
    ) -> Value {
        let segments = &batch.segments;
        let rows = (batch, around.carry);
        let cross = self.cross.as_ref().zip(around.memory);
        match self.place {
            NormPlace::After => {
                let sum = self.attention.forward(s, x, x, positions, rows);
                let mut h = normed(s, self.attention_norm, sum, segments);
                if let Some(((cross, norm), memory)) = cross {
                    let sum = cross.forward(s, &h, &h, memory, segments);
                    h = norm.forward(s, &sum, segments);
                }
                let sum = self.feed(s, &h, &h, segments);
                drop(h);
                self.feed_forward_norm.forward(s, &sum, segments)
            }
            NormPlace::Before => {
                let before = normed(s, self.attention_norm, x.clone(), segments);
                let mut h = self.attention.forward(s, &before, x, positions, rows);
                if let Some(((cross, norm), memory)) = cross {
                    let before = norm.forward(s, &h, segments);
                    h = cross.forward(s, &before, &h, memory, segments);
                }
                let before = self.feed_forward_norm.forward(s, &h, segments);
                self.feed(s, &before, &h, segments)
            }
        }
    }

    fn feed(&self, s: &mut Session, x: &Value, residual: &Value, segments: &Segments) -> Value {
        if !s.drops(self.dropout) {
            return s.apply(self.feed_forward, &[x, residual], segments);
        }
        let y = s.apply(self.feed_forward, &[x], segments);
        let y = s.dropout(self.dropout, y, segments);
        s.apply(Add, &[&y, residual], segments)
    }
}

fn normed(s: &mut Session, norm: Option<Norm>, x: Value, segments: &Segments) -> Value {
    match norm {
        Some(norm) => norm.forward(s, &x, segments),
        None => x,
    }
}

//! Self-attention with its residual (Vaswani et al. 2017, eq. 1 and section 3.2.2):
//!
//! ```text
//! q | k | v = x W_qkv^T + b_qkv
//! y         = r + (softmax(q k^T / sqrt(head_width) + bias) v) W_o^T + b_o
//! ```
//!
//! x and r are `[tokens, hidden]`; r is what the layer adds to (x itself where norms come after). The
//! scale of scores is a setting.

use contexture_kernels::Activation;
use contexture_nn::ops::{Add, Attention, AttentionCarry, Linear, ScoreBias};
use contexture_nn::{Builder, Segments, Session, Value};

use super::{linear, residual_deviation};
use crate::architectures::{Batch, EncoderSettings, LayerSettings};
use crate::positions::{Heads, Position};

#[derive(Debug)]
pub(crate) struct SelfAttention {
    qkv: Linear,
    output: Linear,
    heads: Heads,
    layer: LayerSettings,
    scale: f32,
    dropout: f32,
}

impl SelfAttention {
    pub(crate) fn declare(e: &EncoderSettings, layer: LayerSettings, b: &mut Builder) -> Self {
        let width = e.heads * e.head_width;
        let none = Activation::Identity;
        Self {
            qkv: b.within("qkv", |b| {
                linear(3 * width, e.hidden, e.biases.qkv, none, e.initial_deviation, b)
            }),
            output: b.within("output", |b| {
                linear(e.hidden, width, e.biases.output, none, residual_deviation(e), b)
            }),
            heads: Heads { heads: e.heads, width: e.head_width, rotary_base: layer.rotary_base },
            layer,
            scale: e.score_scale(),
            dropout: e.dropout,
        }
    }

    /// With `carry`, the rows follow those of earlier steps.
    pub(crate) fn forward(
        &self,
        s: &mut Session,
        x: &Value,
        residual: &Value,
        positions: &[Box<dyn Position>],
        (batch, carry): (&Batch, Option<&AttentionCarry>),
    ) -> Value {
        let mut qkv = s.apply(self.qkv, &[x], &batch.segments);
        let mut bias = ScoreBias::None;
        for position in positions {
            qkv = position.on_heads(s, qkv, self.heads, batch);
            match position.on_scores() {
                ScoreBias::None => {}
                other => bias = other,
            }
        }
        let attention = Attention {
            heads: self.heads.heads,
            head_width: self.heads.width,
            scale: self.scale,
            reach: self.layer.reach,
            bias,
            carry: carry.cloned(),
        };
        let mixed = s.apply(attention, &[&qkv], &batch.segments);
        drop(qkv);
        close(s, self.output, &mixed, residual, self.dropout, &batch.segments)
    }
}

/// The map that ends an attention, dropout and the residual sum, fused where nothing is dropped.
pub(super) fn close(
    s: &mut Session,
    output: Linear,
    mixed: &Value,
    residual: &Value,
    dropout: f32,
    segments: &Segments,
) -> Value {
    if !s.drops(dropout) {
        return s.apply(output, &[mixed, residual], segments);
    }
    let y = s.apply(output, &[mixed], segments);
    let y = s.dropout(dropout, y, segments);
    s.apply(Add, &[&y, residual], segments)
}

//! Self-attention with its residual (Vaswani et al. 2017, eq. 1 and section 3.2.2):
//!
//! ```text
//! q | k | v = x W_qkv^T + b_qkv
//! y         = r + (softmax(q k^T / sqrt(head_width) + bias) v) W_o^T + b_o
//! ```
//!
//! x and r are `[tokens, hidden]`; r is what the layer adds to (x itself where norms come after).

use contexture_kernels::Activation;
use contexture_nn::ops::{Add, Attention, Linear, ScoreBias};
use contexture_nn::{Builder, Session, Value};

use super::{linear, residual_deviation};
use crate::architectures::{Batch, EncoderSettings, LayerSettings};
use crate::positions::{Heads, Position};

#[derive(Debug)]
pub(crate) struct SelfAttention {
    qkv: Linear,
    output: Linear,
    heads: Heads,
    layer: LayerSettings,
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
            dropout: e.dropout,
        }
    }

    pub(crate) fn forward(
        &self,
        s: &mut Session,
        x: &Value,
        residual: &Value,
        positions: &[Box<dyn Position>],
        batch: &Batch,
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
            scale: 1.0 / (self.heads.width as f32).sqrt(),
            reach: self.layer.reach,
            bias,
        };
        let mixed = s.apply(attention, &[&qkv], &batch.segments);
        drop(qkv);
        if !s.drops(self.dropout) {
            return s.apply(self.output, &[&mixed, residual], &batch.segments);
        }
        let y = s.apply(self.output, &[&mixed], &batch.segments);
        let y = s.dropout(self.dropout, y, &batch.segments);
        s.apply(Add, &[&y, residual], &batch.segments)
    }
}

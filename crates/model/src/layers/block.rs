//! One layer of an encoder, with its norms after (Vaswani et al. 2017) or before (Xiong et al. 2020) what they belong to.
//!
//! ```text
//! after:   h = norm(x + attention(x))         y = norm(h + feed_forward(h))
//! before:  h = x + attention(norm(x))         y = h + feed_forward(norm(h))
//! ```

use contexture_nn::ops::{Add, FeedForward};
use contexture_nn::{Builder, Session, Value};

use super::attention::SelfAttention;
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
    feed_forward: FeedForward,
    feed_forward_norm: Norm,
    dropout: f32,
}

impl Block {
    pub(crate) fn declare(e: &EncoderSettings, index: usize, b: &mut Builder) -> Self {
        let normed = e.norm == NormPlace::After || index > 0 || e.first_attention_norm;
        let norm = |b: &mut Builder| Norm::declare(e.hidden, e.norm_bias, e.epsilon, b);
        let (attention, attention_norm) = b.within("attention", |b| {
            (SelfAttention::declare(e, e.layers[index], b), normed.then(|| norm(b)))
        });
        let (feed_forward, feed_forward_norm) =
            b.within("feed_forward", |b| (feed_forward(e, b), norm(b)));
        let (place, dropout) = (e.norm, e.dropout);
        Self { place, attention, attention_norm, feed_forward, feed_forward_norm, dropout }
    }

    pub(crate) fn forward(
        &self,
        s: &mut Session,
        x: &Value,
        positions: &[Box<dyn Position>],
        batch: &Batch,
    ) -> Value {
        let segments = &batch.segments;
        let norm = |s: &mut Session, norm: Option<Norm>, x: Value| match norm {
            Some(norm) => norm.forward(s, &x, segments),
            None => x,
        };
        let feed = |s: &mut Session, x: &Value, residual: &Value| {
            if !s.drops(self.dropout) {
                return s.apply(self.feed_forward, &[x, residual], segments);
            }
            let y = s.apply(self.feed_forward, &[x], segments);
            let y = s.dropout(self.dropout, y, segments);
            s.apply(Add, &[&y, residual], segments)
        };
        match self.place {
            NormPlace::After => {
                let sum = self.attention.forward(s, x, x, positions, batch);
                let h = norm(s, self.attention_norm, sum);
                let sum = feed(s, &h, &h);
                drop(h);
                norm(s, Some(self.feed_forward_norm), sum)
            }
            NormPlace::Before => {
                let normed = norm(s, self.attention_norm, x.clone());
                let h = self.attention.forward(s, &normed, x, positions, batch);
                let normed = norm(s, Some(self.feed_forward_norm), h.clone());
                feed(s, &normed, &h)
            }
        }
    }
}

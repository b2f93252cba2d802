//! Layer norm (Ba et al. 2016, eq. 4), or without the mean (Zhang and Sennrich 2019, eq. 4), with the
//! weights that a norm declares.

use contexture_nn::ops::LayerNorm;
use contexture_nn::{Builder, Initial, Param, Segments, Session, Value};

use crate::architectures::EncoderSettings;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Norm {
    weight: Param,
    bias: Option<Param>,
    epsilon: f32,
    centred: bool,
}

impl Norm {
    /// A norm of rows of `width` as all of the encoder's.
    pub(crate) fn declare(e: &EncoderSettings, width: usize, b: &mut Builder) -> Self {
        Self { centred: e.norm_centred, ..Self::centred(width, e.norm_bias, e.epsilon, b) }
    }

    pub(crate) fn centred(width: usize, bias: bool, epsilon: f32, b: &mut Builder) -> Self {
        b.within("norm", |b| Self {
            weight: b.vector("weight", width, Initial::Ones),
            bias: bias.then(|| b.vector("bias", width, Initial::Zeros)),
            epsilon,
            centred: true,
        })
    }

    pub(crate) fn forward(&self, s: &mut Session, x: &Value, segments: &Segments) -> Value {
        let Self { weight, bias, epsilon, centred } = *self;
        s.apply(LayerNorm { weight, bias, epsilon, centred }, &[x], segments)
    }
}

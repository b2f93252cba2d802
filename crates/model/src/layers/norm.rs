//! Layer norm (Ba et al. 2016, eq. 4) with the weights that a norm declares.

use contexture_nn::ops::LayerNorm;
use contexture_nn::{Builder, Initial, Param, Segments, Session, Value};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Norm {
    weight: Param,
    bias: Option<Param>,
    epsilon: f32,
}

impl Norm {
    pub(crate) fn declare(width: usize, bias: bool, epsilon: f32, b: &mut Builder) -> Self {
        b.within("norm", |b| Self {
            weight: b.vector("weight", width, Initial::Ones),
            bias: bias.then(|| b.vector("bias", width, Initial::Zeros)),
            epsilon,
        })
    }

    pub(crate) fn forward(&self, s: &mut Session, x: &Value, segments: &Segments) -> Value {
        let Self { weight, bias, epsilon } = *self;
        s.apply(LayerNorm { weight, bias, epsilon }, &[x], segments)
    }
}

//! A linear map's declaration.

use contexture_kernels::Activation;
use contexture_nn::ops::Linear;
use contexture_nn::{Builder, Initial};

use crate::architectures::EncoderSettings;

/// Declares `weight` `[outputs, inputs]`, which begins with this deviation, and, where there is
/// one, `bias`.
pub(crate) fn linear(
    outputs: usize,
    inputs: usize,
    bias: bool,
    activation: Activation,
    deviation: f32,
    b: &mut Builder,
) -> Linear {
    Linear {
        weight: b.matrix("weight", outputs, inputs, Initial::Normal(deviation)),
        bias: bias.then(|| b.vector("bias", outputs, Initial::Zeros)),
        activation,
    }
}

/// What the maps that end in a residual sum begin with.
pub(crate) fn residual_deviation(e: &EncoderSettings) -> f32 {
    let layers = e.layers.len().max(1) as f32;
    e.initial_deviation * if e.scaled_residuals { (2.0 * layers).sqrt().recip() } else { 1.0 }
}

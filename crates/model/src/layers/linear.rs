//! A linear map's declaration.

use contexture_kernels::Activation;
use contexture_nn::ops::Linear;
use contexture_nn::{Builder, Initial};

/// Declares `weight` `[outputs, inputs]` and, where there is one, `bias`.
pub(crate) fn linear(
    outputs: usize,
    inputs: usize,
    bias: bool,
    activation: Activation,
    b: &mut Builder,
) -> Linear {
    Linear {
        weight: b.matrix("weight", outputs, inputs, Initial::Normal(0.02)),
        bias: bias.then(|| b.vector("bias", outputs, Initial::Zeros)),
        activation,
    }
}

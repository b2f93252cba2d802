//! The feed-forward part (Vaswani et al. 2017, eq. 2; gated: Shazeer 2020, eq. 6):
//!
//! ```text
//! y = r + act(x W_1^T + b_1) W_2^T + b_2
//! y = r + (act(x W_a^T) * (x W_b^T)) W_2^T + b_2        gated, W_1 = [W_a | W_b]
//! ```

use contexture_kernels::Activation;
use contexture_nn::Builder;
use contexture_nn::ops::FeedForward;

use super::{linear, residual_deviation};
use crate::architectures::EncoderSettings;

/// Declares `first` `[inner or 2 * inner, hidden]` and `second` `[hidden, inner]`.
pub(crate) fn feed_forward(e: &EncoderSettings, b: &mut Builder) -> FeedForward {
    let inner = if e.gated { 2 * e.inner } else { e.inner };
    let none = Activation::Identity;
    let first = b
        .within("first", |b| linear(inner, e.hidden, e.biases.first, none, e.initial_deviation, b));
    let deviation = residual_deviation(e);
    let second =
        b.within("second", |b| linear(e.hidden, e.inner, e.biases.second, none, deviation, b));
    FeedForward {
        first: first.weight,
        first_bias: first.bias,
        second: second.weight,
        second_bias: second.bias,
        activation: e.activation,
        gated: e.gated,
    }
}

//! Layer norm: `y = (x - mean) / sqrt(variance + epsilon) * w + b`; where it is not centred, mean is
//! 0: `y = x / sqrt(mean of x^2 + epsilon) * w + b`.
//!
//! Ba, Kiros and Hinton 2016, eq. 4; without the mean: Zhang and Sennrich 2019, eq. 4. x, y `[tokens, hidden]`. Backward computes the statistics
//! anew from x; nothing is kept. Cost: three passes over rows that stay in the cache.

use contexture_kernels::norm::{Norm, layer_norm, layer_norm_backward};

use crate::{Backward, Forward, Op, Param, Rows, Weights};

/// Layer norm with a weight and, mostly, a bias.
#[derive(Debug, Clone, Copy)]
pub struct LayerNorm {
    /// `[hidden]`
    pub weight: Param,
    /// `[hidden]`
    pub bias: Option<Param>,
    /// Added to the variance.
    pub epsilon: f32,
    /// Whether the mean is taken off.
    pub centred: bool,
}

impl LayerNorm {
    fn norm<'a>(&self, weights: &'a Weights) -> Norm<'a> {
        Norm {
            weight: weights.plain(self.weight),
            bias: self.bias.map(|bias| weights.plain(bias)),
            epsilon: self.epsilon,
            centred: self.centred,
        }
    }
}

impl Op for LayerNorm {
    fn name(&self) -> &'static str {
        "layer norm"
    }

    fn forward(&self, cx: &mut Forward<'_>) -> Rows {
        let x = cx.input(0);
        let mut out = cx.rows(x.rows(), x.width());
        layer_norm(cx.pool, &self.norm(cx.weights), x.as_slice(), out.as_mut_slice());
        out
    }

    fn backward(&self, cx: &mut Backward<'_>) {
        let (pool, gradient, x) = (cx.pool, cx.gradient, cx.input(0));
        let norm = self.norm(cx.weights);
        let mut weight = vec![0.0; self.weight.len()];
        let mut bias = vec![0.0; self.weight.len()];
        layer_norm_backward(
            pool,
            &norm,
            x.as_slice(),
            gradient.as_slice(),
            cx.input_gradient(0).as_mut_slice(),
            &mut weight,
            Some(&mut bias),
        );
        let sums = [(Some(self.weight), weight), (self.bias, bias)];
        for (param, part) in sums.iter().filter_map(|(param, part)| Some(((*param)?, part))) {
            cx.add_parameter_gradient(param, 1.0, part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Initial, check_gradients};

    #[test]
    fn gradients_agree_with_finite_differences() {
        let widths = [(5, true), (19, false), (33, true)];
        for (width, bias, centred) in
            widths.into_iter().flat_map(|(w, b)| [(w, b, true), (w, b, false)])
        {
            let check = check_gradients(
                |b| {
                    let weight = b.vector("weight", width, Initial::Ones);
                    (weight, bias.then(|| b.vector("bias", width, Initial::Zeros)))
                },
                |(weight, bias)| LayerNorm { weight: *weight, bias: *bias, epsilon: 1e-5, centred },
                &[(3, width)],
                &[3],
                7,
            );
            assert!(check.worst < 1e-2 && check.checked > 0, "{width} {centred}: {check:?}");
        }
    }
}

//! The learned mix of a model's layers: `y = scale sum_j p_j x_j` with `p = softmax(w)`.
//!
//! Peters et al. 2018, eq. 1. x_j and y `[tokens, hidden]`, w `[1, layers]`, scale `[1, 1]`.
//! Nothing is kept: the softmax is a handful of numbers. Cost: one pass over all layers, two
//! backward.
//!
//! Adjoint, with `g` the gradient by y and `d_j = sum over all values of g x_j`:
//! - `dx_j = scale p_j g`
//! - `dscale = sum_j p_j d_j`
//! - `dw_j = scale p_j (d_j - sum_k p_k d_k)`

use contexture_kernels::dot::dot;
use contexture_kernels::pointwise::weighted_sum;

use crate::{Backward, Forward, Op, Param, Revealed, Rows, Weights};

/// A weighted sum of layers, its weights learned. Inputs: the layers, lowest first.
#[derive(Debug, Clone, Copy)]
pub struct LayerMix {
    /// `[1, layers]`, before the softmax.
    pub weights: Param,
    /// `[1, 1]`, what the sum is multiplied with.
    pub scale: Param,
}

impl LayerMix {
    /// `softmax(w)`, and the scale.
    fn shares(&self, weights: &Weights) -> (Vec<f64>, f64) {
        let w = weights.plain(self.weights);
        let most = w.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let powers: Vec<f64> = w.iter().map(|w| (f64::from(*w) - f64::from(most)).exp()).collect();
        let sum: f64 = powers.iter().sum();
        let shares = powers.into_iter().map(|power| power / sum).collect();
        (shares, f64::from(weights.plain(self.scale)[0]))
    }
}

impl Op for LayerMix {
    fn name(&self) -> &'static str {
        "layer mix"
    }

    fn forward(&self, cx: &mut Forward<'_>) -> Rows {
        let inputs = cx.inputs();
        assert_eq!(inputs.len(), self.weights.len(), "layers against weights of a mix");
        for input in inputs {
            input.assert_same_shape(inputs[0], "layers of a mix");
        }
        let (shares, scale) = self.shares(cx.weights);
        let mut out = cx.rows(inputs[0].rows(), inputs[0].width());
        let parts = shares.iter().zip(inputs);
        let parts: Vec<(f32, &[f32])> =
            parts.map(|(share, input)| ((scale * share) as f32, input.as_slice())).collect();
        weighted_sum(cx.pool, &parts, out.as_mut_slice());
        out
    }

    fn backward(&self, cx: &mut Backward<'_>) {
        let (pool, gradient) = (cx.pool, cx.gradient);
        let (shares, scale) = self.shares(cx.weights);
        let dots: Vec<f64> = (0..shares.len())
            .map(|layer| dot(pool, gradient.as_slice(), cx.input(layer).as_slice()))
            .collect();
        let mean: f64 = shares.iter().zip(&dots).map(|(share, dot)| share * dot).sum();
        for (layer, share) in shares.iter().enumerate() {
            cx.add_input_gradient(layer, (scale * share) as f32, gradient);
        }
        let by_weights: Vec<f32> = shares
            .iter()
            .zip(&dots)
            .map(|(share, dot)| (scale * share * (dot - mean)) as f32)
            .collect();
        cx.add_parameter_gradient(self.weights, 1.0, &by_weights);
        cx.add_parameter_gradient(self.scale, 1.0, &[mean as f32]);
    }

    /// The layers' shares, `[1, layers]`, and the scale, `[1, 1]`; both belong to all sequences.
    fn reveal(&self, cx: &mut Forward<'_>) -> Vec<Revealed> {
        let (shares, scale) = self.shares(cx.weights);
        let shares: Vec<f32> = shares.into_iter().map(|share| share as f32).collect();
        let width = shares.len();
        let one = |what, values, width| Revealed {
            what,
            segment: 0,
            head: 0,
            rows: Rows::new(values, width),
        };
        vec![one("layer mix", shares, width), one("scale", vec![scale as f32], 1)]
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use contexture_kernels::Pool;

    use super::*;
    use crate::{Builder, Initial, Segments, Session, Stored, check_gradients};

    fn declare(b: &mut Builder, layers: usize) -> LayerMix {
        LayerMix {
            weights: b.vector("weights", layers, Initial::Zeros),
            scale: b.vector("scale", 1, Initial::Ones),
        }
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        for layers in [1, 3] {
            let shapes = vec![(4, 6); layers];
            let check = check_gradients(|b| declare(b, layers), |op| *op, &shapes, &[1, 3], 53);
            assert_eq!(check.checked, layers * 24 + layers + 1);
            assert!(check.worst < 1e-2, "{layers} layers: {check:?}");
        }
    }

    fn run(threads: usize) -> (Rows, Vec<Revealed>) {
        let mut builder = Builder::new();
        let op = declare(&mut builder, 3);
        // Shares of 1/7, 2/7 and 4/7.
        let w = vec![5.0, 5.0 + 2f32.ln(), 5.0 + 4f32.ln()];
        let stored = vec![Stored::Plain(w), Stored::Plain(vec![3.5])];
        let weights = Arc::new(Weights::new(builder.finish(), stored));
        let mut session = Session::explain(weights, Arc::new(Pool::new(threads)), true);
        let x: Vec<_> = [2.0, 6.0, -4.0]
            .into_iter()
            .map(|value| session.input(Rows::new(vec![value; 20_000], 4)))
            .collect();
        let segments = Segments::single(5000);
        let y = session.apply(op, &x.iter().collect::<Vec<_>>(), &segments);
        (y.rows().clone(), session.observations().remove(0).revealed)
    }

    #[test]
    fn shares_are_a_softmax_and_are_shown() {
        let (y, revealed) = run(2);
        // 3.5 (2 + 2 * 6 - 4 * 4) / 7
        assert!(y.as_slice().iter().all(|y| (y + 1.0).abs() < 2e-6), "{:?}", y.row(0));
        let shares = revealed[0].rows.as_slice();
        for (share, expected) in shares.iter().zip([1.0, 2.0, 4.0]) {
            assert!((share - expected / 7.0).abs() < 1e-7, "{shares:?}");
        }
        assert_eq!((revealed[0].what, revealed[1].rows.as_slice()), ("layer mix", &[3.5][..]));
        assert_eq!(y, run(1).0);
    }
}

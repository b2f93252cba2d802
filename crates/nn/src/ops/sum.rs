//! Sums of whole arrays: `y = a + b`, `y = f x`, `y = sum_i w_i x_i` (Peters et al. 2018, eq. 1,
//! the weights given).
//!
//! All `[tokens, hidden]`. Nothing is kept. Cost: one pass.

use std::sync::Arc;

use contexture_kernels::pointwise::weighted_sum;

use crate::{Backward, Forward, Op, Rows};

/// `a + b`
#[derive(Debug, Clone, Copy)]
pub struct Add;

/// `factor * x`
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// The factor.
    pub factor: f32,
}

/// A weighted sum of layers.
#[derive(Debug, Clone)]
pub struct Mix {
    /// One for each input.
    pub weights: Arc<[f32]>,
}

fn forward(cx: &mut Forward<'_>, weights: &[f32]) -> Rows {
    let inputs = cx.inputs();
    assert_eq!(inputs.len(), weights.len(), "inputs against weights of a sum");
    for input in inputs {
        input.assert_same_shape(inputs[0], "inputs of a sum");
    }
    let mut out = cx.rows(inputs[0].rows(), inputs[0].width());
    let parts: Vec<(f32, &[f32])> =
        weights.iter().zip(inputs).map(|(weight, input)| (*weight, input.as_slice())).collect();
    weighted_sum(cx.pool, &parts, out.as_mut_slice());
    out
}

fn backward(cx: &mut Backward<'_>, weights: &[f32]) {
    let gradient = cx.gradient;
    for (index, weight) in weights.iter().enumerate() {
        cx.add_input_gradient(index, *weight, gradient);
    }
}

impl Op for Add {
    fn name(&self) -> &'static str {
        "add"
    }
    fn forward(&self, cx: &mut Forward<'_>) -> Rows {
        forward(cx, &[1.0, 1.0])
    }
    fn backward(&self, cx: &mut Backward<'_>) {
        backward(cx, &[1.0, 1.0]);
    }
}

impl Op for Scale {
    fn name(&self) -> &'static str {
        "scale"
    }
    fn forward(&self, cx: &mut Forward<'_>) -> Rows {
        forward(cx, &[self.factor])
    }
    fn backward(&self, cx: &mut Backward<'_>) {
        backward(cx, &[self.factor]);
    }
}

impl Op for Mix {
    fn name(&self) -> &'static str {
        "mix"
    }
    fn forward(&self, cx: &mut Forward<'_>) -> Rows {
        forward(cx, &self.weights)
    }
    fn backward(&self, cx: &mut Backward<'_>) {
        backward(cx, &self.weights);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check_gradients;

    #[test]
    fn gradients_agree_with_finite_differences() {
        let add = check_gradients(|_| (), |()| Add, &[(3, 5), (3, 5)], &[3], 1);
        let scale = check_gradients(|_| (), |()| Scale { factor: -2.5 }, &[(3, 5)], &[3], 2);
        let weights: Arc<[f32]> = Arc::from([0.5, -1.0, 2.0]);
        let mix = |(): &()| Mix { weights: weights.clone() };
        let mix = check_gradients(|_| (), mix, &[(2, 70); 3], &[2], 3);
        for check in [add, scale, mix] {
            assert!(check.worst < 1e-2 && check.checked > 0, "{check:?}");
        }
    }
}

//! A highway: `y = g act(x Wt^T + bt) + (1 - g) x` with `g = sigmoid(x Wg^T + bg)`.
//!
//! Srivastava, Greff and Schmidhuber 2015, eq. 3; between characters and words: Kim et al. 2016,
//! section 2.3. x, y `[tokens, width]`, weights `[width, width]`, biases `[width]`.
//! Kept for backward: both maps before their activations. Cost: `4 * tokens * width^2` operations,
//! twice as many backward.
//!
//! Adjoint, with `d` the gradient by y, `t` and `s` the two maps before their activations:
//! - `dt = d g act'(t)`, `ds = d (act(t) - x) g (1 - g)`
//! - `dx = d (1 - g) + dt Wt + ds Wg`
//! - `dWt = dt^T x`, `dbt` the sum of dt's rows, and alike for the gate

use contexture_kernels::activated::activate_to;
use contexture_kernels::activation::Activation;
use contexture_kernels::gemm::Epilogue;
use contexture_kernels::highway::{carry, carry_backward};

use super::linear::{add_input_gradient, add_parameter_gradients, map};
use crate::{Backward, Forward, Op, Param, Revealed, Rows};

/// A map that each value may pass by.
#[derive(Debug, Clone, Copy)]
pub struct Highway {
    /// Weight `[width, width]` and bias `[width]` of what may replace the input.
    pub transform: (Param, Param),
    /// Weight `[width, width]` and bias `[width]` of how much of it does.
    pub gate: (Param, Param),
    /// The transform's.
    pub activation: Activation,
}

impl Highway {
    fn map(cx: &Forward<'_>, (weight, bias): (Param, Param), activation: Activation) -> Rows {
        let x = cx.input(0);
        let bias = Some(cx.weights.plain(bias));
        let mut out = cx.rows(x.rows(), weight.rows);
        let epilogue = Epilogue { bias, activation, residual: None };
        map(cx.pool, cx.weights, weight, x, &epilogue, &mut out);
        out
    }
}

impl Op for Highway {
    fn name(&self) -> &'static str {
        "highway"
    }

    fn forward(&self, cx: &mut Forward<'_>) -> Rows {
        let (x, pool, keeps) = (cx.input(0), cx.pool, cx.keeps());
        let mut finished = [(self.transform, self.activation), (self.gate, Activation::Sigmoid)]
            .map(|(params, activation)| {
                if !keeps {
                    return Self::map(cx, params, activation);
                }
                let before = Self::map(cx, params, Activation::Identity);
                let mut after = cx.rows(before.rows(), before.width());
                activate_to(pool, activation, before.as_slice(), after.as_mut_slice());
                cx.keep(before);
                after
            });
        let [t, g] = &mut finished;
        x.assert_same_shape(t, "input and transform of a highway");
        let mut y = cx.rows(x.rows(), x.width());
        carry(pool, t.as_slice(), g.as_slice(), x.as_slice(), y.as_mut_slice());
        finished.into_iter().for_each(|rows| cx.give_back(rows));
        y
    }

    fn backward(&self, cx: &mut Backward<'_>) {
        let (pool, x, gradient) = (cx.pool, cx.input(0), cx.gradient.as_slice());
        // What was kept becomes its own gradient.
        let mut parts = [0, 1].map(|index| {
            let kept = &cx.kept.rows[index];
            let mut rows = cx.rows(kept.rows(), kept.width());
            activate_to(pool, Activation::Identity, kept.as_slice(), rows.as_mut_slice());
            rows
        });
        let [t, s] = &mut parts;
        let maps = (t.as_mut_slice(), s.as_mut_slice());
        let (dx, store) = cx.open_input_gradient(0);
        let dx = (dx.as_mut_slice(), store);
        carry_backward(pool, self.activation, x.as_slice(), gradient, maps, dx);
        for ((weight, bias), dz) in [self.transform, self.gate].into_iter().zip(parts) {
            add_parameter_gradients(cx, weight, Some(bias), x, &dz);
            add_input_gradient(cx, weight, &dz);
            cx.give_back(dz);
        }
    }

    /// The gates, `[rows, width]`: how much of each value the transform replaces. Rows may be words
    /// that several sequences share, so they are not divided by sequence.
    fn reveal(&self, cx: &mut Forward<'_>) -> Vec<Revealed> {
        let rows = Self::map(cx, self.gate, Activation::Sigmoid);
        vec![Revealed { what: "highway gate", segment: 0, head: 0, rows }]
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use contexture_kernels::Pool;

    use super::*;
    use crate::{Builder, Initial, Segments, Session, Stored, Value, Weights, check_gradients};

    fn declare(b: &mut Builder, width: usize, activation: Activation) -> Highway {
        let mut pair = |name: &str| {
            b.within(name, |b| {
                let weight = b.matrix("weight", width, width, Initial::Normal(0.3));
                (weight, b.vector("bias", width, Initial::Normal(0.3)))
            })
        };
        Highway { transform: pair("transform"), gate: pair("gate"), activation }
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        for activation in [Activation::Relu, Activation::Tanh] {
            for width in [5, 19] {
                let check = check_gradients(
                    |b| declare(b, width, activation),
                    |op| *op,
                    &[(3, width)],
                    &[1, 2],
                    3,
                );
                assert_eq!(check.checked, 2 * (width * width + width) + 3 * width);
                assert!(check.worst < 1e-2, "{activation:?}, {width}: {check:?}");
            }
        }
    }

    /// The definition in double precision, with `width` rows' worth of simple values.
    #[test]
    fn equals_the_definition_on_any_store_and_number_of_threads() {
        let (width, rows) = (40, 17);
        let wave = |n: usize, k: f32| (0..n).map(|i| (i as f32 * k).sin()).collect::<Vec<f32>>();
        let (x, w) = (wave(rows * width, 0.37), wave(width * width, 0.71));
        let (gate, bias) = (wave(width * width, 1.3), wave(width, 0.9));
        let mut builder = Builder::new();
        let op = declare(&mut builder, width, Activation::Relu);
        let declaration = builder.finish();
        let make = || {
            let stored = [w.clone(), bias.clone(), gate.clone(), bias.clone()];
            Weights::new(declaration.clone(), stored.map(Stored::Plain).into())
        };
        let run = |mut session: Session| -> Vec<f32> {
            let x: Value = session.input(Rows::new(x.clone(), width));
            session.apply(op, &[&x], &Segments::single(rows)).rows().as_slice().to_vec()
        };
        let infer = |weights: Weights, threads| {
            run(Session::infer(Arc::new(weights), Arc::new(Pool::new(threads))))
        };
        let plain = infer(make(), 1);
        let train = run(Session::train(Arc::new(make()), Arc::new(Pool::new(2))));
        for threads in 1..=4 {
            assert_eq!(plain, infer(make(), threads));
            assert_eq!(plain, infer(make().packed(), threads));
        }
        assert_eq!(plain, train);
        let double = |weights: &[f32], row: usize, column: usize| -> f64 {
            let product = (0..width)
                .map(|k| f64::from(x[row * width + k]) * f64::from(weights[column * width + k]));
            product.sum::<f64>() + f64::from(bias[column])
        };
        for (at, y) in plain.iter().enumerate() {
            let (row, column) = (at / width, at % width);
            let g = 1.0 / (1.0 + (-double(&gate, row, column)).exp());
            let expected = g * double(&w, row, column).max(0.0) + (1.0 - g) * f64::from(x[at]);
            assert!((f64::from(*y) - expected).abs() < 5e-6, "{at}: {y} against {expected}");
        }
    }
}

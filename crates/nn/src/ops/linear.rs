//! `y = act(x W^T + b) + residual`
//!
//! Vaswani et al. 2017, sections 3.2.2 (projections) and 5.4 (residual sums). Shapes: x `[tokens,
//! inputs]`, W `[outputs, inputs]`, b `[outputs]`, residual and y `[tokens, outputs]`.
//! Kept for backward: `z = x W^T + b` where there is an activation.
//! Cost: `2 * tokens * inputs * outputs` operations, twice as many backward.
//!
//! Adjoint, with `g` the gradient by y:
//! - `dz = g * act'(z)`
//! - `dx = dz W`
//! - `dW = dz^T x`
//! - `db = sum of the rows of dz`
//! - `dresidual = g`

use contexture_kernels::activated::{activate_adjoint, activate_to};
use contexture_kernels::activation::Activation;
use contexture_kernels::gemm::{self, Epilogue, Operand, Output};
use contexture_kernels::pointwise::accumulate;
use contexture_kernels::quantised;
use contexture_kernels::{Pool, Store};

use crate::{Backward, Forward, Matrix, Op, Param, Rows, Weights};

/// A linear map with an activation. Inputs: x, and a residual where there is one.
#[derive(Debug, Clone, Copy)]
pub struct Linear {
    /// `[outputs, inputs]`
    pub weight: Param,
    /// `[outputs]`
    pub bias: Option<Param>,
    /// Applied before the residual is added.
    pub activation: Activation,
}

impl Op for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn forward(&self, cx: &mut Forward<'_>) -> Rows {
        let (x, residual) = (cx.input(0), cx.optional_input(1));
        cx.measure(self.weight, x);
        let mut y = cx.rows(x.rows(), self.weight.rows);
        if let Some(residual) = residual {
            residual.assert_same_shape(&y, "residual of a linear map");
        }
        let epilogue = Epilogue {
            bias: self.bias.map(|bias| cx.weights.plain(bias)),
            activation: self.activation,
            residual: residual.map(Rows::as_slice),
        };
        if !cx.keeps() || self.activation == Activation::Identity {
            map(cx.pool, cx.weights, self.weight, x, &epilogue, &mut y);
            return y;
        }
        let only_bias = Epilogue { bias: epilogue.bias, ..Epilogue::default() };
        let mut z = cx.rows(y.rows(), y.width());
        map(cx.pool, cx.weights, self.weight, x, &only_bias, &mut z);
        activate_to(cx.pool, self.activation, z.as_slice(), y.as_mut_slice());
        cx.keep(z);
        if let Some(residual) = residual {
            accumulate(cx.pool, 1.0, residual.as_slice(), Store::Add, y.as_mut_slice());
        }
        y
    }

    fn backward(&self, cx: &mut Backward<'_>) {
        let (pool, x, g) = (cx.pool, cx.input(0), cx.gradient);
        if cx.input_count() > 1 {
            cx.add_input_gradient(1, 1.0, g);
        }
        if self.activation == Activation::Identity {
            add_parameter_gradients(cx, self.weight, self.bias, x, g);
            return add_input_gradient(cx, self.weight, g);
        }
        let mut dz = cx.rows(g.rows(), g.width());
        let (z, to) = (cx.kept.rows[0].as_slice(), dz.as_mut_slice());
        activate_adjoint(pool, self.activation, z, g.as_slice(), Store::Over, to);
        add_parameter_gradients(cx, self.weight, self.bias, x, &dz);
        add_input_gradient(cx, self.weight, &dz);
        cx.give_back(dz);
    }
}

/// `y = act(x W^T + b) + residual`, packed or plain.
pub(super) fn map(
    pool: &Pool,
    weights: &Weights,
    weight: Param,
    x: &Rows,
    epilogue: &Epilogue<'_>,
    y: &mut Rows,
) {
    let (rows, outputs, inputs) = (x.rows(), weight.rows, weight.width);
    assert!(
        x.width() == inputs && y.width() == outputs && y.rows() == rows,
        "{}: [{outputs}, {inputs}] from [{rows}, {}] to [{}, {}]",
        weights.name(weight),
        x.width(),
        y.rows(),
        y.width()
    );
    let y = y.as_mut_slice();
    match weights.matrix(weight) {
        Matrix::Packed(packed) => gemm::linear(pool, x.as_slice(), rows, packed, epilogue, y),
        Matrix::Quantised(packed) => {
            quantised::linear(pool, x.as_slice(), rows, packed, epilogue, y);
        }
        Matrix::Plain(plain) => {
            gemm::linear_plain(pool, x.as_slice(), rows, (plain, outputs, inputs), epilogue, y);
        }
    }
}

/// `dW += dz^T x` and `db += sum of the rows of dz`.
pub(super) fn add_parameter_gradients(
    cx: &mut Backward<'_>,
    weight: Param,
    bias: Option<Param>,
    x: &Rows,
    dz: &Rows,
) {
    let (pool, shape) = (cx.pool, (x.rows(), weight.width, weight.rows));
    // Two gradients at once cannot both be borrowed: the bias's, which is short, is summed apart.
    let mut db = bias.map(|_| cx.rows(1, weight.rows));
    if let Some(db) = &mut db {
        db.as_mut_slice().fill(0.0);
    }
    let sums = db.as_mut().map(Rows::as_mut_slice);
    let dw = cx.open_parameter_gradient(weight);
    gemm::weight_gradient(pool, shape, operand(dz), operand(x), dw, sums);
    if let (Some(bias), Some(db)) = (bias, db) {
        cx.add_parameter_gradient(bias, 1.0, db.as_slice());
        cx.give_back(db);
    }
}

/// `dx += dz W` for input 0.
pub(super) fn add_input_gradient(cx: &mut Backward<'_>, weight: Param, dz: &Rows) {
    let (pool, weights) = (cx.pool, cx.weights);
    let (dx, store) = cx.open_input_gradient(0);
    input_gradient(pool, weights, weight, dz, store, dx);
}

/// `out = dz W`, or that added to it; rows of either may be longer than the weight asks for.
pub(super) fn input_gradient(
    pool: &Pool,
    weights: &Weights,
    weight: Param,
    dz: &Rows,
    store: Store,
    out: &mut Rows,
) {
    let w = Operand::new(weights.plain(weight), weight.width);
    let stride = out.width();
    let out = Output { values: out.as_mut_slice(), stride, store };
    gemm::matmul(pool, (dz.rows(), weight.rows, weight.width), operand(dz), w, out);
}

/// `y = act(x W^T + b) + residual` with plain weights; rows of x and y may be longer than the
/// weight asks for.
pub(super) fn product(
    pool: &Pool,
    weights: &Weights,
    weight: Param,
    x: &Rows,
    epilogue: &Epilogue<'_>,
    y: &mut Rows,
) {
    let (rows, outputs, inputs) = (x.rows(), weight.rows, weight.width);
    let (w, stride) = (weights.plain(weight), y.width());
    assert!(
        x.width() >= inputs && stride >= outputs && y.rows() == rows,
        "{}: [{outputs}, {inputs}] from [{rows}, {}] to [{}, {stride}]",
        weights.name(weight),
        x.width(),
        y.rows(),
    );
    let (w, y) = ((w, outputs, inputs), (y.as_mut_slice(), stride));
    gemm::linear_plain_strided(pool, operand(x), rows, w, epilogue, y);
}

fn operand(rows: &Rows) -> Operand<'_> {
    Operand::new(rows.as_slice(), rows.width())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Builder, Initial, Segments, Session, Weights, check_gradients};

    fn declare(b: &mut Builder) -> (Param, Param) {
        (b.matrix("weight", 5, 7, Initial::Normal(1.0)), b.vector("bias", 5, Initial::Normal(1.0)))
    }

    #[test]
    fn gradients_equal_finite_differences() {
        for activation in [Activation::Identity, Activation::Gelu, Activation::Tanh] {
            for inputs in [&[(4, 7)][..], &[(4, 7), (4, 5)]] {
                let check = check_gradients(
                    declare,
                    |&(weight, bias)| Linear { weight, bias: Some(bias), activation },
                    inputs,
                    &[1, 3],
                    1,
                );
                let values = inputs.iter().map(|(rows, width)| rows * width).sum::<usize>();
                assert_eq!(check.checked, 5 * 7 + 5 + values);
                assert!(check.worst < 2e-3, "{activation:?}: {check:?}");
            }
        }
    }

    /// Both stores, on the same values, with and without a tape.
    #[test]
    fn packed_equals_plain_equals_recorded() {
        for activation in Activation::ALL {
            let mut builder = Builder::new();
            let (weight, bias) = declare(&mut builder);
            let declaration = builder.finish();
            let plain = || Weights::initial(declaration.clone(), 3);
            let pool = Arc::new(contexture_kernels::Pool::new(2));
            let run = |mut session: Session| {
                let value = |k: f32, n: usize| (0..n).map(|i| (i as f32 * k).sin()).collect();
                let x = session.input(Rows::new(value(0.7, 63), 7));
                let residual = session.input(Rows::new(value(0.3, 45), 5));
                let op = Linear { weight, bias: Some(bias), activation };
                let segments = Segments::from_lengths(vec![4, 5]);
                let y = session.apply(op, &[&x, &residual], &segments);
                y.rows().as_slice().to_vec()
            };
            let packed = run(Session::infer(Arc::new(plain().packed()), pool.clone()));
            let unpacked = run(Session::infer(Arc::new(plain()), pool.clone()));
            let recorded = run(Session::train(Arc::new(plain()), pool.clone()));
            assert_eq!(unpacked, recorded, "{activation:?}");
            for (a, b) in packed.iter().zip(&unpacked) {
                assert!((a - b).abs() < 2e-6, "{activation:?}: {a} against {b}");
            }
        }
    }
}

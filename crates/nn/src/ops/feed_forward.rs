//! `y = act(x W1^T + b1) W2^T + b2 + residual`, or gated:
//! `y = (act(x A^T + a) * (x B^T + b)) W2^T + b2 + residual` with `W1 = [A; B]`, `b1 = [a, b]`
//!
//! Vaswani et al. 2017 eq. 2; gated: Shazeer 2020, section 2. Shapes: x `[tokens, hidden]`, W1
//! `[inner, hidden]` (gated `[2 inner, hidden]`), W2 `[outputs, inner]`, residual and y `[tokens,
//! outputs]`. Kept for backward: `z = x W1^T + b1`.
//! Cost: `2 * tokens * (hidden * inner + inner * outputs)` operations (gated: the first term
//! twice), twice as many backward. Packed, the inner activations never reach memory.
//!
//! Adjoint, with `g` the gradient by y and `u` the inner activations:
//! - `du = g W2`, `dW2 = g^T u`, `db2 = sum of the rows of g`
//! - `dz = du * act'(z)`; gated: `dz_a = du * z_b * act'(z_a)`, `dz_b = du * act(z_a)`
//! - `dx = dz W1`, `dW1 = dz^T x`, `db1 = sum of the rows of dz`
//! - `dresidual = g`

use contexture_kernels::Store;
use contexture_kernels::activated::{activate_both, activate_to, gate, gate_both};
use contexture_kernels::activation::Activation;
use contexture_kernels::gemm::{self, Epilogue};
use contexture_kernels::quantised;

use super::linear::{add_input_gradient, add_parameter_gradients, input_gradient, product};
use crate::{Backward, Forward, Matrix, Op, Param, Rows};

/// The position-wise feed-forward network. Inputs: x, and a residual where there is one.
#[derive(Debug, Clone, Copy)]
pub struct FeedForward {
    /// `[inner, hidden]`; gated: `[2 * inner, hidden]`, the activated half first.
    pub first: Param,
    /// As long as `first` has rows.
    pub first_bias: Option<Param>,
    /// Of the inner values; gated: of their first half.
    pub activation: Activation,
    /// Whether the second half of the first map multiplies its activated first half.
    pub gated: bool,
    /// `[outputs, inner]`
    pub second: Param,
    /// `[outputs]`
    pub second_bias: Option<Param>,
}

impl Op for FeedForward {
    fn name(&self) -> &'static str {
        "feed_forward"
    }

    fn forward(&self, cx: &mut Forward<'_>) -> Rows {
        let (x, residual) = (cx.input(0), cx.optional_input(1));
        let mut y = cx.rows(x.rows(), self.second.rows);
        let first_bias = self.first_bias.map(|bias| cx.weights.plain(bias));
        let second_bias = self.second_bias.map(|bias| cx.weights.plain(bias));
        let residual = residual.map(Rows::as_slice);
        let (activation, gated, rows) = (self.activation, self.gated, x.rows());
        match (cx.weights.matrix(self.first), cx.weights.matrix(self.second), cx.keeps()) {
            (Matrix::Packed(first), Matrix::Packed(second), false) => {
                let network =
                    gemm::FeedForward { first, first_bias, activation, gated, second, second_bias };
                let out = y.as_mut_slice();
                gemm::feed_forward(cx.pool, x.as_slice(), rows, &network, residual, out);
                return y;
            }
            (Matrix::Quantised(first), Matrix::Quantised(second), false) => {
                let network = quantised::FeedForward {
                    first,
                    first_bias,
                    activation,
                    gated,
                    second,
                    second_bias,
                };
                let out = y.as_mut_slice();
                quantised::feed_forward(cx.pool, x.as_slice(), rows, &network, residual, out);
                return y;
            }
            _ => {}
        }
        cx.measure(self.first, x);
        let (inner, stride) = (self.second.width, self.stride());
        let mut z = cx.rows(x.rows(), if self.gated { self.first.rows } else { stride });
        let epilogue = Epilogue { bias: first_bias, ..Epilogue::default() };
        product(cx.pool, cx.weights, self.first, x, &epilogue, &mut z);
        let mut u = cx.rows(x.rows(), stride);
        let (from, to) = (z.as_slice(), u.as_mut_slice());
        match self.gated {
            true => gate(cx.pool, self.activation, inner, from, to),
            false => activate_to(cx.pool, self.activation, from, to),
        }
        let epilogue = Epilogue { bias: second_bias, residual, ..Epilogue::default() };
        product(cx.pool, cx.weights, self.second, &u, &epilogue, &mut y);
        cx.measure(self.second, &u);
        cx.give_back(u);
        cx.keep(z);
        y
    }

    fn backward(&self, cx: &mut Backward<'_>) {
        let (pool, x, g, z) = (cx.pool, cx.input(0), cx.gradient, &cx.kept.rows[0]);
        if cx.input_count() > 1 {
            cx.add_input_gradient(1, 1.0, g);
        }
        let mut du = cx.rows(x.rows(), self.stride());
        input_gradient(pool, cx.weights, self.second, g, Store::Over, &mut du);
        // One pass over z for both: the inner values anew, and dz.
        let mut u = cx.rows(x.rows(), self.stride());
        let (by_u, to) = (du.as_mut_slice(), u.as_mut_slice());
        let dz = if self.gated {
            let mut dz = cx.rows(z.rows(), z.width());
            let (width, by_z) = (self.second.width, dz.as_mut_slice());
            gate_both(pool, self.activation, width, z.as_slice(), by_u, to, by_z);
            cx.give_back(du);
            dz
        } else {
            activate_both(pool, self.activation, z.as_slice(), by_u, to);
            du
        };
        add_parameter_gradients(cx, self.second, self.second_bias, &u, g);
        cx.give_back(u);
        add_parameter_gradients(cx, self.first, self.first_bias, x, &dz);
        add_input_gradient(cx, self.first, &dz);
        cx.give_back(dz);
    }
}

impl FeedForward {
    /// From one row of inner values to the next. Rows a multiple of 1 KiB apart would compete for
    /// the same few places of the caches.
    fn stride(&self) -> usize {
        let inner = self.second.width;
        if !self.gated && inner.is_multiple_of(256) { inner + 16 } else { inner }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use contexture_kernels::Pool;

    use super::*;
    use crate::{Builder, Initial, Segments, Session, Weights, check_gradients};

    fn declare(b: &mut Builder, gated: bool, activation: Activation) -> FeedForward {
        let width = if gated { 12 } else { 6 };
        FeedForward {
            first: b.matrix("first.weight", width, 5, Initial::Normal(0.8)),
            first_bias: Some(b.vector("first.bias", width, Initial::Normal(0.5))),
            activation,
            gated,
            second: b.matrix("second.weight", 5, 6, Initial::Normal(0.8)),
            second_bias: Some(b.vector("second.bias", 5, Initial::Normal(0.5))),
        }
    }

    #[test]
    fn gradients_equal_finite_differences() {
        for activation in [Activation::Gelu, Activation::Silu, Activation::GeluTanh] {
            for gated in [false, true] {
                for inputs in [&[(4, 5)][..], &[(4, 5), (4, 5)]] {
                    let check = check_gradients(
                        |b| declare(b, gated, activation),
                        |op| *op,
                        inputs,
                        &[3, 1],
                        2,
                    );
                    assert!(check.checked > 80, "{check:?}");
                    assert!(check.worst < 2e-3, "{activation:?}, gated {gated}: {check:?}");
                }
            }
        }
    }

    /// Both stores, on the same values, with and without a tape.
    #[test]
    fn packed_equals_plain_equals_recorded() {
        for gated in [false, true] {
            let mut builder = Builder::new();
            let op = declare(&mut builder, gated, Activation::Gelu);
            let declaration = builder.finish();
            let plain = || Weights::initial(declaration.clone(), 3);
            let pool = Arc::new(Pool::new(2));
            let run = |mut session: Session| {
                let values = (0..45).map(|i| (i as f32 * 0.7).sin()).collect();
                let x = session.input(Rows::new(values, 5));
                let y = session.apply(op, &[&x, &x], &Segments::from_lengths(vec![4, 5]));
                y.rows().as_slice().to_vec()
            };
            let packed = run(Session::infer(Arc::new(plain().packed()), pool.clone()));
            let unpacked = run(Session::infer(Arc::new(plain()), pool.clone()));
            let recorded = run(Session::train(Arc::new(plain()), pool.clone()));
            assert_eq!(unpacked, recorded, "gated {gated}");
            for (a, b) in packed.iter().zip(&unpacked) {
                assert!((a - b).abs() < 2e-6, "gated {gated}: {a} against {b}");
            }
        }
    }
}

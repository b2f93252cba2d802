//! `y = act(x W^T + b) + residual` with W as bytes.
//!
//! Shapes: x `[rows, inputs]`, W `[outputs, inputs]`, b `[outputs]`, y `[rows, outputs]`.

use super::packed::QuantisedMatrix;
use super::rows::dequantise_rows;
use crate::Pool;
use crate::gemm::{Epilogue, linear_plain};

/// Computes `out = act(x W^T + b) + residual`; `x` is `[rows, inputs]`, `out` `[rows, outputs]`.
///
/// # Panics
/// Where a length does not fit the shapes.
pub fn linear(
    pool: &Pool,
    x: &[f32],
    rows: usize,
    weights: &QuantisedMatrix,
    epilogue: &Epilogue<'_>,
    out: &mut [f32],
) {
    let (outputs, inputs) = (weights.outputs(), weights.inputs());
    let (bytes, scales) = weights.unpacked();
    let plain = dequantise_rows(&bytes, &scales, outputs, inputs);
    linear_plain(pool, x, rows, (&plain, outputs, inputs), epilogue, out);
}

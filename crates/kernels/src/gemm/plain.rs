//! Products of plain matrices, for training and for weights that are not packed: thin wrappers
//! around the `gemm` crate.
//!
//! Parallel over parts of the output only, never over k: each element is computed by one thread,
//! from the same operands; parts are cut at multiples of fixed sizes, so that results do not
//! depend on the number of threads.

use super::epilogue::Epilogue;
use super::packed::Target;
use crate::Pool;

/// A matrix operand: how to read element `[row, column]` from a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transposed {
    /// `[rows, columns]`, row-major.
    No,
    /// `[columns, rows]`, row-major: the operand is its transpose.
    Yes,
}

/// Columns and rows in one part of the output. Fixed, so that cuts are the same for any number of
/// threads.
const PART_COLUMNS: usize = 256;
const PART_ROWS: usize = 128;

/// `out = alpha * A B + beta * out`, A `[m, k]`, B `[k, n]`, out `[m, n]`.
///
/// `beta == 0` overwrites whatever `out` held.
///
/// # Panics
/// Where a length does not fit the shapes.
pub fn matmul(
    pool: &Pool,
    (m, k, n): (usize, usize, usize),
    alpha: f32,
    (a, a_transposed): (&[f32], Transposed),
    (b, b_transposed): (&[f32], Transposed),
    beta: f32,
    out: &mut [f32],
) {
    let check = |what: &str, found: usize, expected: usize| {
        assert!(
            found == expected,
            "{what} of a product [{m}, {k}] [{k}, {n}]: {expected} values, found {found}"
        );
    };
    check("A", a.len(), m * k);
    check("B", b.len(), k * n);
    check("out", out.len(), m * n);
    let (row_parts, column_parts) = (m.div_ceil(PART_ROWS), n.div_ceil(PART_COLUMNS));
    let to = Target(out.as_mut_ptr());
    pool.run(row_parts * column_parts, &|task| {
        let (row, column) = (task / column_parts * PART_ROWS, task % column_parts * PART_COLUMNS);
        let (rows, columns) = ((m - row).min(PART_ROWS), (n - column).min(PART_COLUMNS));
        let (a_row, a_column) = strides(a_transposed, m, k);
        let (b_row, b_column) = strides(b_transposed, k, n);
        // SAFETY: lengths were checked; each part writes its own elements.
        unsafe {
            gemm::gemm(
                rows,
                columns,
                k,
                to.at(row * n + column),
                1,
                n as isize,
                beta != 0.0,
                a.as_ptr().offset(row as isize * a_row),
                a_column,
                a_row,
                b.as_ptr().offset(column as isize * b_column),
                b_column,
                b_row,
                beta,
                alpha,
                false,
                false,
                false,
                gemm::Parallelism::None,
            );
        }
    });
}

fn strides(transposed: Transposed, rows: usize, columns: usize) -> (isize, isize) {
    match transposed {
        Transposed::No => (columns as isize, 1),
        Transposed::Yes => (1, rows as isize),
    }
}

/// [`linear`](super::linear) with weights that are not packed: `out = act(x W^T + b) + residual`,
/// `weights` `[outputs, inputs]`, row-major.
///
/// # Panics
/// Where a length does not fit the shapes.
pub fn linear_plain(
    pool: &Pool,
    x: &[f32],
    rows: usize,
    (weights, outputs, inputs): (&[f32], usize, usize),
    epilogue: &Epilogue<'_>,
    out: &mut [f32],
) {
    matmul(
        pool,
        (rows, inputs, outputs),
        1.0,
        (x, Transposed::No),
        (weights, Transposed::Yes),
        0.0,
        out,
    );
    epilogue.apply(pool, rows, outputs, out);
}

//! Some columns of rows: `y = x[:, from..to]`.
//!
//! x `[rows, all]`, y `[rows, to - from]`. Backward needs the shapes alone. Cost: one copy of y.

use std::ops::Range;

use crate::Pool;
use crate::blocks::each_block_of;
use crate::pointwise::add_scaled;

/// Copies `columns` of `x`, rows of `all` values, to `out`, rows of as many as there are columns.
///
/// # Panics
/// Where lengths do not fit the shapes.
pub fn columns(pool: &Pool, (x, all): (&[f32], usize), columns: Range<usize>, out: &mut [f32]) {
    check(all, &columns, x.len(), out.len());
    each_block_of(pool, step(all), columns.len(), out, |rows, out| {
        for (row, out) in rows.zip(out.chunks_exact_mut(columns.len())) {
            out.copy_from_slice(&x[row * all..][columns.clone()]);
        }
    });
}

/// Adds `gradient` to `columns` of `sum`, rows of `all` values: the adjoint of [`columns`].
///
/// # Panics
/// Where lengths do not fit the shapes.
pub fn columns_backward(
    pool: &Pool,
    gradient: &[f32],
    columns: Range<usize>,
    (sum, all): (&mut [f32], usize),
) {
    check(all, &columns, sum.len(), gradient.len());
    let width = columns.len();
    each_block_of(pool, step(all), all, sum, |rows, sum| {
        for (row, sum) in rows.zip(sum.chunks_exact_mut(all)) {
            add_scaled(1.0, &gradient[row * width..][..width], &mut sum[columns.clone()]);
        }
    });
}

/// Rows that one task handles.
fn step(all: usize) -> usize {
    (8192 / all.max(1)).max(1)
}

fn check(all: usize, columns: &Range<usize>, whole: usize, part: usize) {
    let (from, to) = (columns.start, columns.end);
    assert!(from < to && to <= all, "columns {from} to {to} of {all}");
    assert_eq!(whole * (to - from), part * all, "values of columns {from} to {to} of {all}");
}

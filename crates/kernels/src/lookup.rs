//! Rows of a table by number: `y_i = table[ids_i]`; and what sampled classes need of them, products
//! with rows of a table, `y_i = x_i . table[ids_i]`.
//!
//! table `[entries, width]`, x and y `[tokens, width]`. Backward needs the ids alone. Cost: one
//! pass.

use crate::Pool;
use crate::blocks::{Places, each_block, each_block_of};
use crate::isa::{Kernel, Simd, dispatch};
use crate::pointwise::add_scaled;

/// Copies the numbered rows of `table` to `out`.
///
/// # Panics
/// Where a number is no row of the table, or a length does not fit the shapes.
pub fn lookup(pool: &Pool, width: usize, table: &[f32], ids: &[u32], out: &mut [f32]) {
    assert_eq!(out.len(), ids.len() * width, "output of {} looked up rows of {width}", ids.len());
    each_block(pool, width, out, |rows, out| {
        for (id, out) in ids[rows].iter().zip(out.chunks_exact_mut(width)) {
            out.copy_from_slice(&table[*id as usize * width..][..width]);
        }
    });
}

/// Adds each row of `gradient`, `[tokens, width]`, to the row of `table_gradient` that it came
/// from, in the order of the tokens.
///
/// # Panics
/// Where a number is no row of the table, or a length does not fit the shapes.
pub fn lookup_backward(
    pool: &Pool,
    width: usize,
    gradient: &[f32],
    ids: &[u32],
    table_gradient: &mut [f32],
) {
    scatter(pool, width, (gradient, &[1.0]), ids, table_gradient);
}

/// `table_i += factors_i x_i` for the numbered rows of a table, in the order of the ids.
///
/// # Panics
/// Where a number is no row of the table, or a length does not fit the shapes.
pub fn add_rows(
    pool: &Pool,
    width: usize,
    (x, factors): (&[f32], &[f32]),
    ids: &[u32],
    table: &mut [f32],
) {
    assert_eq!(factors.len(), ids.len(), "factors of {} rows", ids.len());
    scatter(pool, width, (x, factors), ids, table);
}

/// One factor serves all rows.
fn scatter(
    pool: &Pool,
    width: usize,
    (x, factors): (&[f32], &[f32]),
    ids: &[u32],
    table: &mut [f32],
) {
    assert_eq!(x.len(), ids.len() * width, "{} rows of {width} to be added", ids.len());
    if x.is_empty() {
        return;
    }
    let entries = table.len() / width;
    let none = ids.iter().find(|id| **id as usize >= entries);
    assert!(none.is_none(), "row {none:?} of a table of {entries}");
    // A task owns every so manieth entry, and passes over all ids for them: frequent entries tend to
    // stand together, so that ranges would be shared unevenly.
    let tasks = if pool.threads() == 1 { 1 } else { (2 * pool.threads()).next_power_of_two() };
    let places = Places::new(table);
    pool.run(tasks, &|task| {
        for (index, (id, row)) in ids.iter().zip(x.chunks_exact(width)).enumerate() {
            let id = *id as usize;
            if id & (tasks - 1) == task {
                // SAFETY: the entry is this task's alone, and in the table.
                let sum = unsafe { places.slice(id * width..(id + 1) * width) };
                add_scaled(factors[if factors.len() == 1 { 0 } else { index }], row, sum);
            }
        }
    });
}

/// Adds `x_i . table[ids_i]` to value `column` of row i of `z`, rows of `stride`.
///
/// # Panics
/// Where a number is no row of the table, or a length does not fit the shapes.
pub fn row_products(
    pool: &Pool,
    width: usize,
    x: &[f32],
    (table, ids): (&[f32], &[u32]),
    (z, stride, column): (&mut [f32], usize, usize),
) {
    assert_eq!((x.len(), z.len()), (ids.len() * width, ids.len() * stride), "{} rows", ids.len());
    each_block_of(pool, ROWS, stride, z, |rows, z| {
        for (row, z) in rows.zip(z.chunks_exact_mut(stride)) {
            let (x, id) = (&x[row * width..(row + 1) * width], ids[row] as usize);
            z[column] += dispatch(Inner { a: x, b: &table[id * width..(id + 1) * width] });
        }
    });
}

/// Adds `factor_i table[ids_i]` to row i of `sum`; the factors stand in column `column` of `z`, rows
/// of `stride`.
///
/// # Panics
/// Where a number is no row of the table, or a length does not fit the shapes.
pub fn add_looked_up(
    pool: &Pool,
    width: usize,
    (table, ids): (&[f32], &[u32]),
    (z, stride, column): (&[f32], usize, usize),
    sum: &mut [f32],
) {
    assert_eq!((sum.len(), z.len()), (ids.len() * width, ids.len() * stride), "{} rows", ids.len());
    each_block_of(pool, ROWS, width, sum, |rows, sum| {
        for (row, sum) in rows.zip(sum.chunks_exact_mut(width)) {
            let id = ids[row] as usize;
            add_scaled(z[row * stride + column], &table[id * width..(id + 1) * width], sum);
        }
    });
}

/// Rows that one task multiplies.
const ROWS: usize = 16;

struct Inner<'a> {
    a: &'a [f32],
    b: &'a [f32],
}

impl Kernel for Inner<'_> {
    type Output = f32;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        let mut sum = s.splat(0.0);
        for (a, b) in self.a.chunks(S::LANES).zip(self.b.chunks(S::LANES)) {
            sum = s.fma(s.load_tail(a), s.load_tail(b), sum);
        }
        s.sum(sum)
    }
}

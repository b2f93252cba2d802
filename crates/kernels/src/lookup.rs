//! Rows of a table by number: `y_i = table[ids_i]`.
//!
//! table `[entries, width]`, y `[tokens, width]`. Backward needs the ids alone. Cost: one copy.

use crate::Pool;
use crate::blocks::{each_block, each_block_of};
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
    assert_eq!(gradient.len(), ids.len() * width, "gradient of {} looked up rows", ids.len());
    let entries = table_gradient.len() / width.max(1);
    let none = ids.iter().find(|id| **id as usize >= entries);
    assert!(none.is_none(), "row {none:?} of a table of {entries}");
    // A task owns a range of entries, and passes over all tokens for it.
    let step = entries.div_ceil(pool.threads()).max(1);
    each_block_of(pool, step, width, table_gradient, |own, table| {
        for (id, row) in ids.iter().zip(gradient.chunks_exact(width)) {
            if own.contains(&(*id as usize)) {
                let at = (*id as usize - own.start) * width;
                add_scaled(1.0, row, &mut table[at..at + width]);
            }
        }
    });
}

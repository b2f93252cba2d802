//! Division of rows among threads: blocks of fixed size, so that whatever is summed over a block is
//! the same on any number of threads.

use std::ops::Range;

use crate::Pool;

/// Values that one task handles: long enough to hide a task's cost, short enough to share.
const BLOCK_VALUES: usize = 8192;

/// Rows in a block.
pub(crate) fn block_rows(width: usize) -> usize {
    (BLOCK_VALUES / width.max(1)).max(1)
}

/// Places of one output that tasks write, each its own.
pub(crate) struct Places(*mut f32);

// SAFETY: tasks take disjoint slices of it.
unsafe impl Sync for Places {}

impl Places {
    pub(crate) fn new(output: &mut [f32]) -> Self {
        Self(output.as_mut_ptr())
    }

    /// # Safety
    /// `range` lies within the output and is no other task's.
    #[allow(clippy::mut_from_ref)]
    pub(crate) unsafe fn slice(&self, range: Range<usize>) -> &mut [f32] {
        // SAFETY: promised by the caller.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(range.start), range.len()) }
    }
}

/// Calls `f(rows, out[rows])` for blocks of the rows of `out`, `[rows, width]`.
pub(crate) fn each_block(
    pool: &Pool,
    width: usize,
    out: &mut [f32],
    f: impl Fn(Range<usize>, &mut [f32]) + Sync,
) {
    each_block_of(pool, block_rows(width), width, out, f);
}

/// Values in a row of a flat array's division among threads.
pub(crate) const FLAT: usize = 64;

/// Calls `f(range, out[range])` for blocks of a flat array.
pub(crate) fn flat_blocks(
    pool: &Pool,
    out: &mut [f32],
    f: impl Fn(Range<usize>, &mut [f32]) + Sync,
) {
    let len = out.len();
    let places = Places::new(out);
    pool.run(len.div_ceil(BLOCK_VALUES), &|block| {
        let range = block * BLOCK_VALUES..((block + 1) * BLOCK_VALUES).min(len);
        // SAFETY: blocks are disjoint and within the output.
        f(range.clone(), unsafe { places.slice(range) });
    });
}

/// [`each_block`] with blocks of `step` rows.
pub(crate) fn each_block_of(
    pool: &Pool,
    step: usize,
    width: usize,
    out: &mut [f32],
    f: impl Fn(Range<usize>, &mut [f32]) + Sync,
) {
    if out.is_empty() {
        return;
    }
    assert!(out.len().is_multiple_of(width), "{} values in rows of {width}", out.len());
    let rows = out.len() / width;
    let places = Places(out.as_mut_ptr());
    pool.run(rows.div_ceil(step), &|block| {
        let rows = block * step..((block + 1) * step).min(rows);
        // SAFETY: blocks are disjoint and within the output.
        let out = unsafe { places.slice(rows.start * width..rows.end * width) };
        f(rows, out);
    });
}

/// Calls `f(rows, first[rows], second[rows])` for blocks of two outputs of as many rows, of widths
/// `widths`.
pub(crate) fn each_block_of_two(
    pool: &Pool,
    step: usize,
    widths: (usize, usize),
    (first, second): (&mut [f32], &mut [f32]),
    f: impl Fn(Range<usize>, &mut [f32], &mut [f32]) + Sync,
) {
    if first.is_empty() {
        return;
    }
    let rows = first.len() / widths.0;
    let blocks = rows.div_ceil(step);
    assert_eq!(first.len(), rows * widths.0, "first output of {rows} rows");
    assert_eq!(second.len(), blocks * widths.1, "second output of {blocks} blocks");
    let places = (Places(first.as_mut_ptr()), Places(second.as_mut_ptr()));
    pool.run(blocks, &|block| {
        let rows = block * step..((block + 1) * step).min(rows);
        // SAFETY: blocks are disjoint and within both outputs.
        let (first, second) = unsafe {
            (
                places.0.slice(rows.start * widths.0..rows.end * widths.0),
                places.1.slice(block * widths.1..(block + 1) * widths.1),
            )
        };
        f(rows, first, second);
    });
}

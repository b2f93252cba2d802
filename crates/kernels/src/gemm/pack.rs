//! Operands brought into the order in which the product kernel reads them.
//!
//! The right side becomes panels `[k, width]`, the left side, where its rows are not contiguous, a
//! tile `[k, TILE_STRIDE]`. Cost: one pass over what is packed.

use crate::isa::{Isa, Simd};

use super::tile::tile_rows;

/// Values from one step of a packed tile of the left side to the next: whole vectors.
pub(super) const fn tile_stride<S: Simd>() -> usize {
    tile_rows(S::ISA).next_multiple_of(S::LANES)
}

/// The largest [`tile_stride`] of any instruction set.
pub(super) const MOST_TILE_STRIDE: usize = 16;

const _: () = assert!(tile_rows(Isa::Avx512) <= MOST_TILE_STRIDE);

/// Writes one panel, `[inputs, width]`, from rows `[rows, inputs]` that begin `stride` apart; zeros
/// where the panel has no row.
///
/// # Safety
/// `from` is valid for the rows, `to` for the panel; `rows <= width`, whole vectors.
#[inline(always)]
pub(super) unsafe fn panel_of_rows<S: Simd>(
    s: S,
    (from, stride): (*const f32, usize),
    (rows, inputs): (usize, usize),
    width: usize,
    to: *mut f32,
) {
    let (whole, quads) = (rows / S::LANES * S::LANES, inputs / 4 * 4);
    // SAFETY: inside the rows and the panel.
    unsafe {
        let mut input = 0;
        while input < quads {
            let end = (input + 16).min(quads);
            for row in (0..whole).step_by(S::LANES) {
                for input in (input..end).step_by(4) {
                    let from = from.add(row * stride + input);
                    s.transpose4(from, stride, to.add(input * width + row), width);
                }
            }
            input = end;
        }
        for input in 0..inputs {
            // What the transposition left out, and zeros where the panel has no output.
            for row in if input < quads { whole } else { 0 }..width {
                let value = if row < rows { *from.add(row * stride + input) } else { 0.0 };
                to.add(input * width + row).write(value);
            }
        }
    }
}

/// Writes panels `[steps, width]`, one after the other, from `[steps, columns]` whose steps begin
/// `stride` apart; zeros beyond the last column.
///
/// # Safety
/// `from` is valid for the steps, `to` for `columns.div_ceil(width)` panels; `width` is whole
/// vectors.
#[inline(always)]
pub(super) unsafe fn panels_of_columns<S: Simd>(
    s: S,
    (from, stride): (*const f32, usize),
    (steps, columns): (usize, usize),
    width: usize,
    to: *mut f32,
) {
    let whole = columns / width * width;
    // SAFETY: inside the steps and the panels.
    unsafe {
        for step in 0..steps {
            let (from, to) = (from.add(step * stride), to.add(step * width));
            let mut column = 0;
            while column < whole {
                let to = to.add(column * steps);
                for lane in (0..width).step_by(S::LANES) {
                    s.store_ptr(s.load_ptr(from.add(column + lane)), to.add(lane));
                }
                column += width;
            }
            if column < columns {
                let to = to.add(column * steps);
                for lane in (0..width).step_by(S::LANES) {
                    let left = columns.saturating_sub(column + lane);
                    s.store_ptr(s.load_first(from.wrapping_add(column + lane), left), to.add(lane));
                }
            }
        }
    }
}

/// Steps that are packed tile after tile before the next ones are: few enough that a line which two
/// tiles share is still in the cache, at any stride.
const FEW: usize = 8;

/// Writes tiles `[steps, tile_stride]`, one after the other, from `[steps, columns]` whose steps
/// begin `stride` apart, and where wanted adds each column's sum over the steps to `sums`.
///
/// # Safety
/// `from` is valid for the steps, `to` for the tiles, `sums` null or valid for the columns.
#[inline(always)]
pub(super) unsafe fn tiles_of_columns<S: Simd>(
    s: S,
    (from, stride): (*const f32, usize),
    steps: usize,
    tiles: Tiles,
    (to, sums): (*mut f32, *mut f32),
) {
    let width = tile_stride::<S>();
    for begin in (0..steps).step_by(FEW) {
        let end = (begin + FEW).min(steps);
        for tile in 0..tiles.count {
            let (first, columns) = tiles.of(tile);
            for lane in (0..columns).step_by(S::LANES) {
                let left = columns - lane;
                // SAFETY: inside the steps, the tiles and the sums.
                unsafe {
                    let from = from.add(first + lane);
                    let to = to.add(tile * steps * width + lane);
                    let mut sum = s.splat(0.0);
                    for step in begin..end {
                        let v = s.load_first(from.add(step * stride), left);
                        sum = s.add(sum, v);
                        s.store_ptr(v, to.add(step * width));
                    }
                    if !sums.is_null() {
                        let at = sums.add(first + lane);
                        s.store_first(s.add(s.load_first(at, left), sum), at, left);
                    }
                }
            }
        }
    }
}

/// Rows cut into tiles whose heights differ by one at most: no thin tile at the end.
#[derive(Clone, Copy)]
pub(super) struct Tiles {
    pub(super) rows: usize,
    pub(super) count: usize,
}

impl Tiles {
    /// The first row of a tile, and how many it has.
    #[inline(always)]
    pub(super) fn of(&self, tile: usize) -> (usize, usize) {
        let first = tile * self.rows / self.count;
        (first, (tile + 1) * self.rows / self.count - first)
    }
}

/// Copies `rows` rows of `steps` values to rows that begin `to_stride` apart.
///
/// # Safety
/// `from` and `to` are valid for the rows at their strides.
#[inline(always)]
pub(super) unsafe fn copy_rows<S: Simd>(
    s: S,
    (from, stride): (*const f32, usize),
    (rows, steps): (usize, usize),
    (to, to_stride): (*mut f32, usize),
) {
    for row in 0..rows {
        let mut step = 0;
        // SAFETY: inside the rows.
        unsafe {
            let (from, to) = (from.add(row * stride), to.add(row * to_stride));
            while step < steps {
                let left = steps - step;
                s.store_first(s.load_first(from.add(step), left), to.add(step), left);
                step += S::LANES;
            }
        }
    }
}

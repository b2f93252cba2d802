//! The product kernel: `y[r, c] = sum_k x[r, k] w[k, c] + bias[c]` for a tile of at most `ROWS`
//! rows and one panel of columns, all sums held in registers.
//!
//! The form is that of Goto and van de Geijn 2008 (a register tile that streams a packed panel),
//! without a split of k: each element is one chain of fused multiply-adds in the order of k,
//! whatever the tile's height, so that a row's result does not depend on its neighbours.
//!
//! Registers: AVX-512 14 x 2 of 32 sums, AVX2 6 x 2 of 16, NEON 8 x 3 of 32, plain 2 x 2.
//! Cost: 2 * rows * columns * k operations; reads k * (columns + rows) values.

use super::epilogue::{self, Area};
use crate::activation::Activation;
use crate::isa::{Isa, Simd};

/// Vectors in a panel.
pub(crate) const fn panel_vectors(isa: Isa) -> usize {
    match isa {
        Isa::Neon => 3,
        _ => 2,
    }
}

/// Outputs in a panel.
pub(crate) const fn panel_width(isa: Isa) -> usize {
    let lanes = match isa {
        Isa::Avx512 => 16,
        Isa::Neon => 4,
        Isa::Avx2 | Isa::Plain => 8,
    };
    lanes * panel_vectors(isa)
}

/// Rows of the highest tile.
pub(crate) const fn tile_rows(isa: Isa) -> usize {
    match isa {
        Isa::Avx512 => 14,
        Isa::Neon => 8,
        Isa::Avx2 => 6,
        Isa::Plain => 2,
    }
}

/// A rectangle of rows and panels to compute.
#[derive(Clone, Copy)]
pub(crate) struct Block {
    /// `[rows, inputs]` with a stride.
    pub(crate) x: *const f32,
    pub(crate) x_stride: usize,
    pub(crate) rows: usize,
    pub(crate) inputs: usize,
    /// The first of the panels, one after the other.
    pub(crate) panels: *const f32,
    /// Columns from the first panel on; the last panel may be cut.
    pub(crate) columns: usize,
    /// `[columns]`, or null.
    pub(crate) bias: *const f32,
    pub(crate) activation: Activation,
    /// `[rows, columns]` with a stride, or null.
    pub(crate) residual: *const f32,
    pub(crate) residual_stride: usize,
    pub(crate) out: *mut f32,
    pub(crate) out_stride: usize,
}

/// Computes a block: panels outside, so that a panel is fetched once and serves all rows.
///
/// # Safety
/// All pointers are valid for the shapes that they are described with, `out` for this thread
/// alone.
#[inline(always)]
pub(crate) unsafe fn block<S: Simd>(s: S, block: Block) {
    let width = panel_width(S::ISA);
    let tiles = block.rows.div_ceil(tile_rows(S::ISA));
    for first in (0..block.columns).step_by(width) {
        let columns = (block.columns - first).min(width);
        for tile in 0..tiles {
            // Heights that differ by one at most: no thin tile at the end.
            let row = tile * block.rows / tiles;
            let rows = (tile + 1) * block.rows / tiles - row;
            // SAFETY: inside the block.
            unsafe {
                let area = Area {
                    at: block.out.add(row * block.out_stride + first),
                    stride: block.out_stride,
                    rows,
                    columns,
                };
                let from = block.panels.add(first * block.inputs);
                // The last tile of a panel fetches the next panel; the others what is there.
                let next = if tile + 1 == tiles { width * block.inputs } else { 0 };
                let product = Product {
                    x: block.x.add(row * block.x_stride),
                    x_stride: block.x_stride,
                    x_step: 1,
                    inputs: block.inputs,
                    panel: from,
                    ahead: from.wrapping_add(next),
                    bias: if block.bias.is_null() { block.bias } else { block.bias.add(first) },
                    add: false,
                };
                panel(s, product, area);
                epilogue::activate(s, block.activation, area);
                if !block.residual.is_null() {
                    let from = block.residual.add(row * block.residual_stride + first);
                    epilogue::add(s, from, block.residual_stride, area);
                }
            }
        }
    }
}

/// A tile of rows against one panel.
#[derive(Clone, Copy)]
pub(super) struct Product {
    /// Element `[row, input]` lies at `row * x_stride + input * x_step`.
    pub(super) x: *const f32,
    pub(super) x_stride: usize,
    pub(super) x_step: usize,
    pub(super) inputs: usize,
    pub(super) panel: *const f32,
    /// As many values as the panel has, wanted next.
    pub(super) ahead: *const f32,
    pub(super) bias: *const f32,
    /// Whether sums are added to what is there.
    pub(super) add: bool,
}

/// One tile of at most `tile_rows` rows against one panel, without activation or residual.
///
/// # Safety
/// As [`block`].
#[inline(always)]
pub(super) unsafe fn panel<S: Simd>(s: S, product: Product, area: Area) {
    // SAFETY: promised by the caller.
    unsafe {
        match S::ISA {
            Isa::Neon => tile_of::<S, 3>(s, product, area),
            _ => tile_of::<S, 2>(s, product, area),
        }
    }
}

macro_rules! by_height {
    ($s:ident, $product:ident, $area:ident, $($rows:literal)*) => {
        match $area.rows {
            $($rows if $rows <= const { tile_rows(S::ISA) } => {
                // SAFETY: as the caller promises.
                unsafe { tile::<S, $rows, VECTORS>($s, $product, $area) }
            })*
            _ => {}
        }
    };
}

/// # Safety
/// As [`block`].
#[inline(always)]
unsafe fn tile_of<S: Simd, const VECTORS: usize>(s: S, product: Product, area: Area) {
    by_height!(s, product, area, 1 2 3 4 5 6 7 8 9 10 11 12 13 14);
}

/// Repeats a body for each row with a constant row number. A loop may reach the compiler's limits
/// for unrolling, and an array indexed by a variable lives in memory instead of registers, at
/// 2.5 times the time.
macro_rules! unrolled {
    ($r:ident, $rows:ident, $body:block) => {
        unrolled!(@ $r, $rows, $body, 0 1 2 3 4 5 6 7 8 9 10 11 12 13)
    };
    (@ $r:ident, $rows:ident, $body:block, $($number:literal)*) => {
        $({
            let $r: usize = $number;
            if $r < $rows $body
        })*
    };
}

/// # Safety
/// As [`block`], for exactly `ROWS` rows.
#[inline(always)]
unsafe fn tile<S: Simd, const ROWS: usize, const VECTORS: usize>(s: S, p: Product, area: Area) {
    let mut sums = [[s.splat(0.0); VECTORS]; ROWS];
    let (mut w, mut ahead) = (p.panel, p.ahead);
    // SAFETY: `inputs` steps through a panel of as many rows; the rest as the caller promises.
    unsafe {
        let mut x = p.x;
        for _ in 0..p.inputs {
            let mut column = [s.splat(0.0); VECTORS];
            for (v, column) in column.iter_mut().enumerate() {
                *column = s.load_ptr(w.add(v * S::LANES));
            }
            for line in (0..VECTORS * S::LANES).step_by(16) {
                s.prefetch_l2(ahead.wrapping_add(line));
            }
            ahead = ahead.wrapping_add(VECTORS * S::LANES);
            unrolled!(r, ROWS, {
                let element = s.splat(*x.add(r * p.x_stride));
                for v in 0..VECTORS {
                    sums[r][v] = s.fma(element, column[v], sums[r][v]);
                }
            });
            w = w.add(VECTORS * S::LANES);
            x = x.wrapping_add(p.x_step);
        }
        unrolled!(r, ROWS, {
            finish_row::<S, VECTORS>(s, sums[r], p, area, r);
        });
    }
}

/// Adds what is there and the bias to a row's sums and stores them.
///
/// # Safety
/// As [`block`]; `r` is a row of the area.
#[inline(always)]
unsafe fn finish_row<S: Simd, const VECTORS: usize>(
    s: S,
    sums: [S::V; VECTORS],
    p: Product,
    area: Area,
    r: usize,
) {
    let whole = area.columns == VECTORS * S::LANES;
    for (v, sum) in sums.into_iter().enumerate() {
        let at = area.at.wrapping_add(r * area.stride + v * S::LANES);
        let left = area.columns.saturating_sub(v * S::LANES);
        // SAFETY: `left` columns are there.
        unsafe {
            if whole {
                let sum = if p.add { s.add(s.load_ptr(at), sum) } else { sum };
                s.store_ptr(with_bias(s, sum, p.bias, v * S::LANES, S::LANES), at);
            } else {
                let sum = if p.add { s.add(s.load_first(at, left), sum) } else { sum };
                s.store_first(with_bias(s, sum, p.bias, v * S::LANES, left), at, left);
            }
        }
    }
}

/// # Safety
/// `bias` is null or valid for `at + left` values.
#[inline(always)]
unsafe fn with_bias<S: Simd>(s: S, sum: S::V, bias: *const f32, at: usize, left: usize) -> S::V {
    if bias.is_null() {
        return sum;
    }
    // SAFETY: promised by the caller.
    unsafe {
        let bias = bias.wrapping_add(at);
        s.add(sum, if left >= S::LANES { s.load_ptr(bias) } else { s.load_first(bias, left) })
    }
}

//! The product kernel of bytes, for a tile of at most `ROWS` rows and one panel of columns, all sums
//! held in registers:
//!
//! ```text
//! y[r, c] = scale_r w_c sum_k q[r, k] v[k, c] + (offset_r u_c + bias_c) + sum_o x[r, o] W[o, c]
//! ```
//!
//! for `x = scale_r q + offset_r` and `W = w_c v`, with `u_c = w_c sum_k v[k, c]` and the outliers o.
//!
//! The form is that of the f32 product's (`gemm/tile.rs`). Sums are exact; the rest of an element is one
//! chain of f32 operations in a fixed order, so that a row's result does not depend on its neighbours.
//!
//! Registers: AVX-512 14 x 2 of 32 sums, AVX2 4 x 2 of 16, NEON 8 x 3 of 32, plain 2 x 2.
//! Cost: 2 * rows * columns * k operations on bytes.

use super::inputs::Inputs;
use super::packed::GROUP;
use crate::activation::Activation;
use crate::gemm::epilogue::{self, Area};
use crate::gemm::tile_panel_width;
use crate::isa::{ByteIsa, Bytes, Isa, Simd};

/// Rows of the highest tile.
pub(crate) const fn tile_rows(set: ByteIsa) -> usize {
    match set.isa() {
        Isa::Avx512 => 14,
        Isa::Neon => 8,
        Isa::Avx2 => 4,
        Isa::Plain => 2,
    }
}

/// A rectangle of rows and panels to compute.
#[derive(Clone, Copy)]
pub(crate) struct Block {
    pub(crate) x: Inputs,
    pub(crate) rows: usize,
    /// Inputs in groups.
    pub(crate) groups: usize,
    /// The first of the panels, one after the other, and their columns' scales, sums and scaled
    /// sums.
    pub(crate) panels: *const i8,
    pub(crate) scales: *const f32,
    pub(crate) sums: *const i32,
    pub(crate) scaled_sums: *const f32,
    /// Columns from the first panel on; the last panel may be cut.
    pub(crate) columns: usize,
    /// `[panels, outlier_count, panel width]` from the first panel on, where there are outliers.
    pub(crate) outliers: *const f32,
    pub(crate) outlier_count: usize,
    /// `[columns]`, or null.
    pub(crate) bias: *const f32,
    pub(crate) activation: Activation,
    /// Whether the outputs become bytes at once, so that a coarser GELU does.
    pub(crate) coarse: bool,
    /// `[rows, columns]` with a stride, or null.
    pub(crate) residual: *const f32,
    pub(crate) residual_stride: usize,
    pub(crate) out: *mut f32,
    pub(crate) out_stride: usize,
}

/// Computes a block: panels outside, so that a panel is fetched once and serves all rows.
///
/// # Safety
/// All pointers are valid for the shapes that they are described with, what belongs to columns for
/// whole panels of them but for bias and residual; `out` for this thread alone.
#[inline(always)]
pub(crate) unsafe fn block<B: Bytes>(b: B, block: Block) {
    let width = tile_panel_width(B::ISA.isa());
    let tiles = block.rows.div_ceil(tile_rows(B::ISA));
    for first in (0..block.columns).step_by(width) {
        let columns = (block.columns - first).min(width);
        for tile in 0..tiles {
            // Heights that differ by one at most: no thin tile at the end.
            let row = tile * block.rows / tiles;
            let rows = (tile + 1) * block.rows / tiles - row;
            // SAFETY: inside the block.
            unsafe {
                let at = block.out.add(row * block.out_stride + first);
                let area = Area { at, stride: block.out_stride, rows, columns };
                // The last tile of a panel fetches the next panel; the others what is there.
                let bytes = width * block.groups * GROUP;
                let from = block.panels.add(first * block.groups * GROUP);
                let product = Product {
                    x: block.x.from(row),
                    groups: block.groups,
                    panel: from,
                    ahead: from.wrapping_add(if tile + 1 == tiles { bytes } else { 0 }),
                    scales: block.scales.add(first),
                    sums: block.sums.add(first),
                    scaled_sums: block.scaled_sums.add(first),
                    outliers: block.outliers.wrapping_add(first * block.outlier_count),
                    outlier_count: block.outlier_count,
                    bias: if block.bias.is_null() { block.bias } else { block.bias.add(first) },
                };
                panel(b, product, area);
                match (block.activation, block.coarse) {
                    (Activation::Gelu, true) => epilogue::gelu_coarse(b.simd(), area),
                    (activation, _) => epilogue::activate(b.simd(), activation, area),
                }
                if !block.residual.is_null() {
                    let from = block.residual.add(row * block.residual_stride + first);
                    epilogue::add(b.simd(), from, block.residual_stride, area);
                }
            }
        }
    }
}

/// A tile of rows against one panel.
#[derive(Clone, Copy)]
struct Product {
    x: Inputs,
    groups: usize,
    panel: *const i8,
    /// As many bytes as the panel has, wanted next.
    ahead: *const i8,
    scales: *const f32,
    sums: *const i32,
    scaled_sums: *const f32,
    outliers: *const f32,
    outlier_count: usize,
    bias: *const f32,
}

/// # Safety
/// As [`block`].
#[inline(always)]
unsafe fn panel<B: Bytes>(b: B, product: Product, area: Area) {
    // SAFETY: promised by the caller.
    unsafe {
        match B::ISA.isa() {
            Isa::Neon => tile_of::<B, 3>(b, product, area),
            _ => tile_of::<B, 2>(b, product, area),
        }
    }
}

macro_rules! by_height {
    ($b:ident, $product:ident, $area:ident, $($rows:literal)*) => {
        match $area.rows {
            $($rows if $rows <= const { tile_rows(B::ISA) } => {
                // SAFETY: as the caller promises.
                unsafe { tile::<B, $rows, VECTORS>($b, $product, $area) }
            })*
            _ => {}
        }
    };
}

/// # Safety
/// As [`block`].
#[inline(always)]
unsafe fn tile_of<B: Bytes, const VECTORS: usize>(b: B, product: Product, area: Area) {
    by_height!(b, product, area, 1 2 3 4 5 6 7 8 9 10 11 12 13 14);
}

/// Repeats a body for each row with a constant row number: see `gemm/tile.rs`.
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
unsafe fn tile<B: Bytes, const ROWS: usize, const VECTORS: usize>(b: B, p: Product, area: Area) {
    let lanes = const { <B::S as Simd>::LANES };
    let s = b.simd();
    // SAFETY: `groups` steps through a panel of as many rows; the rest as the caller promises.
    unsafe {
        let mut sums = [[b.start(p.sums); VECTORS]; ROWS];
        for v in 1..VECTORS {
            let start = b.start(p.sums.add(v * lanes));
            unrolled!(r, ROWS, {
                sums[r][v] = start;
            });
        }
        let (mut w, mut ahead, mut x) = (p.panel, p.ahead, p.x.bytes.cast_const());
        for _ in 0..p.groups {
            let mut column = [b.weights(w); VECTORS];
            for (v, column) in column.iter_mut().enumerate().skip(1) {
                *column = b.weights(w.add(v * lanes * GROUP));
            }
            for line in (0..VECTORS * lanes * GROUP).step_by(64) {
                s.prefetch_l2(ahead.wrapping_add(line).cast());
            }
            ahead = ahead.wrapping_add(VECTORS * lanes * GROUP);
            unrolled!(r, ROWS, {
                let four = b.inputs(x.add(r * p.x.stride));
                for v in 0..VECTORS {
                    sums[r][v] = b.dot(sums[r][v], four, column[v]);
                }
            });
            w = w.add(VECTORS * lanes * GROUP);
            x = x.add(GROUP);
        }
        finish::<B, ROWS, VECTORS>(b, sums, p, area);
    }
}

/// Scales the sums, adds offsets, bias and outliers, and stores them.
///
/// # Safety
/// As [`block`].
#[inline(always)]
unsafe fn finish<B: Bytes, const ROWS: usize, const VECTORS: usize>(
    b: B,
    sums: [[B::I; VECTORS]; ROWS],
    p: Product,
    area: Area,
) {
    let (s, lanes) = (b.simd(), const { <B::S as Simd>::LANES });
    let whole = area.columns == VECTORS * lanes;
    let left = |v: usize| area.columns.saturating_sub(v * lanes);
    let mut y = [[s.splat(0.0); VECTORS]; ROWS];
    // SAFETY: columns' numbers for whole panels, bias for `columns`, a row's numbers for its
    // outliers.
    unsafe {
        let mut bias = [s.splat(0.0); VECTORS];
        for (v, bias) in bias.iter_mut().enumerate().filter(|_| !p.bias.is_null()) {
            *bias = s.load_first(p.bias.wrapping_add(v * lanes), left(v));
        }
        unrolled!(r, ROWS, {
            let numbers = p.x.numbers.add(r * p.x.numbers_stride);
            let (scale, offset) = (s.splat(*numbers), s.splat(*numbers.add(1)));
            for v in 0..VECTORS {
                let constant = s.fma(offset, s.load_ptr(p.scaled_sums.add(v * lanes)), bias[v]);
                let sum = s.mul(b.float(sums[r][v]), scale);
                y[r][v] = s.fma(sum, s.load_ptr(p.scales.add(v * lanes)), constant);
            }
        });
        for outlier in 0..p.outlier_count {
            let w = p.outliers.add(outlier * VECTORS * lanes);
            let mut column = [s.splat(0.0); VECTORS];
            for (v, column) in column.iter_mut().enumerate() {
                *column = s.load_ptr(w.add(v * lanes));
            }
            unrolled!(r, ROWS, {
                let x = s.splat(*p.x.numbers.add(r * p.x.numbers_stride + 2 + outlier));
                for v in 0..VECTORS {
                    y[r][v] = s.fma(x, column[v], y[r][v]);
                }
            });
        }
        unrolled!(r, ROWS, {
            for v in 0..VECTORS {
                let to = area.at.wrapping_add(r * area.stride + v * lanes);
                match whole {
                    true => s.store_ptr(y[r][v], to),
                    false => s.store_first(y[r][v], to, left(v)),
                }
            }
        });
    }
}

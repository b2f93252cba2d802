//! `out = x W^T` for a few rows, on the calling thread alone: one step of a recurrence.
//!
//! Shapes: x `[rows, inputs]`, W `[outputs, inputs]` packed, out `[rows, outputs]` or some of its
//! columns. Steps of the inner dimension are added in their order within blocks of at most
//! [`BLOCK_STEPS`], and blocks in theirs, as for plain products: a block of a panel stays in the
//! cache while all rows pass, and an element does not depend on how many rows there are. Cost:
//! `2 * rows * inputs * columns` operations; the weights pass once.

use super::packed::PackedMatrix;
use super::product::BLOCK_STEPS;
use super::tile::{self, Product};
use crate::gemm::epilogue::Area;
use crate::isa::{Isa, Kernel, Simd, dispatch_on};

/// Columns `first..first + count` of the product, written to column `at` and after. They begin with
/// a panel.
#[derive(Clone, Copy)]
pub(crate) struct Columns {
    pub(crate) first: usize,
    pub(crate) count: usize,
    pub(crate) at: usize,
}

/// A product of few rows.
pub(crate) struct FewRows<'a> {
    /// `[rows, inputs]` and its rows' stride.
    pub(crate) x: (*const f32, usize),
    pub(crate) rows: usize,
    pub(crate) weights: &'a PackedMatrix,
    pub(crate) columns: &'a [Columns],
    /// The column that the next product begins with: its panel is fetched.
    pub(crate) then: usize,
    /// `[rows, _]` and its rows' stride.
    pub(crate) out: (*mut f32, usize),
}

impl FewRows<'_> {
    /// # Safety
    /// x and out are valid for the rows at their strides, out for this thread alone; columns begin
    /// with a panel and lie inside the weights' outputs.
    pub(crate) unsafe fn run(self) {
        dispatch_on(self.weights.isa(), Run(self));
    }
}

/// Outputs that lie in one panel.
pub(crate) fn panel_width(isa: Isa) -> usize {
    tile::panel_width(isa)
}

struct Run<'a>(FewRows<'a>);

impl Kernel for Run<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let FewRows { weights, columns, then, .. } = self.0;
        let (width, inputs) = (tile::panel_width(S::ISA), weights.inputs());
        let data = weights.data().as_ptr();
        let blocks = inputs.div_ceil(BLOCK_STEPS).max(1);
        for (index, run) in columns.iter().enumerate() {
            for column in (0..run.count).step_by(width) {
                let panel = data.wrapping_add((run.first + column) * inputs);
                // What is read after this panel.
                let next = match columns.get(index + 1) {
                    _ if column + width < run.count => run.first + column + width,
                    Some(next) => next.first,
                    None => then,
                };
                let next = data.wrapping_add(next * inputs);
                let part = Columns { first: 0, count: (run.count - column).min(width), ..*run };
                let part = Columns { at: run.at + column, ..part };
                for block in 0..blocks {
                    let steps = block * inputs / blocks..(block + 1) * inputs / blocks;
                    let last = block + 1 == blocks;
                    let ahead = if last { next } else { panel.wrapping_add(steps.end * width) };
                    // SAFETY: promised by the caller of `FewRows::run`.
                    unsafe { self.0.block(s, part, steps, (panel, ahead)) }
                }
            }
        }
    }
}

impl FewRows<'_> {
    /// Some steps of all rows against one panel.
    ///
    /// # Safety
    /// As [`FewRows::run`]; the steps are inside the inputs.
    #[inline(always)]
    unsafe fn block<S: Simd>(
        &self,
        s: S,
        columns: Columns,
        steps: std::ops::Range<usize>,
        (panel, ahead): (*const f32, *const f32),
    ) {
        let ((x, x_stride), (out, stride)) = (self.x, self.out);
        let tiles = self.rows.div_ceil(tile::tile_rows(S::ISA));
        for index in 0..tiles {
            // Heights that differ by one at most: no thin tile at the end.
            let row = index * self.rows / tiles;
            let rows = (index + 1) * self.rows / tiles - row;
            let panel = panel.wrapping_add(steps.start * tile::panel_width(S::ISA));
            let product = Product {
                x: x.wrapping_add(row * x_stride + steps.start),
                x_stride,
                x_step: 1,
                inputs: steps.len(),
                panel,
                ahead: if index + 1 == tiles { ahead } else { panel },
                bias: std::ptr::null(),
                add: steps.start > 0,
            };
            let at = out.wrapping_add(row * stride + columns.at);
            // SAFETY: promised by the caller.
            unsafe { tile::panel(s, product, Area { at, stride, rows, columns: columns.count }) }
        }
    }
}

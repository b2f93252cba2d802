//! `y = act(x W^T + b) + residual` with W as bytes and each row of x quantised on the way.
//!
//! Shapes: x `[rows, inputs]`, W `[outputs, inputs]`, b `[outputs]`, y `[rows, outputs]`.
//! Cost: `2 * rows * inputs * outputs` operations on bytes. Work is cut as for f32: into blocks of rows
//! which stay in L2 while all panels pass, and, where there are few rows, into groups of panels. Cuts
//! do not change a bit of the result.

use std::ops::Range;

use super::inputs::{Inputs, quantise};
use super::packed::QuantisedMatrix;
use super::tile::{self, Block};
use crate::Pool;
use crate::gemm::{Epilogue, Scratch, Target};
use crate::isa::{ByteIsa, ByteKernel, Bytes, dispatch_bytes};
use crate::measure;

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
    let (inputs, outputs) = (weights.inputs(), weights.outputs());
    let check = |what: &str, found: usize, expected: usize| {
        assert!(
            found == expected,
            "{what} of a linear map [{rows}, {inputs}] -> [{rows}, {outputs}] of bytes: {expected} values, found {found}"
        );
    };
    check("x", x.len(), rows * inputs);
    check("out", out.len(), rows * outputs);
    check("bias", epilogue.bias.map_or(outputs, <[f32]>::len), outputs);
    check("residual", epilogue.residual.map_or(out.len(), <[f32]>::len), out.len());
    // SAFETY: the lengths were just checked.
    unsafe {
        let to = (out.as_mut_ptr(), outputs);
        let x = (x.as_ptr(), inputs);
        linear_strided(pool, x, rows, weights, &Finish { epilogue, coarse: false }, to);
    }
}

/// What happens to a product's elements.
#[derive(Clone, Copy)]
pub(crate) struct Finish<'a> {
    pub(crate) epilogue: &'a Epilogue<'a>,
    /// Whether they become bytes at once, so that a coarser activation does.
    pub(crate) coarse: bool,
}

/// [`linear`] with strides for x and out.
///
/// # Safety
/// x is valid for `rows` rows of `inputs` values, out for `rows` rows of `outputs`, at their
/// strides; bias and residual have their lengths.
pub(crate) unsafe fn linear_strided(
    pool: &Pool,
    (x, x_stride): (*const f32, usize),
    rows: usize,
    weights: &QuantisedMatrix,
    finish: &Finish<'_>,
    (out, out_stride): (*mut f32, usize),
) {
    let set = weights.set();
    let cut = Cut::choose(rows, weights, pool.threads());
    let (from, to) = (Target(x.cast_mut()), Target(out));
    if cut.groups == 1 {
        return pool.run(cut.row_blocks, &|block| {
            let (row, count) = cut.rows(rows, block);
            Inputs::with(Scratch::Rows, count, weights, |x| {
                // SAFETY: blocks of rows are disjoint and inside the shapes.
                unsafe {
                    quantise(weights, (from.at(row * x_stride), x_stride), count, x);
                    let out = (to.at(row * out_stride), out_stride);
                    let panels = 0..weights.panels();
                    run(set, part(weights, finish, (row, count), panels, x, out));
                }
            });
        });
    }
    // Tasks that share rows share their bytes.
    Inputs::with(Scratch::Rows, rows, weights, |x| {
        let step = rows.div_ceil(pool.threads()).max(QUANTISED_ROWS);
        pool.run(rows.div_ceil(step), &|block| {
            let row = block * step;
            // SAFETY: blocks of rows are disjoint and inside the shapes.
            unsafe {
                let from = (from.at(row * x_stride).cast_const(), x_stride);
                quantise(weights, from, (rows - row).min(step), x.from(row));
            }
        });
        pool.run(cut.row_blocks * cut.groups, &|task| {
            let (row, count) = cut.rows(rows, task / cut.groups);
            let panels = cut.panels(weights, task % cut.groups);
            // SAFETY: rows and panels of tasks are disjoint and inside the shapes.
            unsafe {
                let out = (to.at(row * out_stride), out_stride);
                run(set, part(weights, finish, (row, count), panels, x.from(row), out));
            }
        });
    });
}

/// Rows that are worth a task of their own to quantise.
const QUANTISED_ROWS: usize = 16;

/// The block of some rows and panels; x and out already begin at the first of the rows.
///
/// # Safety
/// As [`linear_strided`].
pub(crate) unsafe fn part(
    weights: &QuantisedMatrix,
    finish: &Finish<'_>,
    (row, rows): (usize, usize),
    panels: Range<usize>,
    x: Inputs,
    (out, out_stride): (*mut f32, usize),
) -> Block {
    let (width, outputs) = (weights.width(), weights.outputs());
    let first = panels.start * width;
    let columns = weights.columns(panels.start);
    let (null, epilogue) = (std::ptr::null, finish.epilogue);
    let outliers = weights.outliers();
    let count = outliers.map_or(0, |outliers| outliers.columns.len());
    // SAFETY: all offsets stay inside what the caller promises.
    unsafe {
        Block {
            x,
            rows,
            groups: weights.groups(),
            panels: columns.bytes.as_ptr(),
            scales: columns.scales.as_ptr(),
            sums: columns.sums.as_ptr(),
            scaled_sums: columns.scaled_sums.as_ptr(),
            outliers: outliers.map_or(null(), |o| o.weights.as_slice()[first * count..].as_ptr()),
            outlier_count: count,
            columns: (panels.end * width).min(outputs) - first,
            bias: epilogue.bias.map_or(null(), |bias| bias.as_ptr().add(first)),
            activation: epilogue.activation,
            coarse: finish.coarse,
            residual: (epilogue.residual)
                .map_or(null(), |from| from.as_ptr().add(row * outputs + first)),
            residual_stride: outputs,
            out: out.add(first),
            out_stride,
        }
    }
}

/// Runs a block.
///
/// # Safety
/// The block was made by [`part`] from weights packed for `set`.
pub(crate) unsafe fn run(set: ByteIsa, block: Block) {
    dispatch_bytes(set, Run(block));
}

struct Run(Block);

impl ByteKernel for Run {
    type Output = ();
    #[inline(always)]
    fn run<B: Bytes>(self, b: B) {
        // SAFETY: made from checked shapes.
        unsafe { tile::block(b, self.0) }
    }
}

/// How the output is cut into tasks.
struct Cut {
    row_blocks: usize,
    groups: usize,
}

impl Cut {
    fn choose(rows: usize, weights: &QuantisedMatrix, threads: usize) -> Self {
        let tile = tile::tile_rows(weights.set());
        let tiles = rows.div_ceil(tile);
        // The rows' f32 and bytes, and what is written, beside the panels that pass.
        let row = weights.inputs() * 5 + weights.outputs() * size_of::<f32>();
        let fit = measure::caches().l2 / 2 / row.max(1);
        let tiles_per_block = (fit / tile).clamp(3, 12);
        let row_blocks = tiles.div_ceil(tiles_per_block).max(1);
        if threads == 1 {
            return Self { row_blocks, groups: 1 };
        }
        // Enough tasks that a thread which is held up can be helped.
        let wanted = (4 * threads).div_ceil(row_blocks);
        let wanted = if row_blocks == 1 { 2 * threads } else { wanted };
        Self { row_blocks, groups: wanted.clamp(1, weights.panels().max(1)) }
    }

    /// The first of a block's rows, and how many it has.
    fn rows(&self, rows: usize, block: usize) -> (usize, usize) {
        let row = block * rows / self.row_blocks;
        (row, (block + 1) * rows / self.row_blocks - row)
    }

    fn panels(&self, weights: &QuantisedMatrix, group: usize) -> Range<usize> {
        let panels = weights.panels();
        group * panels / self.groups..(group + 1) * panels / self.groups
    }
}

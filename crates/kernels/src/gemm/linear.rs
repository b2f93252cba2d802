//! `y = act(x W^T + b) + residual` with packed weights.
//!
//! Shapes: x `[rows, inputs]`, W `[outputs, inputs]`, b `[outputs]`, y `[rows, outputs]`.
//! Cost: `2 * rows * inputs * outputs` operations. Work is cut into blocks of rows, small enough
//! that a block of x stays in L2 while all panels pass, and, where there are few rows, into groups
//! of panels, so that a single text uses all threads. Cuts do not change a bit of the result.

use super::buffer::{Scratch, with_scratch};
use super::epilogue::Epilogue;
use super::packed::{PackedMatrix, Target};
use super::plain::Operand;
use super::tile::{self, Block};
use crate::Pool;
use crate::isa::{Isa, Kernel, Simd, dispatch_on};
use crate::measure;

/// Bytes of x that a block of rows may take.
fn block_budget() -> usize {
    measure::caches().l2 / 3
}

/// Computes `out = act(x W^T + b) + residual`; `x` is `[rows, inputs]`, `out` `[rows, outputs]`.
///
/// # Panics
/// Where a length does not fit the shapes.
pub fn linear(
    pool: &Pool,
    x: &[f32],
    rows: usize,
    weights: &PackedMatrix,
    epilogue: &Epilogue<'_>,
    out: &mut [f32],
) {
    let (inputs, outputs) = (weights.inputs(), weights.outputs());
    let check = |what: &str, found: usize, expected: usize| {
        assert!(
            found == expected,
            "{what} of a linear map [{rows}, {inputs}] -> [{rows}, {outputs}]: {expected} values, found {found}"
        );
    };
    check("x", x.len(), rows * inputs);
    check("out", out.len(), rows * outputs);
    if let Some(bias) = epilogue.bias {
        check("bias", bias.len(), outputs);
    }
    if let Some(residual) = epilogue.residual {
        check("residual", residual.len(), rows * outputs);
    }
    // SAFETY: the lengths were just checked.
    unsafe {
        linear_strided(
            pool,
            (x.as_ptr(), inputs),
            rows,
            weights,
            epilogue,
            (out.as_mut_ptr(), outputs),
        );
    }
}

/// [`linear`] of rows that begin at a stride, the first `inputs` values of each, to rows that begin
/// at a stride; without a residual.
///
/// # Panics
/// Where there are fewer values than the shapes ask for.
pub fn linear_of(
    pool: &Pool,
    x: Operand<'_>,
    rows: usize,
    weights: &PackedMatrix,
    epilogue: &Epilogue<'_>,
    (out, stride): (&mut [f32], usize),
) {
    let (inputs, outputs) = (weights.inputs(), weights.outputs());
    let x = x.rows_of("x", rows, inputs);
    let (out, stride) = {
        let to = Operand::new(out, stride).rows_of("output", rows, outputs);
        (out.as_mut_ptr(), to.1)
    };
    assert!(epilogue.bias.is_none_or(|bias| bias.len() == outputs), "bias of {outputs}");
    assert!(epilogue.residual.is_none(), "a residual of rows at a stride");
    // SAFETY: the lengths were just checked.
    unsafe { linear_strided(pool, x, rows, weights, epilogue, (out, stride)) }
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
    weights: &PackedMatrix,
    epilogue: &Epilogue<'_>,
    (out, out_stride): (*mut f32, usize),
) {
    let cut = Cut::choose(rows, weights, pool.threads());
    let (x, out) = (Target(x.cast_mut()), Target(out));
    pool.run(cut.row_blocks * cut.groups, &|task| {
        let (row_block, group) = (task / cut.groups, task % cut.groups);
        let row = row_block * rows / cut.row_blocks;
        let end = (row_block + 1) * rows / cut.row_blocks;
        let panels =
            group * weights.panels() / cut.groups..(group + 1) * weights.panels() / cut.groups;
        // SAFETY: rows and panels of tasks are disjoint and inside the shapes.
        unsafe {
            let x = x.at(row * x_stride);
            let out = out.at(row * out_stride);
            let part =
                part(weights, epilogue, row, end - row, panels, (x, x_stride), (out, out_stride));
            run(weights.isa(), part);
        }
    });
}

/// The block of some rows and panels; x and out already begin at the first of the rows.
///
/// # Safety
/// As [`linear_strided`].
pub(crate) unsafe fn part(
    weights: &PackedMatrix,
    epilogue: &Epilogue<'_>,
    row: usize,
    rows: usize,
    panels: std::ops::Range<usize>,
    (x, x_stride): (*const f32, usize),
    (out, out_stride): (*mut f32, usize),
) -> Block {
    let (width, inputs, outputs) = (weights.width(), weights.inputs(), weights.outputs());
    let first = panels.start * width;
    // SAFETY: all offsets stay inside what the caller promises.
    unsafe {
        Block {
            x,
            x_stride,
            rows,
            inputs,
            panels: weights.data().as_ptr().add(first * inputs),
            columns: (panels.end * width).min(outputs) - first,
            bias: epilogue.bias.map_or(std::ptr::null(), |bias| bias.as_ptr().add(first)),
            activation: epilogue.activation,
            residual: epilogue
                .residual
                .map_or(std::ptr::null(), |from| from.as_ptr().add(row * outputs + first)),
            residual_stride: outputs,
            out: out.add(first),
            out_stride,
        }
    }
}

/// Runs a block.
///
/// Rows that lie a multiple of 4 KiB apart all fall on the same few places of the L1 cache, at
/// three quarters of the speed: such rows are copied to a better stride first.
///
/// # Safety
/// The block was made by [`part`] from weights packed for `isa`.
pub(crate) unsafe fn run(isa: Isa, block: Block) {
    const APART: usize = 4096 / size_of::<f32>();
    if block.rows <= 4 || !block.x_stride.is_multiple_of(APART) {
        return dispatch_on(isa, Run(block));
    }
    let stride = block.inputs.next_multiple_of(16) + 16;
    with_scratch(Scratch::Rows, block.rows * stride, |rows| {
        for (row, to) in rows.chunks_exact_mut(stride).enumerate() {
            // SAFETY: the block's x has that many rows and inputs.
            let from = unsafe {
                std::slice::from_raw_parts(block.x.add(row * block.x_stride), block.inputs)
            };
            to[..block.inputs].copy_from_slice(from);
        }
        dispatch_on(isa, Run(Block { x: rows.as_ptr(), x_stride: stride, ..block }));
    });
}

struct Run(Block);

impl Kernel for Run {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        // SAFETY: made from checked shapes.
        unsafe { tile::block(s, self.0) }
    }
}

/// How the output is cut into tasks.
struct Cut {
    row_blocks: usize,
    groups: usize,
}

impl Cut {
    fn choose(rows: usize, weights: &PackedMatrix, threads: usize) -> Self {
        let tile = tile::tile_rows(weights.isa());
        let tiles = rows.div_ceil(tile);
        let fit = block_budget() / (weights.inputs().max(1) * size_of::<f32>());
        let tiles_per_block = (fit / tile).clamp(3, 6);
        let row_blocks = tiles.div_ceil(tiles_per_block).max(1);
        if threads == 1 {
            return Self { row_blocks, groups: 1 };
        }
        // Enough tasks that a thread which is held up can be helped.
        let wanted = (4 * threads).div_ceil(row_blocks);
        let wanted = if row_blocks == 1 { 2 * threads } else { wanted };
        Self { row_blocks, groups: wanted.clamp(1, weights.panels().max(1)) }
    }
}

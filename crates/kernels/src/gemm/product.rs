//! `C = A B`, `C += A B`, `C = act(A B + b) + residual` for plain matrices, either operand
//! transposed or not: the products of training.
//!
//! A `[m, k]`, B `[k, n]`, C `[m, n]`. The form is that of Goto and van de Geijn 2008: a block of B
//! is packed into panels that stay in L2 while tiles of A pass; A is copied only where it cannot be
//! read as it lies. Cost: `2 m k n` operations.
//!
//! Steps of k are added in their order within blocks of at most [`BLOCK_STEPS`], and blocks in
//! theirs; the blocks depend on k alone. So an element is the same to the bit wherever it lies,
//! however the output is cut, and on any number of threads.

use std::ops::Range;

use super::buffer::{Scratch, with_scratch};
use super::epilogue::{self, Area, Epilogue};
use super::pack::{self, Tiles};
use super::packed::Target;
use super::tile::{self, Product};
use crate::Pool;
use crate::isa::{Isa, Kernel, Simd, dispatch_on};

/// Steps of k in one block: a tile of A is half an L1 cache, a panel of B a whole one.
pub(super) const BLOCK_STEPS: usize = 256;
/// Bytes of B that a task packs at once: a quarter of an L2 cache.
const PACKED_BYTES: usize = 256 << 10;
/// Tiles of A that are copied at once: as many as L2 has room for beside B.
const BATCH: usize = 8;
/// Tiles of a task, at least, where there are enough: packing B must not count.
const LEAST_TILES: usize = 32;
/// Rows that lie a multiple of this apart fall on the same few places of the L1 cache.
const CONFLICT: usize = 1024;

/// How to read an operand: element `[row, column]` lies at `row * rows + column * columns`; one of
/// the two is 1.
#[derive(Clone, Copy)]
pub(super) struct View {
    pub(super) at: *const f32,
    pub(super) rows: usize,
    pub(super) columns: usize,
}

/// A product to be computed.
pub(super) struct Matmul<'a> {
    pub(super) shape: (usize, usize, usize),
    pub(super) a: View,
    pub(super) b: View,
    /// Whether the product is added to what `out` holds.
    pub(super) add: bool,
    /// Its residual has the rows' stride of `out`.
    pub(super) epilogue: Epilogue<'a>,
    /// `[m]`, to which A's sums over k are added, for an A whose `rows` is 1; or null.
    pub(super) sums: Target,
    pub(super) out: Target,
    pub(super) stride: usize,
}

// SAFETY: tasks read the operands, which outlive the region, and write disjoint parts of the rest.
unsafe impl Sync for Matmul<'_> {}

/// How tiles of A are read.
#[derive(Clone, Copy, PartialEq)]
enum Read {
    /// As they lie: `[rows, k]`.
    Direct,
    /// Copied to a better stride.
    Copied,
    /// Packed from `[k, rows]`.
    Packed,
}

impl Matmul<'_> {
    fn read(&self) -> Read {
        let (m, _, _) = self.shape;
        if self.a.columns != 1 || !self.sums.0.is_null() {
            Read::Packed
        } else if m > 4 && self.a.rows.is_multiple_of(CONFLICT) {
            Read::Copied
        } else {
            Read::Direct
        }
    }

    /// # Safety
    /// Pointers, bias and residual are valid for the shape.
    pub(super) unsafe fn run(&self, isa: Isa, pool: &Pool) {
        let (m, k, n) = self.shape;
        if m == 0 || n == 0 {
            return;
        }
        let width = tile::panel_width(isa);
        let (panels, blocks) = (n.div_ceil(width), k.div_ceil(BLOCK_STEPS).max(1));
        let most_steps = k.div_ceil(blocks);
        let cut = Cut::choose(self, isa, panels, most_steps, pool.threads());
        let height = pack::MOST_TILE_STRIDE.max(tile::tile_rows(isa));
        let batch = if self.read() == Read::Direct { 0 } else { BATCH };
        pool.run(cut.parts * cut.groups, &|task| {
            let (part, group) = (task / cut.groups, task % cut.groups);
            let rows = part * m / cut.parts..(part + 1) * m / cut.parts;
            let panels = group * panels / cut.groups..(group + 1) * panels / cut.groups;
            let columns = panels.start * width..(panels.end * width).min(n);
            with_scratch(Scratch::Panels, panels.len() * width * most_steps, |b| {
                with_scratch(Scratch::Rows, batch * height * (most_steps + 32), |a| {
                    let (a, b) = (a.as_mut_ptr(), b.as_mut_ptr());
                    dispatch_on(isa, Part { matmul: self, rows, columns, blocks, a, b });
                });
            });
        });
    }
}

/// How the output is cut into tasks. Cuts do not change a bit of the result.
struct Cut {
    parts: usize,
    groups: usize,
}

impl Cut {
    fn choose(matmul: &Matmul<'_>, isa: Isa, panels: usize, steps: usize, threads: usize) -> Self {
        let bytes = tile::panel_width(isa) * steps.max(1) * size_of::<f32>();
        let groups = panels.div_ceil((PACKED_BYTES / bytes).max(1));
        if threads == 1 {
            return Self { parts: 1, groups };
        }
        let packed = matmul.read() == Read::Packed;
        let wanted = if packed { 2 * threads } else { 4 * threads };
        let tiles = matmul.shape.0.div_ceil(tile::tile_rows(isa));
        // Each group reads, or copies, all of A, and each part packs all of B. A copy pays for
        // many panels only.
        let least = if matmul.read() == Read::Direct { panels.div_ceil(2).min(wanted) } else { 1 };
        let groups = groups.max(least);
        let parts = wanted.div_ceil(groups).min(tiles / if packed { 8 } else { LEAST_TILES });
        // A small product is shared all the same.
        let few = threads.div_ceil(groups).min(tiles.div_ceil(2));
        let parts = parts.max(few).max(1);
        // As many tasks as all threads can share evenly.
        let even = if parts > threads { parts / threads * threads } else { parts };
        Self { parts: even, groups }
    }
}

/// One task: some rows and columns of the output.
struct Part<'a> {
    matmul: &'a Matmul<'a>,
    rows: Range<usize>,
    columns: Range<usize>,
    blocks: usize,
    /// Scratch for tiles of A and for the panels of B.
    a: *mut f32,
    b: *mut f32,
}

/// A block of steps, and which one it is.
#[derive(Clone, Copy)]
struct Block {
    first: usize,
    steps: usize,
    begins: bool,
    ends: bool,
}

impl Kernel for Part<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (_, k, _) = self.matmul.shape;
        let count = self.rows.len().div_ceil(tile::tile_rows(S::ISA));
        let tiles = Tiles { rows: self.rows.len(), count };
        for index in 0..self.blocks {
            let (first, end) = (index * k / self.blocks, (index + 1) * k / self.blocks);
            let (begins, ends) = (index == 0, index + 1 == self.blocks);
            let block = Block { first, steps: end - first, begins, ends };
            // SAFETY: `Matmul::run`'s caller promises the shapes; rows and columns are this
            // task's own.
            unsafe {
                self.pack_b(s, block);
                for begin in (0..count).step_by(BATCH) {
                    self.batch(s, block, tiles, begin..(begin + BATCH).min(count));
                }
            }
        }
    }
}

// Every unsafe function below asks that rows, columns and steps lie inside the product's shape.
impl Part<'_> {
    #[inline(always)]
    unsafe fn pack_b<S: Simd>(&self, s: S, block: Block) {
        let (b, width) = (self.matmul.b, tile::panel_width(S::ISA));
        // SAFETY: inside B and the scratch.
        unsafe {
            let from = b.at.add(block.first * b.rows + self.columns.start * b.columns);
            if b.columns == 1 {
                let shape = (block.steps, self.columns.len());
                return pack::panels_of_columns(s, (from, b.rows), shape, width, self.b);
            }
            for first in (0..self.columns.len()).step_by(width) {
                let shape = ((self.columns.len() - first).min(width), block.steps);
                let to = self.b.add(first * block.steps);
                let from = from.add(first * b.columns);
                pack::panel_of_rows(s, (from, b.columns), shape, width, to);
            }
        }
    }

    /// Some tiles of rows against all of the task's panels.
    #[inline(always)]
    unsafe fn batch<S: Simd>(&self, s: S, block: Block, tiles: Tiles, batch: Range<usize>) {
        let (a, read) = (self.matmul.a, self.matmul.read());
        let from = a.at.wrapping_add(self.rows.start * a.rows + block.first * a.columns);
        let (begin, end) = (tiles.of(batch.start).0, tiles.of(batch.end - 1));
        let rows = end.0 + end.1 - begin;
        let own = Tiles { rows, count: batch.len() };
        let stride = block.steps.next_multiple_of(16) + 16;
        let ahead = self.after(block, tiles, batch.clone());
        // SAFETY: inside A, the sums and the scratch.
        unsafe {
            let from = from.add(begin * a.rows);
            match read {
                Read::Direct => {}
                Read::Copied => {
                    pack::copy_rows(s, (from, a.rows), (rows, block.steps), (self.a, stride));
                }
                Read::Packed => {
                    let sums = self.matmul.sums.0;
                    let wanted = !sums.is_null() && self.columns.start == 0;
                    let first = self.rows.start + begin;
                    let sums = if wanted { sums.add(first) } else { std::ptr::null_mut() };
                    pack::tiles_of_columns(s, (from, a.columns), block.steps, own, (self.a, sums));
                }
            }
            for tile in 0..own.count {
                let (first, rows) = own.of(tile);
                let (x, x_stride, x_step) = match read {
                    Read::Direct => (from.add(first * a.rows), a.rows, 1),
                    Read::Copied => (self.a.add(first * stride).cast_const(), stride, 1),
                    Read::Packed => {
                        let width = pack::tile_stride::<S>();
                        (self.a.add(tile * block.steps * width).cast_const(), 1, width)
                    }
                };
                let next = match read {
                    Read::Direct => {
                        let left = tiles.rows - (begin + first + rows);
                        Next {
                            at: x.wrapping_add(rows * a.rows),
                            stride: a.rows,
                            rows: rows.min(left),
                            width: block.steps,
                        }
                    }
                    _ => ahead.share(tile, own.count),
                };
                let source = Source { x, x_stride, x_step, next };
                let first = self.rows.start + begin + first;
                self.tile(s, block, source, first..first + rows);
            }
        }
    }

    /// What is packed after a batch: the next one, or the first of the next block.
    #[inline(always)]
    fn after(&self, block: Block, tiles: Tiles, batch: Range<usize>) -> Next {
        let a = self.matmul.a;
        let (tile, step) = match batch.end < tiles.count {
            true => (batch.end, block.first),
            false => (0, block.first + block.steps),
        };
        let first = tiles.of(tile).0;
        let width = (batch.len() * tile::tile_rows(Isa::Avx512)).min(tiles.rows - first);
        let at = a.at.wrapping_add((self.rows.start + first) * a.rows + step * a.columns);
        let none = tile == 0 && block.ends || a.columns == 1;
        Next { at, stride: a.columns, rows: if none { 0 } else { block.steps }, width }
    }

    /// One tile of rows against all of the task's panels.
    #[inline(always)]
    unsafe fn tile<S: Simd>(&self, s: S, block: Block, source: Source, rows: Range<usize>) {
        let Matmul { add, epilogue, out, stride, .. } = *self.matmul;
        let width = tile::panel_width(S::ISA);
        let panels = self.columns.len().div_ceil(width);
        for index in 0..panels {
            let first = index * width;
            let column = self.columns.start + first;
            let columns = (self.columns.len() - first).min(width);
            // SAFETY: inside the shapes.
            unsafe {
                let at = rows.start * stride + column;
                let area = Area { at: out.at(at), stride, rows: rows.len(), columns };
                source.next.share(index, panels).fetch(s);
                for row in 0..rows.len() {
                    for line in (0..width).step_by(16) {
                        s.prefetch(area.at.wrapping_add(row * stride + line));
                    }
                }
                let panel = self.b.add(first * block.steps).cast_const();
                let bias = match epilogue.bias {
                    Some(bias) if block.ends => bias.as_ptr().add(column),
                    _ => std::ptr::null(),
                };
                let product = Product {
                    x: source.x,
                    x_stride: source.x_stride,
                    x_step: source.x_step,
                    inputs: block.steps,
                    panel,
                    ahead: panel,
                    bias,
                    add: add || !block.begins,
                };
                tile::panel(s, product, area);
                if block.ends {
                    epilogue::activate(s, epilogue.activation, area);
                    if let Some(residual) = epilogue.residual {
                        epilogue::add(s, residual.as_ptr().add(at), stride, area);
                    }
                }
            }
        }
    }
}

/// Where a tile of A is read, and what to ask for meanwhile.
#[derive(Clone, Copy)]
struct Source {
    x: *const f32,
    x_stride: usize,
    x_step: usize,
    next: Next,
}

/// Rows of `width` values that will be read soon.
#[derive(Clone, Copy)]
struct Next {
    at: *const f32,
    stride: usize,
    rows: usize,
    width: usize,
}

impl Next {
    /// Part `index` of `count`.
    #[inline(always)]
    fn share(&self, index: usize, count: usize) -> Self {
        let (first, end) = (index * self.rows / count, (index + 1) * self.rows / count);
        Self { at: self.at.wrapping_add(first * self.stride), rows: end - first, ..*self }
    }

    /// Asks for all of them.
    #[inline(always)]
    fn fetch<S: Simd>(&self, s: S) {
        for row in 0..self.rows {
            let at = self.at.wrapping_add(row * self.stride);
            for line in (0..self.width).step_by(16) {
                s.prefetch_l2(at.wrapping_add(line));
            }
        }
    }
}

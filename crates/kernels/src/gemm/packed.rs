//! Weights laid out for the product kernel.
//!
//! `W [outputs, inputs]` is cut into panels of `width` outputs; a panel holds its weights input by
//! input, `[inputs, width]`, so that the kernel reads it from front to back with whole vectors:
//! `data[panel * inputs * width + input * width + lane] = W[panel * width + lane, input]`. The
//! last panel is filled up with zeros. The width belongs to the instruction set.

use std::sync::Arc;

use super::buffer::Buffer;
use super::{pack, tile};
use crate::Pool;
use crate::isa::{Isa, Kernel, Simd, dispatch_on};

/// `[outputs, inputs]`, packed for [`linear`](super::linear). Cheap to clone.
#[derive(Clone)]
pub struct PackedMatrix {
    outputs: usize,
    inputs: usize,
    isa: Isa,
    data: Arc<Buffer>,
    offset: usize,
}

impl PackedMatrix {
    /// Packs `[outputs, inputs]`, row-major, for this process's instruction set.
    ///
    /// # Panics
    /// Where the length is not `outputs * inputs`.
    pub fn pack(weights: &[f32], outputs: usize, inputs: usize) -> Self {
        Self::pack_for(Isa::current(), weights, outputs, inputs)
    }

    /// Packs for a given instruction set, for tests and comparisons.
    ///
    /// # Panics
    /// Where this machine cannot run it, or the length is not `outputs * inputs`.
    pub fn pack_for(isa: Isa, weights: &[f32], outputs: usize, inputs: usize) -> Self {
        let all = [(weights, outputs, inputs)];
        Self::pack_all_for(isa, &Pool::new(1), &all).remove(0)
    }

    /// Packs the transpose of `[inputs, outputs]`, row-major, on all threads of the pool: for the
    /// adjoint of a product with these weights.
    ///
    /// # Panics
    /// Where the length is not `inputs * outputs`, or this machine cannot run `isa`.
    pub fn pack_transposed_for(
        isa: Isa,
        pool: &Pool,
        weights: &[f32],
        inputs: usize,
        outputs: usize,
    ) -> Self {
        let found = weights.len();
        assert!(found == inputs * outputs, "[{inputs}, {outputs}] weights: found {found}");
        let width = tile::panel_width(isa);
        let panels = outputs.div_ceil(width);
        let fill = |to: *mut f32| {
            let to = Target(to);
            pool.run(panels, &|panel| {
                let first = panel * width;
                let columns = (outputs - first).min(width);
                // SAFETY: each panel has its own part of the buffer; the columns are inside the
                // rows.
                unsafe {
                    let (to, from) = (to.at(first * inputs), weights.as_ptr().wrapping_add(first));
                    let columns = PackColumns { from, stride: outputs, inputs, columns, width, to };
                    dispatch_on(isa, columns);
                }
            });
        };
        // SAFETY: panels cover the buffer, and each writes all of its part.
        let data = unsafe { Buffer::filled(panels * width * inputs, fill) };
        Self { outputs, inputs, isa, data: Arc::new(data), offset: 0 }
    }

    /// Packs several matrices `(weights, outputs, inputs)` into one piece of memory on all threads
    /// of the pool: the fastest way to start a model.
    ///
    /// # Panics
    /// Where a length is not `outputs * inputs`.
    pub fn pack_all(pool: &Pool, matrices: &[(&[f32], usize, usize)]) -> Vec<Self> {
        Self::pack_all_for(Isa::current(), pool, matrices)
    }

    fn pack_all_for(isa: Isa, pool: &Pool, matrices: &[(&[f32], usize, usize)]) -> Vec<Self> {
        let width = tile::panel_width(isa);
        let mut length = 0;
        let mut offsets = Vec::with_capacity(matrices.len());
        let mut panels = Vec::new();
        for (index, &(weights, outputs, inputs)) in matrices.iter().enumerate() {
            let found = weights.len();
            assert!(found == outputs * inputs, "[{outputs}, {inputs}] weights: found {found}");
            offsets.push(length);
            for panel in 0..outputs.div_ceil(width) {
                panels.push((index, panel, length));
                length += inputs * width;
            }
        }
        let fill = |to: *mut f32| pack_panels(isa, pool, matrices, &panels, Target(to));
        // Panels begin on cache lines: `width` is a whole number of them.
        // SAFETY: panels cover the buffer, and each writes all of its part.
        let data = unsafe { Buffer::filled(length, fill) };
        let data = Arc::new(data);
        let packed = |(&(_, outputs, inputs), offset): (&(&[f32], usize, usize), usize)| Self {
            outputs,
            inputs,
            isa,
            data: data.clone(),
            offset,
        };
        matrices.iter().zip(offsets).map(packed).collect()
    }

    /// The number of outputs, the width of `y`.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// The number of inputs, the width of `x`.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// The instruction set it was packed for, on which its products run.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Outputs in a panel.
    pub(crate) fn width(&self) -> usize {
        tile::panel_width(self.isa)
    }

    /// The number of panels.
    pub(crate) fn panels(&self) -> usize {
        self.outputs.div_ceil(self.width())
    }

    /// All panels.
    pub(crate) fn data(&self) -> &[f32] {
        let length = self.panels() * self.inputs * self.width();
        &self.data.as_slice()[self.offset..self.offset + length]
    }
}

impl std::fmt::Debug for PackedMatrix {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "PackedMatrix[{}, {}] for {}", self.outputs, self.inputs, self.isa)
    }
}

/// Memory that several tasks write to, each its own part.
#[derive(Clone, Copy)]
pub(crate) struct Target(pub(crate) *mut f32);

// SAFETY: parts are disjoint by the callers of `at`, and the memory outlives the region.
unsafe impl Send for Target {}
// SAFETY: as above.
unsafe impl Sync for Target {}

impl Target {
    /// # Safety
    /// The place lies inside the memory.
    pub(crate) unsafe fn at(self, at: usize) -> *mut f32 {
        // SAFETY: promised by the caller.
        unsafe { self.0.add(at) }
    }
}

/// Packs panels `(matrix, panel, place)` in parallel.
fn pack_panels(
    isa: Isa,
    pool: &Pool,
    matrices: &[(&[f32], usize, usize)],
    panels: &[(usize, usize, usize)],
    to: Target,
) {
    let width = tile::panel_width(isa);
    // A few panels a task: enough tasks to share, few enough to claim.
    let step = panels.len().div_ceil(pool.threads() * 16).max(1);
    pool.run(panels.len().div_ceil(step), &|task| {
        for &(index, panel, at) in panels.iter().skip(task * step).take(step) {
            let (weights, outputs, inputs) = matrices[index];
            let first = panel * width;
            let rows = (outputs - first).min(width);
            let weights = &weights[first * inputs..(first + rows) * inputs];
            // SAFETY: each panel has its own part of the buffer.
            let to = unsafe { to.at(at) };
            dispatch_on(isa, PackPanel { weights, rows, inputs, width, to });
        }
    });
}

/// Writes one panel, `[inputs, width]`, from `[rows, inputs]`.
struct PackPanel<'a> {
    weights: &'a [f32],
    rows: usize,
    inputs: usize,
    width: usize,
    to: *mut f32,
}

impl Kernel for PackPanel<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { weights, rows, inputs, width, to } = self;
        // SAFETY: the weights are `[rows, inputs]`, the panel `[inputs, width]`.
        unsafe {
            pack::panel_of_rows(s, (weights.as_ptr(), inputs), (rows, inputs), width, to);
        }
    }
}

/// Writes one panel, `[inputs, width]`, from columns of `[inputs, stride]`.
struct PackColumns {
    from: *const f32,
    stride: usize,
    inputs: usize,
    columns: usize,
    width: usize,
    to: *mut f32,
}

impl Kernel for PackColumns {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { from, stride, inputs, columns, width, to } = self;
        // SAFETY: the columns are valid for all inputs, the panel for `[inputs, width]`.
        unsafe { pack::panels_of_columns(s, (from, stride), (inputs, columns), width, to) }
    }
}

//! What happens between an LSTM's products: one pass over the rows of a step, forward and backward.
//!
//! A row is a sequence; all pointers are to its own values of one step. Cost of a pass, for each
//! vector of cells: forward three sigmoids and two tanh; backward one tanh and twenty products.

use crate::activation::{sigmoid, tanh};
use crate::isa::{Kernel, Simd};

/// Where values of a row lie: a step of sequence number r of a group is at `at + r * stride`.
#[derive(Clone, Copy)]
pub(super) struct Compact {
    pub(super) at: *mut f32,
    pub(super) stride: usize,
}

impl Compact {
    #[inline(always)]
    pub(super) fn row(self, row: usize) -> *mut f32 {
        self.at.wrapping_add(row * self.stride)
    }

    /// From this column on.
    pub(super) fn from(self, column: usize) -> Self {
        Self { at: self.at.wrapping_add(column), ..self }
    }
}

/// Loads a whole vector, or the first ones of it.
///
/// # Safety
/// `from` is valid for `min(left, LANES)` values, for `LANES` where `WHOLE`.
#[inline(always)]
unsafe fn load<S: Simd, const WHOLE: bool>(s: S, from: *const f32, left: usize) -> S::V {
    // SAFETY: promised by the caller.
    unsafe { if WHOLE { s.load_ptr(from) } else { s.load_first(from, left) } }
}

/// As [`load`].
///
/// # Safety
/// As [`load`], for writing.
#[inline(always)]
unsafe fn store<S: Simd, const WHOLE: bool>(s: S, v: S::V, to: *mut f32, left: usize) {
    // SAFETY: promised by the caller.
    unsafe { if WHOLE { s.store_ptr(v, to) } else { s.store_first(v, to, left) } }
}

/// `x` cut to plus and minus `most`; NaN stays.
#[inline(always)]
fn cut<S: Simd>(s: S, x: S::V, most: Option<f32>) -> S::V {
    match most {
        Some(most) => s.max(s.splat(-most), s.min(s.splat(most), x)),
        None => x,
    }
}

/// The forward pass over some cells of all rows of a step.
pub(super) struct Gates<'a> {
    /// The rows' tokens, `[rows]`.
    pub(super) tokens: &'a [usize],
    /// Those whose gates are asked for meanwhile, and the column of the first.
    pub(super) next: (&'a [usize], usize),
    /// The first cell, and how many.
    pub(super) first: usize,
    pub(super) count: usize,
    /// All cells.
    pub(super) cells: usize,
    pub(super) clip: Option<f32>,
    /// `[tokens, 4 cells]`, at the first column: the inputs' share, replaced where `memory` is.
    pub(super) gates: *mut f32,
    pub(super) gates_stride: usize,
    /// The recurrent share of these cells, gates `gap` apart.
    pub(super) rest: Compact,
    pub(super) gap: usize,
    /// c, at these cells.
    pub(super) cell: Compact,
    /// h, or what is projected, at these cells.
    pub(super) to: Compact,
    /// `[tokens, cells]`, or null.
    pub(super) memory: *mut f32,
    /// h by tokens, at the direction's first column, or null where it is projected.
    pub(super) y: *mut f32,
    pub(super) y_stride: usize,
}

impl Kernel for Gates<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let whole = self.count / S::LANES * S::LANES;
        let (next, column) = self.next;
        for row in 0..self.tokens.len() {
            // SAFETY: whoever made the pass promises its pointers for all rows and cells.
            unsafe {
                let mut at = 0;
                while at < whole {
                    self.vector::<S, true>(s, row, at, S::LANES);
                    at += S::LANES;
                }
                if at < self.count {
                    self.vector::<S, false>(s, row, at, self.count - at);
                }
            }
            if let Some(token) = next.get(row) {
                for line in (0..self.count).step_by(16) {
                    for gate in 0..4 {
                        let at = token * self.gates_stride + gate * self.cells + column;
                        s.prefetch_l2(self.gates.wrapping_add(at + line));
                    }
                    if !self.y.is_null() {
                        let at = token * self.y_stride + column;
                        s.prefetch_l2(self.y.wrapping_add(at + line));
                    }
                    if !self.memory.is_null() {
                        let at = token * self.cells + column;
                        s.prefetch_l2(self.memory.wrapping_add(at + line));
                    }
                }
            }
        }
    }
}

impl Gates<'_> {
    /// # Safety
    /// All pointers are valid for the row and `min(left, LANES)` cells from `at` on.
    #[inline(always)]
    unsafe fn vector<S: Simd, const WHOLE: bool>(&self, s: S, row: usize, at: usize, left: usize) {
        let (token, cell) = (self.tokens[row], self.first + at);
        let own = self.gates.wrapping_add(token * self.gates_stride + cell);
        let rest = self.rest.row(row).wrapping_add(at);
        // SAFETY: promised by the caller.
        unsafe {
            // Loops, not closures: a closure is compiled without the instruction set.
            let mut z = [s.splat(0.0); 4];
            for (gate, z) in z.iter_mut().enumerate() {
                let own = load::<S, WHOLE>(s, own.add(gate * self.cells), left);
                *z = s.add(own, load::<S, WHOLE>(s, rest.add(gate * self.gap), left));
            }
            let (i, f) = (sigmoid(s, z[0]), sigmoid(s, z[1]));
            let (g, o) = (tanh(s, z[2]), sigmoid(s, z[3]));
            let state = self.cell.row(row).add(at);
            let c = s.mul(f, load::<S, WHOLE>(s, state, left));
            let c = cut(s, s.fma(i, g, c), self.clip);
            let h = s.mul(o, tanh(s, c));
            store::<S, WHOLE>(s, c, state, left);
            store::<S, WHOLE>(s, h, self.to.row(row).add(at), left);
            if !self.y.is_null() {
                store::<S, WHOLE>(s, h, self.y.add(token * self.y_stride + cell), left);
            }
            if !self.memory.is_null() {
                store::<S, WHOLE>(s, c, self.memory.add(token * self.cells + cell), left);
                for (gate, value) in [i, f, g, o].into_iter().enumerate() {
                    store::<S, WHOLE>(s, value, own.add(gate * self.cells), left);
                }
            }
        }
    }
}

/// The backward pass over all cells of all rows of a step.
pub(super) struct GatesAdjoint<'a> {
    /// The rows' tokens, and those of the step before; none at the first step.
    pub(super) tokens: &'a [usize],
    pub(super) earlier: &'a [usize],
    pub(super) cells: usize,
    pub(super) clip: Option<f32>,
    /// `[tokens, 4 cells]` and `[tokens, cells]`, as the forward kept them.
    pub(super) gates: *const f32,
    pub(super) gates_stride: usize,
    pub(super) memory: *const f32,
    /// The gradient by h, or by what is projected: from the step after.
    pub(super) dh: Compact,
    /// And from outside by tokens, at the direction's first column, or null.
    pub(super) dy: *const f32,
    pub(super) dy_stride: usize,
    /// The gradient by c.
    pub(super) dc: Compact,
    /// The gradient by z, for the step's product and `[tokens, 4 cells]`.
    pub(super) dz: Compact,
    pub(super) dz_all: *mut f32,
    /// What was projected, `[tokens, cells]`, or null.
    pub(super) m: *mut f32,
}

impl Kernel for GatesAdjoint<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let whole = self.cells / S::LANES * S::LANES;
        for row in 0..self.tokens.len() {
            // SAFETY: whoever made the pass promises its pointers for all rows and cells.
            unsafe {
                let mut at = 0;
                while at < whole {
                    self.vector::<S, true>(s, row, at, S::LANES);
                    at += S::LANES;
                }
                if at < self.cells {
                    self.vector::<S, false>(s, row, at, self.cells - at);
                }
            }
            // The next step reads and writes there after its product.
            if let Some(token) = self.earlier.get(row) {
                let at = token * self.gates_stride;
                for line in (0..4 * self.cells).step_by(16) {
                    s.prefetch_l2(self.gates.wrapping_add(at + line));
                    s.prefetch_l2(self.dz_all.wrapping_add(at + line));
                }
                if !self.dy.is_null() {
                    let dy = self.dy.wrapping_add(token * self.dy_stride);
                    for line in (0..self.cells).step_by(16) {
                        s.prefetch_l2(dy.wrapping_add(line));
                    }
                }
            }
        }
    }
}

impl GatesAdjoint<'_> {
    /// # Safety
    /// All pointers are valid for the row and `min(left, LANES)` cells from `at` on.
    #[inline(always)]
    unsafe fn vector<S: Simd, const WHOLE: bool>(&self, s: S, row: usize, at: usize, left: usize) {
        let (token, cells, one) = (self.tokens[row], self.cells, s.splat(1.0));
        let gates = self.gates.wrapping_add(token * self.gates_stride + at);
        // SAFETY: promised by the caller.
        unsafe {
            let mut kept = [one; 4];
            for (gate, kept) in kept.iter_mut().enumerate() {
                *kept = load::<S, WHOLE>(s, gates.add(gate * cells), left);
            }
            let [i, f, g, o] = kept;
            let c = load::<S, WHOLE>(s, self.memory.add(token * cells + at), left);
            let before = match self.earlier.get(row) {
                Some(token) => load::<S, WHOLE>(s, self.memory.add(token * cells + at), left),
                None => s.splat(0.0),
            };
            let mut dh = load::<S, WHOLE>(s, self.dh.row(row).add(at), left);
            if !self.dy.is_null() {
                let dy = self.dy.add(token * self.dy_stride + at);
                dh = s.add(dh, load::<S, WHOLE>(s, dy, left));
            }
            let t = tanh(s, c);
            let state = self.dc.row(row).add(at);
            let dc = load::<S, WHOLE>(s, state, left);
            let mut dc = s.fma(s.mul(dh, o), s.neg_fma(t, t, one), dc);
            if let Some(clip) = self.clip {
                dc = s.select(s.ge(s.abs(c), s.splat(clip)), s.splat(0.0), dc);
            }
            let dz = [
                s.mul(s.mul(dc, g), s.neg_fma(i, i, i)),
                s.mul(s.mul(dc, before), s.neg_fma(f, f, f)),
                s.mul(s.mul(dc, i), s.neg_fma(g, g, one)),
                s.mul(s.mul(dh, t), s.neg_fma(o, o, o)),
            ];
            let own = self.dz.row(row).add(at);
            let all = self.dz_all.add(token * self.gates_stride + at);
            for (gate, dz) in dz.into_iter().enumerate() {
                store::<S, WHOLE>(s, dz, own.add(gate * cells), left);
                store::<S, WHOLE>(s, dz, all.add(gate * cells), left);
            }
            store::<S, WHOLE>(s, s.mul(dc, f), state, left);
            if !self.m.is_null() {
                store::<S, WHOLE>(s, s.mul(o, t), self.m.add(token * cells + at), left);
            }
        }
    }
}

/// `y = cut(y)` of projected rows, in place and by tokens.
pub(super) struct Cut<'a> {
    pub(super) tokens: &'a [usize],
    pub(super) outputs: usize,
    pub(super) clip: Option<f32>,
    pub(super) h: Compact,
    pub(super) y: *mut f32,
    pub(super) y_stride: usize,
}

impl Kernel for Cut<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for (row, token) in self.tokens.iter().enumerate() {
            let (h, y) = (self.h.row(row), self.y.wrapping_add(token * self.y_stride));
            for at in (0..self.outputs).step_by(S::LANES) {
                let left = self.outputs - at;
                // SAFETY: whoever made the pass promises its pointers for all rows and outputs.
                unsafe {
                    let v = cut(s, s.load_first(h.add(at), left), self.clip);
                    s.store_first(v, h.add(at), left);
                    s.store_first(v, y.add(at), left);
                }
            }
        }
    }
}

/// The gradient by a projection's outputs, 0 where they were cut: `to = dh + dy`, and by tokens.
pub(super) struct CutAdjoint<'a> {
    pub(super) tokens: &'a [usize],
    pub(super) outputs: usize,
    pub(super) clip: Option<f32>,
    pub(super) dh: Compact,
    /// Both by tokens, at the direction's first column.
    pub(super) y: *const f32,
    pub(super) dy: *const f32,
    pub(super) y_stride: usize,
    pub(super) to: Compact,
    /// `[tokens, outputs]`
    pub(super) all: *mut f32,
}

impl Kernel for CutAdjoint<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for (row, token) in self.tokens.iter().enumerate() {
            let outer = token * self.y_stride;
            for at in (0..self.outputs).step_by(S::LANES) {
                let left = self.outputs - at;
                // SAFETY: whoever made the pass promises its pointers for all rows and outputs.
                unsafe {
                    let dh = s.load_first(self.dh.row(row).add(at), left);
                    let mut dh = s.add(dh, s.load_first(self.dy.add(outer + at), left));
                    if let Some(clip) = self.clip {
                        let y = s.abs(s.load_first(self.y.add(outer + at), left));
                        dh = s.select(s.ge(y, s.splat(clip)), s.splat(0.0), dh);
                    }
                    s.store_first(dh, self.to.row(row).add(at), left);
                    s.store_first(dh, self.all.add(token * self.outputs + at), left);
                }
            }
        }
    }
}

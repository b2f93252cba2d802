//! The adjoint of an LSTM's steps, from each sequence's last step to its first.
//!
//! With `g_h` the gradient by h from outside: `dh = g_h + R^T dz_after`; with a projection
//! `dm = P^T dh`, else `dm = dh`; `do = dm tanh(c)`, `dc = dm o (1 - tanh(c)^2) + dc_after f_after`,
//! `di = dc g`, `df = dc c_before`, `dg = dc i`, and dz by the slopes of sigmoid and tanh. An
//! element that lies on a clip counts as cut: its gradient is 0. Nothing is summed over tokens here:
//! `dW = dz^T x`, `dR = dz^T h_before` and `dP = dh^T m` are one product each over all of them.
//! Cost: as the forward.

use super::gates::{Compact, CutAdjoint, GatesAdjoint};
use super::shape::{LstmShape, Sequence, active, stride, take};
use crate::Pool;
use crate::gemm::{Columns, FewRows, PackedMatrix, Scratch, with_scratch};
use crate::isa::dispatch_on;

/// One direction of a layer, backward.
#[derive(Debug)]
pub struct Adjoint<'a> {
    /// R's transpose, `[outputs, 4 cells]`.
    pub recurrent: &'a PackedMatrix,
    /// P's transpose, `[cells, outputs]`.
    pub projection: Option<&'a PackedMatrix>,
    /// As in the forward.
    pub reversed: bool,
    /// `[tokens, 4 cells]` at [`LstmShape::gates_stride`]: i, f, g and o.
    pub gates: &'a [f32],
    /// `[tokens, cells]`: c'.
    pub memory: &'a [f32],
    /// `[tokens, 4 cells]` at the same stride, written: the gradient by z.
    pub dz: &'a mut [f32],
    /// `[tokens, outputs]`, written: h of the token before, zeros at a sequence's first.
    pub before: &'a mut [f32],
    /// `[tokens, outputs]` and `[tokens, cells]`, written; wanted where there is a projection: the
    /// gradient by its output, and what it projected.
    pub projected: Option<(&'a mut [f32], &'a mut [f32])>,
}

impl Adjoint<'_> {
    fn check(&self, shape: &LstmShape<'_>, tokens: usize) {
        let LstmShape { cells, outputs, .. } = *shape;
        let r = self.recurrent;
        let found = (r.outputs(), r.inputs());
        assert_eq!(found, (outputs, 4 * cells), "R's transpose of an LSTM of {cells} cells");
        let projection = self.projection.map_or((cells, cells), |p| (p.outputs(), p.inputs()));
        assert_eq!(projection, (cells, outputs), "P's transpose of an LSTM of {cells} cells");
        let same = self.projection.is_none_or(|p| p.isa() == r.isa());
        assert!(same, "an LSTM's matrices are packed for different instruction sets");
        let stride = LstmShape::gates_stride(cells);
        shape.check("gates", self.gates.len(), (tokens, stride));
        shape.check("memory", self.memory.len(), (tokens, cells));
        shape.check("dz", self.dz.len(), (tokens, stride));
        shape.check("h before", self.before.len(), (tokens, outputs));
        assert_eq!(self.projection.is_some(), self.projected.is_some(), "what was projected");
        if let Some((dp, m)) = &self.projected {
            shape.check("gradient of a projection", dp.len(), (tokens, outputs));
            shape.check("what was projected", m.len(), (tokens, cells));
        }
    }
}

/// From h of all tokens, `y`, and the gradient by it, `dy`, both `[tokens, directions * outputs]`.
///
/// # Panics
/// Where lengths do not fit the shapes.
pub fn backward(
    pool: &Pool,
    shape: &LstmShape<'_>,
    directions: &mut [Adjoint<'_>],
    y: &[f32],
    dy: &[f32],
) {
    let (tokens, all) = (shape.tokens(), directions.len() * shape.outputs);
    shape.check("y", y.len(), (tokens, all));
    shape.check("gradient by y", dy.len(), (tokens, all));
    directions.iter().for_each(|d| d.check(shape, tokens));
    let groups = shape.groups(pool, directions.len());
    let walks: Vec<Walk<'_>> = directions
        .iter_mut()
        .enumerate()
        .map(|(place, d)| Walk {
            shape,
            recurrent: d.recurrent,
            projection: d.projection,
            reversed: d.reversed,
            gates: d.gates.as_ptr(),
            memory: d.memory.as_ptr(),
            dz: d.dz.as_mut_ptr(),
            before: d.before.as_mut_ptr(),
            projected: d.projected.as_mut().map(|(dp, m)| (dp.as_mut_ptr(), m.as_mut_ptr())),
            y: y.as_ptr().wrapping_add(place * shape.outputs),
            dy: dy.as_ptr().wrapping_add(place * shape.outputs),
            y_stride: all,
        })
        .collect();
    pool.run(walks.len() * groups.len(), &|task| {
        let (walk, group) = (&walks[task / groups.len()], &groups[task % groups.len()]);
        with_scratch(Scratch::Steps, walk.scratch(group.len()), |scratch| {
            // SAFETY: lengths were checked; the tokens of a task are its own.
            unsafe { walk.run(group, scratch) }
        });
    });
}

/// One direction back through time.
struct Walk<'a> {
    shape: &'a LstmShape<'a>,
    recurrent: &'a PackedMatrix,
    projection: Option<&'a PackedMatrix>,
    reversed: bool,
    gates: *const f32,
    memory: *const f32,
    dz: *mut f32,
    before: *mut f32,
    projected: Option<(*mut f32, *mut f32)>,
    /// Both at this direction's first column.
    y: *const f32,
    dy: *const f32,
    y_stride: usize,
}

// SAFETY: tasks take disjoint sequences of a direction, and directions disjoint columns.
unsafe impl Sync for Walk<'_> {}

/// What a group holds from step to step.
struct Held {
    dh: Compact,
    dc: Compact,
    dz: Compact,
    /// With a projection: the gradient by its output and by its input.
    dp: Compact,
    dm: Compact,
}

impl Walk<'_> {
    fn scratch(&self, rows: usize) -> usize {
        let LstmShape { cells, outputs, .. } = *self.shape;
        rows * (2 * stride(outputs) + 2 * stride(cells) + stride(4 * cells))
    }

    fn hold(&self, rows: usize, mut scratch: &mut [f32]) -> Held {
        let LstmShape { cells, outputs, .. } = *self.shape;
        let mut compact = |width: usize| {
            let stride = stride(width);
            let at = take(&mut scratch, rows * stride);
            at.fill(0.0);
            Compact { at: at.as_mut_ptr(), stride }
        };
        let (dh, dp) = (compact(outputs), compact(outputs));
        let (dc, dm) = (compact(cells), compact(cells));
        Held { dh, dc, dz: compact(4 * cells), dp, dm }
    }

    /// All steps of a group, the last first. Sequences join when their last step comes, with
    /// zeros.
    ///
    /// # Safety
    /// Pointers are valid for the shape, and the sequences are this task's own.
    unsafe fn run(&self, group: &[Sequence], scratch: &mut [f32]) {
        let held = self.hold(group.len(), scratch);
        let steps = group.first().map_or(0, |longest| longest.length);
        for step in (0..steps).rev() {
            let group = &group[..active(group, step)];
            let at = |step: usize| -> Vec<usize> {
                group.iter().map(|sequence| sequence.token(step, self.reversed)).collect()
            };
            let (tokens, earlier) = (at(step), if step > 0 { at(step - 1) } else { Vec::new() });
            // SAFETY: promised by the caller.
            unsafe {
                self.step(&tokens, &earlier, &held);
                if step > 0 {
                    let rows = tokens.len();
                    multiply(self.recurrent, rows, held.dz, held.dh);
                }
            }
        }
    }

    /// # Safety
    /// As [`Walk::run`].
    unsafe fn step(&self, tokens: &[usize], earlier: &[usize], held: &Held) {
        let LstmShape { cells, outputs, cell_clip, projection_clip, .. } = *self.shape;
        let (isa, y_stride) = (self.recurrent.isa(), self.y_stride);
        for (row, token) in tokens.iter().enumerate() {
            // SAFETY: tokens are inside both arrays.
            unsafe {
                let to = self.before.add(token * outputs);
                match earlier.get(row) {
                    Some(token) => {
                        let from = self.y.add(token * y_stride);
                        from.copy_to_nonoverlapping(to, outputs);
                    }
                    None => to.write_bytes(0, outputs),
                }
            }
        }
        let (mut dh, mut dy, mut m) = (held.dh, self.dy, std::ptr::null_mut());
        if let (Some(projection), Some((all, projected))) = (self.projection, self.projected) {
            let (clip, y, dy_all, to) = (projection_clip, self.y, self.dy, held.dp);
            let pass = CutAdjoint { tokens, outputs, clip, dh, y, dy: dy_all, y_stride, to, all };
            dispatch_on(isa, pass);
            // SAFETY: both have that many rows.
            unsafe { multiply(projection, tokens.len(), held.dp, held.dm) }
            (dh, dy, m) = (held.dm, std::ptr::null(), projected);
        }
        dispatch_on(
            isa,
            GatesAdjoint {
                tokens,
                earlier,
                cells,
                clip: cell_clip,
                gates: self.gates,
                gates_stride: LstmShape::gates_stride(cells),
                memory: self.memory,
                dh,
                dy,
                dy_stride: y_stride,
                dc: held.dc,
                dz: held.dz,
                dz_all: self.dz,
                m,
            },
        );
    }
}

/// `out = x W^T` for some rows.
///
/// # Safety
/// Both have that many rows, of the matrix's widths.
unsafe fn multiply(weights: &PackedMatrix, rows: usize, x: Compact, out: Compact) {
    let columns = [Columns { first: 0, count: weights.outputs(), at: 0 }];
    let (x, out) = ((x.at.cast_const(), x.stride), (out.at, out.stride));
    // SAFETY: promised by the caller.
    unsafe { FewRows { x, rows, weights, columns: &columns, then: 0, out }.run() }
}

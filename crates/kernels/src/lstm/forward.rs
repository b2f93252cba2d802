//! `i, f, o = sigmoid(z_i), sigmoid(z_f), sigmoid(z_o)`, `g = tanh(z_g)`, `c' = f c + i g`,
//! `h = o tanh(c')`, or `h = P (o tanh(c'))`, where `z = (W x + b) + R h_before`.
//!
//! Hochreiter and Schmidhuber 1997; forget gate: Gers, Schmidhuber and Cummins 2000; projection:
//! Sak, Senior and Beaufays 2014. The inputs' share `W x + b` of all tokens comes from one product
//! before; here is what goes step by step. R is packed, and at each step multiplied with the h of
//! all sequences of a group (see `shape`). Where the cells are whole panels, the four gates of one
//! panel of cells are computed together and become h while they are in the L1 cache; the results
//! are the same bits as otherwise. Kept for backward: i, f, g, o and c'. Cost: `8 * cells * outputs`
//! operations a token, and `2 * cells * outputs` with a projection.

use super::gates::{Compact, Cut, Gates};
use super::shape::{LstmShape, Sequence, active, stride, take};
use crate::Pool;
use crate::gemm::{Columns, FewRows, PackedMatrix, Scratch, panel_width, with_scratch};
use crate::isa::dispatch_on;

/// One direction of a layer, forward.
#[derive(Debug)]
pub struct Direction<'a> {
    /// R `[4 cells, outputs]`: input, forget, memory and output gate.
    pub recurrent: &'a PackedMatrix,
    /// P `[outputs, cells]`
    pub projection: Option<&'a PackedMatrix>,
    /// From each sequence's end to its begin.
    pub reversed: bool,
    /// `[tokens, 4 cells]` at [`LstmShape::gates_stride`]: the inputs' share of z; afterwards i, f, g and o where `memory` is
    /// wanted, else unspecified.
    pub gates: &'a mut [f32],
    /// `[tokens, cells]`: c' of each token.
    pub memory: Option<&'a mut [f32]>,
    /// h `[sequences, outputs]` and c `[sequences, cells]` to begin with, and those at the end.
    pub state: Option<(&'a mut [f32], &'a mut [f32])>,
}

impl Direction<'_> {
    fn check(&self, shape: &LstmShape<'_>, tokens: usize) {
        let LstmShape { cells, outputs, .. } = *shape;
        let r = self.recurrent;
        let found = (r.outputs(), r.inputs());
        assert_eq!(found, (4 * cells, outputs), "R of an LSTM of {cells} cells");
        let projection = self.projection.map_or((cells, cells), |p| (p.outputs(), p.inputs()));
        assert_eq!(projection, (outputs, cells), "projection of an LSTM of {cells} cells");
        let same = self.projection.is_none_or(|p| p.isa() == r.isa());
        assert!(same, "an LSTM's matrices are packed for different instruction sets");
        shape.check("gates", self.gates.len(), (tokens, LstmShape::gates_stride(cells)));
        if let Some(memory) = &self.memory {
            shape.check("memory", memory.len(), (tokens, cells));
        }
        if let Some((hidden, cell)) = &self.state {
            shape.check("hidden state", hidden.len(), (shape.sequences(), outputs));
            shape.check("cell state", cell.len(), (shape.sequences(), cells));
        }
    }
}

/// Writes h of all tokens to `y` `[tokens, directions * outputs]`, directions side by side.
///
/// # Panics
/// Where lengths do not fit the shapes.
pub fn forward(
    pool: &Pool,
    shape: &LstmShape<'_>,
    directions: &mut [Direction<'_>],
    y: &mut [f32],
) {
    let (tokens, all) = (shape.tokens(), directions.len() * shape.outputs);
    shape.check("y", y.len(), (tokens, all));
    directions.iter().for_each(|d| d.check(shape, tokens));
    let groups = shape.groups(pool, directions.len());
    let null = std::ptr::null_mut;
    let walks: Vec<Walk<'_>> = directions
        .iter_mut()
        .enumerate()
        .map(|(place, d)| Walk {
            shape,
            recurrent: d.recurrent,
            projection: d.projection,
            reversed: d.reversed,
            gates: d.gates.as_mut_ptr(),
            memory: d.memory.as_mut().map_or(null(), |memory| memory.as_mut_ptr()),
            state: d.state.as_mut().map(|(h, c)| (h.as_mut_ptr(), c.as_mut_ptr())),
            y: y.as_mut_ptr().wrapping_add(place * shape.outputs),
            y_stride: all,
        })
        .collect();
    pool.run(walks.len() * groups.len(), &|task| {
        let (walk, group) = (&walks[task / groups.len()], &groups[task % groups.len()]);
        with_scratch(Scratch::Steps, walk.scratch(group.len()), |scratch| {
            // SAFETY: lengths were checked; the tokens and states of a task are its own.
            unsafe { walk.run(group, scratch) }
        });
    });
}

/// One direction through time.
struct Walk<'a> {
    shape: &'a LstmShape<'a>,
    recurrent: &'a PackedMatrix,
    projection: Option<&'a PackedMatrix>,
    reversed: bool,
    gates: *mut f32,
    /// Or null.
    memory: *mut f32,
    state: Option<(*mut f32, *mut f32)>,
    /// At this direction's first column.
    y: *mut f32,
    y_stride: usize,
}

// SAFETY: tasks take disjoint sequences of a direction, and directions disjoint columns.
unsafe impl Sync for Walk<'_> {}

/// What a group holds from step to step.
struct Held {
    /// h of the step before, and where the next one goes: the same place where it is projected.
    h: [Compact; 2],
    c: Compact,
    /// What is projected.
    m: Compact,
    z: Compact,
}

impl Walk<'_> {
    /// Cells that one pass handles.
    fn block(&self) -> usize {
        let (cells, width) = (self.shape.cells, panel_width(self.recurrent.isa()));
        if cells.is_multiple_of(width) { width } else { cells }
    }

    fn scratch(&self, rows: usize) -> usize {
        let LstmShape { cells, outputs, .. } = *self.shape;
        rows * (2 * stride(outputs) + 2 * stride(cells) + stride(4 * self.block()))
    }

    fn hold(&self, rows: usize, mut scratch: &mut [f32]) -> Held {
        let LstmShape { cells, outputs, .. } = *self.shape;
        let mut compact = |width: usize| {
            let stride = stride(width);
            let at = take(&mut scratch, rows * stride);
            at.fill(0.0);
            Compact { at: at.as_mut_ptr(), stride }
        };
        let (h, c, m) = ([compact(outputs), compact(outputs)], compact(cells), compact(cells));
        Held { h, c, m, z: compact(4 * self.block()) }
    }

    /// All steps of a group.
    ///
    /// # Safety
    /// Pointers are valid for the shape, and the sequences are this task's own.
    unsafe fn run(&self, group: &[Sequence], scratch: &mut [f32]) {
        let LstmShape { cells, outputs, .. } = *self.shape;
        let mut held = self.hold(group.len(), scratch);
        // SAFETY: each sequence has a row of the state, and one of what is held.
        unsafe {
            if let Some((hidden, cell)) = self.state {
                for (row, sequence) in group.iter().enumerate() {
                    let from = hidden.add(sequence.number * outputs);
                    from.copy_to_nonoverlapping(held.h[0].row(row), outputs);
                    let from = cell.add(sequence.number * cells);
                    from.copy_to_nonoverlapping(held.c.row(row), cells);
                }
            }
            let steps = group.first().map_or(0, |longest| longest.length);
            let (mut tokens, mut next) = (Vec::new(), self.tokens(group, 0));
            for step in 0..steps {
                std::mem::swap(&mut tokens, &mut next);
                next = self.tokens(group, step + 1);
                self.step(step, &tokens, &next, &held);
                if self.projection.is_none() {
                    held.h.swap(0, 1);
                }
            }
            if let Some((hidden, cell)) = self.state {
                for (row, sequence) in group.iter().enumerate() {
                    let last = sequence.token(sequence.length - 1, self.reversed);
                    let from = self.y.add(last * self.y_stride);
                    from.copy_to_nonoverlapping(hidden.add(sequence.number * outputs), outputs);
                    let to = cell.add(sequence.number * cells);
                    held.c.row(row).copy_to_nonoverlapping(to, cells);
                }
            }
        }
    }

    /// The tokens of a step.
    fn tokens(&self, group: &[Sequence], step: usize) -> Vec<usize> {
        let active = &group[..active(group, step)];
        active.iter().map(|sequence| sequence.token(step, self.reversed)).collect()
    }

    /// # Safety
    /// As [`Walk::run`].
    unsafe fn step(&self, step: usize, tokens: &[usize], next: &[usize], held: &Held) {
        let LstmShape { cells, outputs, cell_clip, projection_clip, .. } = *self.shape;
        let (isa, block, rows) = (self.recurrent.isa(), self.block(), tokens.len());
        let to = if self.projection.is_some() { held.m } else { held.h[1] };
        let y = if self.projection.is_some() { std::ptr::null_mut() } else { self.y };
        for first in (0..cells).step_by(block) {
            let after = if first + block < cells { first + block } else { 0 };
            if step > 0 || self.state.is_some() {
                let (x, z) = (held.h[0], held.z);
                // SAFETY: h and z have that many rows.
                unsafe { self.recurrent_share((x.at, x.stride), rows, first, after, z) }
            }
            // What is still 0 before the first step is its recurrent share.
            dispatch_on(
                isa,
                Gates {
                    tokens,
                    next: if after > 0 { (tokens, after) } else { (next, 0) },
                    first,
                    count: block,
                    cells,
                    clip: cell_clip,
                    gates: self.gates,
                    gates_stride: LstmShape::gates_stride(cells),
                    rest: held.z,
                    gap: block,
                    cell: held.c.from(first),
                    to: to.from(first),
                    memory: self.memory,
                    y,
                    y_stride: self.y_stride,
                },
            );
        }
        if let Some(projection) = self.projection {
            let (m, h) = (held.m, held.h[0]);
            let columns = [Columns { first: 0, count: outputs, at: 0 }];
            let (x, out) = ((m.at.cast_const(), m.stride), (h.at, h.stride));
            let weights = projection;
            // SAFETY: m and h have that many rows.
            unsafe { FewRows { x, rows, weights, columns: &columns, then: 0, out }.run() }
            let (clip, y, y_stride) = (projection_clip, self.y, self.y_stride);
            dispatch_on(isa, Cut { tokens, outputs, clip, h, y, y_stride });
        }
    }

    /// `R h` for all four gates of some cells.
    ///
    /// # Safety
    /// x and z have that many rows.
    unsafe fn recurrent_share(
        &self,
        x: (*mut f32, usize),
        rows: usize,
        first: usize,
        after: usize,
        z: Compact,
    ) {
        let (cells, count, weights) = (self.shape.cells, self.block(), self.recurrent);
        let gate = |gate: usize| Columns { first: gate * cells + first, count, at: gate * count };
        let panels = [gate(0), gate(1), gate(2), gate(3)];
        // One pass takes all cells where their panels are not whole: gates share panels then.
        let all = [Columns { first: 0, count: 4 * cells, at: 0 }];
        let columns = if count == cells { &all[..] } else { &panels[..] };
        let (x, out) = ((x.0.cast_const(), x.1), (z.at, z.stride));
        // SAFETY: promised by the caller.
        unsafe { FewRows { x, rows, weights, columns, then: after, out }.run() }
    }
}

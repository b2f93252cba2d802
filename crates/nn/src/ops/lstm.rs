//! `i, f, o = sigmoid(z_i), sigmoid(z_f), sigmoid(z_o)` and `g = tanh(z_g)` of
//! `z = W x + b + R h_before`; `c = f c_before + i g`; `h = o tanh(c)`, or `h = P (o tanh(c))`.
//!
//! Hochreiter and Schmidhuber 1997, with the forget gate of Gers, Schmidhuber and Cummins 2000,
//! eqs. 1 to 6; projection: Sak, Senior and Beaufays 2014, eqs. 1 to 7 (without peepholes); both
//! clips as in ELMo's implementation (Peters et al. 2018). A direction that is `reversed` runs
//! from each sequence's end to its begin. Shapes: x `[tokens, inputs]`, W `[4 cells, inputs]`,
//! R `[4 cells, outputs]`, b `[4 cells]`, P `[outputs, cells]`, y `[tokens, directions * outputs]`.
//! Kept for backward, for each direction: i, f, g, o `[tokens, 4 cells]` and c `[tokens, cells]`.
//! Cost: `8 * tokens * cells * (inputs + outputs)` operations a direction, and `2 * tokens * cells *
//! outputs` with a projection; twice as many backward. The inputs' share is one product; the rest
//! is as many steps as the longest sequence has tokens.
//!
//! Adjoint, from each sequence's last step to its first, with `g_h` the gradient by h:
//! - `dh = g_h + R^T dz_after`, 0 where the projection was cut; `dm = P^T dh`
//! - `do = dm tanh(c)`, `dc = dm o (1 - tanh(c)^2) + dc_after f_after`, 0 where c was cut
//! - `di = dc g`, `df = dc c_before`, `dg = dc i`; dz by the slopes of sigmoid and tanh
//! - `dW = dz^T x`, `dR = dz^T h_before`, `db = sum of dz`, `dP = dh^T m`, `dx = dz W`
//!
//! An element that lies on a clip counts as cut.

use std::sync::{Arc, Mutex};

use contexture_kernels::gemm::{self, Epilogue, Operand, Output, PackedMatrix};
use contexture_kernels::isa::Isa;
use contexture_kernels::lstm::{Adjoint, Direction, LstmShape, backward, forward};
use contexture_kernels::{Pool, Store};

use crate::{Backward, Forward, Matrix, Op, Param, Rows, Segments, Weights};

/// The parameters of one direction. The gates' rows come in the order input, forget, memory,
/// output.
#[derive(Debug, Clone, Copy)]
pub struct LstmDirection {
    /// W `[4 cells, inputs]`
    pub input: Param,
    /// R `[4 cells, outputs]`
    pub recurrent: Param,
    /// b `[4 cells]`
    pub bias: Param,
    /// P `[outputs, cells]`; without it `outputs = cells`.
    pub projection: Option<Param>,
    /// From each sequence's end to its begin.
    pub reversed: bool,
}

/// Which of the input's columns a direction reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reads {
    /// All.
    #[default]
    All,
    /// As many as it has inputs, those of direction d at `d * inputs`.
    Own,
}

/// Where all sequences of a direction stand.
#[derive(Debug, Clone, PartialEq)]
pub struct LstmState {
    /// h `[sequences, outputs]`
    pub hidden: Rows,
    /// c `[sequences, cells]`
    pub cell: Rows,
}

/// State that is carried from one forward to the next: one a direction, or none for zeros. Clones
/// share it.
#[derive(Debug, Clone, Default)]
pub struct LstmCarry(Arc<Mutex<Vec<LstmState>>>);

impl LstmCarry {
    /// The states that the next forward begins with.
    pub fn states(&self) -> Vec<LstmState> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// Lets the next forward begin with these; none for zeros.
    pub fn set(&self, states: Vec<LstmState>) {
        *self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = states;
    }

    /// Lets sequence i go on from the state of sequence `parents[i]`.
    pub fn follow(&self, parents: &[usize]) {
        let chosen = |rows: &Rows| {
            let rows_of = parents.iter().flat_map(|parent| rows.row(*parent)).copied();
            let mut chosen = Rows::zeros(parents.len(), rows.width());
            chosen.as_mut_slice().iter_mut().zip(rows_of).for_each(|(to, from)| *to = from);
            chosen
        };
        let states = self.states();
        let following = states
            .iter()
            .map(|state| LstmState { hidden: chosen(&state.hidden), cell: chosen(&state.cell) });
        self.set(following.collect());
    }

    /// Lets the next forward begin with zeros.
    pub fn clear(&self) {
        self.set(Vec::new());
    }
}

/// A layer of one or more directions, side by side in the output. Input: x.
#[derive(Debug, Clone)]
pub struct Lstm {
    /// All of the same numbers of cells and outputs.
    pub directions: Vec<LstmDirection>,
    /// Which columns of x each of them reads.
    pub reads: Reads,
    /// Cells are cut to plus and minus this.
    pub cell_clip: Option<f32>,
    /// Projected outputs are cut to plus and minus this.
    pub projection_clip: Option<f32>,
    /// State read before and written after a forward; for inference only.
    pub carry: Option<LstmCarry>,
}

impl Lstm {
    fn cells(&self) -> usize {
        self.directions[0].recurrent.rows / 4
    }

    fn outputs(&self) -> usize {
        self.directions[0].recurrent.width
    }

    fn shape<'a>(&self, segments: &'a Segments) -> LstmShape<'a> {
        LstmShape {
            cells: self.cells(),
            outputs: self.outputs(),
            cell_clip: self.cell_clip,
            projection_clip: self.projection_clip,
            offsets: segments.offsets(),
        }
    }

    /// Asserts that all shapes fit each other and rows of `width`.
    fn check(&self, weights: &Weights, width: usize) {
        assert!(!self.directions.is_empty(), "an LSTM without a direction");
        let (cells, outputs) = (self.cells(), self.outputs());
        for d in &self.directions {
            let LstmDirection { input, recurrent, bias, projection, .. } = *d;
            let name = weights.name(recurrent);
            let inputs = match self.reads {
                Reads::All => width,
                Reads::Own => width / self.directions.len(),
            };
            assert!(
                (recurrent.rows, recurrent.width) == (4 * cells, outputs)
                    && (input.rows, input.width, bias.len()) == (4 * cells, inputs, 4 * cells),
                "{name} [{}, {}], input [{}, {}] and bias [{}] of {cells} cells on [_, {inputs}]",
                recurrent.rows,
                recurrent.width,
                input.rows,
                input.width,
                bias.len()
            );
            let projected = projection.map_or((cells, cells), |p| (p.rows, p.width));
            assert!(
                projected == (outputs, cells),
                "{name}: a projection [{}, {}] of {cells} cells to {outputs}",
                projected.0,
                projected.1
            );
        }
    }

    /// The columns of x that direction number `index` reads.
    fn read<'a>(&self, x: &'a Rows, index: usize) -> Operand<'a> {
        let first = match self.reads {
            Reads::All => 0,
            Reads::Own => index * self.directions[index].input.width,
        };
        // An x without rows has no columns to skip.
        Operand::new(x.as_slice().get(first..).unwrap_or_default(), x.width())
    }

    fn begin(&self, sequences: usize) -> Option<Vec<LstmState>> {
        let carry = self.carry.as_ref()?;
        let mut states = carry.states();
        if states.is_empty() {
            let zeros = || LstmState {
                hidden: Rows::zeros(sequences, self.outputs()),
                cell: Rows::zeros(sequences, self.cells()),
            };
            states = self.directions.iter().map(|_| zeros()).collect();
        }
        assert_eq!(states.len(), self.directions.len(), "carried states against directions");
        for LstmState { hidden, cell } in &states {
            assert_eq!((hidden.rows(), cell.rows()), (sequences, sequences), "carried sequences");
            let widths = (hidden.width(), cell.width());
            assert_eq!(widths, (self.outputs(), self.cells()), "widths of a carried state");
        }
        Some(states)
    }
}

/// Parameters as the product kernel wants them, in order; plain ones are packed on the way, so that
/// both give the same bits.
fn packed(weights: &Weights, pool: &Pool, params: &[Param]) -> Vec<PackedMatrix> {
    let plain: Vec<_> = (params.iter())
        .filter_map(|param| match weights.matrix(*param) {
            Matrix::Plain(plain) => Some((plain, param.rows, param.width)),
            Matrix::Packed(_) => None,
            Matrix::Quantised(_) => panic!("{} must be f32", weights.name(*param)),
        })
        .collect();
    let mut made = PackedMatrix::pack_all(pool, &plain).into_iter();
    let of = |param: &Param| match weights.matrix(*param) {
        Matrix::Packed(packed) => Some(packed.clone()),
        Matrix::Plain(_) => made.next(),
        Matrix::Quantised(_) => None,
    };
    params.iter().filter_map(of).collect()
}

fn transposed(weights: &Weights, pool: &Pool, param: Param) -> PackedMatrix {
    let Param { rows, width, .. } = param;
    PackedMatrix::pack_transposed_for(Isa::current(), pool, weights.plain(param), rows, width)
}

impl Op for Lstm {
    fn name(&self) -> &'static str {
        "lstm"
    }

    fn forward(&self, cx: &mut Forward<'_>) -> Rows {
        let (x, segments) = (cx.input(0), cx.segments);
        self.check(cx.weights, x.width());
        let keeps = cx.keeps();
        assert!(!(keeps && self.carry.is_some()), "a carried state cannot be trained through");
        let (cells, tokens) = (self.cells(), x.rows());
        let stride = LstmShape::gates_stride(cells);
        let mut y = cx.rows(tokens, self.directions.len() * self.outputs());
        let mut states = self.begin(segments.len());
        let (mut gates, mut memories) = (Vec::new(), Vec::new());
        let of = |pick: fn(&LstmDirection) -> Option<Param>| {
            let params: Vec<Param> = self.directions.iter().filter_map(pick).collect();
            packed(cx.weights, cx.pool, &params)
        };
        let (inputs, recurrent) = (of(|d| Some(d.input)), of(|d| Some(d.recurrent)));
        let projections = of(|d| d.projection);
        for (index, d) in self.directions.iter().enumerate() {
            let mut z = cx.rows(tokens, stride);
            let bias = Some(cx.weights.plain(d.bias));
            let epilogue = Epilogue { bias, ..Epilogue::default() };
            let (x, weight, to) = (self.read(x, index), &inputs[index], z.as_mut_slice());
            gemm::linear_of(cx.pool, x, tokens, weight, &epilogue, (to, stride));
            gates.push(z);
            memories.extend(keeps.then(|| cx.rows(tokens, cells)));
        }
        let mut memory = memories.iter_mut();
        let mut state = states.iter_mut().flatten();
        let mut directions: Vec<Direction<'_>> = (self.directions.iter().zip(&recurrent))
            .zip(&mut gates)
            .enumerate()
            .map(|(index, ((d, recurrent), gates))| Direction {
                recurrent,
                projection: projections.get(index),
                reversed: d.reversed,
                gates: gates.as_mut_slice(),
                memory: memory.next().map(Rows::as_mut_slice),
                state: state.next().map(|s| (s.hidden.as_mut_slice(), s.cell.as_mut_slice())),
            })
            .collect();
        forward(cx.pool, &self.shape(segments), &mut directions, y.as_mut_slice());
        drop(directions);
        gates.into_iter().chain(memories).for_each(|rows| cx.keep(rows));
        if let (Some(carry), Some(states)) = (&self.carry, states) {
            carry.set(states);
        }
        y
    }

    fn backward(&self, cx: &mut Backward<'_>) {
        let (pool, tokens, count) = (cx.pool, cx.output.rows(), self.directions.len());
        let (cells, outputs) = (self.cells(), self.outputs());
        let rows = |width: usize| -> Vec<Rows> {
            self.directions.iter().map(|_| cx.rows(tokens, width)).collect()
        };
        let (mut dz, mut before) = (rows(LstmShape::gates_stride(cells)), rows(outputs));
        let with_projection = self.directions[0].projection.is_some();
        let wide = |width: usize| if with_projection { rows(width) } else { Vec::new() };
        let (mut dp, mut m) = (wide(outputs), wide(cells));
        let weights = self.directions.iter().map(|d| {
            let projection = d.projection.map(|p| transposed(cx.weights, pool, p));
            (transposed(cx.weights, pool, d.recurrent), projection)
        });
        let weights: Vec<_> = weights.collect();
        let (gates, memories) = cx.kept.rows.split_at(count);
        let mut projected = dp.iter_mut().zip(&mut m);
        let mut adjoints = Vec::with_capacity(count);
        let written = dz.iter_mut().zip(&mut before);
        for (index, (dz, before)) in written.enumerate() {
            let (recurrent, projection) = &weights[index];
            adjoints.push(Adjoint {
                recurrent,
                projection: projection.as_ref(),
                reversed: self.directions[index].reversed,
                gates: gates[index].as_slice(),
                memory: memories[index].as_slice(),
                dz: dz.as_mut_slice(),
                before: before.as_mut_slice(),
                projected: projected.next().map(|(dp, m)| (dp.as_mut_slice(), m.as_mut_slice())),
            });
        }
        let (y, dy) = (cx.output.as_slice(), cx.gradient.as_slice());
        backward(pool, &self.shape(cx.segments), &mut adjoints, y, dy);
        drop(adjoints);
        let mut over = Store::Over;
        for (index, dz) in dz.iter().enumerate() {
            over = self.add_gradients(cx, (index, over), dz, &before[index]);
            if let Some(projection) = self.directions[index].projection {
                let dw = cx.open_parameter_gradient(projection);
                let shape = (tokens, cells, outputs);
                gemm::weight_gradient(pool, shape, all(&dp[index]), all(&m[index]), dw, None);
            }
        }
        dz.into_iter().chain(before).chain(dp).chain(m).for_each(|rows| cx.give_back(rows));
    }
}

fn all(rows: &Rows) -> Operand<'_> {
    Operand::new(rows.as_slice(), rows.width())
}

impl Lstm {
    /// What dz of a direction says of W, R, b and x. `over` is what this answered for the first
    /// direction: whether nothing was in the gradient by x before.
    fn add_gradients(
        &self,
        cx: &mut Backward<'_>,
        (index, over): (usize, Store),
        dz: &Rows,
        before: &Rows,
    ) -> Store {
        let LstmDirection { input, recurrent, bias, .. } = self.directions[index];
        let (pool, x, tokens) = (cx.pool, cx.input(0), dz.rows());
        let mut db = cx.rows(1, bias.len());
        db.as_mut_slice().fill(0.0);
        let shape = (tokens, input.width, input.rows);
        let (sums, dw) = (Some(db.as_mut_slice()), cx.open_parameter_gradient(input));
        gemm::weight_gradient(pool, shape, all(dz), self.read(x, index), dw, sums);
        cx.add_parameter_gradient(bias, 1.0, db.as_slice());
        cx.give_back(db);
        let dw = cx.open_parameter_gradient(recurrent);
        let shape = (tokens, recurrent.width, recurrent.rows);
        gemm::weight_gradient(pool, shape, all(dz), all(before), dw, None);
        let weights = cx.weights;
        let (dx, found) = cx.open_input_gradient(0);
        // The first direction finds what others have left in dx; the next ones, it.
        let store = if index == 0 { found } else { over };
        let (own, stride) = (self.reads == Reads::Own, dx.width());
        let first = if own { index * input.width } else { 0 };
        let values = dx.as_mut_slice().get_mut(first..).unwrap_or_default();
        if store == Store::Over && (own || index == 0) {
            let w = transposed(weights, pool, input);
            gemm::linear_of(pool, all(dz), tokens, &w, &Epilogue::default(), (values, stride));
        } else {
            let w = Operand::new(weights.plain(input), input.width);
            let out = Output { values, stride, store: Store::Add };
            gemm::matmul(pool, (tokens, input.rows, input.width), all(dz), w, out);
        }
        store
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Builder, Initial, check_gradients};

    struct Case {
        inputs: usize,
        cells: usize,
        projection: Option<usize>,
        reads: Reads,
        reversed: &'static [bool],
        clips: (Option<f32>, Option<f32>),
    }

    fn declare(b: &mut Builder, case: &Case) -> Vec<LstmDirection> {
        let Case { inputs, cells, projection, reversed, .. } = *case;
        let outputs = projection.unwrap_or(cells);
        let normal = Initial::Normal(0.3);
        let direction = |(index, &reversed): (usize, &bool)| {
            b.within(index, |b| LstmDirection {
                input: b.matrix("input.weight", 4 * cells, inputs, normal),
                recurrent: b.matrix("recurrent.weight", 4 * cells, outputs, normal),
                bias: b.vector("input.bias", 4 * cells, Initial::ForgetBias { cells }),
                projection: projection
                    .map(|outputs| b.matrix("projection.weight", outputs, cells, normal)),
                reversed,
            })
        };
        reversed.iter().enumerate().map(direction).collect()
    }

    fn op(case: &Case, directions: &[LstmDirection]) -> Lstm {
        Lstm {
            directions: directions.to_vec(),
            reads: case.reads,
            cell_clip: case.clips.0,
            projection_clip: case.clips.1,
            carry: None,
        }
    }

    #[test]
    fn gradients_equal_finite_differences() {
        let (one, back, both): (&[bool], &[bool], &[bool]) = (&[false], &[true], &[false, true]);
        for (reversed, reads) in
            [(one, Reads::All), (back, Reads::All), (both, Reads::All), (both, Reads::Own)]
        {
            for (projection, clips) in [
                (None, (None, None)),
                (None, (Some(0.25), None)),
                (Some(2), (None, None)),
                (Some(2), (Some(0.25), Some(0.1))),
            ] {
                let case = Case { inputs: 3, cells: 5, projection, reads, reversed, clips };
                let width = if reads == Reads::Own { 3 * reversed.len() } else { 3 };
                let lengths = [4, 0, 1, 3];
                let check = check_gradients(
                    |b| declare(b, &case),
                    |directions| op(&case, directions),
                    &[(8, width)],
                    &lengths,
                    5,
                );
                let outputs = projection.unwrap_or(5);
                let own = 20 * (3 + outputs + 1) + projection.map_or(0, |p| p * 5);
                assert_eq!(check.checked, reversed.len() * own + 8 * width);
                assert!(check.worst < 2e-3, "{reversed:?} {reads:?} {clips:?}: {check:?}");
            }
        }
    }
}

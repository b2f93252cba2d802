//! What an op is: an equation with its adjoint.

use std::sync::Arc;

use contexture_kernels::pointwise::{accumulate, clear};
use contexture_kernels::{Pool, Store};

use crate::tape::ParameterGradients;
use crate::{Param, Recycler, Rows, Segments, Spreads, Weights};

/// One equation of a paper: forward, adjoint, and what there is to see in it.
///
/// An op is a small value that holds its parameters' handles and its settings. It reads its inputs
/// from the context, so that the same op serves inference, training and explanation.
pub trait Op: Send + Sync + 'static {
    /// The op's name in traces and messages.
    fn name(&self) -> &'static str;

    /// Computes the output rows. Rows that `backward` needs besides inputs and output are
    /// computed only where [`Forward::keeps`] says so, and handed to [`Forward::keep`].
    fn forward(&self, cx: &mut Forward<'_>) -> Rows;

    /// Adds this op's share to the gradients of its inputs and parameters.
    fn backward(&self, cx: &mut Backward<'_>);

    /// What can be looked at: attention maps, gates, mix weights. Computed anew from the inputs,
    /// so that watching changes nothing.
    fn reveal(&self, cx: &mut Forward<'_>) -> Vec<Revealed> {
        let _ = cx;
        Vec::new()
    }
}

/// Something that an op shows of its inside.
#[derive(Debug, Clone, PartialEq)]
pub struct Revealed {
    /// What it is, e.g. `attention`.
    pub what: &'static str,
    /// The sequence it belongs to.
    pub segment: usize,
    /// The head it belongs to, where the op has heads.
    pub head: usize,
    /// `[tokens, tokens]` for attention (row = query, column = key).
    pub rows: Rows,
}

/// What a forward keeps for its backward.
#[derive(Debug, Default)]
pub struct Kept {
    /// Intermediate rows, in the order they were kept.
    pub rows: Vec<Rows>,
    /// Intermediate numbers (winners of a maximum, drawn masks).
    pub numbers: Vec<u32>,
}

/// What a forward may read and use.
pub struct Forward<'a> {
    /// The model's values.
    pub weights: &'a Weights,
    /// The threads to run on.
    pub pool: &'a Pool,
    /// Where each sequence begins in the inputs.
    pub segments: &'a Segments,
    pub(crate) inputs: &'a [&'a Rows],
    pub(crate) recycler: &'a Recycler,
    pub(crate) kept: Option<&'a mut Kept>,
    pub(crate) spreads: Option<&'a mut Spreads>,
}

impl<'a> Forward<'a> {
    /// Input number `index`.
    pub fn input(&self, index: usize) -> &'a Rows {
        self.inputs[index]
    }

    /// Input number `index` where the op was given that many.
    pub fn optional_input(&self, index: usize) -> Option<&'a Rows> {
        self.inputs.get(index).copied()
    }

    /// All inputs.
    pub fn inputs(&self) -> &'a [&'a Rows] {
        self.inputs
    }

    /// Rows with unspecified contents: every element must be written.
    pub fn rows(&self, rows: usize, width: usize) -> Rows {
        self.recycler.rows(rows, width)
    }

    /// Gives scratch rows back for the next one who needs memory.
    pub fn give_back(&self, rows: Rows) {
        self.recycler.give_back(rows);
    }

    /// Measures the inputs of a product with `weight`, where someone asked for that.
    pub fn measure(&mut self, weight: Param, x: &Rows) {
        if let Some(spreads) = &mut self.spreads {
            spreads.include(weight, x);
        }
    }

    /// Whether a backward will follow.
    pub fn keeps(&self) -> bool {
        self.kept.is_some()
    }

    /// Keeps rows for the backward; they are dropped at once where none follows.
    pub fn keep(&mut self, rows: Rows) {
        match &mut self.kept {
            Some(kept) => kept.rows.push(rows),
            None => self.recycler.give_back(rows),
        }
    }

    /// Keeps numbers for the backward.
    pub fn keep_numbers(&mut self, numbers: impl IntoIterator<Item = u32>) {
        if let Some(kept) = &mut self.kept {
            kept.numbers.extend(numbers);
        }
    }
}

/// What a backward may read, and the gradients it adds to.
pub struct Backward<'a> {
    /// The model's values; always plain.
    pub weights: &'a Weights,
    /// The threads to run on.
    pub pool: &'a Pool,
    /// Where each sequence begins in the inputs.
    pub segments: &'a Segments,
    /// What the forward returned.
    pub output: &'a Rows,
    /// The loss's gradient by the output, of the output's shape.
    pub gradient: &'a Rows,
    /// What the forward kept.
    pub kept: &'a Kept,
    pub(crate) inputs: &'a [Arc<Rows>],
    pub(crate) recycler: &'a Recycler,
    /// For each input the first one that is the same value: they share a gradient.
    pub(crate) slots: Vec<usize>,
    pub(crate) input_gradients: Vec<Option<Rows>>,
    pub(crate) parameters: &'a mut ParameterGradients,
}

impl<'a> Backward<'a> {
    /// Input number `index` of the forward.
    pub fn input(&self, index: usize) -> &'a Rows {
        &self.inputs[index]
    }

    /// How many inputs the forward had.
    pub fn input_count(&self) -> usize {
        self.inputs.len()
    }

    /// The gradient by input `index`, of that input's shape: zeros at first, to be added to.
    pub fn input_gradient(&mut self, index: usize) -> &mut Rows {
        let pool = self.pool;
        let (rows, store) = self.open_input_gradient(index);
        if store == Store::Over {
            clear(pool, rows.as_mut_slice());
        }
        rows
    }

    /// As [`Backward::input_gradient`] without the zeros: `Store::Over` asks the caller to write
    /// every element, `Store::Add` to add to what is there.
    pub fn open_input_gradient(&mut self, index: usize) -> (&mut Rows, Store) {
        let slot = self.slots[index];
        let (input, recycler) = (&self.inputs[slot], self.recycler);
        let gradient = &mut self.input_gradients[slot];
        let store = if gradient.is_some() { Store::Add } else { Store::Over };
        (gradient.get_or_insert_with(|| recycler.rows(input.rows(), input.width())), store)
    }

    /// Adds `factor * addend` to the gradient by input `index`.
    pub fn add_input_gradient(&mut self, index: usize, factor: f32, addend: &Rows) {
        let pool = self.pool;
        let (sum, store) = self.open_input_gradient(index);
        sum.assert_same_shape(addend, "gradients of one value");
        accumulate(pool, factor, addend.as_slice(), store, sum.as_mut_slice());
    }

    /// Rows with unspecified contents: every element must be written.
    pub fn rows(&self, rows: usize, width: usize) -> Rows {
        self.recycler.rows(rows, width)
    }

    /// Gives scratch rows back for the next one who needs memory.
    pub fn give_back(&self, rows: Rows) {
        self.recycler.give_back(rows);
    }

    /// The gradient by a parameter, `[rows, width]`: to be added to.
    pub fn parameter_gradient(&mut self, param: Param) -> &mut [f32] {
        let pool = self.pool;
        let (gradient, store) = self.parameters.open(param);
        if store == Store::Over {
            clear(pool, gradient);
        }
        gradient
    }

    /// As [`Backward::parameter_gradient`] without the zeros; see
    /// [`Backward::open_input_gradient`].
    pub fn open_parameter_gradient(&mut self, param: Param) -> (&mut [f32], Store) {
        self.parameters.open(param)
    }

    /// Adds `factor * addend` to the gradient by a parameter.
    pub fn add_parameter_gradient(&mut self, param: Param, factor: f32, addend: &[f32]) {
        let pool = self.pool;
        let (sum, store) = self.parameters.open(param);
        accumulate(pool, factor, addend, store, sum);
    }
}

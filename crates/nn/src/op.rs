//! What an op is: an equation with its adjoint.

use std::sync::Arc;

use contexture_kernels::Pool;

use crate::tape::ParameterGradients;
use crate::{Param, Recycler, Rows, Segments, Weights};

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
        let (input, recycler) = (&self.inputs[index], self.recycler);
        self.input_gradients[index].get_or_insert_with(|| {
            let mut zeros = recycler.rows(input.rows(), input.width());
            zeros.as_mut_slice().fill(0.0);
            zeros
        })
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
        self.parameters.of(param)
    }
}

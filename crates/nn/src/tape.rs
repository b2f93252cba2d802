//! Reverse-mode differentiation: what was done, and how to undo it into gradients.

use std::collections::HashMap;
use std::sync::Arc;

use contexture_kernels::Pool;

use crate::{Backward, Kept, Op, Param, Rows, Segments, Weights};

/// One op that ran.
pub(crate) struct Step {
    pub(crate) op: Box<dyn Op>,
    pub(crate) segments: Segments,
    pub(crate) inputs: Vec<(usize, Arc<Rows>)>,
    pub(crate) output: (usize, Arc<Rows>),
    pub(crate) kept: Kept,
}

/// The ops that ran, in order.
#[derive(Default)]
pub(crate) struct Tape {
    pub(crate) steps: Vec<Step>,
}

/// Gradients by parameter, allocated when first touched.
#[derive(Debug, Default)]
pub(crate) struct ParameterGradients {
    by_index: HashMap<usize, Vec<f32>>,
}

impl ParameterGradients {
    /// The gradient of `param`, zeros at first.
    pub(crate) fn of(&mut self, param: Param) -> &mut [f32] {
        self.by_index.entry(param.index).or_insert_with(|| vec![0.0; param.len()])
    }
}

/// The gradients of one backward pass.
#[derive(Debug, Default)]
pub struct Gradients {
    pub(crate) parameters: ParameterGradients,
    pub(crate) values: HashMap<usize, Rows>,
}

impl Gradients {
    /// By a parameter; `None` where the loss does not depend on it.
    pub fn parameter(&self, param: Param) -> Option<&[f32]> {
        self.parameters.by_index.get(&param.index).map(Vec::as_slice)
    }

    /// By a value that entered through `Session::input`; `None` where the loss does not depend
    /// on it.
    pub fn value(&self, value: &crate::Value) -> Option<&Rows> {
        self.values.get(&value.id())
    }
}

impl Tape {
    /// Walks the steps from last to first; `seed` is the loss's gradient by the value `of`.
    pub(crate) fn backward(
        self,
        weights: &Weights,
        pool: &Pool,
        of: usize,
        seed: Rows,
    ) -> Gradients {
        let mut parameters = ParameterGradients::default();
        let mut values = HashMap::from([(of, seed)]);
        for step in self.steps.into_iter().rev() {
            let Some(gradient) = values.remove(&step.output.0) else { continue };
            let inputs: Vec<_> = step.inputs.iter().map(|(_, rows)| rows.clone()).collect();
            let mut cx = Backward {
                weights,
                pool,
                segments: &step.segments,
                output: &step.output.1,
                gradient: &gradient,
                kept: &step.kept,
                inputs: &inputs,
                input_gradients: vec![None; inputs.len()],
                parameters: &mut parameters,
            };
            step.op.backward(&mut cx);
            let found = cx.input_gradients;
            for ((id, _), gradient) in step.inputs.iter().zip(found) {
                if let Some(gradient) = gradient {
                    add_into(&mut values, *id, gradient);
                }
            }
        }
        Gradients { parameters, values }
    }
}

fn add_into(values: &mut HashMap<usize, Rows>, id: usize, gradient: Rows) {
    match values.get_mut(&id) {
        None => {
            values.insert(id, gradient);
        }
        Some(sum) => {
            sum.assert_same_shape(&gradient, "gradients of one value");
            for (a, b) in sum.as_mut_slice().iter_mut().zip(gradient.as_slice()) {
                *a += b;
            }
        }
    }
}

//! Reverse-mode differentiation: what was done, and how to undo it into gradients.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use contexture_kernels::pointwise::accumulate;
use contexture_kernels::{Pool, Store};

use crate::{Backward, Kept, Op, Param, Recycler, Rows, Segments, Value, Weights};

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

/// One parameter's gradient; its memory outlives a step.
#[derive(Debug, Default)]
struct ParameterGradient {
    values: Vec<f32>,
    touched: bool,
}

/// Gradients by parameter, allocated when first touched, written over when first touched again.
#[derive(Debug, Default)]
pub(crate) struct ParameterGradients {
    by_index: Vec<ParameterGradient>,
}

impl ParameterGradients {
    /// The gradient of `param`: `Store::Over` where its contents are old and must all be written.
    pub(crate) fn open(&mut self, param: Param) -> (&mut [f32], Store) {
        if self.by_index.len() <= param.index {
            self.by_index.resize_with(param.index + 1, ParameterGradient::default);
        }
        let gradient = &mut self.by_index[param.index];
        if gradient.values.is_empty() {
            gradient.values = vec![0.0; param.len()];
        }
        let store = if gradient.touched { Store::Add } else { Store::Over };
        gradient.touched = true;
        (&mut gradient.values, store)
    }

    fn touched(&self, param: Param) -> Option<&[f32]> {
        let gradient = self.by_index.get(param.index).filter(|gradient| gradient.touched)?;
        Some(&gradient.values)
    }
}

/// Gradients of one or more backward passes.
#[derive(Debug, Default)]
pub struct Gradients {
    pub(crate) parameters: ParameterGradients,
    pub(crate) values: HashMap<usize, Rows>,
}

impl Gradients {
    /// By a parameter; `None` where the loss does not depend on it.
    pub fn parameter(&self, param: Param) -> Option<&[f32]> {
        self.parameters.touched(param)
    }

    /// By a parameter, to be scaled or clipped; `None` where the loss does not depend on it.
    pub fn parameter_mut(&mut self, param: Param) -> Option<&mut [f32]> {
        self.parameters.touched(param)?;
        Some(self.parameters.open(param).0)
    }

    /// By a value that entered through `Session::input`; `None` where the loss does not depend
    /// on it. Of the last backward pass only.
    pub fn value(&self, value: &Value) -> Option<&Rows> {
        self.values.get(&value.id())
    }

    /// Begins anew; the memory stays for the next pass.
    pub fn clear(&mut self) {
        self.values.clear();
        // Whoever touches one first writes all of it.
        self.parameters.by_index.iter_mut().for_each(|gradient| gradient.touched = false);
    }

    /// The memory that the parameters' gradients take, in bytes.
    pub fn bytes(&self) -> usize {
        self.parameters.by_index.iter().map(|g| g.values.len() * size_of::<f32>()).sum()
    }
}

impl Tape {
    /// Walks the steps from last to first; `seeds` are the loss's gradients by some values.
    pub(crate) fn backward(
        self,
        weights: &Weights,
        pool: &Pool,
        recycler: &Recycler,
        seeds: Vec<(usize, Rows)>,
        gradients: &mut Gradients,
        mut timings: Option<&mut BTreeMap<&'static str, Duration>>,
    ) {
        let Gradients { parameters, values } = gradients;
        values.clear();
        for (id, seed) in seeds {
            add_into(pool, values, recycler, id, seed);
        }
        for step in self.steps.into_iter().rev() {
            let Step { op, segments, inputs, output, kept } = step;
            let Some(gradient) = values.remove(&output.0) else { continue };
            let (ids, inputs): (Vec<_>, Vec<_>) = inputs.into_iter().unzip();
            // What later ops have found already is added to, in the order of the walk.
            let first = |id: &usize| ids.iter().position(|other| other == id).unwrap_or(0);
            let slots: Vec<usize> = ids.iter().map(first).collect();
            let mut input_gradients: Vec<Option<Rows>> = vec![None; ids.len()];
            for &slot in &slots {
                if let Some(found) = values.remove(&ids[slot]) {
                    input_gradients[slot] = Some(found);
                }
            }
            let mut cx = Backward {
                weights,
                pool,
                segments: &segments,
                output: &output.1,
                gradient: &gradient,
                kept: &kept,
                inputs: &inputs,
                recycler,
                slots,
                input_gradients,
                parameters,
            };
            let begun = timings.is_some().then(Instant::now);
            op.backward(&mut cx);
            if let (Some(timings), Some(begun)) = (&mut timings, begun) {
                *timings.entry(op.name()).or_default() += begun.elapsed();
            }
            let found = cx.input_gradients;
            for (id, found) in ids.into_iter().zip(found) {
                if let Some(found) = found {
                    values.insert(id, found);
                }
            }
            recycler.give_back(gradient);
            kept.rows.into_iter().for_each(|rows| recycler.give_back(rows));
            let used = inputs.into_iter().chain([output.1]);
            used.filter_map(Arc::into_inner).for_each(|rows| recycler.give_back(rows));
        }
    }
}

fn add_into(
    pool: &Pool,
    values: &mut HashMap<usize, Rows>,
    recycler: &Recycler,
    id: usize,
    gradient: Rows,
) {
    match values.get_mut(&id) {
        None => {
            values.insert(id, gradient);
        }
        Some(sum) => {
            sum.assert_same_shape(&gradient, "gradients of one value");
            accumulate(pool, 1.0, gradient.as_slice(), Store::Add, sum.as_mut_slice());
            recycler.give_back(gradient);
        }
    }
}

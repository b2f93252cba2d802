//! One run of a model: to infer, to train (with a tape) or to explain (with a probe).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use contexture_kernels::Pool;

use crate::ops::Dropout;
use crate::tape::{Step, Tape};
use crate::{Forward, Gradients, Kept, Op, Recycler, Revealed, Rows, Segments, Spreads, Weights};

/// Rows that an op produced or that entered from outside. Cheap to clone; its memory returns to
/// the session when the last clone is gone.
#[derive(Debug, Clone)]
pub struct Value {
    id: usize,
    held: Arc<Held>,
}

#[derive(Debug)]
struct Held {
    rows: Option<Arc<Rows>>,
    recycler: Recycler,
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(Ok(rows)) = self.rows.take().map(Arc::try_unwrap) {
            self.recycler.give_back(rows);
        }
    }
}

impl Value {
    /// The rows themselves.
    pub fn rows(&self) -> &Rows {
        self.shared()
    }

    pub(crate) fn id(&self) -> usize {
        self.id
    }

    fn shared(&self) -> &Arc<Rows> {
        self.held.rows.as_ref().expect("rows are taken only when the value is dropped")
    }
}

/// What a probe saw at one named place.
#[derive(Debug, Clone)]
pub struct Observation {
    /// The place, e.g. `hidden.3`, or the op's name for what ops reveal.
    pub name: String,
    /// The rows that passed there; `None` for what an op revealed.
    pub value: Option<Value>,
    /// What the op revealed; empty for a named place.
    pub revealed: Vec<Revealed>,
}

/// Runs ops over a model's weights on a pool of threads. Not shared between threads: each thread
/// that runs forwards has its own.
pub struct Session {
    weights: Arc<Weights>,
    pool: Arc<Pool>,
    recycler: Recycler,
    tape: Option<Tape>,
    probe: Option<Vec<Observation>>,
    reveals: bool,
    timings: Option<[BTreeMap<&'static str, Duration>; 2]>,
    noise: Option<Noise>,
    spreads: Option<Spreads>,
    next_id: usize,
}

/// Where dropout gets its masks: one for each place that a step passes.
#[derive(Debug, Clone, Copy)]
struct Noise {
    seed: u64,
    place: u64,
}

impl Session {
    /// Forward only: intermediate memory is reused at once.
    pub fn infer(weights: Arc<Weights>, pool: Arc<Pool>) -> Self {
        Self {
            weights,
            pool,
            recycler: Recycler::default(),
            tape: None,
            probe: None,
            reveals: false,
            timings: None,
            noise: None,
            spreads: None,
            next_id: 0,
        }
    }

    /// Records each op for [`Session::backward`]. Weights must be plain.
    ///
    /// # Panics
    /// Where a parameter is held as bytes: there is no gradient by it.
    pub fn train(weights: Arc<Weights>, pool: Arc<Pool>) -> Self {
        if let Some(name) = weights.first_quantised() {
            panic!(
                "{name} is held as bytes and cannot be trained: open the model with f32 weights"
            );
        }
        Self { tape: Some(Tape::default()), ..Self::infer(weights, pool) }
    }

    /// As [`Session::infer`], with the memory of earlier runs.
    pub fn infer_with(weights: Arc<Weights>, pool: Arc<Pool>, recycler: Recycler) -> Self {
        Self { recycler, ..Self::infer(weights, pool) }
    }

    /// As [`Session::train`], with the memory of earlier steps.
    pub fn train_with(weights: Arc<Weights>, pool: Arc<Pool>, recycler: Recycler) -> Self {
        Self { recycler, ..Self::train(weights, pool) }
    }

    /// Lets [`Session::dropout`] drop values, by masks that `seed` decides: one seed a step.
    pub fn with_noise(mut self, seed: u64) -> Self {
        self.noise = Some(Noise { seed, place: 0 });
        self
    }

    /// Dropout of `value` where this session trains with noise and `rate > 0`; else `value`
    /// itself. Each call in a step has a mask of its own.
    pub fn dropout(&mut self, rate: f32, value: Value, segments: &Segments) -> Value {
        let Some(noise) = self.noise.as_mut().filter(|_| self.tape.is_some() && rate > 0.0) else {
            return value;
        };
        noise.place += 1;
        // An odd factor spreads places over all bits; the op mixes further.
        let seed = noise.seed ^ noise.place.wrapping_mul(0xd6e8_feb8_6659_fd93);
        self.apply(Dropout { rate, seed }, &[&value], segments)
    }

    /// Whether values are dropped, so that layers take their unfused form.
    pub fn drops(&self, rate: f32) -> bool {
        self.noise.is_some() && self.tape.is_some() && rate > 0.0
    }

    /// Keeps what passes the named places, and where `reveals`, what ops show of themselves.
    pub fn explain(weights: Arc<Weights>, pool: Arc<Pool>, reveals: bool) -> Self {
        Self { probe: Some(Vec::new()), reveals, ..Self::infer(weights, pool) }
    }

    /// Measures the inputs of linear maps and feed-forward networks from now on; weights must be
    /// plain.
    pub fn measure_spreads(&mut self) {
        self.spreads = Some(Spreads::default());
    }

    /// What was measured since then.
    pub fn spreads(&self) -> Option<&Spreads> {
        self.spreads.as_ref()
    }

    /// Begins to sum the time of each op's forward and backward, by the op's name; or ends it.
    pub fn time_ops(&mut self, on: bool) {
        self.timings = on.then(Default::default);
    }

    /// The time spent in each op's forward since [`Session::time_ops`].
    pub fn timings(&self) -> BTreeMap<&'static str, Duration> {
        self.timings.as_ref().map(|[forward, _]| forward.clone()).unwrap_or_default()
    }

    /// The time spent in each op's backward since [`Session::time_ops`].
    pub fn backward_timings(&self) -> BTreeMap<&'static str, Duration> {
        self.timings.as_ref().map(|[_, backward]| backward.clone()).unwrap_or_default()
    }

    /// The weights it runs over.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// Rows from outside.
    pub fn input(&mut self, rows: Rows) -> Value {
        self.value(rows)
    }

    /// Runs an op on `inputs`.
    pub fn apply(&mut self, op: impl Op, inputs: &[&Value], segments: &Segments) -> Value {
        let rows: Vec<&Rows> = inputs.iter().map(|value| value.rows()).collect();
        let mut kept = Kept::default();
        let mut cx = Forward {
            weights: &self.weights,
            pool: &self.pool,
            segments,
            inputs: &rows,
            recycler: &self.recycler,
            kept: self.tape.is_some().then_some(&mut kept),
            spreads: self.spreads.as_mut(),
        };
        let begun = self.timings.is_some().then(Instant::now);
        let output = op.forward(&mut cx);
        if let (Some([timings, _]), Some(begun)) = (&mut self.timings, begun) {
            *timings.entry(op.name()).or_default() += begun.elapsed();
        }
        if self.reveals {
            cx.kept = None;
            let revealed = op.reveal(&mut cx);
            if let (Some(probe), false) = (&mut self.probe, revealed.is_empty()) {
                probe.push(Observation { name: op.name().into(), value: None, revealed });
            }
        }
        let output = self.value(output);
        if let Some(tape) = &mut self.tape {
            tape.steps.push(Step {
                op: Box::new(op),
                segments: segments.clone(),
                inputs: inputs.iter().map(|v| (v.id, v.shared().clone())).collect(),
                output: (output.id, output.shared().clone()),
                kept,
            });
        }
        output
    }

    /// Names a place: where someone explains, the value is kept.
    pub fn observe(&mut self, name: impl FnOnce() -> String, value: &Value) {
        if let Some(probe) = &mut self.probe {
            probe.push(Observation {
                name: name(),
                value: Some(value.clone()),
                revealed: Vec::new(),
            });
        }
    }

    /// What was observed since the last call, in order.
    pub fn observations(&mut self) -> Vec<Observation> {
        self.probe.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Gradients of a loss whose gradient by `value` is `seed`; the tape begins anew.
    pub fn backward(&mut self, value: &Value, seed: Rows) -> Gradients {
        let mut gradients = Gradients::default();
        self.backward_into(vec![(value, seed)], &mut gradients);
        gradients
    }

    /// As [`Session::backward`], from several values at once, and ADDED to the parameters'
    /// gradients that are there already: that is how batches accumulate.
    pub fn backward_into(&mut self, seeds: Vec<(&Value, Rows)>, gradients: &mut Gradients) {
        let tape = self.tape.replace(Tape::default());
        let tape = tape.expect("backward needs a session made by Session::train");
        let seeds = seeds
            .into_iter()
            .map(|(value, seed)| {
                value.rows().assert_same_shape(&seed, "seed of a backward pass");
                (value.id, seed)
            })
            .collect();
        let timings = self.timings.as_mut().map(|[_, backward]| backward);
        tape.backward(&self.weights, &self.pool, &self.recycler, seeds, gradients, timings);
    }

    fn value(&mut self, rows: Rows) -> Value {
        let id = self.next_id;
        self.next_id += 1;
        let held = Held { rows: Some(Arc::new(rows)), recycler: self.recycler.clone() };
        Value { id, held: Arc::new(held) }
    }
}

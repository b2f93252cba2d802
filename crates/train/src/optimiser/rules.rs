//! The optimiser: its rule, its state, its step.
//!
//! AdamW (Loshchilov and Hutter 2019, algorithm 2) and Adam (Kingma and Ba 2015, algorithm 1), with
//! g the clipped gradient, s the step from 1 and r the rate:
//!
//! ```text
//! Adam:   g += decay w                    AdamW:   w -= r decay w
//! m = b1 m + (1 - b1) g                   v = b2 v + (1 - b2) g^2
//! w -= r (m / (1 - b1^s)) / (sqrt(v / (1 - b2^s)) + epsilon)
//! ```

use contexture_kernels::Pool;
use contexture_kernels::optimise::{AdamStep, adam, sum_of_squares};
use contexture_nn::{Declaration, Gradients, Weights};

use super::adafactor;
use super::groups::{Group, groups};
use crate::TrainError;
use crate::config::{OptimiserKind, OptimiserSettings};

/// What the optimiser remembers of each parameter, by name: to be stored in a snapshot.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OptimiserState {
    /// Steps taken.
    pub steps: u64,
    /// For each declared parameter: first moments, then second ones; empty where there are none.
    pub moments: Vec<[Vec<f32>; 2]>,
}

/// Turns gradients into steps.
#[derive(Debug)]
pub struct Optimiser {
    settings: OptimiserSettings,
    groups: Vec<Group>,
    state: OptimiserState,
}

impl Optimiser {
    /// No step taken yet.
    ///
    /// # Errors
    /// As [`groups`].
    pub fn new(
        settings: &OptimiserSettings,
        declaration: &Declaration,
    ) -> Result<Self, TrainError> {
        let groups = groups(settings, declaration)?;
        let moments = declaration.params.iter().zip(&groups).map(|(declared, group)| {
            let (rows, width) = (declared.param.rows, declared.param.width);
            let [first, second] = match settings.kind {
                _ if group.rate == 0.0 => [0, 0],
                OptimiserKind::Adafactor => [0, adafactor::state_len(rows, width)],
                _ => [rows * width; 2],
            };
            [vec![0.0; first], vec![0.0; second]]
        });
        let state = OptimiserState { steps: 0, moments: moments.collect() };
        Ok(Self { settings: settings.clone(), groups, state })
    }

    /// What it remembers.
    pub fn state(&self) -> &OptimiserState {
        &self.state
    }

    /// Goes on from a stored state.
    ///
    /// # Errors
    /// A state of another optimiser or another model.
    pub fn restore(&mut self, state: OptimiserState) -> Result<(), TrainError> {
        let lengths = |state: &OptimiserState| -> Vec<[usize; 2]> {
            state.moments.iter().map(|[m, v]| [m.len(), v.len()]).collect()
        };
        if lengths(&state) != lengths(&self.state) {
            let found = "moments of other shapes";
            return Err(TrainError::value("snapshot", "this configuration's optimiser", found));
        }
        self.state = state;
        Ok(())
    }

    /// Bytes of what it remembers.
    pub fn bytes(&self) -> usize {
        self.state.moments.iter().flatten().map(|values| values.len() * size_of::<f32>()).sum()
    }

    /// The norm of all gradients that are trained with.
    pub fn norm(&self, pool: &Pool, declaration: &Declaration, gradients: &Gradients) -> f64 {
        let trained = declaration.params.iter().zip(&self.groups).filter(|(_, g)| g.rate != 0.0);
        let found = trained.filter_map(|(declared, _)| gradients.parameter(declared.param));
        found.map(|values| sum_of_squares(pool, values)).sum::<f64>().sqrt()
    }

    /// One step at the schedule's rate `rate`; gradients are multiplied with `scale` first. A
    /// parameter that the loss does not depend on stays as it is.
    pub fn step(
        &mut self,
        pool: &Pool,
        weights: &mut Weights,
        gradients: &Gradients,
        rate: f64,
        scale: f64,
    ) {
        self.state.steps += 1;
        let steps = self.state.steps;
        for (index, group) in self.groups.iter().enumerate() {
            let param = weights.declaration().params[index].param;
            let Some(gradient) = gradients.parameter(param).filter(|_| group.rate != 0.0) else {
                continue;
            };
            let rate = rate * group.rate;
            let step = self.adam(rate, group.decay, scale);
            let [m, v] = &mut self.state.moments[index];
            let weights = weights.plain_mut(param);
            match self.settings.kind {
                OptimiserKind::Adafactor => adafactor::step(
                    weights,
                    gradient,
                    v,
                    (param.rows, param.width),
                    (steps, rate, group.decay, scale),
                ),
                OptimiserKind::AdamW | OptimiserKind::Adam => {
                    adam(pool, &step, weights, gradient, m, v);
                }
            }
        }
    }

    fn adam(&self, rate: f64, decay: f64, scale: f64) -> AdamStep {
        let OptimiserSettings { beta1, beta2, epsilon, kind, .. } = self.settings;
        let steps = self.state.steps as i32;
        AdamStep {
            decoupled: kind == OptimiserKind::AdamW,
            learning_rate: rate,
            beta1,
            beta2,
            epsilon,
            weight_decay: decay,
            bias_correction1: 1.0 - beta1.powi(steps),
            bias_correction2: 1.0 - beta2.powi(steps),
            gradient_scale: scale,
        }
    }
}

//! One step: draw, pass, clip, step.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use contexture_kernels::measure;

use super::{StepReport, Trainer};
use crate::TrainError;
use crate::objectives::{Drawn, Pass};
use crate::random::{Random, purpose};
use crate::schedule;

/// Steps between measurements of the peak, which take some milliseconds.
const PEAK_EVERY: u64 = 100;
/// As PyTorch guards the division by a gradient's norm.
const LEAST_NORM: f64 = 1e-6;

impl Trainer {
    /// Takes one step.
    pub(super) fn step(&mut self, begun: Instant) -> Result<StepReport, TrainError> {
        let step = self.progress.step + 1;
        self.measure_peak(step);
        let before = Instant::now();
        let batches = self.draw(step)?;
        self.gradients.clear();
        let (mut loss, mut by_name, mut tokens, mut operations) = (0.0, BTreeMap::new(), 0, 0.0);
        for (number, batches) in batches.iter().enumerate() {
            let settings = &self.config.objectives[number];
            let (name, weight) = (settings.name().to_owned(), settings.weight());
            let mean = self.pass(step, number, weight, batches)?;
            loss += weight * mean;
            by_name.insert(name, mean);
            tokens += batches.iter().map(|batch| batch.tokens() as u64).sum::<u64>();
            let model = &self.learner.model;
            operations += batches.iter().map(|batch| batch.operations(model)).sum::<f64>();
        }
        let all = || batches.iter().flatten();
        self.finite(step, "loss", loss, all())?;
        let pool = self.learner.pool.clone();
        let declaration = self.weights.declaration();
        let gradient_norm = self.optimiser.norm(&pool, declaration, &self.gradients);
        self.finite(step, "gradient's norm", gradient_norm, all())?;
        let clip = self.config.optimiser.clip;
        let scale = if clip > 0.0 { (clip / (gradient_norm + LEAST_NORM)).min(1.0) } else { 1.0 };
        let rate = schedule::rate(&self.config.schedule, step);
        let learning_rate = rate * self.config.optimiser.learning_rate;
        let weights = Arc::get_mut(&mut self.weights).expect("no session outlives its pass");
        self.optimiser.step(&pool, weights, &self.gradients, learning_rate, scale);
        self.progress.step = step;
        self.progress.tokens += tokens;
        let took = before.elapsed().as_secs_f64().max(1e-9);
        let seconds = begun.elapsed().as_secs_f64();
        let steps = self.config.schedule.steps;
        let pace = match &self.last {
            // A moving mean over some twenty steps.
            Some(last) => {
                let left = (steps - last.step).max(1) as f64;
                0.95 * last.seconds_left / left + 0.05 * took
            }
            None => took,
        };
        Ok(StepReport {
            step,
            steps,
            loss,
            objectives: by_name,
            learning_rate,
            gradient_norm,
            tokens: self.progress.tokens,
            epochs: self.objectives.iter().map(|o| o.epochs()).min().unwrap_or(0),
            tokens_per_s: tokens as f64 / took,
            peak_share: operations / took / (self.peak_gflops * 1e9),
            seconds,
            seconds_left: pace * (steps - step) as f64,
        })
    }

    /// The machine may have been busy when the peak was measured; what it showed once, it has.
    fn measure_peak(&mut self, step: u64) {
        if step.is_multiple_of(PEAK_EVERY) {
            let found = measure::peak_gflops(self.learner.pool.threads());
            self.peak_gflops = self.peak_gflops.max(found);
        }
    }

    /// All batches of a step, by objective.
    fn draw(&mut self, step: u64) -> Result<Vec<Vec<Box<dyn Drawn>>>, TrainError> {
        let (seed, accumulate) = (self.config.seed, self.config.optimiser.accumulate);
        let mut all = Vec::with_capacity(self.objectives.len());
        for (number, objective) in self.objectives.iter_mut().enumerate() {
            let mut batches = Vec::with_capacity(accumulate);
            for part in 0..accumulate as u64 {
                let key = [seed, purpose::CHOICES, number as u64, step, part];
                match objective.draw(&mut Random::of(&key))? {
                    Some(batch) => batches.push(batch),
                    None => {
                        let what = objective.name().to_owned();
                        return Err(TrainError::NoData { what, detail: String::new() });
                    }
                }
            }
            all.push(batches);
        }
        Ok(all)
    }

    /// Passes an objective's batches; the mean of its loss over all their terms.
    fn pass(
        &mut self,
        step: u64,
        number: usize,
        weight: f64,
        batches: &[Box<dyn Drawn>],
    ) -> Result<f64, TrainError> {
        let terms = batches.iter().map(|batch| batch.terms()).sum::<usize>().max(1) as f64;
        let mut sum = 0.0;
        for (part, batch) in batches.iter().enumerate() {
            let key = [self.config.seed, purpose::DROPOUT, number as u64, step, part as u64];
            let noise = Random::of(&key).bits();
            let scale = (weight / terms) as f32;
            let weights = self.weights.clone();
            let (learner, memory, gradients) = (&self.learner, &self.memory, &mut self.gradients);
            let mut pass = Pass::learn(learner, weights, memory, gradients, scale, noise);
            sum += batch.run(&mut pass)?;
        }
        Ok(sum / terms)
    }

    /// A loss that is no number ends the run, and says where it came from.
    fn finite<'b>(
        &self,
        step: u64,
        what: &str,
        value: f64,
        batches: impl Iterator<Item = &'b Box<dyn Drawn>>,
    ) -> Result<(), TrainError> {
        if value.is_finite() {
            return Ok(());
        }
        const SHOWN: usize = 16;
        let places: Vec<&str> = batches.flat_map(|batch| batch.places()).collect();
        let mut rows = places[..places.len().min(SHOWN)].join(", ");
        if places.len() > SHOWN {
            rows.push_str(&format!(" and {} more", places.len() - SHOWN));
        }
        let snapshot = self.snapshots.newest_name();
        Err(TrainError::NotFinite { step, what: what.into(), value, rows, snapshot })
    }
}

//! Step after step, with what happens between them.

use std::time::Instant;

use super::lines::{HeldOutLine, StepLine, TimeLine};
use super::{Control, Event, Outcome, Trainer};
use crate::TrainError;
use crate::snapshot::Best;

impl Trainer {
    /// Takes steps until the last one, until patience ends, or until `watch` says stop; then writes
    /// the model, or the snapshot to go on from.
    ///
    /// # Errors
    /// [`TrainError`]: the newest snapshot is what to go on from.
    pub fn run(
        &mut self,
        watch: &mut dyn FnMut(Event<'_>) -> Control,
    ) -> Result<Outcome, TrainError> {
        let begun = Instant::now();
        let parameters = self.weights.count();
        let (from_step, steps) = (self.progress.step, self.config.schedule.steps);
        let mut control = watch(Event::Ready {
            forecast: &self.forecast,
            positions: &self.positions,
            parameters,
            from_step,
            steps,
            notes: &self.notes,
        });
        let mut written = from_step;
        while self.progress.step < steps && !self.out_of_patience() && control == Control::GoOn {
            let report = self.step(begun)?;
            self.run.log(&StepLine::of(&report))?;
            self.run.time(&TimeLine::of(&report))?;
            control = watch(Event::Step(&report));
            self.last = Some(report);
            let step = self.progress.step;
            let due = |every: u64| every > 0 && step.is_multiple_of(every);
            let last = step == steps || control == Control::Finish;
            if last || due(self.config.evaluation.every) {
                control = self.evaluate(watch).map(|asked| stronger(control, asked))?;
            }
            if self.config.averaging.last > 1 && due(self.config.averaging.every) {
                self.keep_for_average()?;
            }
            if due(self.config.snapshots.every) {
                self.snapshot()?;
                written = step;
                control = stronger(control, watch(Event::Snapshot { step }));
            }
        }
        if written != self.progress.step {
            self.snapshot()?;
            watch(Event::Snapshot { step: self.progress.step });
        }
        self.finish(control == Control::Finish)
    }

    fn evaluate(
        &mut self,
        watch: &mut dyn FnMut(Event<'_>) -> Control,
    ) -> Result<Control, TrainError> {
        if self.held_out.is_empty() {
            return Ok(Control::GoOn);
        }
        let loss = self.held_out.loss(&self.learner, &self.weights, &self.memory)?;
        let step = self.progress.step;
        if !loss.loss.is_finite() {
            // It would stand in every later snapshot as the best.
            return Err(TrainError::NotFinite {
                step,
                what: "held-out loss".into(),
                value: loss.loss,
                rows: "the held-out rows".into(),
                snapshot: self.snapshots.newest_name(),
            });
        }
        let best = self.progress.best.is_none_or(|best| loss.loss < best.loss);
        if best {
            self.progress.best = Some(Best { step, loss: loss.loss });
            self.progress.evaluations_since_best = 0;
            self.snapshots.write_best(&self.weights, &self.progress)?;
        } else {
            self.progress.evaluations_since_best += 1;
        }
        self.run.log(&HeldOutLine::of(step, self.progress.tokens, &loss))?;
        Ok(watch(Event::HeldOut { step, loss: &loss, best }))
    }

    fn keep_for_average(&mut self) -> Result<(), TrainError> {
        self.progress.averaged.push(self.progress.step);
        let surplus = self.progress.averaged.len().saturating_sub(self.config.averaging.last);
        self.progress.averaged.drain(..surplus);
        self.snapshots.write_averaged(&self.weights, &self.progress)
    }

    /// The logs first: a snapshot says how long they are.
    fn snapshot(&mut self) -> Result<(), TrainError> {
        self.progress.data = self.objectives.iter().map(|objective| objective.state()).collect();
        let log_bytes = self.run.sync()?;
        self.snapshots.write(&self.weights, self.optimiser.state(), &self.progress, log_bytes)
    }

    pub(super) fn out_of_patience(&self) -> bool {
        let patience = self.config.evaluation.patience;
        patience > 0 && self.progress.evaluations_since_best >= patience
    }
}

fn stronger(a: Control, b: Control) -> Control {
    match (a, b) {
        (Control::Stop, _) | (_, Control::Stop) => Control::Stop,
        (Control::Finish, _) | (_, Control::Finish) => Control::Finish,
        _ => Control::GoOn,
    }
}

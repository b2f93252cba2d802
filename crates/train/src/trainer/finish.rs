//! After the last step: the model's folder.

use std::sync::Arc;

use contexture_nn::Weights;

use super::{Outcome, Trainer};
use crate::TrainError;
use crate::snapshot;

impl Trainer {
    /// Writes the model where the run is finished: by its steps, by patience, or because it was
    /// `asked` to be.
    pub(super) fn finish(&mut self, asked: bool) -> Result<Outcome, TrainError> {
        let stopped_early =
            self.out_of_patience() && self.progress.step < self.config.schedule.steps;
        let finished = asked || stopped_early || self.progress.step >= self.config.schedule.steps;
        let written = match finished {
            true => {
                let (weights, which) = self.chosen()?;
                self.learner.model.write(self.run.path(), &weights)?;
                which
            }
            false => "none: it can go on",
        };
        Ok(Outcome {
            folder: self.run.path().into(),
            steps: self.progress.step,
            finished,
            stopped_early,
            tokens: self.progress.tokens,
            loss: self.last.as_ref().map(|report| report.loss),
            best: self.progress.best.map(|best| (best.step, best.loss)),
            truncated: self.objectives.iter().map(|objective| objective.truncated()).sum(),
            written,
        })
    }

    /// The weights that the configuration wants: the mean of several, the best, or the last.
    fn chosen(&self) -> Result<(Arc<Weights>, &'static str), TrainError> {
        let declaration = self.weights.declaration();
        let unusable = |what: &str, reason: String| {
            let folder = self.snapshots.folder().to_path_buf();
            TrainError::Snapshots { folder, reasons: format!("{what}: {reason}") }
        };
        if self.progress.averaged.len() > 1 {
            let states = self.progress.averaged.iter().map(|step| {
                let found = self.snapshots.averaged(*step, declaration);
                found.map_err(|reason| unusable(&format!("weights of step {step}"), reason))
            });
            let states = states.collect::<Result<Vec<_>, _>>()?;
            if let Some(mean) = snapshot::mean(&states) {
                return Ok((mean, "the mean of several"));
            }
        }
        match self.progress.best.filter(|_| self.config.snapshots.write_best) {
            Some(best) => {
                let found = self.snapshots.best(best, declaration);
                let weights = found.map_err(|reason| unusable("the best weights", reason))?;
                Ok((Arc::new(weights), "the best"))
            }
            None => Ok((self.weights.clone(), "the last")),
        }
    }
}

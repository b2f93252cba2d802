//! What every objective is: it draws batches, and a batch knows its loss.

use crate::TrainError;
use crate::objectives::Pass;
use crate::random::Random;

/// Draws batches from data, from any place on.
pub trait Objective: Send {
    /// Its name in metrics.
    fn name(&self) -> &str;

    /// The next batch; `None` where held-out rows have ended. `random` decides all choices.
    ///
    /// # Errors
    /// Rows that cannot be read or used.
    fn draw(&mut self, random: &mut Random) -> Result<Option<Box<dyn Drawn>>, TrainError>;

    /// Where its data stand, to be stored in a snapshot.
    fn state(&self) -> serde_json::Value;

    /// Goes on from where [`Objective::state`] stood.
    ///
    /// # Errors
    /// Data that are not those of the snapshot.
    fn restore(&mut self, state: &serde_json::Value) -> Result<(), TrainError>;

    /// Whole passes over its files.
    fn epochs(&self) -> u64;

    /// Texts that were cut to the objective's length since the run was opened.
    fn truncated(&self) -> u64 {
        0
    }
}

/// A batch that was drawn.
pub trait Drawn: Send {
    /// Where its rows stand: `file:line`.
    fn places(&self) -> Vec<&str>;

    /// Tokens that pass through the model.
    fn tokens(&self) -> usize;

    /// Over how many terms its loss is a mean (told tokens, rows): what batches are weighted by.
    fn terms(&self) -> usize;

    /// The sum of its terms' losses; where the pass learns, the gradients of `pass.scale()` times
    /// that sum are added.
    ///
    /// # Errors
    /// Token numbers or lengths that the model refuses.
    fn run(&self, pass: &mut Pass<'_>) -> Result<f64, TrainError>;

    /// What the model makes of its rows, each beside what it should be, up to `most` of them: for
    /// objectives whose outputs are texts. Nothing for the others.
    ///
    /// # Errors
    /// As [`Drawn::run`].
    fn outputs(
        &self,
        pass: &mut Pass<'_>,
        most: usize,
    ) -> Result<Vec<(String, String)>, TrainError> {
        let _ = (pass, most);
        Ok(Vec::new())
    }

    /// Operations of a training step on it, for the share of the machine's peak: 2 for each
    /// multiply-add, forward and backward.
    fn operations(&self, model: &contexture_model::Model) -> f64;
}

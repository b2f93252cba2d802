//! What a run tells whoever watches it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use crate::objectives::HeldOutLoss;
use crate::{Forecast, PositionReport};

/// Something that happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Before the first step.
    Ready {
        /// How much memory it will take.
        forecast: &'a Forecast,
        /// How the model knows order.
        positions: &'a [PositionReport],
        /// Values that are trained.
        parameters: usize,
        /// The step that it goes on after; 0 where it begins.
        from_step: u64,
        /// The last step.
        steps: u64,
        /// What is worth knowing: snapshots that were passed over, and why.
        notes: &'a [String],
    },
    /// After a step.
    Step(&'a StepReport),
    /// After an evaluation.
    HeldOut {
        /// After which step.
        step: u64,
        /// The losses.
        loss: &'a HeldOutLoss,
        /// Whether it is the best so far.
        best: bool,
    },
    /// After a snapshot.
    Snapshot {
        /// Of which step.
        step: u64,
    },
}

/// What a watcher wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// The next step.
    GoOn,
    /// No further step: the run is finished here, as if this were its last one. A watcher decides
    /// so by what no configuration knows beforehand, such as seconds.
    Finish,
    /// A snapshot, and no further step.
    Stop,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepReport {
    /// Its number, from 1.
    pub step: u64,
    /// The last step's number.
    pub steps: u64,
    /// The objectives' losses, weighted and added.
    pub loss: f64,
    /// By objective.
    pub objectives: BTreeMap<String, f64>,
    /// The rate.
    pub learning_rate: f64,
    /// The gradient's norm, before clipping.
    pub gradient_norm: f64,
    /// Tokens of all steps so far.
    pub tokens: u64,
    /// Whole passes over the data of the objective that made fewest.
    pub epochs: u64,
    /// Tokens a second of this step.
    pub tokens_per_s: f64,
    /// The share of the machine's peak that this step's operations reached.
    pub peak_share: f64,
    /// Seconds since this process began to train.
    pub seconds: f64,
    /// Seconds left, by the mean of the latest steps.
    pub seconds_left: f64,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// The run's folder: the model, where it is finished.
    pub folder: PathBuf,
    /// Steps taken.
    pub steps: u64,
    /// Whether it is finished; else it was told to stop, and can go on.
    pub finished: bool,
    /// Whether patience ended it before its last step.
    pub stopped_early: bool,
    /// Tokens of all steps.
    pub tokens: u64,
    /// The last step's loss, where a step was taken.
    pub loss: Option<f64>,
    /// The best held-out loss and its step.
    pub best: Option<(u64, f64)>,
    /// Texts that were cut to an objective's length, in this process.
    pub truncated: u64,
    /// Which weights were written.
    pub written: &'static str,
}

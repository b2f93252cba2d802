//! What a comparison found, as `comparison.json` holds it.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::CompareError;

/// Everything that was measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The configuration in full, as TOML.
    pub config: String,
    /// What was held equal: `tokens`, `seconds`, `parameters`.
    pub budget: String,
    /// Where it was measured.
    pub machine: Machine,
    /// Contexture's version.
    pub version: String,
    /// The models, in the configuration's order.
    pub models: Vec<ModelSummary>,
    /// What a step costs.
    pub speed: Vec<SpeedPoint>,
    /// How that cost grows.
    pub exponents: Vec<Exponent>,
    /// How losses fell.
    pub curves: Vec<Curve>,
    /// What the trained models know.
    pub tasks: Vec<TaskFigure>,
    /// What a reader should know: points left out, widths chosen, parts not done yet.
    pub notes: Vec<String>,
}

/// The machine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name.
    pub cpu: String,
    /// The instruction set that kernels used.
    pub isa: String,
    /// Threads that this process may use.
    pub threads: usize,
    /// The peak of multiply-adds on one thread, GFLOP/s of f32.
    pub gflops: f64,
}

/// A model and its runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelSummary {
    /// Its name in the configuration.
    pub name: String,
    /// What gathers context.
    pub aggregator: String,
    /// Values that are trained, all together.
    pub parameters: usize,
    /// Those of them that belong to a word: the words' table, what scores them.
    pub word_parameters: usize,
    /// Layers.
    pub layers: usize,
    /// Width of a token's row.
    pub hidden: usize,
    /// One for each seed, as far as they were trained.
    pub runs: Vec<RunSummary>,
}

/// A run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// Its seed.
    pub seed: u64,
    /// Steps taken.
    pub steps: u64,
    /// Tokens seen.
    pub tokens: u64,
    /// Seconds of its steps alone.
    pub seconds: f64,
    /// The held-out loss at its end, where there are held-out rows.
    pub held_out: Option<f64>,
}

/// Inference or training.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A forward.
    #[default]
    Infer,
    /// A forward and a backward.
    Train,
}

/// What a step of one model costs at one size.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SpeedPoint {
    /// The model.
    pub model: String,
    /// Inference or training.
    pub mode: Mode,
    /// Threads.
    pub threads: usize,
    /// Tokens of each sequence.
    pub length: usize,
    /// Layers.
    pub depth: usize,
    /// Whether it belongs to the lengths or to the depths.
    pub by: By,
    /// Sequences of a step.
    pub sequences: usize,
    /// Operations that wait for each other, one after the other, in a sequence: Vaswani et al.
    /// 2017, table 1, of all layers.
    pub sequential: usize,
    /// The median over the repeats.
    pub seconds_per_step: f64,
    /// The least of the repeats.
    pub best_seconds_per_step: f64,
    /// The median by token.
    pub seconds_per_token: f64,
    /// Seconds of each step that was timed.
    pub repeats: Vec<f64>,
}

/// What varied between points.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// The sequences' length.
    #[default]
    Length,
    /// The number of layers.
    Depth,
}

/// How seconds grow with a size: seconds = c size^exponent, by least squares on logarithms.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Exponent {
    /// The model.
    pub model: String,
    /// Inference or training.
    pub mode: Mode,
    /// Threads.
    pub threads: usize,
    /// The size that grows.
    pub by: By,
    /// Seconds of what: `token` or `sequence`.
    pub per: String,
    /// The exponent.
    pub exponent: f64,
    /// Its 95 % interval, by bootstrap over repeats.
    pub interval: [f64; 2],
    /// The constant c, in seconds.
    pub constant: f64,
    /// The least size of the fit.
    pub from: usize,
    /// The greatest.
    pub to: usize,
}

/// A run's losses on the way.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// The model.
    pub model: String,
    /// The run's seed.
    pub seed: u64,
    /// On rows learned from, means over some steps each.
    pub points: Vec<CurvePoint>,
    /// On held-out rows.
    pub held_out: Vec<CurvePoint>,
}

/// A loss at a step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// The step.
    pub step: u64,
    /// Tokens seen by then.
    pub tokens: u64,
    /// Seconds of the steps by then.
    pub seconds: f64,
    /// The loss.
    pub loss: f64,
}

/// A figure of a task.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskFigure {
    /// The task's name.
    pub task: String,
    /// By what its items are divided: `attractors`, `distance`, ...; empty for all together.
    pub split: String,
    /// The part: `0`, `1`, `2-3`, ...; empty for all.
    pub bin: String,
    /// The model.
    pub model: String,
    /// The model whose figure is taken from it, where this is the difference of two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minus: Option<String>,
    /// The figure, over items and seeds.
    pub estimate: TaskEstimate,
    /// Items of the part.
    pub items: usize,
    /// What guessing reaches, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chance: Option<f64>,
}

/// A figure with its 95 % interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskEstimate {
    /// The figure.
    pub value: f64,
    /// The interval's ends, where there is one.
    pub interval: Option<[f64; 2]>,
}

impl Comparison {
    /// Reads what a comparison wrote.
    ///
    /// # Errors
    /// A file that is not there, or holds something else.
    pub fn read(path: &Path) -> Result<Self, CompareError> {
        let text = std::fs::read(path).map_err(|e| CompareError::io(path, "cannot be read", e))?;
        let damaged = |e: serde_json::Error| CompareError::Damaged {
            path: path.into(),
            reason: e.to_string(),
        };
        serde_json::from_slice(&text).map_err(damaged)
    }
}

//! How it learns: optimiser, schedule, evaluation, snapshots, averaging.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Which rule turns gradients into steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimiserKind {
    /// Loshchilov and Hutter 2019: Adam with decay apart from the gradient.
    #[default]
    AdamW,
    /// Kingma and Ba 2015, decay added to the gradient.
    Adam,
    /// Shazeer and Stern 2018: second moments by row and column.
    Adafactor,
}

/// The optimiser.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptimiserSettings {
    /// Which one.
    pub kind: OptimiserKind,
    /// The rate at the top of the schedule.
    pub learning_rate: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Decay of matrices and tables; biases and norms have none.
    pub weight_decay: f64,
    /// The gradient's largest norm; 0: not clipped.
    pub clip: f64,
    /// Batches whose gradients are added up for one step.
    pub accumulate: usize,
    /// Each layer's rate is the next one's times this (fine-tuning: 0.9).
    pub layer_decay: f64,
    /// Declared names that are not trained, by their beginnings: `embeddings`, `layers.0`.
    pub freeze: Vec<String>,
    /// Factors of the rate by the beginnings of declared names.
    pub rates: BTreeMap<String, f64>,
}

impl Default for OptimiserSettings {
    fn default() -> Self {
        Self {
            kind: OptimiserKind::AdamW,
            learning_rate: 5e-4,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.01,
            clip: 1.0,
            accumulate: 1,
            layer_decay: 1.0,
            freeze: Vec::new(),
            rates: BTreeMap::new(),
        }
    }
}

/// What the rate does after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// It stays.
    Constant,
    /// Down to the floor in a straight line.
    #[default]
    Linear,
    /// Down to the floor along half a cosine.
    Cosine,
    /// With the inverse square root of the step (Vaswani et al. 2017, eq. 3).
    InverseSquareRoot,
}

/// How long, and at what rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleSettings {
    /// Steps of the optimiser.
    pub steps: u64,
    /// Steps in which the rate rises from 0.
    #[serde(default)]
    pub warmup: u64,
    /// What it does then.
    #[serde(default)]
    pub decay: Decay,
    /// The rate's floor, as a share of its top.
    #[serde(default)]
    pub floor: f64,
}

/// Held-out data on the way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvaluationSettings {
    /// Steps between evaluations; 0: only at the end.
    pub every: u64,
    /// The most held-out rows of an objective.
    pub rows: usize,
    /// Evaluations without a better loss after which training stops; 0: never.
    pub patience: usize,
}

impl Default for EvaluationSettings {
    fn default() -> Self {
        Self { every: 500, rows: 2000, patience: 0 }
    }
}

/// What is kept to go on from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SnapshotSettings {
    /// Steps between snapshots; 0: only at the end.
    pub every: u64,
    /// How many of the newest are kept; the best one is kept besides.
    pub keep: usize,
    /// Whether the model that is written is the best by the held-out loss, rather than the last.
    pub write_best: bool,
}

impl Default for SnapshotSettings {
    fn default() -> Self {
        Self { every: 500, keep: 2, write_best: false }
    }
}

/// The mean of the weights at several steps, in place of the last (Vaswani et al. 2017, section 6.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AveragingSettings {
    /// How many states of the weights; 0 or 1: none but the last.
    pub last: usize,
    /// Steps between them.
    pub every: u64,
}

impl Default for AveragingSettings {
    fn default() -> Self {
        Self { last: 0, every: 100 }
    }
}

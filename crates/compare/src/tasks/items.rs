//! A value for each item of a task, by model and seed.

use serde::{Deserialize, Serialize};

/// What one run's model did on one task.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskItems {
    /// The task's name.
    pub task: String,
    /// The items, divided in one way or several; an item may stand in several groups.
    pub groups: Vec<ItemGroup>,
    /// What a reader should know: items left out and why.
    pub notes: Vec<String>,
}

/// The items of one part.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ItemGroup {
    /// By what items are divided; empty for all together.
    pub split: String,
    /// The part; empty for all.
    pub bin: String,
    /// What guessing reaches, where that is known.
    pub chance: Option<f64>,
    /// Each item's number: the same over models and seeds.
    pub items: Vec<u32>,
    /// Each item's value: 1 or 0 for right or wrong, or a cosine. The figure is their mean.
    pub values: Vec<f64>,
}

/// A run with what it did.
#[derive(Debug, Clone, PartialEq)]
pub struct RunItems {
    /// The model.
    pub model: String,
    /// The run's seed.
    pub seed: u64,
    /// Every task.
    pub tasks: Vec<TaskItems>,
}

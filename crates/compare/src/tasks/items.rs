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
    /// What guessing reaches, or what needs no model, where that is known.
    pub chance: Option<f64>,
    /// Each item's number: the same over models and seeds, in rising order.
    pub items: Vec<u32>,
    /// Each item's value: 1 or 0 for right or wrong, a share, or a cosine. The figure is their
    /// mean.
    pub values: Vec<f64>,
    /// What each item weighs in the mean (a sentence's words); empty: all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<f64>,
}

impl ItemGroup {
    /// A part without items yet.
    pub(super) fn new(split: &str, bin: &str, chance: Option<f64>) -> Self {
        Self { split: split.to_owned(), bin: bin.to_owned(), chance, ..Self::default() }
    }

    /// Adds an item; numbers come in rising order.
    pub(super) fn push(&mut self, item: usize, value: f64) {
        debug_assert!(self.items.last().is_none_or(|last| (*last as usize) < item));
        self.items.push(u32::try_from(item).unwrap_or(u32::MAX));
        self.values.push(value);
    }
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

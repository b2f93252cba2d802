//! One task on one model.

use std::path::Path;

use super::{TaskItems, TaskSettings};
use crate::CompareError;

/// What measuring needs besides the task and the model.
#[derive(Debug, Clone, Copy)]
pub struct TaskContext {
    /// Threads; results do not depend on it.
    pub threads: usize,
    /// Decides whatever is drawn: the same for all models and runs.
    pub seed: u64,
}

/// Measures the model in `model_folder`, a run's folder, on `task`. The outcome is kept by the
/// caller, under a digest of the settings, of the task's files and of the weights.
///
/// # Errors
/// Files that cannot be read, models that cannot do the task.
pub fn measure(
    task: &TaskSettings,
    _model_folder: &Path,
    _context: &TaskContext,
) -> Result<TaskItems, CompareError> {
    let notes = vec!["not measured yet".into()];
    Ok(TaskItems { task: task.name().into(), groups: Vec::new(), notes })
}

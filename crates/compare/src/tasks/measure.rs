//! One task on one model.

use std::path::Path;

use contexture_engine::{EmbedOptions, Embedder, OpenOptions};
use contexture_evaluate::{Bootstrap, Setup};

use super::{TaskItems, TaskSettings, agreement, order, probing, word_in_context};
use crate::CompareError;

/// What measuring needs besides the task and the model.
#[derive(Debug, Clone, Copy)]
pub struct TaskContext {
    /// Threads; results do not depend on it.
    pub threads: usize,
    /// Decides whatever is drawn: the same for all models and runs.
    pub seed: u64,
}

impl TaskContext {
    pub(super) fn open(&self) -> OpenOptions {
        OpenOptions { threads: self.threads, pull: false, ..OpenOptions::default() }
    }

    pub(super) fn embedder(&self, folder: &Path) -> Result<Embedder, CompareError> {
        Ok(Embedder::open_folder(folder, &self.open())?)
    }

    /// How evaluate's tasks run: intervals are drawn later, over runs too.
    pub(super) fn setup(&self, options: EmbedOptions) -> Setup<'static> {
        let bootstrap = Bootstrap { resamples: 0, seed: self.seed, threads: self.threads };
        Setup { options, bootstrap, ..Setup::default() }
    }
}

/// Measures the model in `model_folder`, a run's folder, on `task`. The outcome is kept by the
/// caller, under a digest of the settings, of the task's files and of the weights.
///
/// # Errors
/// Files that cannot be read, models that cannot do the task.
pub fn measure(
    task: &TaskSettings,
    model_folder: &Path,
    context: &TaskContext,
) -> Result<TaskItems, CompareError> {
    for (key, path) in task.files() {
        if let Err(source) = std::fs::File::open(path) {
            let found = format!("`{}`: {source}", path.display());
            let key = format!("task {}: {key}", task.name());
            return Err(CompareError::value(key, "a file that can be read", found));
        }
    }
    let mut items = match task {
        TaskSettings::Agreement(own) => agreement::measure(own, model_folder, context)?,
        TaskSettings::WordInContext(own) => word_in_context::measure(own, model_folder, context)?,
        TaskSettings::Probing(own) => probing::measure(own, model_folder, context)?,
        TaskSettings::Order(own) => order::measure(own, model_folder, context)?,
    };
    items.task = task.name().to_owned();
    Ok(items)
}

/// `most` of the numbers below `count`, evenly spread; all of them where `most` is 0.
pub(super) fn spread(count: usize, most: usize) -> impl Iterator<Item = usize> {
    let taken = if most == 0 { count } else { most.min(count) };
    (0..taken).map(move |at| at * count / taken)
}

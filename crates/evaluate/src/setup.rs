//! What every task is told besides its data.

use contexture_engine::EmbedOptions;

use crate::Bootstrap;

/// How far a long run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub stage: &'static str,
    /// Units done.
    pub done: u64,
    /// Units in all; 0 where nobody knows.
    pub total: u64,
}

/// How a task runs. The default embeds as the model's folder says, draws 1,000 resamples for each
/// interval, and reports no progress.
#[derive(Clone)]
pub struct Setup<'a> {
    /// How texts become vectors; the levels are the task's own.
    pub options: EmbedOptions,
    /// How intervals are drawn.
    pub bootstrap: Bootstrap,
    /// Is told how far the run has come, possibly from several threads.
    pub progress: &'a (dyn Fn(Progress) + Sync),
}

fn silent(_: Progress) {}

static SILENT: fn(Progress) = silent;

impl Default for Setup<'_> {
    fn default() -> Self {
        let bootstrap = Bootstrap::default();
        Self { options: EmbedOptions::default(), bootstrap, progress: &SILENT }
    }
}

impl Setup<'_> {
    pub(crate) fn say(&self, stage: &'static str, done: usize, total: usize) {
        (self.progress)(Progress { stage, done: done as u64, total: total as u64 });
    }
}

impl std::fmt::Debug for Setup<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Setup")
            .field("options", &self.options)
            .field("bootstrap", &self.bootstrap)
            .finish_non_exhaustive()
    }
}

//! What can be said on the command line.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use contexture_compare::Phase;

/// Options of `contexture compare`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    contexture compare compare.toml --dry-run            check everything, say about how long it takes\n  \
    contexture compare compare.toml                      train, measure, draw; or go on where it stopped\n  \
    contexture compare compare.toml --only speed         what a step costs, without training\n  \
    contexture compare compare.toml --set budget.tokens=1000000 --output runs/small\n\n\
    A small configuration:\n\n  \
    output = \"runs/compare\"\n  \
    seeds = [1, 2]\n  \
    [budget]\n  \
    by = \"tokens\"          # or \"seconds\", or \"parameters\": widths are fitted\n  \
    tokens = 1_000_000\n  \
    [[model]]              # a name, and the keys of a run's [model]\n  \
    name = \"attention\"\n  \
    positions = \"rotary\"\n  \
    causal = true\n  \
    [[model]]\n  \
    name = \"bag\"\n  \
    aggregator = \"none\"\n  \
    causal = true\n  \
    [training.tokenizer]   # the other keys of a run, for all models alike\n  \
    vocabulary = 4096\n  \
    [[training.objective]]\n  \
    kind = \"causal\"\n  \
    [training.objective.data]\n  \
    train = [{ files = [\"text.txt\"] }]\n  \
    held_out_share = 0.01\n\n\
    A comparison can be stopped at any time: the same command goes on where it stood. Its folder\n\
    holds comparison.json and comparison.html, runs/, speed.json and tasks/; what is removed there\n\
    is made anew.")]
pub(crate) struct CompareArguments {
    /// The comparison's configuration.
    #[arg(value_name = "CONFIG.toml")]
    pub(super) config: PathBuf,
    /// Do only this; several with commas.
    #[arg(long, value_name = "PHASE", value_delimiter = ',')]
    only: Vec<OnlyPhase>,
    /// Set any key of the configuration: budget.tokens=100000, model.0.layers=2.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// The comparison's folder.
    #[arg(long, value_name = "FOLDER")]
    output: Option<String>,
    /// Threads to train and to ask tasks with; 0: as many as this process may. Speed has its own.
    #[arg(long)]
    threads: Option<u16>,
    /// Begin runs although the forecast is more memory than the machine has.
    #[arg(long)]
    pub(super) force: bool,
    /// Check everything and say about how long it will take; train nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// The report as JSON on standard output.
    #[arg(long)]
    pub(super) json: bool,
    /// No progress on standard error.
    #[arg(short, long)]
    pub(super) quiet: bool,
}

/// A part of a comparison.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum OnlyPhase {
    /// Every model with every seed, up to the budget.
    Train,
    /// What a step costs.
    Speed,
    /// What trained models know.
    Tasks,
    /// The report and its page, from what is there.
    Page,
}

impl CompareArguments {
    /// All overrides as `key=value`, the named options last.
    pub(super) fn overrides(&self) -> Vec<String> {
        let mut all = self.set.clone();
        let quoted = self.output.as_ref().map(|path| serde_json::json!(path).to_string());
        all.extend(quoted.map(|path| format!("output={path}")));
        all.extend(self.threads.map(|threads| format!("training.threads={threads}")));
        all
    }

    /// What is to be done.
    pub(super) fn phases(&self) -> Vec<Phase> {
        if self.only.is_empty() {
            return Phase::ALL.to_vec();
        }
        let phase = |only: &OnlyPhase| match only {
            OnlyPhase::Train => Phase::Train,
            OnlyPhase::Speed => Phase::Speed,
            OnlyPhase::Tasks => Phase::Tasks,
            OnlyPhase::Page => Phase::Page,
        };
        self.only.iter().map(phase).collect()
    }
}

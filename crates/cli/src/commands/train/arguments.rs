//! What can be said on the command line.

use std::path::PathBuf;

use clap::Args;

/// Options of `contexture train`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    contexture train --new > run.toml          a commented configuration to start from\n  \
    contexture train run.toml                  train, or go on where it stopped\n  \
    contexture train run.toml --set model.positions=rotary --output runs/rotary\n  \
    contexture train --report runs/a runs/b --out curves.html\n  \
    contexture embed --model runs/a 'ram hits sam'\n\n\
    A run can be stopped at any time, also by kill -9: the same command goes on from the newest\n\
    snapshot, and ends with the same weights and metrics, to the bit.")]
pub(crate) struct TrainArguments {
    /// The run's configuration.
    #[arg(value_name = "CONFIG.toml", conflicts_with_all = ["new", "report"])]
    pub(super) config: Option<PathBuf>,
    /// Print a commented configuration to start from.
    #[arg(long, value_name = "PRESET", num_args = 0..=1, default_missing_value = "masked",
          conflicts_with = "report")]
    pub(super) new: Option<String>,
    /// Draw the curves of runs into one HTML file.
    #[arg(long, value_name = "RUN", num_args = 1..)]
    pub(super) report: Vec<PathBuf>,
    /// The report's file; ending in .svg, the held-out losses alone.
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    pub(super) out: PathBuf,
    /// Set any key of the configuration: schedule.steps=100, objective.0.weight=2.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(super) set: Vec<String>,
    /// The run's folder.
    #[arg(long, value_name = "FOLDER")]
    pub(super) output: Option<String>,
    /// Steps to take.
    #[arg(long)]
    pub(super) steps: Option<u64>,
    /// The rate at the schedule's top.
    #[arg(long, value_name = "RATE")]
    pub(super) learning_rate: Option<f64>,
    /// Decides initial weights, order, masks and dropout.
    #[arg(long)]
    pub(super) seed: Option<u64>,
    /// Threads to use; 0: as many as this process may.
    #[arg(long)]
    pub(super) threads: Option<u16>,
    /// Let go of the run that stands in the folder, and begin anew.
    #[arg(long)]
    pub(super) fresh: bool,
    /// Begin although the forecast is more memory than the machine has.
    #[arg(long)]
    pub(super) force: bool,
    /// Check everything and say how much memory it will take; take no step.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// The outcome as JSON on standard output.
    #[arg(long)]
    pub(super) json: bool,
    /// No progress on standard error.
    #[arg(short, long)]
    pub(super) quiet: bool,
}

impl TrainArguments {
    /// All overrides as `key=value`, the named options last.
    pub(super) fn overrides(&self) -> Vec<String> {
        let mut all = self.set.clone();
        let quoted = self.output.as_ref().map(|path| serde_json::json!(path).to_string());
        all.extend(quoted.map(|path| format!("output={path}")));
        all.extend(self.steps.map(|steps| format!("schedule.steps={steps}")));
        all.extend(self.learning_rate.map(|rate| format!("optimiser.learning_rate={rate:?}")));
        all.extend(self.seed.map(|seed| format!("seed={seed}")));
        all.extend(self.threads.map(|threads| format!("threads={threads}")));
        all
    }
}

//! A folder with a small run in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The command.
pub(crate) fn contexture() -> Command {
    Command::new(assert_cmd::cargo::cargo_bin!("contexture"))
}

/// A folder with text, removed when it is dropped.
pub(crate) struct Stage {
    folder: tempfile::TempDir,
}

/// Sentences of a small grammar: enough to learn from.
fn sentences(count: usize) -> String {
    let (who, what) = (["ram", "sam", "the cat", "a dog", "my aunt"], ["hits", "sees", "likes"]);
    let (whom, when) = (["sam", "ram", "the mouse", "a ball"], ["today", "at noon", "again"]);
    let line = |k: usize| {
        let part = |list: &[&str], step: usize| list[k / step % list.len()].to_owned();
        format!("{} {} {} {} .\n", part(&who, 1), part(&what, 5), part(&whom, 7), part(&when, 11))
    };
    (0..count).map(line).collect()
}

impl Stage {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("text.txt"), sentences(400)).expect("text");
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a run of `steps` steps into `output`, with more lines for some sections.
    pub(crate) fn config(&self, output: &Path, steps: u64, more: &str) -> PathBuf {
        let text = format!(
            "output = {output:?}\nthreads = 1\n\
             [model]\nlayers = 1\nhidden = 16\nheads = 2\ninner = 32\nmaximum_tokens = 24\n\
             [tokenizer]\nvocabulary = 120\nmin_frequency = 1\n\
             [[objective]]\nkind = \"masked\"\nlength = 16\nbatch_tokens = 96\n\
             [objective.data]\ntrain = [{{ files = [{:?}] }}]\nheld_out_share = 0.1\nshuffle = 64\n\
             [schedule]\nsteps = {steps}\nwarmup = 5\n\
             [evaluation]\nevery = 7\n[snapshots]\nevery = 5\n{more}",
            self.path("text.txt")
        );
        let path = self.path("run.toml");
        std::fs::write(&path, text).expect("a configuration");
        path
    }

    /// Trains; the process's outcome.
    pub(crate) fn train(&self, config: &Path, arguments: &[&str]) -> Output {
        let mut command = contexture();
        command.arg("train").arg(config).args(arguments);
        command.output().expect("the command runs")
    }
}

/// What must be the same for the same run: weights and metrics.
pub(crate) fn result(run: &Path) -> (Vec<u8>, String) {
    let weights = std::fs::read(run.join("model.safetensors")).expect("weights");
    let metrics = std::fs::read_to_string(run.join("metrics.jsonl")).expect("metrics");
    (weights, metrics)
}

/// Standard error as text.
pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

//! A folder with a small comparison in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

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

    /// Writes a comparison of three small models into `output`.
    pub(crate) fn config(&self, output: &Path) -> PathBuf {
        let sizes = "causal = true\nhidden = 16\nlayers = 1\ndropout = 0.0\nmaximum_tokens = 24\n";
        let text = format!(
            "output = {output:?}\nseeds = [1, 2]\n\
             [budget]\nby = \"tokens\"\ntokens = 1500\nseconds = 0.2\n\
             [[model]]\nname = \"attention\"\npositions = \"rotary\"\nheads = 2\ninner = 32\n{sizes}\
             [[model]]\nname = \"lstm\"\naggregator = \"lstm\"\n{sizes}\
             [[model]]\nname = \"bag\"\naggregator = \"none\"\npositions = \"none\"\n{sizes}\
             [training]\nthreads = 1\n\
             [training.tokenizer]\nvocabulary = 120\nmin_frequency = 1\n\
             [[training.objective]]\nkind = \"causal\"\nlength = 16\nbatch_tokens = 96\n\
             [training.objective.data]\ntrain = [{{ files = [{:?}] }}]\nheld_out_share = 0.1\n\
             shuffle = 64\n\
             [training.schedule]\nwarmup = 3\n\
             [training.evaluation]\nevery = 7\n[training.snapshots]\nevery = 5\n\
             [speed]\nlengths = [8, 16, 32]\ndepths = [1, 2, 3]\ndepth_length = 8\n\
             threads = [1, 2]\ntokens = 32\nrepeats = 2\n",
            self.path("text.txt")
        );
        let path = self.path("compare.toml");
        std::fs::write(&path, text).expect("a configuration");
        path
    }

    /// The command on a configuration.
    pub(crate) fn command(&self, config: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("contexture"));
        command.arg("compare").arg(config).args(arguments);
        command
    }

    /// Compares; the process's outcome.
    pub(crate) fn compare(&self, config: &Path, arguments: &[&str]) -> Output {
        self.command(config, arguments).output().expect("the command runs")
    }
}

/// Standard error as text.
pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The report in a comparison's folder.
pub(crate) fn report(folder: &Path) -> Value {
    let bytes = std::fs::read(folder.join("comparison.json")).expect("a report");
    serde_json::from_slice(&bytes).expect("JSON")
}

/// What must be the same for the same comparison: weights and metrics of a run.
pub(crate) fn result(folder: &Path, run: &str) -> (Vec<u8>, String) {
    let run = folder.join("runs").join(run);
    let weights = std::fs::read(run.join("model.safetensors")).expect("weights");
    let metrics = std::fs::read_to_string(run.join("metrics.jsonl")).expect("metrics");
    (weights, metrics)
}

//! A small model that translates, trained once for all tests of this program.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// The command, with nothing of the user's environment that changes results.
pub(crate) fn contexture() -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("contexture"));
    command.env_remove("CONTEXTURE_MODEL").env_remove("CONTEXTURE_ISA").stdin(Stdio::null());
    command
}

const WHO: [[&str; 2]; 5] =
    [["ram", "rama"], ["sam", "sama"], ["the cat", "kat"], ["a dog", "dok"], ["my aunt", "tanta"]];
const WHAT: [[&str; 2]; 4] =
    [["hits", "slat"], ["sees", "ziet"], ["likes", "mak"], ["hears", "hort"]];
const WHEN: [[&str; 2]; 3] = [["today", "nu"], ["again", "wer"], ["at noon", "middag"]];

/// A sentence and its counterpart, whose verb stands last.
pub(crate) fn pair(number: usize) -> [String; 2] {
    let (who, whom) = (WHO[number % 5], WHO[number / 5 % 5]);
    let (what, when) = (WHAT[number / 25 % 4], WHEN[number / 100 % 3]);
    [
        format!("{} {} {} {}", who[0], what[0], whom[0], when[0]),
        format!("{} {} {} {}", when[1], who[1], whom[1], what[1]),
    ]
}

/// Numbers of pairs that there are.
pub(crate) const PAIRS: usize = 300;

/// The model's folder, made anew in each run of this program.
pub(crate) fn model() -> &'static Path {
    static MODEL: OnceLock<PathBuf> = OnceLock::new();
    MODEL.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("translate");
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        let rows = (0..PAIRS).filter(|n| n % 10 != 7).map(|n| pair(n).join("\t") + "\n");
        let rows = format!("source\ttarget\n{}", rows.collect::<String>());
        std::fs::write(folder.join("pairs.tsv"), rows).expect("pairs");
        let run = folder.join("run");
        let config = format!(
            "output = {run:?}\nthreads = 2\n\
             [model]\nlayers = 2\nhidden = 32\nheads = 2\ninner = 64\nmaximum_tokens = 24\n\
             positions = \"sinusoidal\"\ndropout = 0.0\n\
             [tokenizer]\nvocabulary = 160\nmin_frequency = 1\n\
             [[objective]]\nkind = \"translation\"\nlength = 20\nbatch_tokens = 400\n\
             [objective.data]\ntrain = [{{ files = [{:?}] }}]\nheld_out_share = 0.05\n\
             [optimiser]\nlearning_rate = 5e-3\n\
             [schedule]\nsteps = 400\nwarmup = 40\n[evaluation]\nevery = 400\n",
            folder.join("pairs.tsv")
        );
        let path = folder.join("run.toml");
        std::fs::write(&path, config).expect("a configuration");
        let done = contexture().arg("train").arg(&path).arg("--quiet").output().expect("training");
        assert!(done.status.success(), "{}", said(&done));
        run
    })
}

/// Translates with this model.
pub(crate) fn translate(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the command runs")
}

pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = contexture();
    command.args(["translate", "--model"]).arg(model()).args(arguments);
    command
}

/// As [`translate`], with text on standard input.
pub(crate) fn translate_stdin(arguments: &[&str], text: &str) -> Output {
    let mut command = assert_cmd::Command::from_std(command(arguments));
    command.write_stdin(text.to_owned()).output().expect("the command runs")
}

/// Standard output of a run that must succeed.
pub(crate) fn good(output: &Output) -> String {
    assert!(output.status.success(), "{}", said(output));
    String::from_utf8(output.stdout.clone()).expect("standard output is UTF-8")
}

/// Standard error.
pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The message of a run that must fail with code 1 and must not have written anything.
pub(crate) fn bad(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", said(output));
    assert_eq!(output.stdout, b"", "{}", said(output));
    said(output)
}

/// A JSON record a line.
pub(crate) fn records(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

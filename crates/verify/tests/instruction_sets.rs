//! The vectors of every family agree with the reference on every instruction set of this machine,
//! and `CONTEXTURE_ISA` is obeyed or refused by name. The set is chosen once a process, so each
//! one is tried in a process of its own: this test binary, run again.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use contexture::{EmbedOptions, Embedder, OpenOptions};
use contexture_kernels::isa::Isa;
use contexture_verify::{goldens, largest_difference, skipped, tensors};
use serde_json::Value;

const TOLERANCE: f32 = 2e-5;
/// Set for a child process: what it must find in use.
const EXPECTED: &str = "CONTEXTURE_TEST_ISA";

fn folders() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(goldens().join("families")).expect("goldens");
    let mut folders: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    folders.retain(|folder| folder.join("expected.safetensors").is_file());
    folders.sort();
    folders
}

fn open(folder: &Path) -> Embedder {
    let options = OpenOptions { threads: 2, ..OpenOptions::default() };
    Embedder::open_folder(folder, &options).unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
}

/// Runs one test of this binary again with `CONTEXTURE_ISA` set to `value`.
fn child(test: &str, value: impl AsRef<OsStr>, expected: &str) -> std::io::Result<Output> {
    Command::new(std::env::current_exe()?)
        .args(["--exact", test, "--nocapture"])
        .env(Isa::VARIABLE, value)
        .env(EXPECTED, expected)
        .output()
}

#[test]
fn every_instruction_set_gives_the_reference() {
    const TEST: &str = "every_instruction_set_gives_the_reference";
    if let Ok(expected) = std::env::var(EXPECTED) {
        return the_forced_set_gives_the_reference(&expected);
    }
    for isa in Isa::supported() {
        let output = match child(TEST, isa.name(), isa.name()) {
            Ok(output) => output,
            Err(error) => {
                skipped(TEST, &format!("{isa}: {error}"));
                continue;
            }
        };
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{isa}: {said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let line = said.lines().find(|line| line.contains("largest difference"));
        println!("{}", line.expect("a child says what it compared"));
    }
}

fn the_forced_set_gives_the_reference(expected: &str) {
    let (mut worst, mut texts, folders) = (0.0f32, 0, folders());
    assert!(folders.len() >= 16, "{} families", folders.len());
    for folder in &folders {
        let embedder = open(folder);
        assert_eq!(embedder.info(false).expect("no file is read").instructions, expected);
        let said = std::fs::read_to_string(folder.join("texts.json")).expect("texts");
        let said: Value = serde_json::from_str(&said).expect("texts");
        let said: Vec<&str> =
            said["texts"].as_array().expect("texts").iter().filter_map(Value::as_str).collect();
        let records = embedder.embed_with(&said, &EmbedOptions::default());
        let golden = tensors(&folder.join("expected.safetensors"));
        for (i, record) in
            records.unwrap_or_else(|e| panic!("{}: {e}", folder.display())).iter().enumerate()
        {
            let far = largest_difference(record.vector(), &golden[&format!("sentence.{i}")].values);
            assert!(far <= TOLERANCE, "{expected}: {}, text {i}: {far}", folder.display());
            (worst, texts) = (worst.max(far), texts + 1);
        }
    }
    println!("{expected}: {texts} texts, {} models, largest difference {worst:e}", folders.len());
}

#[test]
fn an_unknown_instruction_set_is_refused_by_name() {
    const TEST: &str = "an_unknown_instruction_set_is_refused_by_name";
    if let Ok(value) = std::env::var(EXPECTED) {
        return the_unknown_set_is_refused(&value);
    }
    for value in ["avx1024", "AVX 2", "sse"] {
        match child(TEST, value, value) {
            Ok(output) => assert!(output.status.success(), "{value}: {output:?}"),
            Err(error) => {
                return skipped(
                    "an_unknown_instruction_set_is_refused_by_name",
                    &error.to_string(),
                );
            }
        }
    }
}

fn the_unknown_set_is_refused(value: &str) {
    let folder = goldens().join("families/bert");
    let error = Embedder::open_folder(&folder, &OpenOptions::default()).expect_err("refused");
    let message = error.to_string();
    let supported = Isa::supported();
    for word in [Isa::VARIABLE, value].into_iter().chain(supported.iter().map(|isa| isa.name())) {
        assert!(message.contains(word), "{message}");
    }
}

//! The model inside the program: it needs no file, no home and no network, and is the same from the
//! command, from the library and from the folder that it is exported to.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use contexture::{BUILT_IN, Embedder, OpenOptions};

mod stage;
use stage::{bad, command, good, lines, names, vectors};

/// Whether there is one; where there is none the test is skipped by name.
fn built_in(test: &str) -> bool {
    let found = contexture::built_in();
    if let Err(error) = &found {
        let _ = writeln!(std::io::stderr(), "skipped: {test}: {error}");
    }
    found.is_ok()
}

/// The command where nothing of the user's is within reach: no home, no cache, no program beside it,
/// and whoever wants the network is led to a closed port.
fn alone(nowhere: &Path, arguments: &[&str]) -> Command {
    let mut command = command();
    let nowhere = nowhere.join("missing");
    for name in ["HOME", "XDG_CACHE_HOME", "HF_HOME", "CONTEXTURE_CACHE", "LOCALAPPDATA"] {
        command.env(name, &nowhere);
    }
    for name in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env(name, "http://127.0.0.1:9");
    }
    command.env("HF_ENDPOINT", "http://127.0.0.1:9").env("PATH", "").args(arguments);
    command
}

const TEXTS: [&str; 5] = ["ram hits sam", "sam hits ram", "ram strikes sam", "", "naïve 漢字 🙂"];

#[test]
fn every_command_works_with_nothing_around_it() {
    if !built_in("every_command_works_with_nothing_around_it") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let pairs = folder.path().join("pairs.tsv");
    let rows = "score\tsentence1\tsentence2\n5\tram hits sam\tram strikes sam\n0\ta river\t7\n3\ta b\tb a\n";
    fs::write(&pairs, rows).expect("written");
    let pairs = pairs.display().to_string();
    let run = |arguments: &[&str]| {
        let output = alone(folder.path(), arguments).output().expect("the command starts");
        let said = stage::errors(&output);
        assert!(!said.contains("fetch") && !said.contains("pull"), "{arguments:?}: {said}");
        good(output)
    };
    let named = run(&["embed", "-q", "--model", BUILT_IN, "ram hits sam"]);
    assert_eq!(run(&["embed", "-q", "ram hits sam"]), named);
    assert!(run(&["similarity", "ram hits sam", "sam hits ram"]).contains("1.000"));
    assert!(run(&["tokenize", "ram hits sam"]).contains("ram"));
    assert!(run(&["eval", "sts", &pairs, "--bootstrap", "0"]).contains("pairs"));
    assert!(run(&["info"]).contains(BUILT_IN));
    // Nothing was written anywhere either.
    assert_eq!(names(folder.path()), ["pairs.tsv"]);
}

#[test]
fn what_is_inside_is_not_fetched() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = alone(folder.path(), &["pull", BUILT_IN]).output().expect("the command starts");
    assert!(bad(output).contains("inside this program"));
}

#[test]
fn other_models_are_still_fetched() {
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = ["embed", "a", "--model", "all-MiniLM-L6-v2"];
    let output = alone(folder.path(), &arguments).output().expect("the command starts");
    let said = bad(output);
    assert!(said.contains("pulling all-MiniLM-L6-v2"), "{said}");
    let output = alone(folder.path(), &[&arguments[..], &["--offline"]].concat()).output();
    let said = bad(output.expect("the command starts"));
    assert!(said.contains("contexture pull all-MiniLM-L6-v2"), "{said}");
}

#[test]
fn command_library_and_exported_folder_agree_to_the_bit_on_any_threads() {
    if !built_in("command_library_and_exported_folder_agree_to_the_bit_on_any_threads") {
        return;
    }
    let embedder = Embedder::built_in().expect("the model");
    let records = embedder.embed(&TEXTS).expect("records");
    let library: Vec<Vec<f32>> = records.iter().map(|r| r.vector().to_vec()).collect();
    for (text, vector) in TEXTS.iter().zip(&library) {
        let alone = embedder.embed(&[text]).expect("a record");
        assert_eq!(alone[0].vector(), vector, "{text:?} alone");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("copy");
    let mut export = command();
    export.args(["export", "--weights", "int8", "--json", "--output"]).arg(&copy);
    let report = &lines(&good(export.output().expect("the command starts")))[0];
    assert_eq!(report["worst_cosine"], 1.0, "{report}");
    let copy = copy.display().to_string();
    for threads in ["1", "2", "3", "8"] {
        for model in [BUILT_IN, copy.as_str()] {
            let mut run = command();
            run.args(["embed", "-q", "--threads", threads, "--model", model, "--"]).args(TEXTS);
            let found = vectors(&good(run.output().expect("the command starts")));
            assert!(found == library, "{model} on {threads} threads");
        }
    }
    let opened = Embedder::open_folder(Path::new(&copy), &OpenOptions::default());
    let info = opened.expect("the copy").info(true).expect("its description");
    assert_eq!(info.sha256, embedder.info(true).expect("a description").sha256);
}

#[test]
fn info_shows_the_card() {
    if !built_in("info_shows_the_card") {
        return;
    }
    let text = good(command().arg("info").output().expect("the command starts"));
    for part in [BUILT_IN, "built into this program", "I8", "licence", "#"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("not stated"), "the card states its licence: {text}");
    let text = good(command().args(["info", "--json"]).output().expect("the command starts"));
    let info: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let card = info["card"].as_str().expect("a card");
    assert!(info["folder"].is_null() && card.len() > 200 && !card.starts_with("---"), "{card}");
}

/// A service: one that is waiting for its next text.
#[cfg(target_os = "linux")]
#[test]
fn it_starts_at_once_and_is_small() {
    if !built_in("it_starts_at_once_and_is_small") {
        return;
    }
    let measure = || {
        let begun = Instant::now();
        let mut run = command();
        run.args(["embed", "-q"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = run.spawn().expect("the command starts");
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(b"ram hits sam\n").expect("written");
        let mut record = String::new();
        let mut out = BufReader::new(child.stdout.take().expect("piped"));
        out.read_line(&mut record).expect("a record");
        let took = begun.elapsed();
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("status");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
        let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
        drop(stdin);
        assert!(child.wait().expect("it ends").success());
        let record = &lines(&record)[0];
        assert_eq!(record["embedding"].as_array().map(Vec::len), Some(384), "{record}");
        (took, kilobytes)
    };
    let runs: Vec<(Duration, u64)> = (0..5).map(|_| measure()).collect();
    let fastest = runs.iter().map(|run| run.0).min().expect("runs");
    let largest = runs.iter().map(|run| run.1).max().expect("runs");
    eprintln!("first vector after {fastest:?} at best, at most {largest} kB of memory");
    assert!(largest <= 60_000, "{largest} kB of memory");
    // Some 15 ms on a machine with nothing else to do (docs/built-in.md); here others may be at work.
    assert!(fastest < Duration::from_millis(500), "first vector after {fastest:?}");
}

#[test]
fn it_is_small_enough_to_be_carried() {
    let Ok(folder) = contexture::built_in() else {
        assert!(!built_in("it_is_small_enough_to_be_carried"));
        return;
    };
    let files = folder.files().expect("files in memory");
    let bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!((1_000_000..=12_000_000).contains(&bytes), "{bytes} bytes");
    for name in ["README.md", "config.json", "model.safetensors", "modules.json", "tokenizer.json"]
    {
        assert!(files.iter().any(|(file, _)| *file == name), "{name} is not there");
    }
}

//! An interrupted run leaves no file, neither under the final name nor a partial one.
#![cfg(unix)]

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

mod stage;
use stage::{bert, names};

/// Starts a run with a slow input, waits for its partial file, sends the signal.
fn interrupt(signal: &str, output: &str, more: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(output);
    let mut run = bert("embed", more);
    run.arg("--output").arg(&path).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = run.spawn().expect("the command starts");
    let mut stdin = child.stdin.take().expect("piped");
    // Enough for several jobs, so that records are on their way when the signal comes.
    stdin.write_all("ram hits sam\n".repeat(4000).as_bytes()).expect("taken");
    stdin.flush().expect("taken");
    let begun = Instant::now();
    while names(folder.path()).is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(20), "no partial file came");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(!path.exists(), "nothing stands under the final name while the run goes on");
    std::thread::sleep(Duration::from_millis(50));
    let sent = Command::new("sh").args(["-c", &format!("kill -{signal} {}", child.id())]).status();
    assert!(sent.expect("sh").success());
    let output = child.wait_with_output().expect("it ends");
    drop(stdin);
    assert_eq!(output.status.code(), Some(130), "{signal}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "contexture: interrupted\n");
    assert!(names(folder.path()).is_empty(), "{:?}", names(folder.path()));
}

#[test]
fn interrupt_and_termination_leave_nothing() {
    interrupt("INT", "out.npy", &[]);
    interrupt("TERM", "out.npy", &[]);
    interrupt("INT", "out.jsonl.zst", &[]);
    interrupt("TERM", "out.parquet", &[]);
    interrupt("INT", "out.jsonl", &["--precision", "int8"]);
}

#[test]
fn an_older_file_outlives_an_interrupted_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("out.jsonl");
    std::fs::write(&path, "older\n").expect("written");
    let mut run = bert("embed", &[]);
    run.arg("--output").arg(&path).stdin(Stdio::piped()).stderr(Stdio::null());
    let mut child = run.spawn().expect("the command starts");
    let stdin = child.stdin.take().expect("piped");
    (&stdin).write_all(b"ram hits sam\n").expect("taken");
    let begun = Instant::now();
    while names(folder.path()).len() < 2 {
        assert!(begun.elapsed() < Duration::from_secs(20), "no partial file came");
        std::thread::sleep(Duration::from_millis(5));
    }
    let sent = Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status();
    assert!(sent.expect("sh").success());
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    drop(stdin);
    assert_eq!(names(folder.path()), ["out.jsonl"]);
    assert_eq!(std::fs::read_to_string(&path).expect("the file"), "older\n");
}

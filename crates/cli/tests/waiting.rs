//! Somebody writes a text, waits for its vector, and writes the next one.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

#[test]
fn each_line_is_answered_while_the_input_stays_open() {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../verify/goldens/families/bert");
    let mut child = Command::new(env!("CARGO_BIN_EXE_contexture"))
        .args(["embed", "--quiet", "--model"])
        .arg(model)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let (sender, answers) = mpsc::channel();
    std::thread::spawn(move || {
        for line in output.lines() {
            if sender.send(line.unwrap()).is_err() {
                break;
            }
        }
    });
    for number in 0..3 {
        writeln!(input, "text number {number}").unwrap();
        input.flush().unwrap();
        let answer = answers.recv_timeout(Duration::from_secs(30));
        let answer = answer.unwrap_or_else(|_| panic!("no answer to line {number}"));
        assert!(answer.starts_with(&format!("{{\"id\":{number},")), "{answer}");
    }
    drop(input);
    assert!(child.wait().unwrap().success());
    assert!(answers.recv_timeout(Duration::from_secs(30)).is_err(), "more answers than lines");
}

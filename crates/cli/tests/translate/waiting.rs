//! Somebody writes a line, waits for its counterpart, and writes the next one.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use crate::stage::{command, pair};

#[test]
fn each_line_is_answered_while_the_input_stays_open() {
    let mut child = command(&["--quiet", "--n-best", "1", "--scores"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut input = child.stdin.take().expect("an input");
    let output = BufReader::new(child.stdout.take().expect("an output"));
    let (sender, answers) = mpsc::channel();
    std::thread::spawn(move || {
        for line in output.lines() {
            if sender.send(line.expect("a line")).is_err() {
                break;
            }
        }
    });
    for number in 0..3 {
        writeln!(input, "{}", pair(number)[0]).expect("written");
        input.flush().expect("written");
        let answer = answers.recv_timeout(Duration::from_secs(60));
        let answer = answer.unwrap_or_else(|_| panic!("no answer to line {number}"));
        assert!(answer.split_once('\t').is_some_and(|(_, text)| !text.is_empty()), "{answer}");
    }
    drop(input);
    assert!(child.wait().expect("an end").success());
    assert!(answers.recv_timeout(Duration::from_secs(30)).is_err(), "more answers than lines");
}

//! Texts that are out to break something, each within bounded time; memory that stays flat.

use std::time::{Duration, Instant};

mod stage;
use stage::{bad, embed_stdin, good, lines};

const BOUND: Duration = Duration::from_secs(10);

fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("an empty line", b"\n".to_vec()),
        ("1 MB without a space", vec![b'x'; 1 << 20]),
        ("1 MB of one CJK character", "漢".repeat(1 << 18).into_bytes()),
        ("100,000 combining marks", format!("e{}", "\u{301}".repeat(100_000)).into_bytes()),
        ("NUL", b"a\0b\0\0c".to_vec()),
        ("control characters", (1..32u8).filter(|byte| *byte != b'\n').collect()),
        ("1 MB of blanks", vec![b' '; 1 << 20]),
        ("right to left, joined", "\u{202e}שלום\u{200d}\u{200d}عالم".repeat(2000).into_bytes()),
        ("surrogates' neighbours", "\u{d7ff}\u{e000}\u{10ffff}\u{fffd}".into()),
        ("1 MB of words", b"ram hits sam ".repeat(80_000)),
    ]
}

#[test]
fn hostile_texts_give_one_record_each_in_bounded_time() {
    for (name, text) in hostile() {
        for overflow in ["truncate", "chunk"] {
            let begun = Instant::now();
            let arguments = ["-i", "-", "--on-overflow", overflow, "--level", "sentence,word"];
            let records = lines(&good(embed_stdin(&arguments, &text)));
            assert!(begun.elapsed() < BOUND, "{name}, {overflow}: {:?}", begun.elapsed());
            if overflow == "truncate" {
                assert_eq!(records.len(), 1, "{name}");
            }
            assert!(!records.is_empty(), "{name}");
            for record in records {
                let embedding = record["embedding"].as_array().expect("a vector");
                assert!(embedding.iter().all(serde_json::Value::is_number), "{name}");
            }
        }
    }
}

#[test]
fn bytes_that_are_not_text_are_an_error_or_replaced() {
    let text = b"good\nna\xC3\x28ve \xED\xA0\x80 \xF8\n";
    let begun = Instant::now();
    let said = bad(embed_stdin(&[], text));
    assert!(said.contains("standard input: line 2: byte 2 of the line (byte 7"), "{said}");
    assert!(said.contains("0xC3"), "{said}");
    assert_eq!(lines(&good(embed_stdin(&["--lossy"], text))).len(), 2);
    assert_eq!(lines(&good(embed_stdin(&["--skip-bad"], text))).len(), 1);
    assert!(begun.elapsed() < BOUND);
}

/// The largest resident set of a run over this many short lines, in KiB.
#[cfg(target_os = "linux")]
fn peak_kib(count: usize) -> u64 {
    use std::fmt::Write;
    let folder = tempfile::tempdir().expect("a folder");
    let input = folder.path().join("lines.txt");
    let mut text = String::new();
    (0..count).for_each(|n| writeln!(text, "ram {} hits sam", n % 97).expect("a string"));
    std::fs::write(&input, text).expect("written");
    let mut run = stage::bert("embed", &["-q", "--threads", "2"]);
    run.arg("--input").arg(&input).arg("--output").arg(folder.path().join("o.npy"));
    let mut child = run.spawn().expect("the command starts");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().expect("a state").is_none() {
        // A process that has just ended has no such line any more.
        let status = std::fs::read_to_string(&status).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let value = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        peak = value.unwrap_or(0).max(peak);
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(child.wait().expect("it ends").success());
    let bytes = std::fs::metadata(folder.path().join("o.npy")).expect("the output").len();
    assert_eq!(bytes, 128 + 4 * 48 * count as u64);
    peak
}

#[cfg(target_os = "linux")]
#[test]
fn memory_is_flat_over_a_stream() {
    let (short, long) = (peak_kib(20_000), peak_kib(200_000));
    eprintln!("peak: {short} KiB over 20,000 lines, {long} KiB over 200,000");
    assert!(short > 1000, "the peak was read");
    assert!(long < short + (8 << 10), "{short} KiB over 20,000 lines, {long} over 200,000");
}

//! A million rows go through in a few megabytes. This file holds one test, since the peak is the
//! process's own.
#![cfg(target_os = "linux")]

mod stage;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::time::Instant;

use contexture_bulk::{
    IdKind, Input, Output, Shape, Sink, SinkOptions, SourceOptions, open_source,
};
use stage::{Stage, record};

fn peak_mib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("reads");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("a peak");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<usize>().ok()).expect("a size") / 1024
}

#[test]
fn a_million_rows_pass_in_flat_memory() {
    let stage = Stage::new();
    let path = stage.path("texts.jsonl");
    let mut file = BufWriter::new(File::create(&path).expect("creates"));
    for n in 0..1_000_000 {
        writeln!(file, "{{\"id\":{n},\"text\":\"line {n} of a file with many lines\"}}")
            .expect("writes");
    }
    drop(file);
    let options = SinkOptions::new(Shape::sentences(16), IdKind::Text);
    let mut reference = 0;
    for name in ["out.jsonl", "out.jsonl.zst", "out.npy", "out.parquet"] {
        let start = Instant::now();
        let source = open_source(&Input::File(path.clone()), &SourceOptions::default());
        let output = Output::File(stage.path(name));
        let mut sink = Sink::create(&output, &options).expect("creates");
        let vector = record((0..16_u8).map(|n| f32::from(n).sin()).collect());
        for (n, item) in source.expect("opens").enumerate() {
            let item = item.expect("a row");
            sink.write(&item.id, &vector).expect("writes");
            if n == 200_000 {
                reference = peak_mib();
            }
        }
        let written = sink.finish().expect("finishes");
        let peak = peak_mib();
        println!("{name}: {written:?}, {:?}, peak {peak} MiB", start.elapsed());
        assert_eq!(written.records, 1_000_000);
        // Parquet fills row groups of 64 MiB; beyond the first fifth nothing may grow.
        assert!(peak <= reference + 90, "{name}: {reference} MiB at 200,000 rows, then {peak}");
        assert!(peak <= 256, "{name}: {peak} MiB");
        std::fs::remove_file(stage.path(name)).expect("removes");
    }
    let input = Input::File(path);
    assert_eq!(open_source(&input, &SourceOptions::default()).expect("opens").count(), 1_000_000);
}

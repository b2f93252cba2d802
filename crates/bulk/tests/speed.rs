//! How fast sinks and sources are: `cargo test --release --test speed -- --ignored --nocapture`.

mod stage;

use std::time::Instant;

use contexture_bulk::{
    Id, IdKind, Input, Output, Shape, Sink, SinkOptions, SourceOptions, open_source,
};
use contexture_engine::{Unit, Vector};
use stage::{Packing, Stage, record};

/// Seconds this thread has run: on a busy machine the wall clock says little. 0 where unknown.
fn cpu_seconds() -> f64 {
    let schedule = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = schedule.split_whitespace().next().and_then(|n| n.parse::<f64>().ok());
    nanoseconds.unwrap_or(0.0) / 1e9
}

#[test]
#[ignore = "a measurement"]
fn sinks() {
    let stage = Stage::new();
    let values = |n: u64| -> Vec<f32> {
        (0..384).map(|d| ((n * 384 + d) as f32 * 0.618).sin() * 0.08).collect()
    };
    let records: Vec<_> = (0..2000).map(|n| record(values(n))).collect();
    for name in ["out.jsonl", "out.jsonl.gz", "out.jsonl.zst", "out.npy", "out.parquet"] {
        let options = SinkOptions::new(Shape::sentences(384), IdKind::Number);
        let (start, cpu) = (Instant::now(), cpu_seconds());
        let mut sink = Sink::create(&Output::File(stage.path(name)), &options).expect("creates");
        for n in 0..20_000 {
            sink.write(&Id::Number(n as i64), &records[n % records.len()]).expect("writes");
        }
        let written = sink.finish().expect("finishes");
        let seconds = start.elapsed().as_secs_f64();
        let cpu = cpu_seconds() - cpu;
        let megabytes = written.bytes as f64 / 1e6;
        println!(
            "{name}: {megabytes:.0} MB in {seconds:.2} s ({cpu:.2} s of a core: {:.0} MB/s), {:.0} \
             records/s",
            megabytes / cpu,
            written.records as f64 / seconds
        );
    }
}

#[test]
#[ignore = "a measurement"]
fn sources() {
    let stage = Stage::new();
    let text = "a sentence of a usual length, as they stand in files that people embed";
    let line = |ending: &str| match ending {
        "jsonl" => format!("{{\"id\":1,\"text\":\"{text}\"}}\n"),
        "csv" => format!("\"{text}\"\n"),
        _ => format!("{text}\n"),
    };
    for ending in ["txt", "jsonl", "csv", "tsv"] {
        for packing in Packing::ALL {
            let header = if matches!(ending, "csv" | "tsv") { "text\n" } else { "" };
            let content = header.to_owned() + &line(ending).repeat(300_000);
            let name = format!("a.{ending}{}", packing.ending());
            let path = stage.write(&name, &packing.pack(content.as_bytes()));
            let start = Instant::now();
            let options = SourceOptions::default();
            let rows = open_source(&Input::File(path), &options).expect("opens").count();
            let seconds = start.elapsed().as_secs_f64();
            println!(
                "{name}: {:.0} rows/s, {:.0} MB/s",
                rows as f64 / seconds,
                content.len() as f64 / 1e6 / seconds
            );
        }
    }
}

/// Writes one file of each kind into the folder that `SAMPLES` names, to be read by others.
#[test]
#[ignore = "writes files to be kept"]
fn samples() {
    let Some(folder) = std::env::var_os("SAMPLES") else {
        println!("skipped: SAMPLES names no folder");
        return;
    };
    let folder = std::path::PathBuf::from(folder);
    let write = |name: &str, shape: Shape, binary: bool| {
        let options = SinkOptions::new(shape, IdKind::Text);
        let output = Output::File(folder.join(name));
        let mut sink = Sink::create(&output, &options).expect("creates");
        for n in 0..100_u8 {
            let mut row = record(vec![f32::from(n), 0.1, -1e-8]);
            if binary {
                row.embedding = Some(Vector::Int8(vec![n as i8, -128, 127]));
            }
            let unit = |text: &str| Unit {
                text: text.to_owned(),
                span: (text != "[CLS]").then_some([0, 1]),
                embedding: vec![f32::from(n)],
            };
            row.words = shape.words.then(|| vec![unit("a"), unit("b")]);
            row.tokens_detail = shape.tokens.then(|| vec![unit("[CLS]")]);
            sink.write(&Id::Text(format!("r{n}")), &row).expect("writes");
        }
        sink.finish().expect("finishes");
    };
    let plain = Shape::sentences(3);
    let int8 = Shape { precision: contexture_bulk::Precision::Int8, ..plain };
    let levels = Shape { words: true, tokens: true, chunks: true, ..plain };
    for ending in ["npy", "parquet", "jsonl.gz"] {
        write(&format!("plain.{ending}"), plain, false);
        write(&format!("int8.{ending}"), int8, true);
    }
    write("levels.parquet", levels, false);
    write("levels.jsonl", levels, false);
}

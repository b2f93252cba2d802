//! The run: source, engine, sink.

use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use contexture::quantize::{Ranges, binary};
use contexture::{EmbedOptions, Embedder, EngineError, Next, Overflow, Record, Vector};
use contexture_bulk::{Id, Input, Output, Precision, Shape, Sink, SinkOptions};
use indicatif::ProgressBar;

use super::arguments::{EmbedArguments, PrecisionName};
use super::summary::Summary;
use crate::commands::feed::Feed;
use crate::commands::interrupt::remove_partials_on_interrupt;
use crate::commands::reading::{at, bad_row, open};
use crate::commands::spool::Spool;
use crate::progress::{rate, texts_bar};
use crate::say;

/// How sentence vectors leave the engine for the sink.
enum Finish {
    /// As they are.
    F32,
    /// A bit a dimension.
    Binary,
    /// Over given ranges.
    Int8(Ranges),
    /// Over the ranges of the whole run, which are known at its end.
    Int8Later(Spool),
}

/// Where records go, and what has been counted of them.
struct Receiver<'a> {
    sink: Sink,
    finish: Finish,
    summary: Summary,
    bar: &'a ProgressBar,
    begun: Instant,
    skip_bad: bool,
    /// The input's name and what its rows are called: `reviews.csv: line`.
    place: String,
    /// Each record is passed on at once: somebody waits at the other end.
    eager: bool,
    failure: Option<anyhow::Error>,
}

pub(crate) fn run(arguments: EmbedArguments) -> Result<()> {
    let options = arguments.embed_options()?;
    let input = arguments.input();
    if input == Input::Stdin && std::io::stdin().is_terminal() && !arguments.quiet {
        eprintln!("contexture: reading standard input, a text a line; Ctrl-D ends");
    }
    let source = open(&input, &arguments.reading)?;
    let embedder = arguments.model.open(arguments.quiet)?;
    if options.levels.sentence && options.pooling.is_none() {
        arguments.model.say_what_is_assumed(&embedder)?;
    }
    remove_partials_on_interrupt();
    let dimensions = embedder.dimensions_with(&options)?;
    let (precision, ranges) = arguments.precision();
    let shape = Shape {
        dimensions,
        precision: match precision {
            PrecisionName::F32 => Precision::F32,
            PrecisionName::Int8 => Precision::Int8,
            PrecisionName::Binary => Precision::Binary,
        },
        sentence: options.levels.sentence,
        words: options.levels.words,
        tokens: options.levels.tokens,
        chunks: options.overflow == Overflow::Chunk,
    };
    let sink_options =
        SinkOptions { format: arguments.output_format(), shape, ids: source.id_kind() };
    let bar =
        texts_bar(source.size_hint_bytes(), arguments.quiet || !std::io::stderr().is_terminal());
    let receiver = Receiver {
        sink: Sink::create(&arguments.output(), &sink_options)?,
        finish: finish(precision, ranges.map(|path| path.as_path()), dimensions)?,
        summary: Summary {
            model: arguments.model.model.clone(),
            dimensions,
            threads: embedder.threads(),
            output: match arguments.output() {
                Output::File(path) => path.display().to_string(),
                _ => "-".into(),
            },
            ..Summary::default()
        },
        bar: &bar,
        begun: Instant::now(),
        skip_bad: arguments.reading.skip_bad,
        place: format!("{}: {}", input.name(), arguments.reading.unit(&input)),
        // A file's texts come at full speed: its records go on when the buffer is full.
        eager: matches!(arguments.output(), Output::Stdout)
            && (input == Input::Stdin || std::io::stdout().is_terminal()),
        failure: None,
    };
    let feed = Feed::new(source, input == Input::Stdin);
    let outcome = stream(&embedder, feed, &options, receiver);
    bar.finish_and_clear();
    report(&arguments, &outcome?, embedder.max_length_with(&options)?)
}

fn finish(precision: PrecisionName, ranges: Option<&Path>, dimensions: usize) -> Result<Finish> {
    match (precision, ranges) {
        (PrecisionName::Int8, None) => Ok(Finish::Int8Later(Spool::new(dimensions)?)),
        (PrecisionName::Int8, Some(path)) => {
            let name = path.display();
            let text = std::fs::read_to_string(path).with_context(|| format!("{name}"))?;
            let ranges: Ranges = serde_json::from_str(&text)
                .with_context(|| format!("{name}: expected {{\"min\": [..], \"max\": [..]}}"))?;
            if ranges.min.len() != dimensions || ranges.max.len() != dimensions {
                let found = (ranges.min.len(), ranges.max.len());
                bail!("{name}: expected {dimensions} values in min and max, found {found:?}");
            }
            Ok(Finish::Int8(ranges))
        }
        (_, Some(_)) => bail!("--int8-ranges goes with --precision int8"),
        (PrecisionName::Binary, None) => Ok(Finish::Binary),
        (PrecisionName::F32, None) => Ok(Finish::F32),
    }
}

/// Runs everything; whatever fails, nothing is left under the output's final name.
fn stream(
    embedder: &Embedder,
    mut feed: Feed,
    options: &EmbedOptions,
    mut receiver: Receiver<'_>,
) -> Result<Summary> {
    let bar = receiver.bar.clone();
    let mut failed = None;
    let next = |wait| {
        if failed.is_some() {
            return Next::End;
        }
        let row = feed.next(wait);
        if let Some(bytes) = feed.bytes_read() {
            bar.set_position(bytes);
        }
        row.unwrap_or_else(|error| {
            failed = Some(error);
            Next::End
        })
    };
    embedder.embed_stream(options, next, |(id, row), records| receiver.take(&id, row, records))?;
    if let Some(failure) = receiver.failure {
        return Err(failure);
    }
    if let Some(failed) = failed {
        receiver.sink.flush()?;
        return Err(bad_row(failed));
    }
    let source = feed.finish().context("the thread that reads the input is gone")?;
    receiver.summary.skipped += source.skipped() as u64;
    if let Some(first) = source.first_skipped() {
        receiver.summary.first_skipped.get_or_insert_with(|| first.to_string());
    }
    let Receiver { mut sink, finish, mut summary, begun, .. } = receiver;
    if let Finish::Int8Later(spool) = finish {
        spool.drain(|id, record| Ok(sink.write(id, record)?))?;
    }
    summary.output_bytes = sink.finish()?.bytes;
    summary.took(begun.elapsed());
    Ok(summary)
}

impl Receiver<'_> {
    fn take(
        &mut self,
        id: &Id,
        row: usize,
        records: Result<Vec<Record>, EngineError>,
    ) -> ControlFlow<()> {
        let outcome = match records {
            Ok(records) => self.write(id, records),
            Err(EngineError::TooLong { tokens, limit, .. }) if self.skip_bad => {
                let why =
                    format!("{} {row}: {tokens} tokens, and the limit is {limit}", self.place);
                self.summary.skipped += 1;
                self.summary.first_skipped.get_or_insert(why);
                Ok(())
            }
            Err(error) => Err(at(&self.place, row, &error)),
        };
        match outcome {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.failure = Some(error);
                ControlFlow::Break(())
            }
        }
    }

    fn write(&mut self, id: &Id, records: Vec<Record>) -> Result<()> {
        self.summary.add(&records);
        if !self.bar.is_hidden() {
            self.bar.set_message(rate(self.summary.texts, self.begun.elapsed()));
        }
        for mut record in records {
            let vector = match (&self.finish, &record.embedding) {
                (Finish::Binary, Some(Vector::F32(vector))) => Some(Vector::Binary(binary(vector))),
                (Finish::Int8(ranges), Some(Vector::F32(vector))) => {
                    Some(Vector::Int8(ranges.int8(vector)))
                }
                _ => None,
            };
            if vector.is_some() {
                record.embedding = vector;
            }
            match &mut self.finish {
                Finish::Int8Later(spool) => spool.add(id, record)?,
                _ => self.sink.write(id, &record)?,
            }
        }
        if self.eager {
            self.sink.flush()?;
        }
        Ok(())
    }
}

fn report(arguments: &EmbedArguments, summary: &Summary, limit: usize) -> Result<()> {
    for warning in summary.warnings(limit) {
        eprintln!("contexture: {warning}");
    }
    match (arguments.json, arguments.output()) {
        (true, Output::File(_)) => say::out(&(serde_json::to_string(summary)? + "\n"))?,
        (true, _) => eprintln!("{}", serde_json::to_string(summary)?),
        (false, _) if !arguments.quiet => eprintln!("contexture: {}", summary.line()),
        _ => {}
    }
    Ok(())
}

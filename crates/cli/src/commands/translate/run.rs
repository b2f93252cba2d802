//! The run: source, engine, lines.

use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::time::Instant;

use anyhow::{Context, Result};
use contexture::{EngineError, Input, Next, TranslateOptions, Translation, Translator};
use contexture_bulk::{Id, Input as From, Output, TextSink};
use indicatif::ProgressBar;

use super::arguments::TranslateArguments;
use super::attention::{Drawn, MOST_DRAWN, draw};
use super::lines::Layout;
use super::summary::Summary;
use crate::commands::feed::Feed;
use crate::commands::interrupt::remove_partials_on_interrupt;
use crate::commands::reading::{at, bad_row, open_lines};
use crate::progress::{rate, texts_bar};

/// What comes back with a text's outputs.
struct Tag {
    id: Id,
    row: usize,
    /// The text itself, where its attention is to be drawn.
    drawn: Option<String>,
}

/// Where outputs go, and what has been counted of them.
struct Receiver<'a> {
    translator: &'a Translator,
    sink: TextSink,
    layout: Layout,
    summary: Summary,
    drawn: Vec<Drawn>,
    bar: &'a ProgressBar,
    begun: Instant,
    skip_bad: bool,
    /// The input's name and what its rows are called: `news.csv: line`.
    place: String,
    /// Each output is passed on at once: somebody waits at the other end.
    eager: bool,
    failure: Option<anyhow::Error>,
}

pub(crate) fn run(arguments: TranslateArguments) -> Result<()> {
    let options = arguments.options();
    let (layout, page) = (arguments.layout()?, arguments.attention()?);
    let (input, output) = (arguments.input(), arguments.output());
    if input == From::Stdin && std::io::stdin().is_terminal() && !arguments.quiet {
        eprintln!("contexture: reading standard input, a text a line; Ctrl-D ends");
    }
    let source = open_lines(&input, &arguments.reading)?;
    let folder = arguments.model.locate(arguments.quiet)?.folder;
    let translator = Translator::open_in(folder, &arguments.model.options())?;
    remove_partials_on_interrupt();
    let quiet = arguments.quiet || !std::io::stderr().is_terminal();
    let bar = texts_bar(source.size_hint_bytes(), quiet);
    let receiver = Receiver {
        translator: &translator,
        sink: TextSink::create(&output)?,
        layout,
        summary: Summary {
            output: match &output {
                Output::File(path) => Some(path.display().to_string()),
                _ => None,
            },
            ..Summary::default()
        },
        drawn: Vec::new(),
        bar: &bar,
        begun: Instant::now(),
        skip_bad: arguments.reading.skip_bad,
        place: format!("{}: {}", input.name(), arguments.reading.unit(&input)),
        eager: output == Output::Stdout
            && (input == From::Stdin || std::io::stdout().is_terminal()),
        failure: None,
    };
    let feed = Feed::new(source, input == From::Stdin);
    let outcome = stream(feed, &options, page.is_some(), receiver);
    bar.finish_and_clear();
    let (summary, drawn) = outcome?;
    if let Some(path) = page {
        let drawn = (drawn.as_slice(), summary.texts);
        draw(path, &arguments.model.model, &translator, &options, drawn)?;
    }
    for warning in summary.warnings(options.max_length.unwrap_or(translator.max_length())) {
        eprintln!("contexture: {warning}");
    }
    if !arguments.quiet {
        eprintln!("contexture: {}", summary.line());
        if let Some(path) = page {
            eprintln!("contexture: attention -> {}", path.display());
        }
    }
    Ok(())
}

/// Runs everything; whatever fails, nothing is left under the output's final name.
fn stream(
    mut feed: Feed,
    options: &TranslateOptions,
    draws: bool,
    mut receiver: Receiver<'_>,
) -> Result<(Summary, Vec<Drawn>)> {
    let bar = receiver.bar.clone();
    let mut failed = None;
    let mut left = if draws { MOST_DRAWN } else { 0 };
    let next = |wait| {
        if failed.is_some() {
            return Next::End;
        }
        let row = feed.next(wait);
        if let Some(bytes) = feed.bytes_read() {
            bar.set_position(bytes);
        }
        match row {
            Ok(Next::Text(Input { text, words, tag: (id, row) })) => {
                let drawn = (left > 0).then(|| text.clone());
                left -= usize::from(drawn.is_some());
                Next::Text(Input { text, words, tag: Tag { id, row, drawn } })
            }
            Ok(Next::NotYet) => Next::NotYet,
            Ok(Next::End) => Next::End,
            Err(error) => {
                failed = Some(error);
                Next::End
            }
        }
    };
    let translator = receiver.translator;
    translator.translate_stream(options, next, |tag, result| receiver.take(tag, result))?;
    if let Some(failure) = receiver.failure {
        return Err(failure);
    }
    if let Some(failed) = failed {
        receiver.sink.flush()?;
        return Err(bad_row(failed));
    }
    let source = feed.finish().context("the thread that reads the input is gone")?;
    let Receiver { sink, mut summary, drawn, begun, .. } = receiver;
    summary.skipped += source.skipped() as u64;
    if let Some(first) = source.first_skipped() {
        summary.first_skipped.get_or_insert_with(|| first.to_string());
    }
    sink.finish()?;
    summary.took(begun.elapsed());
    Ok((summary, drawn))
}

impl Receiver<'_> {
    fn take(&mut self, tag: Tag, result: Result<Translation, EngineError>) -> ControlFlow<()> {
        let outcome = match result {
            Ok(translation) => self.write(tag, &translation),
            Err(EngineError::TooLong { tokens, limit, .. }) if self.skip_bad => {
                let (place, row) = (&self.place, tag.row);
                let why = format!("{place} {row}: {tokens} tokens, and the limit is {limit}");
                self.summary.skipped += 1;
                self.summary.first_skipped.get_or_insert(why);
                Ok(())
            }
            Err(error) => Err(at(&self.place, tag.row, &error)),
        };
        match outcome {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.failure = Some(error);
                ControlFlow::Break(())
            }
        }
    }

    fn write(&mut self, tag: Tag, translation: &Translation) -> Result<()> {
        self.summary.add(translation);
        if !self.bar.is_hidden() {
            self.bar.set_message(rate(self.summary.texts, self.begun.elapsed()));
        }
        let names = (self.translator.target(), self.translator.end());
        self.sink.write(&self.layout.lines(&tag.id, translation, names))?;
        if let (Some(text), Some(best)) = (tag.drawn, translation.outputs.first()) {
            self.drawn.push((text, best.clone()));
        }
        if self.eager {
            self.sink.flush()?;
        }
        Ok(())
    }
}

//! Texts to vectors, with progress.

use std::ops::ControlFlow;

use contexture_engine::{EmbedOptions, Embedder, EngineError, Input, Levels, Next, Record, Span};

use crate::{EvaluateError, Setup};

/// Sentence vectors `[texts, width]`.
#[derive(Debug, Clone)]
pub struct Sentences {
    /// Width of a vector.
    pub width: usize,
    /// All vectors, row by row.
    pub values: Vec<f32>,
    /// Texts that were longer than the model's limit and were cut.
    pub truncated: usize,
}

impl Sentences {
    /// Vector number `at`.
    pub fn row(&self, at: usize) -> &[f32] {
        &self.values[at * self.width..(at + 1) * self.width]
    }
}

/// A sentence vector for each text.
///
/// # Errors
/// The first text's that failed.
pub fn sentences<'t>(
    embedder: &Embedder,
    texts: impl ExactSizeIterator<Item = &'t str> + Send,
    setup: &Setup<'_>,
) -> Result<Sentences, EvaluateError> {
    let options = EmbedOptions { levels: Levels::SENTENCE, ..setup.options.clone() };
    let width = embedder.dimensions_with(&options)?;
    let mut found = Sentences { width, values: Vec::new(), truncated: 0 };
    found.values.reserve(texts.len() * width);
    let total = texts.len();
    let inputs = texts.map(|text| Ok((text.to_owned(), None)));
    stream(embedder, inputs, total, &options, setup, |_, record| {
        found.truncated += usize::from(record.truncated);
        found.values.extend_from_slice(record.vector());
        Ok(())
    })?;
    Ok(found)
}

/// Words of each text with their vectors, in the order of the texts: `take` is given the text's
/// number and its record. Words in a cut tail have an empty vector.
pub(crate) fn words(
    embedder: &Embedder,
    texts: impl ExactSizeIterator<Item = (String, Vec<Span>)> + Send,
    setup: &Setup<'_>,
    take: impl FnMut(usize, Record) -> Result<(), EvaluateError> + Send,
) -> Result<(), EvaluateError> {
    let options = EmbedOptions { levels: Levels::WORDS, ..setup.options.clone() };
    let total = texts.len();
    let inputs = texts.map(|(text, words)| Ok((text, Some(words))));
    stream(embedder, inputs, total, &options, setup, take)
}

/// A text, and its words where the user's own are given.
pub(crate) type Text = (String, Option<Vec<Span>>);

/// Embeds `texts`, of which there are `total`, and gives `take` each one's number and record.
pub(crate) fn stream(
    embedder: &Embedder,
    mut texts: impl Iterator<Item = Result<Text, EvaluateError>> + Send,
    total: usize,
    options: &EmbedOptions,
    setup: &Setup<'_>,
    mut take: impl FnMut(usize, Record) -> Result<(), EvaluateError> + Send,
) -> Result<(), EvaluateError> {
    let mut number = 0;
    let mut unread = None;
    let next = |_| match texts.next() {
        Some(Ok((text, words))) => {
            number += 1;
            Next::Text(Input { text, words, tag: number - 1 })
        }
        Some(Err(error)) => {
            unread = Some(error);
            Next::End
        }
        None => Next::End,
    };
    let mut failure = None;
    embedder.embed_stream(
        options,
        next,
        |at: usize, records: Result<Vec<Record>, EngineError>| {
            setup.say("embedding", at + 1, total);
            let taken = records
                .map_err(EvaluateError::from)
                .and_then(|records| records.into_iter().try_for_each(|record| take(at, record)));
            match taken {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failure = Some(error);
                    ControlFlow::Break(())
                }
            }
        },
    )?;
    failure.or(unread).map_or(Ok(()), Err)
}

/// The cosine in f64, so that neighbouring values stay apart; 0 where a vector is zero.
pub fn cosine(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len(), "dimensions of the two vectors");
    let dot = |x: &[f32], y: &[f32]| -> f64 {
        x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
    };
    let lengths = (dot(a, a) * dot(b, b)).sqrt();
    if lengths > 0.0 { dot(a, b) / lengths } else { 0.0 }
}

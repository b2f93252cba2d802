//! Tagging by a linear probe: what do frozen word vectors know of their word's tag?
//!
//! Files hold a word and its tags a line, columns divided by tabs, an empty line between
//! sentences. Words keep their borders: a sentence is its words with a blank between each two, and
//! a word's vector is the mean of its tokens' vectors, of the layer that the options name. Beside
//! the probe stands what needs no context: each word's most frequent tag in training, unseen words
//! getting the most frequent tag of all. Training vectors wait in memory up to a budget, then on
//! disk; test words are judged as they come.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use contexture_engine::{Embedder, Span};
use serde::Serialize;

use super::classify::{most_frequent, numbers, order_classes};
use crate::metrics::Confusion;
use crate::probe::{Logistic, LogisticSettings, Samples};
use crate::reading::lines;
use crate::report::{Figure, Line};
use crate::vectors::words;
use crate::{Estimate, EvaluateError, Setup};

/// A sentence of tagged words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tagged {
    /// The words.
    pub words: Vec<String>,
    /// The tag of each.
    pub tags: Vec<String>,
}

/// Reads tagged sentences, at most `limit`; `column` is the tag's, from 1, the word's being the
/// first.
///
/// # Errors
/// Where the file cannot be read, a line has no such column, or no sentence is there.
pub fn read(
    path: &Path,
    column: usize,
    limit: Option<usize>,
) -> Result<Vec<Tagged>, EvaluateError> {
    let file = path.display().to_string();
    if column < 2 {
        return Err(EvaluateError::Setting {
            setting: "the tag's column",
            found: column.to_string(),
            expected: "2 or more: column 1 holds the words".to_owned(),
        });
    }
    let mut sentences = Vec::new();
    let mut open = Tagged::default();
    for item in lines(path)? {
        let (line, text) = item?;
        if text.trim().is_empty() {
            if !open.words.is_empty() {
                sentences.push(std::mem::take(&mut open));
            }
            if limit.is_some_and(|limit| sentences.len() >= limit) {
                break;
            }
            continue;
        }
        let cells: Vec<&str> = text.split('\t').collect();
        let wrong = |what: &str, found: &str| EvaluateError::Value {
            file: file.clone(),
            line,
            what: what.to_owned(),
            expected: "something that is not blank",
            found: found.to_owned(),
        };
        let tag = *cells.get(column - 1).ok_or_else(|| EvaluateError::Cells {
            file: file.clone(),
            line,
            expected: column,
            found: cells.len(),
        })?;
        let word = cells[0].trim();
        if word.is_empty() {
            return Err(wrong("the word", word));
        }
        if tag.trim().is_empty() {
            return Err(wrong("the tag", tag));
        }
        open.words.push(word.to_owned());
        open.tags.push(tag.trim().to_owned());
    }
    if !open.words.is_empty() && limit.is_none_or(|limit| sentences.len() < limit) {
        sentences.push(open);
    }
    if sentences.is_empty() {
        return Err(EvaluateError::Empty { file, expected: "tagged words" });
    }
    Ok(sentences)
}

impl Tagged {
    fn text(&self) -> (String, Vec<Span>) {
        let mut text = String::new();
        let spans = self.words.iter().map(|word| {
            if !text.is_empty() {
                text.push(' ');
            }
            let start = text.len();
            text.push_str(word);
            [start, text.len()]
        });
        let spans = spans.collect();
        (text, spans)
    }
}

/// How well a probe tags words.
#[derive(Debug, Clone, Serialize)]
pub struct TaggingResult {
    /// Sentences that were tested.
    pub sentences: usize,
    /// Words that were tested.
    pub words: usize,
    /// Words that were learnt from.
    pub training_words: usize,
    /// The tags of the training words.
    pub tags: Vec<String>,
    /// The share of words that were tagged right.
    pub accuracy: Estimate,
    /// The mean F1 of the tags.
    pub macro_f1: Estimate,
    /// Accuracy of each word's most frequent tag.
    pub baseline_accuracy: Estimate,
    /// The mean F1 of each word's most frequent tag.
    pub baseline_macro_f1: Estimate,
    /// F1 of each tag.
    pub f1: BTreeMap<String, f64>,
    /// Test words in a cut tail; they get the baseline's tag.
    pub without_vector: usize,
    /// Whether the probe came to its optimum.
    pub converged: bool,
    /// Steps to it.
    pub steps: usize,
    /// Sentences of both parts that were cut at the model's limit.
    pub truncated: usize,
    /// Each test sentence, for figures of one's own.
    #[serde(skip)]
    pub by_sentence: Vec<SentenceTags>,
}

/// How many words of a sentence were tagged right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SentenceTags {
    /// Its words.
    pub words: usize,
    /// Those that the probe tagged right.
    pub right: usize,
    /// Those that have their most frequent tag.
    pub baseline_right: usize,
}

impl SentenceTags {
    fn of(judged: &Judged) -> Self {
        let right = |which: usize| judged.iter().filter(|word| word[0] == word[which]).count();
        Self { words: judged.len(), right: right(1), baseline_right: right(2) }
    }
}

impl TaggingResult {
    /// As a row of a report.
    pub fn line(&self, data: impl Into<String>) -> Line {
        let figures = vec![
            Figure::share("accuracy", self.accuracy),
            Figure::share("macro-F1", self.macro_f1),
            Figure::share("most frequent tag, accuracy", self.baseline_accuracy),
            Figure::share("most frequent tag, macro-F1", self.baseline_macro_f1),
            Figure::count("tags", self.tags.len()),
        ];
        Line::new(data, self.words, figures)
    }
}

/// Gold, the probe's and the baseline's tag of one sentence's words.
type Judged = Vec<[usize; 3]>;

/// A linear probe on word vectors.
///
/// # Errors
/// No sentence, training words of one tag, or the model's.
pub fn tagging(
    embedder: &Embedder,
    training: &[Tagged],
    test: &[Tagged],
    settings: &LogisticSettings,
    setup: &Setup<'_>,
) -> Result<TaggingResult, EvaluateError> {
    for (sentences, file) in [(training, "the training sentences"), (test, "the test sentences")] {
        if sentences.is_empty() {
            let expected = "tagged words";
            return Err(EvaluateError::Empty { file: file.to_owned(), expected });
        }
    }
    let tags = order_classes(training.iter().flat_map(|s| s.tags.iter().map(String::as_str)));
    let numbers = numbers(&tags, test.iter().flat_map(|s| s.tags.iter().map(String::as_str)));
    let baseline = Baseline::learn(training, &numbers);
    let (samples, gold, cut) = learnable(embedder, training, &numbers, setup)?;
    let probe = Logistic::fit(&samples, &gold, settings, setup)?;
    drop(samples);
    let mut judged: Vec<Judged> = Vec::with_capacity(test.len());
    let (mut without_vector, mut truncated) = (0, cut);
    words(embedder, test.iter().map(Tagged::text), setup, |at, record| {
        truncated += usize::from(record.truncated);
        let sentence = &test[at];
        let units = record.words.unwrap_or_default();
        let judge = |(word, tag): (&String, &String), vector: &[f32]| {
            let guess = baseline.tag(word);
            let called = if vector.is_empty() { guess } else { probe.predict(vector)[0] };
            [numbers[tag], called, guess]
        };
        without_vector += units.iter().filter(|unit| unit.embedding.is_empty()).count();
        let gold = sentence.words.iter().zip(&sentence.tags);
        judged.push(gold.zip(&units).map(|(gold, unit)| judge(gold, &unit.embedding)).collect());
        Ok(())
    })?;
    let of = |which: usize, measure: fn(&Confusion) -> f64| {
        setup.bootstrap.estimate(judged.len(), |items| {
            measure(&confusion(&judged, items, which, numbers.len()))
        })
    };
    let all: Vec<usize> = (0..judged.len()).collect();
    let whole = confusion(&judged, &all, 1, numbers.len());
    let f1 = tags.iter().enumerate().filter_map(|(at, tag)| Some((tag.clone(), whole.f1(at)?)));
    Ok(TaggingResult {
        sentences: judged.len(),
        words: judged.iter().map(Vec::len).sum(),
        training_words: gold.len(),
        accuracy: of(1, Confusion::accuracy),
        macro_f1: of(1, Confusion::macro_f1),
        baseline_accuracy: of(2, Confusion::accuracy),
        baseline_macro_f1: of(2, Confusion::macro_f1),
        f1: f1.collect(),
        without_vector,
        converged: probe.converged,
        steps: probe.steps,
        truncated,
        by_sentence: judged.iter().map(SentenceTags::of).collect(),
        tags,
    })
}

/// Sentences are drawn, not words: words of one sentence are not independent.
fn confusion(judged: &[Judged], items: &[usize], which: usize, classes: usize) -> Confusion {
    let mut table = Confusion::new(classes);
    for item in items {
        judged[*item].iter().for_each(|word| table.add(word[0], word[which]));
    }
    table
}

/// Vectors and tags of the training words, and how many sentences were cut.
fn learnable(
    embedder: &Embedder,
    training: &[Tagged],
    numbers: &HashMap<String, usize>,
    setup: &Setup<'_>,
) -> Result<(Samples, Vec<usize>, usize), EvaluateError> {
    let mut samples: Option<Samples> = None;
    let mut gold = Vec::new();
    let mut truncated = 0;
    words(embedder, training.iter().map(Tagged::text), setup, |at, record| {
        truncated += usize::from(record.truncated);
        for (unit, tag) in record.words.unwrap_or_default().iter().zip(&training[at].tags) {
            if unit.embedding.is_empty() {
                continue;
            }
            samples
                .get_or_insert_with(|| Samples::new(unit.embedding.len()))
                .push(&unit.embedding)?;
            gold.push(numbers[tag]);
        }
        Ok(())
    })?;
    Ok((samples.unwrap_or_else(|| Samples::new(1)), gold, truncated))
}

/// Each word's most frequent tag.
struct Baseline<'a> {
    of_word: HashMap<&'a str, usize>,
    otherwise: usize,
}

impl<'a> Baseline<'a> {
    fn learn(training: &'a [Tagged], numbers: &HashMap<String, usize>) -> Self {
        let mut of_word: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut all = Vec::new();
        for sentence in training {
            for (word, tag) in sentence.words.iter().zip(&sentence.tags) {
                let tag = numbers[tag];
                of_word.entry(word).or_default().push(tag);
                all.push(tag);
            }
        }
        let of_word = of_word.into_iter().map(|(word, tags)| (word, most_frequent(&tags)));
        Self { of_word: of_word.collect(), otherwise: most_frequent(&all) }
    }

    fn tag(&self, word: &str) -> usize {
        self.of_word.get(word).copied().unwrap_or(self.otherwise)
    }
}

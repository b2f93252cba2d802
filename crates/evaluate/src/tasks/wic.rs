//! Word in context (Pilehvar & Camacho-Collados 2019): does a word mean the same in two sentences?
//!
//! The cosine of the word's two contextual vectors is compared with a threshold, which is learned
//! on training pairs. Sentences are cut into words at white space; the indices of the data count
//! these from 0. A word's vector is the mean of its tokens' vectors, of the layer that the options
//! name.

use std::path::Path;

use contexture_engine::{Embedder, Span};
use serde::Serialize;

use super::pairs::check;
use super::sts::{FIRST, SECOND};
use crate::metrics::{average_precision, best_accuracy, shares_at};
use crate::reading::{Row, Table};
use crate::report::{Figure, Line};
use crate::vectors::{cosine, words};
use crate::{Estimate, EvaluateError, Setup};

/// A word in two sentences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordPair {
    /// The two sentences.
    pub sentences: [String; 2],
    /// The word's byte span in each.
    pub spans: [Span; 2],
    /// Whether it means the same.
    pub same: bool,
}

/// Which columns hold what; `None`: the usual names (`label`, `idx1-idx2`, `sentence1`,
/// `sentence2`).
#[derive(Debug, Clone, Default)]
pub struct WicColumns {
    /// Same sense or not.
    pub label: Option<String>,
    /// The word's numbers in both sentences, from 0, as `2-5`.
    pub index: Option<String>,
    /// The one sentence.
    pub first: Option<String>,
    /// The other.
    pub second: Option<String>,
    /// The first line is data; columns go by number, by default 1 label, 4 indices, 5 and 6 the
    /// sentences.
    pub no_header: bool,
}

/// Reads word pairs, at most `limit`.
///
/// # Errors
/// Where the file, a column, a label or an index is not as expected, or all labels are the same.
pub fn read(
    path: &Path,
    columns: &WicColumns,
    limit: Option<usize>,
) -> Result<Vec<WordPair>, EvaluateError> {
    let table = Table::open(path, !columns.no_header, limit)?;
    let label = table.column(columns.label.as_deref(), &["label", "gold"], 1, "--label")?;
    let usual = ["idx1-idx2", "idx", "index", "indices"];
    let index = table.column(columns.index.as_deref(), &usual, 4, "--index")?;
    let first = table.column(columns.first.as_deref(), &FIRST, 5, "--first")?;
    let second = table.column(columns.second.as_deref(), &SECOND, 6, "--second")?;
    let pair = |row: &Row| -> Result<WordPair, EvaluateError> {
        let sentences = [table.cell(row, first)?.to_owned(), table.cell(row, second)?.to_owned()];
        let expected = "two word numbers from 0, as in 2-5, that both sentences have";
        let wrong = || table.wrong_cell(row, index, expected);
        let (a, b) = table.cell(row, index)?.trim().split_once('-').ok_or_else(wrong)?;
        let place = |number: &str, sentence: &str| {
            let number: usize = number.trim().parse().ok()?;
            word_spans(sentence).get(number).copied()
        };
        let spans = [place(a, &sentences[0]), place(b, &sentences[1])];
        let [Some(a), Some(b)] = spans else { return Err(wrong()) };
        Ok(WordPair { sentences, spans: [a, b], same: table.yes(row, label)? })
    };
    let pairs: Vec<WordPair> = table.rows().iter().map(pair).collect::<Result<_, _>>()?;
    check(pairs.iter().map(|pair| pair.same), table.file())?;
    Ok(pairs)
}

/// The runs without white space.
pub(crate) fn word_spans(text: &str) -> Vec<Span> {
    let begin = text.as_ptr() as usize;
    let span = |word: &str| {
        let at = word.as_ptr() as usize - begin;
        [at, at + word.len()]
    };
    text.split_whitespace().map(span).collect()
}

/// Where the threshold comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ThresholdFrom {
    /// Learned on training pairs.
    Training,
    /// The best on the evaluated pairs themselves: it flatters.
    Itself,
}

/// How well the cosine of word vectors tells senses apart.
#[derive(Debug, Clone, Serialize)]
pub struct WicResult {
    /// Pairs.
    pub pairs: usize,
    /// The share that was called right.
    pub accuracy: Estimate,
    /// Average precision of "same sense", which needs no threshold.
    pub average_precision: Estimate,
    /// A cosine of at least this is called the same sense.
    pub threshold: f64,
    /// Where it comes from.
    pub threshold_from: ThresholdFrom,
    /// Accuracy on the training pairs, where there are some.
    pub training_accuracy: Option<f64>,
    /// Sentences that were cut at the model's limit.
    pub truncated: usize,
    /// Pairs whose word stood in a cut tail: their cosine counts as 0.
    pub without_vector: usize,
    /// Each pair's cosine, for figures of one's own.
    #[serde(skip)]
    pub cosines: Vec<f64>,
}

impl WicResult {
    /// As a row of a report.
    pub fn line(&self, data: impl Into<String>) -> Line {
        let mut figures = vec![
            Figure::share("accuracy", self.accuracy),
            Figure::plain("threshold", Estimate::exact(self.threshold)),
            Figure::share("AP", self.average_precision),
        ];
        if let Some(accuracy) = self.training_accuracy {
            figures.push(Figure::share("accuracy in training", Estimate::exact(accuracy)));
        }
        Line::new(data, self.pairs, figures)
    }
}

struct Cosines {
    values: Vec<f64>,
    truncated: usize,
    without_vector: usize,
}

/// Word in context by the cosine; the threshold is the best one of `training`, or, where that is
/// empty, of `pairs` themselves.
///
/// # Errors
/// No pair, labels that are all the same, or the model's.
pub fn wic(
    embedder: &Embedder,
    pairs: &[WordPair],
    training: &[WordPair],
    setup: &Setup<'_>,
) -> Result<WicResult, EvaluateError> {
    let labels = |pairs: &[WordPair]| pairs.iter().map(|pair| pair.same).collect::<Vec<_>>();
    let gold = labels(pairs);
    check(gold.iter().copied(), "the pairs")?;
    let (learned, from) = if training.is_empty() {
        (None, ThresholdFrom::Itself)
    } else {
        check(training.iter().map(|pair| pair.same), "the training pairs")?;
        let cosines = cosines(embedder, training, setup)?;
        (Some(best_accuracy(&cosines.values, &labels(training))), ThresholdFrom::Training)
    };
    let cosines = cosines(embedder, pairs, setup)?;
    let values = &cosines.values;
    let threshold =
        learned.map_or_else(|| best_accuracy(values, &gold).threshold, |best| best.threshold);
    let pick = |items: &[usize]| -> (Vec<f64>, Vec<bool>) {
        (items.iter().map(|at| values[*at]).collect(), items.iter().map(|at| gold[*at]).collect())
    };
    let accuracy = setup.bootstrap.estimate(gold.len(), |items| {
        let (values, gold) = pick(items);
        shares_at(&values, &gold, threshold)[0]
    });
    let precision = setup.bootstrap.estimate(gold.len(), |items| {
        let (values, gold) = pick(items);
        average_precision(&values, &gold)
    });
    Ok(WicResult {
        pairs: gold.len(),
        accuracy,
        average_precision: precision,
        threshold,
        threshold_from: from,
        training_accuracy: learned.map(|best| best.value),
        truncated: cosines.truncated,
        without_vector: cosines.without_vector,
        cosines: cosines.values,
    })
}

fn cosines(
    embedder: &Embedder,
    pairs: &[WordPair],
    setup: &Setup<'_>,
) -> Result<Cosines, EvaluateError> {
    let mut found = Cosines { values: Vec::new(), truncated: 0, without_vector: 0 };
    let texts = (0..2 * pairs.len()).map(|at| {
        let pair = &pairs[at / 2];
        (pair.sentences[at % 2].clone(), vec![pair.spans[at % 2]])
    });
    let mut first = Vec::new();
    words(embedder, texts, setup, |at, record| {
        found.truncated += usize::from(record.truncated);
        let mut words = record.words.unwrap_or_default();
        let vector = words.pop().map(|word| word.embedding).unwrap_or_default();
        if at % 2 == 0 {
            first = vector;
        } else if first.is_empty() || vector.is_empty() {
            found.without_vector += 1;
            found.values.push(0.0);
        } else {
            found.values.push(cosine(&first, &vector));
        }
        Ok(())
    })?;
    Ok(found)
}

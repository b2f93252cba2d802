//! Pair classification: are two sentences paraphrases, duplicates, the same?
//!
//! The cosine is the score. Average precision needs no threshold; the best accuracy and the best F1
//! are those of the best threshold on the very data, so they flatter a little: their thresholds
//! are told, and a threshold found elsewhere may be given.

use std::path::Path;

use contexture_engine::Embedder;
use serde::Serialize;

use super::sts::{FIRST, SECOND};
use crate::metrics::{Threshold, average_precision, best_accuracy, best_f1};
use crate::reading::{Row, Table};
use crate::report::{Figure, Line};
use crate::vectors::{cosine, sentences};
use crate::{Estimate, EvaluateError, Setup};

/// Two sentences, and whether they belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelledPair {
    /// The one sentence.
    pub first: String,
    /// The other.
    pub second: String,
    /// Whether they are a pair.
    pub label: bool,
}

/// Which columns hold what; `None`: the usual names.
#[derive(Debug, Clone, Default)]
pub struct PairColumns {
    /// Yes or no.
    pub label: Option<String>,
    /// The one sentence.
    pub first: Option<String>,
    /// The other.
    pub second: Option<String>,
    /// The first line is data; columns go by number, by default 1 label, 2 and 3 the sentences.
    pub no_header: bool,
}

const LABEL: [&str; 4] = ["label", "is_duplicate", "paraphrase", "gold"];

/// Reads pairs with labels, at most `limit`.
///
/// # Errors
/// Where the file, a column or a label is not as expected, or all labels are the same.
pub fn read(
    path: &Path,
    columns: &PairColumns,
    limit: Option<usize>,
) -> Result<Vec<LabelledPair>, EvaluateError> {
    let table = Table::open(path, !columns.no_header, limit)?;
    let label = table.column(columns.label.as_deref(), &LABEL, 1, "--label")?;
    let first = table.column(columns.first.as_deref(), &FIRST, 2, "--first")?;
    let second = table.column(columns.second.as_deref(), &SECOND, 3, "--second")?;
    let pair = |row: &Row| -> Result<LabelledPair, EvaluateError> {
        Ok(LabelledPair {
            first: table.cell(row, first)?.to_owned(),
            second: table.cell(row, second)?.to_owned(),
            label: table.yes(row, label)?,
        })
    };
    let pairs: Vec<LabelledPair> = table.rows().iter().map(pair).collect::<Result<_, _>>()?;
    check(pairs.iter().map(|pair| pair.label), table.file())?;
    Ok(pairs)
}

/// Yes and no must both occur.
pub(crate) fn check(
    mut labels: impl Iterator<Item = bool> + Clone,
    place: &str,
) -> Result<(), EvaluateError> {
    let place = place.to_owned();
    let all: Vec<bool> = labels.clone().collect();
    match labels.next() {
        None => Err(EvaluateError::Empty { file: place, expected: "pairs" }),
        Some(first) if all.iter().all(|label| *label == first) => {
            Err(EvaluateError::OneClass { place, class: first.to_string() })
        }
        Some(_) => Ok(()),
    }
}

/// How well the cosine tells pairs from others.
#[derive(Debug, Clone, Serialize)]
pub struct PairsResult {
    /// Pairs.
    pub pairs: usize,
    /// Average precision.
    pub average_precision: Estimate,
    /// The greatest accuracy that a threshold reaches.
    pub accuracy: Threshold,
    /// The greatest F1 of the positives that a threshold reaches.
    pub f1: Threshold,
    /// Average precision of scores that tell nothing: the share of positives.
    pub chance: f64,
    /// Texts that were cut at the model's limit.
    pub truncated: usize,
}

impl PairsResult {
    /// As a row of a report.
    pub fn line(&self, data: impl Into<String>) -> Line {
        let figures = vec![
            Figure::share("AP", self.average_precision),
            Figure::share("AP by chance", Estimate::exact(self.chance)),
            Figure::share("best accuracy", Estimate::exact(self.accuracy.value)),
            Figure::plain("its threshold", Estimate::exact(self.accuracy.threshold)),
            Figure::share("best F1", Estimate::exact(self.f1.value)),
            Figure::plain("F1's threshold", Estimate::exact(self.f1.threshold)),
        ];
        Line::new(data, self.pairs, figures)
    }
}

/// Pair classification by the cosine.
///
/// # Errors
/// No pair, labels that are all the same, or the model's.
pub fn pairs(
    embedder: &Embedder,
    pairs: &[LabelledPair],
    setup: &Setup<'_>,
) -> Result<PairsResult, EvaluateError> {
    check(pairs.iter().map(|pair| pair.label), "the pairs")?;
    let texts = (0..2 * pairs.len()).map(|at| match at % 2 {
        0 => pairs[at / 2].first.as_str(),
        _ => pairs[at / 2].second.as_str(),
    });
    let vectors = sentences(embedder, texts, setup)?;
    let cosines: Vec<f64> =
        (0..pairs.len()).map(|at| cosine(vectors.row(2 * at), vectors.row(2 * at + 1))).collect();
    let gold: Vec<bool> = pairs.iter().map(|pair| pair.label).collect();
    Ok(PairsResult { truncated: vectors.truncated, ..scored(&cosines, &gold, setup)? })
}

/// Pair classification by scores that are there already.
///
/// # Errors
/// Unequal lengths, no score, or labels that are all the same.
pub fn scored(
    scores: &[f64],
    gold: &[bool],
    setup: &Setup<'_>,
) -> Result<PairsResult, EvaluateError> {
    if scores.len() != gold.len() {
        let (left, right) = (scores.len(), gold.len());
        return Err(EvaluateError::Lengths {
            left_name: "scores",
            right_name: "labels",
            left,
            right,
        });
    }
    check(gold.iter().copied(), "the labels")?;
    let estimate = setup.bootstrap.estimate(gold.len(), |items| {
        let scores: Vec<f64> = items.iter().map(|at| scores[*at]).collect();
        let gold: Vec<bool> = items.iter().map(|at| gold[*at]).collect();
        average_precision(&scores, &gold)
    });
    Ok(PairsResult {
        pairs: gold.len(),
        average_precision: estimate,
        accuracy: best_accuracy(scores, gold),
        f1: best_f1(scores, gold),
        chance: gold.iter().filter(|gold| **gold).count() as f64 / gold.len() as f64,
        truncated: 0,
    })
}

//! Semantic textual similarity: does the cosine of two sentences rise with people's judgement?
//!
//! Spearman's correlation of cosine and gold score is the headline (Reimers et al. 2016 on why it,
//! and not Pearson, tells how well vectors order pairs); Pearson stands beside it.

use std::path::Path;

use contexture_engine::Embedder;
use serde::Serialize;

use crate::metrics::{pearson, spearman};
use crate::reading::{Row, Table};
use crate::report::{Figure, Line};
use crate::vectors::{cosine, sentences};
use crate::{Estimate, EvaluateError, Setup};

/// Two sentences and how similar people find them.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredPair {
    /// The one sentence.
    pub first: String,
    /// The other.
    pub second: String,
    /// The gold score, on any scale that rises with similarity.
    pub score: f64,
}

/// Which columns hold what; `None`: the usual names.
#[derive(Debug, Clone, Default)]
pub struct StsColumns {
    /// The gold score.
    pub score: Option<String>,
    /// The one sentence.
    pub first: Option<String>,
    /// The other.
    pub second: Option<String>,
    /// The first line is data; columns go by number, by default 1 score, 2 and 3 the sentences.
    pub no_header: bool,
}

/// Names under which the one sentence of a pair usually stands.
pub(crate) const FIRST: [&str; 7] =
    ["sentence1", "sentence_1", "sentence_a", "text1", "question1", "first", "s1"];
/// Names of the other.
pub(crate) const SECOND: [&str; 7] =
    ["sentence2", "sentence_2", "sentence_b", "text2", "question2", "second", "s2"];
const SCORE: [&str; 6] =
    ["score", "similarity_score", "similarity", "relatedness_score", "relatedness", "gold"];

/// Reads pairs with scores, at most `limit`.
///
/// # Errors
/// Where the file, a column or a score is not as expected.
pub fn read(
    path: &Path,
    columns: &StsColumns,
    limit: Option<usize>,
) -> Result<Vec<ScoredPair>, EvaluateError> {
    let table = Table::open(path, !columns.no_header, limit)?;
    let score = table.column(columns.score.as_deref(), &SCORE, 1, "--score")?;
    let first = table.column(columns.first.as_deref(), &FIRST, 2, "--first")?;
    let second = table.column(columns.second.as_deref(), &SECOND, 3, "--second")?;
    let pair = |row: &Row| -> Result<ScoredPair, EvaluateError> {
        Ok(ScoredPair {
            first: table.cell(row, first)?.to_owned(),
            second: table.cell(row, second)?.to_owned(),
            score: table.number(row, score)?,
        })
    };
    let pairs: Vec<ScoredPair> = table.rows().iter().map(pair).collect::<Result<_, _>>()?;
    check(&pairs, table.file())?;
    Ok(pairs)
}

fn check(pairs: &[ScoredPair], place: &str) -> Result<(), EvaluateError> {
    if pairs.len() < 2 {
        return Err(EvaluateError::Few {
            place: place.to_owned(),
            expected: "two pairs or more".to_owned(),
            found: pairs.len().to_string(),
        });
    }
    if pairs.iter().all(|pair| pair.score == pairs[0].score) {
        let score = pairs[0].score;
        return Err(EvaluateError::ConstantGold { place: place.to_owned(), score });
    }
    Ok(())
}

/// How cosine and gold scores go together.
#[derive(Debug, Clone, Serialize)]
pub struct StsResult {
    /// Pairs.
    pub pairs: usize,
    /// Correlation of the ranks.
    pub spearman: Estimate,
    /// Correlation of the values.
    pub pearson: Estimate,
    /// Texts that were cut at the model's limit.
    pub truncated: usize,
}

impl StsResult {
    /// As a row of a report.
    pub fn line(&self, data: impl Into<String>) -> Line {
        let figures =
            vec![Figure::share("Spearman", self.spearman), Figure::share("Pearson", self.pearson)];
        Line::new(data, self.pairs, figures)
    }
}

/// Correlations of cosine and gold score.
///
/// # Errors
/// Fewer than two pairs, gold scores that are all the same, or the model's.
pub fn sts(
    embedder: &Embedder,
    pairs: &[ScoredPair],
    setup: &Setup<'_>,
) -> Result<StsResult, EvaluateError> {
    check(pairs, "the pairs")?;
    let texts = (0..2 * pairs.len()).map(|at| match at % 2 {
        0 => pairs[at / 2].first.as_str(),
        _ => pairs[at / 2].second.as_str(),
    });
    let vectors = sentences(embedder, texts, setup)?;
    let cosines: Vec<f64> =
        (0..pairs.len()).map(|at| cosine(vectors.row(2 * at), vectors.row(2 * at + 1))).collect();
    let gold: Vec<f64> = pairs.iter().map(|pair| pair.score).collect();
    let (spearman, pearson) = correlations(&cosines, &gold, setup);
    Ok(StsResult { pairs: pairs.len(), spearman, pearson, truncated: vectors.truncated })
}

/// Spearman and Pearson of two lists of one length, with intervals.
///
/// # Panics
/// Where the lists differ in length.
pub fn correlations(scores: &[f64], gold: &[f64], setup: &Setup<'_>) -> (Estimate, Estimate) {
    let of = |measure: fn(&[f64], &[f64]) -> f64| {
        setup.bootstrap.estimate(gold.len(), |items| {
            let pick = |values: &[f64]| items.iter().map(|at| values[*at]).collect::<Vec<_>>();
            measure(&pick(scores), &pick(gold))
        })
    };
    (of(spearman), of(pearson))
}

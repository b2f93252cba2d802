//! Triples: is a sentence closer to one that says the same than to one that does not?
//!
//! A triple is right where the cosine of anchor and positive is greater than that of anchor and
//! negative. Equal cosines are wrong, and counted: a model that does not see the order of words
//! gives them to sentences of the same words. The share is the triplet accuracy of
//! sentence-transformers' `TripletEvaluator` with `cosine` and no margin.

use std::path::Path;

use contexture_engine::Embedder;
use serde::Serialize;

use super::cases::{self, CaseResult};
use crate::reading::{Row, Table};
use crate::report::Line;
use crate::vectors::{cosine, sentences};
use crate::{EvaluateError, Setup};

/// A sentence, one that says the same, and one that does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Triple {
    /// The sentence.
    pub anchor: String,
    /// One that says the same.
    pub positive: String,
    /// One that does not.
    pub negative: String,
    /// How the last one differs.
    pub kind: String,
}

/// Which columns hold what; `None`: the usual names.
#[derive(Debug, Clone, Default)]
pub struct TripleColumns {
    /// The sentence: `anchor`, `sentence`, `query`.
    pub anchor: Option<String>,
    /// One that says the same: `positive`, `paraphrase`, `pos`.
    pub positive: Option<String>,
    /// One that does not: `negative`, `swap`, `neg`.
    pub negative: Option<String>,
    /// How it differs: `kind`, `case`, `type`; without any, all are one kind.
    pub kind: Option<String>,
    /// The first line is data; columns go by number, by default 1 to 3 the sentences, and the kind
    /// where one is named.
    pub no_header: bool,
}

const KINDS: [&str; 3] = ["kind", "case", "type"];

/// Reads triples, at most `limit`.
///
/// # Errors
/// Where the file or a column is not as expected, a sentence is empty, or a positive is its
/// negative, so that neither can be closer.
pub fn read(
    path: &Path,
    columns: &TripleColumns,
    limit: Option<usize>,
) -> Result<Vec<Triple>, EvaluateError> {
    let table = Table::open(path, !columns.no_header, limit)?;
    let usual = ["anchor", "sentence", "query"];
    let anchor = table.column(columns.anchor.as_deref(), &usual, 1, "--anchor")?;
    let usual = ["positive", "paraphrase", "pos"];
    let positive = table.column(columns.positive.as_deref(), &usual, 2, "--positive")?;
    let usual = ["negative", "swap", "neg"];
    let negative = table.column(columns.negative.as_deref(), &usual, 3, "--negative")?;
    let kind = match &columns.kind {
        Some(name) => Some(table.column(Some(name), &[], 4, "--kind")?),
        None if columns.no_header => None,
        None => table.column(None, &KINDS, 4, "--kind").ok(),
    };
    let text = |row: &Row, column: usize| match table.cell(row, column)? {
        empty if empty.trim().is_empty() => Err(table.wrong_cell(row, column, "a sentence")),
        text => Ok(text.to_owned()),
    };
    let triple = |row: &Row| -> Result<Triple, EvaluateError> {
        let triple = Triple {
            anchor: text(row, anchor)?,
            positive: text(row, positive)?,
            negative: text(row, negative)?,
            kind: kind.map_or(Ok("all"), |kind| table.cell(row, kind))?.to_owned(),
        };
        match triple.positive == triple.negative {
            true => Err(table.wrong_cell(row, negative, "another sentence than the positive")),
            false => Ok(triple),
        }
    };
    table.rows().iter().map(triple).collect()
}

/// How often the positive is closer.
#[derive(Debug, Clone, Serialize)]
pub struct TriplesResult {
    /// All triples.
    pub overall: CaseResult,
    /// Each kind, in the order in which they first stand.
    pub kinds: Vec<CaseResult>,
    /// The mean of the kinds' accuracies.
    pub mean_of_kinds: f64,
    /// Texts that were cut at the model's limit.
    pub truncated: usize,
}

impl TriplesResult {
    /// As rows of a report: a row a kind, then all.
    pub fn lines(&self) -> Vec<Line> {
        cases::lines(&self.kinds, &self.overall)
    }
}

/// Triplet accuracy by the cosine.
///
/// # Errors
/// No triple, or the model's.
pub fn triples(
    embedder: &Embedder,
    triples: &[Triple],
    setup: &Setup<'_>,
) -> Result<TriplesResult, EvaluateError> {
    let texts = (0..3 * triples.len()).map(|at| {
        let Triple { anchor, positive, negative, .. } = &triples[at / 3];
        [anchor, positive, negative][at % 3].as_str()
    });
    let vectors = sentences(embedder, texts, setup)?;
    let scores: Vec<[f64; 2]> = (0..triples.len())
        .map(|at| {
            let anchor = vectors.row(3 * at);
            [1, 2].map(|other| cosine(anchor, vectors.row(3 * at + other)))
        })
        .collect();
    let kinds: Vec<&str> = triples.iter().map(|triple| triple.kind.as_str()).collect();
    Ok(TriplesResult { truncated: vectors.truncated, ..scored(&scores, &kinds, setup)? })
}

/// Triplet accuracy of scores that are there already: of the positive, and of the negative.
///
/// # Errors
/// Unequal lengths, or no score.
pub fn scored(
    scores: &[[f64; 2]],
    kinds: &[&str],
    setup: &Setup<'_>,
) -> Result<TriplesResult, EvaluateError> {
    if scores.len() != kinds.len() {
        let (left, right) = (scores.len(), kinds.len());
        let (left_name, right_name) = ("scores", "kinds");
        return Err(EvaluateError::Lengths { left_name, right_name, left, right });
    }
    if scores.is_empty() {
        let file = "the triples".to_owned();
        return Err(EvaluateError::Empty { file, expected: "triples" });
    }
    let (kinds, overall) = cases::contests(kinds.iter().copied(), scores, setup);
    Ok(TriplesResult { mean_of_kinds: cases::mean(&kinds), overall, kinds, truncated: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(content: &str, columns: &TripleColumns) -> Result<Vec<Triple>, EvaluateError> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.tsv");
        std::fs::write(&path, content).expect("written");
        read(&path, columns, None)
    }

    #[test]
    fn shares_ties_and_kinds_are_counted_by_hand() {
        let scores = [[0.9, 0.5], [0.5, 0.9], [0.7, 0.7], [0.8, 0.2], [-0.1, -0.3]];
        let kinds = ["roles", "times", "roles", "times", "roles"];
        let found = scored(&scores, &kinds, &Setup::default()).expect("figures");
        let counts = |case: &CaseResult| (case.case.clone(), case.items, case.right, case.ties);
        // roles: 0.9 > 0.5 right, 0.7 = 0.7 a tie and wrong, -0.1 > -0.3 right; times: 1 of 2.
        assert_eq!(counts(&found.kinds[0]), ("roles".to_owned(), 3, 2, 1));
        assert_eq!(counts(&found.kinds[1]), ("times".to_owned(), 2, 1, 0));
        assert_eq!(counts(&found.overall), ("all".to_owned(), 5, 3, 1));
        assert_eq!(found.overall.accuracy.value, 0.6);
        assert!((found.mean_of_kinds - (2.0 / 3.0 + 0.5) / 2.0).abs() < 1e-12);
        let [low, high] = found.overall.accuracy.interval.expect("an interval");
        assert!(low <= 0.6 && 0.6 <= high && low < high, "{low} {high}");
        let names: Vec<String> = found.lines().into_iter().map(|line| line.data).collect();
        assert_eq!(names, ["roles", "times", "mean of the cases", "all"]);
    }

    #[test]
    fn columns_go_by_name_by_number_and_without_kinds() {
        let usual = TripleColumns::default();
        let header = "swap\tkind\tanchor\tparaphrase\n";
        let found = read_text(&format!("{header}c\troles\ta\tb\n"), &usual).expect("a triple");
        let triple = Triple {
            anchor: "a".to_owned(),
            positive: "b".to_owned(),
            negative: "c".to_owned(),
            kind: "roles".to_owned(),
        };
        assert_eq!(found, std::slice::from_ref(&triple));
        let bare = TripleColumns { no_header: true, ..TripleColumns::default() };
        let found = read_text("a\tb\tc\troles\n", &bare).expect("a triple");
        assert_eq!(found, [Triple { kind: "all".to_owned(), ..triple.clone() }]);
        let named = TripleColumns { kind: Some("4".to_owned()), ..bare };
        assert_eq!(read_text("a\tb\tc\troles\n", &named).expect("a triple"), [triple]);
    }

    #[test]
    fn triples_that_cannot_be_won_are_refused_by_line() {
        let header = "anchor\tpositive\tnegative\n";
        let said = |rows: &str| {
            let read = read_text(&format!("{header}{rows}"), &TripleColumns::default());
            read.expect_err("refused").to_string()
        };
        let same = said("a\tb\tc\na\tb\tb\n");
        assert!(same.contains("line 3: column `negative`: expected another sentence"), "{same}");
        let empty = said("a\t \tc\n");
        assert!(empty.contains("line 2: column `positive`: expected a sentence"), "{empty}");
        let short = said("a\tb\n");
        assert!(short.contains("line 2: expected 3 columns or more, found 2"), "{short}");
        let setup = Setup::default();
        let lengths = scored(&[[1.0, 0.0]], &[], &setup).expect_err("lengths").to_string();
        assert!(lengths.contains("scores") && lengths.contains("kinds"), "{lengths}");
        assert!(scored(&[], &[], &setup).expect_err("none").to_string().contains("triples"));
    }
}

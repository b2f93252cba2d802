//! Classification of texts by a linear probe: what do frozen sentence vectors know?
//!
//! Logistic regression with an L2 penalty on the vectors as they are
//! ([`Logistic`]), on a training and a test file or by stratified cross-validation.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use contexture_engine::Embedder;
use serde::Serialize;

use crate::metrics::{accuracy, macro_f1};
use crate::probe::{Logistic, LogisticSettings, Samples, stratified_folds};
use crate::reading::{Row, Table};
use crate::report::{Figure, Line};
use crate::vectors::sentences;
use crate::{Estimate, EvaluateError, Setup};

/// Texts and their classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelledText {
    /// The text.
    pub text: String,
    /// Its class.
    pub label: String,
}

/// Which columns hold what; `None`: the usual names.
#[derive(Debug, Clone, Default)]
pub struct ClassifyColumns {
    /// The class.
    pub label: Option<String>,
    /// The text.
    pub text: Option<String>,
    /// The first line is data; columns go by number, by default 1 label, 2 text.
    pub no_header: bool,
}

/// Reads texts with classes, at most `limit`.
///
/// # Errors
/// Where the file or a column is not as expected.
pub fn read(
    path: &Path,
    columns: &ClassifyColumns,
    limit: Option<usize>,
) -> Result<Vec<LabelledText>, EvaluateError> {
    let table = Table::open(path, !columns.no_header, limit)?;
    let usual = ["label", "class", "category", "gold"];
    let label = table.column(columns.label.as_deref(), &usual, 1, "--label")?;
    let text = table.column(columns.text.as_deref(), &["text", "sentence"], 2, "--text")?;
    let item = |row: &Row| -> Result<LabelledText, EvaluateError> {
        let class = table.cell(row, label)?.trim();
        if class.is_empty() {
            return Err(table.wrong_cell(row, label, "a class"));
        }
        Ok(LabelledText { text: table.cell(row, text)?.to_owned(), label: class.to_owned() })
    };
    let found: Vec<LabelledText> = table.rows().iter().map(item).collect::<Result<_, _>>()?;
    if found.iter().all(|item| item.label == found[0].label) {
        let place = table.file().to_owned();
        return Err(EvaluateError::OneClass { place, class: found[0].label.clone() });
    }
    Ok(found)
}

/// What a probe is tested on.
#[derive(Debug, Clone, Copy)]
pub enum Split<'a> {
    /// Other texts.
    Test(&'a [LabelledText]),
    /// The same texts in this many stratified folds, each tested by a probe that learned on the
    /// others.
    Folds(usize),
}

/// How well a probe tells classes apart.
#[derive(Debug, Clone, Serialize)]
pub struct ClassifyResult {
    /// Texts that were tested.
    pub texts: usize,
    /// Classes of the training texts, in their order: numbers by value, else by bytes.
    pub classes: Vec<String>,
    /// The share that was called right.
    pub accuracy: Estimate,
    /// The mean F1 of the classes.
    pub macro_f1: Estimate,
    /// Accuracy of calling everything the most frequent class of the training texts.
    pub majority: f64,
    /// Whether every probe came to its optimum.
    pub converged: bool,
    /// Texts of both parts that were cut at the model's limit.
    pub truncated: usize,
}

impl ClassifyResult {
    /// As a row of a report.
    pub fn line(&self, data: impl Into<String>) -> Line {
        let figures = vec![
            Figure::share("accuracy", self.accuracy),
            Figure::share("macro-F1", self.macro_f1),
            Figure::share("majority", Estimate::exact(self.majority)),
            Figure::count("classes", self.classes.len()),
        ];
        Line::new(data, self.texts, figures)
    }
}

/// Classes in a fixed order: whole numbers by value, else by bytes.
pub(crate) fn order_classes<'t>(labels: impl Iterator<Item = &'t str>) -> Vec<String> {
    let mut classes: Vec<&str> = labels.collect::<BTreeSet<_>>().into_iter().collect();
    if classes.iter().all(|class| class.parse::<i64>().is_ok()) {
        classes.sort_by_key(|class| class.parse::<i64>().unwrap_or(0));
    }
    classes.into_iter().map(str::to_owned).collect()
}

/// A linear probe on sentence vectors.
///
/// # Errors
/// Training texts of one class, too few texts for the folds, or the model's.
pub fn classify(
    embedder: &Embedder,
    training: &[LabelledText],
    split: Split<'_>,
    settings: &LogisticSettings,
    setup: &Setup<'_>,
) -> Result<ClassifyResult, EvaluateError> {
    let test = match split {
        Split::Test(test) => test,
        Split::Folds(_) => &[],
    };
    let classes = order_classes(training.iter().map(|item| item.label.as_str()));
    let numbers = numbers(&classes, test.iter().map(|item| item.label.as_str()));
    let gold: Vec<usize> = training.iter().map(|item| numbers[&item.label]).collect();
    let texts: Vec<&str> = training.iter().chain(test).map(|item| item.text.as_str()).collect();
    let vectors = sentences(embedder, texts.into_iter(), setup)?;
    let (width, truncated) = (vectors.width, vectors.truncated);
    let mut values = vectors.values;
    let rest = values.split_off(width * training.len());
    let samples = Samples::from_rows(width, values);
    let (asked, predicted, converged) = match split {
        Split::Test(test) => {
            if test.is_empty() {
                let file = "the test texts".to_owned();
                return Err(EvaluateError::Empty { file, expected: "texts" });
            }
            let probe = Logistic::fit(&samples, &gold, settings, setup)?;
            let asked = test.iter().map(|item| numbers[&item.label]).collect();
            (asked, probe.predict(&rest), probe.converged)
        }
        Split::Folds(folds) => {
            let (predicted, converged) = cross_validate(&samples, &gold, folds, settings, setup)?;
            (gold.clone(), predicted, converged)
        }
    };
    let pick = |items: &[usize]| -> (Vec<usize>, Vec<usize>) {
        (
            items.iter().map(|at| asked[*at]).collect(),
            items.iter().map(|at| predicted[*at]).collect(),
        )
    };
    let of = |measure: fn(&[usize], &[usize]) -> f64| {
        setup.bootstrap.estimate(asked.len(), |items| {
            let (asked, predicted) = pick(items);
            measure(&asked, &predicted)
        })
    };
    let majority = most_frequent(&gold);
    Ok(ClassifyResult {
        texts: asked.len(),
        accuracy: of(accuracy),
        macro_f1: of(macro_f1),
        majority: asked.iter().filter(|class| **class == majority).count() as f64
            / asked.len() as f64,
        classes,
        converged,
        truncated,
    })
}

/// Names of classes to numbers; what occurs only in the test comes behind the classes that are
/// learnt, so that it can be missed but not called.
pub(crate) fn numbers<'t>(
    classes: &[String],
    test: impl Iterator<Item = &'t str>,
) -> HashMap<String, usize> {
    let unseen = order_classes(test.filter(|label| !classes.iter().any(|class| class == label)));
    classes.iter().cloned().chain(unseen).enumerate().map(|(at, class)| (class, at)).collect()
}

/// The class that stands most often; of equal ones the first.
pub(crate) fn most_frequent(gold: &[usize]) -> usize {
    let mut counts = vec![0usize; gold.iter().max().map_or(1, |most| most + 1)];
    gold.iter().for_each(|class| counts[*class] += 1);
    let most = counts.iter().max().copied().unwrap_or(0);
    counts.iter().position(|count| *count == most).unwrap_or(0)
}

/// The prediction for each sample by a probe that did not see it.
///
/// # Errors
/// Fewer than two folds, fewer samples than folds, or training folds of one class.
pub fn cross_validate(
    samples: &Samples,
    gold: &[usize],
    folds: usize,
    settings: &LogisticSettings,
    setup: &Setup<'_>,
) -> Result<(Vec<usize>, bool), EvaluateError> {
    if folds < 2 || folds > gold.len() {
        return Err(EvaluateError::Setting {
            setting: "folds",
            found: folds.to_string(),
            expected: format!("2 to {}, the number of texts", gold.len()),
        });
    }
    let fold = stratified_folds(gold, folds);
    let mut predicted = vec![0; gold.len()];
    let mut converged = true;
    for out in 0..folds {
        let training = samples.subset(|row| fold[row] != out)?;
        let seen: Vec<usize> =
            (0..gold.len()).filter(|row| fold[*row] != out).map(|row| gold[row]).collect();
        let probe = Logistic::fit(&training, &seen, settings, setup)?;
        converged &= probe.converged;
        let asked = probe.predict_all(&samples.subset(|row| fold[row] == out)?)?;
        let rows = (0..gold.len()).filter(|row| fold[*row] == out);
        rows.zip(asked).for_each(|(row, class)| predicted[row] = class);
        setup.say("probe, folds", out + 1, folds);
    }
    Ok((predicted, converged))
}

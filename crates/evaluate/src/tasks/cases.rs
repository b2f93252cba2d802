//! Contests of two scores, by case: how often the one that should win does.
//!
//! An item is right where its first score is greater than its second. Equal scores are wrong, and
//! counted: a bag of words gives them to sentences that differ in order only.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::report::{Figure, Line};
use crate::{Estimate, Setup};

/// One case's share of right items.
#[derive(Debug, Clone, Serialize)]
pub struct CaseResult {
    /// The case.
    pub case: String,
    /// Its items.
    pub items: usize,
    /// Items whose first score is greater.
    pub right: usize,
    /// Items whose scores are equal.
    pub ties: usize,
    /// The share that is right.
    pub accuracy: Estimate,
}

/// Each case, in the order in which they first stand, and all items together.
pub(super) fn contests<'n>(
    names: impl Iterator<Item = &'n str>,
    scores: &[[f64; 2]],
    setup: &Setup<'_>,
) -> (Vec<CaseResult>, CaseResult) {
    let mut order: Vec<&str> = Vec::new();
    let mut members: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, name) in names.enumerate() {
        let list = members.entry(name).or_default();
        if list.is_empty() {
            order.push(name);
        }
        list.push(at);
    }
    let cases = order.into_iter().map(|name| case(name, &members[name], scores, setup)).collect();
    let all: Vec<usize> = (0..scores.len()).collect();
    (cases, case("all", &all, scores, setup))
}

fn case(name: &str, items: &[usize], scores: &[[f64; 2]], setup: &Setup<'_>) -> CaseResult {
    let right = |at: &usize| scores[*at][0] > scores[*at][1];
    let values: Vec<f64> = items.iter().map(|at| f64::from(u8::from(right(at)))).collect();
    CaseResult {
        case: name.to_owned(),
        items: items.len(),
        right: items.iter().filter(|at| right(at)).count(),
        ties: items.iter().filter(|at| scores[**at][0] == scores[**at][1]).count(),
        accuracy: setup.bootstrap.mean(&values),
    }
}

/// The mean of the cases' shares.
pub(super) fn mean(cases: &[CaseResult]) -> f64 {
    cases.iter().map(|case| case.accuracy.value).sum::<f64>() / cases.len() as f64
}

/// As rows of a report: a row a case, their mean where they are several, then all.
pub(super) fn lines(cases: &[CaseResult], overall: &CaseResult) -> Vec<Line> {
    let line = |case: &CaseResult| {
        let figures = vec![
            Figure::share("accuracy", case.accuracy),
            Figure::count("right", case.right),
            Figure::count("ties", case.ties),
        ];
        Line::new(case.case.clone(), case.items, figures)
    };
    let mut lines: Vec<Line> = cases.iter().map(line).collect();
    if lines.len() > 1 {
        let mean = Figure::share("accuracy", Estimate::exact(mean(cases)));
        lines.push(Line::new("mean of the cases", overall.items, vec![mean]));
    }
    lines.push(line(overall));
    lines
}

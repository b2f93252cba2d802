//! The lines of the logs.

use std::collections::BTreeMap;

use serde::Serialize;

use super::StepReport;
use crate::objectives::HeldOutLoss;

/// A step, in the metrics: nothing that depends on the clock.
#[derive(Serialize)]
pub(super) struct StepLine<'a> {
    step: u64,
    tokens: u64,
    loss: f64,
    lr: f64,
    gradient_norm: f64,
    /// One alone is the loss.
    #[serde(skip_serializing_if = "one_alone")]
    objectives: &'a BTreeMap<String, f64>,
}

fn one_alone(objectives: &BTreeMap<String, f64>) -> bool {
    objectives.len() < 2
}

impl<'a> StepLine<'a> {
    pub(super) fn of(report: &'a StepReport) -> Self {
        Self {
            step: report.step,
            tokens: report.tokens,
            loss: report.loss,
            lr: report.learning_rate,
            gradient_norm: report.gradient_norm,
            objectives: &report.objectives,
        }
    }
}

/// A step, in the timings.
#[derive(Serialize)]
pub(super) struct TimeLine {
    step: u64,
    seconds: f64,
    tokens_per_s: f64,
    peak_share: f64,
}

impl TimeLine {
    pub(super) fn of(report: &StepReport) -> Self {
        Self {
            step: report.step,
            seconds: report.seconds,
            tokens_per_s: report.tokens_per_s,
            peak_share: report.peak_share,
        }
    }
}

/// An evaluation, in the metrics.
#[derive(Serialize)]
pub(super) struct HeldOutLine {
    step: u64,
    tokens: u64,
    held_out: BTreeMap<String, f64>,
}

impl HeldOutLine {
    pub(super) fn of(step: u64, tokens: u64, loss: &HeldOutLoss) -> Self {
        let mut held_out = match one_alone(&loss.objectives) {
            true => BTreeMap::new(),
            false => loss.objectives.clone(),
        };
        held_out.insert("loss".into(), loss.loss);
        held_out.extend(loss.scores.iter().map(|(name, score)| (name.clone(), *score)));
        Self { step, tokens, held_out }
    }
}

//! Figures of tasks, with intervals over items and seeds.

use super::RunItems;
use crate::report::TaskFigure;

/// The figures of every task, split, part and model, over all runs.
pub fn figures(_runs: &[RunItems]) -> Vec<TaskFigure> {
    Vec::new()
}

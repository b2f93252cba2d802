//! Figures as plain functions on slices: no model, no file, no error.

mod classes;
mod correlation;
mod ranking;
mod thresholds;

pub use classes::{Confusion, accuracy, macro_f1};
pub use correlation::{pearson, ranks, spearman};
pub use ranking::{
    average_precision_of_ranking, ndcg_at, recall_at, reciprocal_rank_at, trec_order,
};
pub use thresholds::{Threshold, average_precision, best_accuracy, best_f1, shares_at};

//! Figures as plain functions on slices: no model, no file, no error.

mod bleu;
mod chrf;
mod classes;
mod correlation;
mod ngrams;
mod ranking;
mod thresholds;
mod tokens_13a;

pub use bleu::{Bleu, BleuCounts};
pub use chrf::ChrfCounts;
pub use classes::{Confusion, accuracy, macro_f1};
pub use correlation::{pearson, ranks, spearman};
pub use ranking::{
    average_precision_of_ranking, ndcg_at, recall_at, reciprocal_rank_at, trec_order,
};
pub use thresholds::{Threshold, average_precision, best_accuracy, best_f1, shares_at};
pub use tokens_13a::tokenize_13a;

//! Linear probes on frozen vectors.

mod cholesky;
mod folds;
mod lbfgs;
mod logistic;
mod samples;

pub use folds::stratified_folds;
pub use logistic::{Logistic, LogisticSettings};
pub use samples::{BLOCK_ROWS, Samples};

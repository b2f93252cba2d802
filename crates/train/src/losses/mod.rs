//! Losses on sentence vectors: plain functions from vectors to a loss and its gradients by them,
//! which are where the backward pass begins.

mod contrastive;
mod distance;
mod loss;
mod triples;
mod unit;

pub use contrastive::{Contrast, contrastive};
pub use distance::{cosine_distance, cosine_regression, squared_distance};
pub use loss::Loss;
pub use triples::{Margins, triples};

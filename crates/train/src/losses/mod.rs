//! Losses on sentence vectors: plain functions from vectors to a loss and its gradients by them,
//! which are where the backward pass begins.

mod contrastive;
mod distance;
mod unit;

pub use contrastive::{Contrast, contrastive};
pub use distance::{cosine_distance, cosine_regression, squared_distance};

use contexture_nn::Rows;

/// A loss with its gradients.
#[derive(Debug, Clone)]
pub struct Loss {
    /// The sum over all rows.
    pub sum: f64,
    /// The sum's gradients by each input, of its shape.
    pub gradients: Vec<Rows>,
}

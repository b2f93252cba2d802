//! What a loss function gives.

use contexture_nn::Rows;

/// A loss with its gradients.
#[derive(Debug, Clone)]
pub struct Loss {
    /// The sum over all rows.
    pub sum: f64,
    /// The sum's gradients by each input, of its shape.
    pub gradients: Vec<Rows>,
}

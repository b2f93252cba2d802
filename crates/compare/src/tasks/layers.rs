//! The layers that vectors are taken from.

use contexture_engine::{Embedder, Layer};

use crate::CompareError;

/// Every hidden state of a model, with its name: `0` the rows that enter the first layer, then each
/// layer's output, the last one as the model gives it, and `mix`, the mean of all or the mix that
/// the model learned.
pub(super) fn layers(embedder: &Embedder) -> Result<Vec<(String, Layer)>, CompareError> {
    let count = embedder.info(false)?.model.layers;
    let inner = (0..count).map(|number| (number.to_string(), Layer::Number(number)));
    let last = (format!("{count} (output)"), Layer::Last);
    Ok(inner.chain([last, ("mix".to_owned(), Layer::Mix(Vec::new()))]).collect())
}

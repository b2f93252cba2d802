//! The layers that vectors are taken from.

use contexture_engine::{Embedder, Layer};

use crate::CompareError;

/// Every hidden state of a model, with its name: `0` the rows that enter the first layer, then the
/// output of each layer but the last; `output`, what the model gives (without a layer the rows of
/// `0`); and `mix`, the mean of all or the mix that the model learned.
pub(super) fn layers(embedder: &Embedder) -> Result<Vec<(String, Layer)>, CompareError> {
    let count = embedder.info(false)?.model.layers;
    let inner = (0..count.max(1)).map(|number| (number.to_string(), Layer::Number(number)));
    let last = ("output".to_owned(), Layer::Last);
    Ok(inner.chain([last, ("mix".to_owned(), Layer::Mix(Vec::new()))]).collect())
}

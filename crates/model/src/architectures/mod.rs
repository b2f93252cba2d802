//! Architectures: what declares parameters and runs layers.

mod batch;
mod check;
mod encoder;
mod settings;
pub(crate) mod spelling;

pub use batch::Batch;
pub use encoder::Encoder;
pub use settings::{Aggregator, Biases, EncoderSettings, LayerSettings, NormPlace, Sizes};

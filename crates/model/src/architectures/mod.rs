//! Architectures: what declares parameters and runs layers.

mod batch;
mod encoder;
mod settings;

pub use batch::Batch;
pub use encoder::Encoder;
pub use settings::{Biases, EncoderSettings, LayerSettings, NormPlace, Sizes};

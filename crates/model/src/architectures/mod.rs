//! Architectures: what declares parameters and runs layers.

mod batch;
mod check;
mod check_recurrent;
mod encoder;
mod recurrent;
mod settings;
pub(crate) mod spelling;

pub use batch::Batch;
pub use encoder::Encoder;
pub use recurrent::{CharacterSettings, Directions, LstmSettings};
pub use settings::{Aggregator, Biases, EncoderSettings, LayerSettings, NormPlace, Sizes};

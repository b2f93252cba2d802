//! Architectures: what declares parameters and runs layers.

mod batch;
mod check;
mod check_recurrent;
mod decoder;
mod decoder_settings;
mod embeddings;
mod encoder;
mod recurrent;
mod search;
mod settings;
pub(crate) mod spelling;

pub(crate) use batch::Spelled;
pub use batch::{Batch, TokenInput};
pub use decoder::{Decoder, DecoderState};
pub use decoder_settings::DecoderSettings;
pub use encoder::{Encoder, EncoderState};
pub use recurrent::{CharacterSettings, Directions, LstmSettings, WordTable};
pub use search::{Output, Search};
pub use settings::{Aggregator, Biases, EncoderSettings, LayerSettings, NormPlace, Sizes};

//! Texts in, vectors out: the public core.
//!
//! The only crate that knows both tokenizers and models, and the only place that decides about
//! parallelism. Everything that comes out is plain data.
#![forbid(unsafe_code)]

mod assemble;
mod embedder;
mod error;
pub mod export;
mod forward;
mod info;
mod likelihood;
mod locate;
mod opened;
mod options;
mod plan;
pub mod quantize;
mod record;
mod stream;
pub mod translate;

pub use contexture_kernels::isa::Isa;
pub use contexture_model::folder::Folder;
pub use contexture_model::positions;
pub use contexture_model::{WeightFormat, WeightType};
pub use contexture_text::{Encoding, Overflow, Tokenizer};
pub use embedder::{Embedder, Input, Next, OpenOptions, Positions};
pub use error::EngineError;
pub use info::Info;
pub use likelihood::{Ask, Likelihood, Objective, Sequence};
pub use locate::{BUILT_IN, Located, built_in, locate};
pub use options::{DEFAULT_BUDGET_TOKENS, EmbedOptions, Layer, Levels, Pooling};
pub use record::{Record, Span, Unit, Vector, cosine};
pub use translate::{TranslateOptions, Translation, Translator};

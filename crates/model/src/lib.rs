//! Positions, layers, architectures, checkpoints and model families.
//!
//! [`Model::open`] reads a folder: `families` turn its configuration into properties, the
//! [`architectures::Encoder`] declares parameters from them, `checkpoint` fills those from
//! safetensors files, and `folder` sees to it that nothing outside the folder is read.
#![forbid(unsafe_code)]

pub mod architectures;
pub mod checkpoint;
mod error;
pub mod families;
pub mod folder;
pub mod heads;
mod layers;
pub mod positions;
pub mod sentence;

pub use checkpoint::WeightFormat;
pub use error::ModelError;
pub use sentence::{AddHeads, Head, Model, ModelInfo, NewModel, OpenOptions, WeightType};

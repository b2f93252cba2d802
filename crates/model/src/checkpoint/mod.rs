//! Weights in files: safetensors read and written, and the name maps between file and model.

pub(crate) mod files;
mod header;
pub(crate) mod load;
pub(crate) mod names;
pub(crate) mod write;

pub use names::{Dialect, Piece};

//! The model that a program carries with it: the files of its folder, as bytes.
//!
//! The folder is `crates/built_in/model`, or the one that `CONTEXTURE_BUILT_IN` named when this
//! crate was compiled. Nothing is packed: weights are used where they lie.
#![forbid(unsafe_code)]

/// What the model is called.
pub const NAME: &str = "contexture-small-en";

/// The model's files: each one's name beneath its folder, with `/`, and its bytes. Empty where the
/// crate was compiled without a model.
pub const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

//! Contextual embeddings from text, on a CPU, in Rust.
#![forbid(unsafe_code)]

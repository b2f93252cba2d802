//! One file a task.

pub(crate) mod cases;
pub mod classify;
pub mod collection;
pub mod minimal_pairs;
pub mod pairs;
pub mod perplexity;
pub mod retrieval;
mod search;
pub mod sts;
pub mod tagging;
pub mod translation;
pub mod triples;
pub mod wic;

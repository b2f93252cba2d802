//! One file a task.

pub mod classify;
pub mod collection;
pub mod pairs;
pub mod retrieval;
mod search;
pub mod sts;
pub mod tagging;
pub mod wic;

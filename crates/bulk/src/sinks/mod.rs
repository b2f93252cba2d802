//! One file for each format that can be written.

mod json;
mod jsonl;
mod npy;
mod parquet;
mod text;

pub(crate) use jsonl::Jsonl;
pub(crate) use npy::Npy;
pub(crate) use parquet::Parquet;
pub use text::TextSink;

//! One file for each format that can be written.

mod json;
mod jsonl;
mod npy;
mod parquet;

pub(crate) use jsonl::Jsonl;
pub(crate) use npy::Npy;
pub(crate) use parquet::Parquet;

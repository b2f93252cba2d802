//! One file for each format that can be read.

mod arguments;
mod columns;
mod csv;
mod jsonl;
mod parquet;
mod strings;
mod text;
mod tsv;

pub(crate) use arguments::Arguments;
pub(crate) use csv::Csv;
pub(crate) use jsonl::Jsonl;
pub(crate) use parquet::Parquet;
pub(crate) use text::Text;
pub(crate) use tsv::Tsv;

//! Sources and sinks: text, JSONL, TSV, CSV, Parquet, npy.
#![forbid(unsafe_code)]

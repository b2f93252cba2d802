//! Sources and sinks: streams of texts in, streams of records out.
//!
//! A [`Source`] gives one [`Item`] for each row of its input, in order, and one [`RowError`] for
//! each row that it cannot give: nothing is dropped in silence. A [`Sink`] writes one entry for
//! each record, and shows a file under its final name only when [`Sink::finish`] has returned.
//! Both hold a bounded window of the data, whatever the number of rows.
//!
//! ```no_run
//! use contexture_bulk::{open_source, Input, Output, Shape, Sink, SinkOptions, SourceOptions};
//! # fn embed(_: &str) -> contexture_engine::Record { unimplemented!() }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut source = open_source(&Input::from("reviews.csv.gz"), &SourceOptions::default())?;
//! let options = SinkOptions::new(Shape::sentences(384), source.id_kind());
//! let mut sink = Sink::create(&Output::from("reviews.parquet"), &options)?;
//! while let Some(item) = source.next() {
//!     let item = item?;
//!     sink.write(&item.id, &embed(&item.text))?;
//! }
//! sink.finish()?;
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod bytes;
mod error;
mod input;
mod item;
mod output;
mod sinks;
mod source;
mod sources;
mod target;

pub use error::{BulkError, RowError, RowFault};
pub use input::{Compression, IdChoice, Input, InputFormat, SourceOptions};
pub use item::{Id, IdKind, Item};
pub use output::{Output, OutputFormat, Precision, Shape, Sink, SinkOptions, Written};
pub use sinks::TextSink;
pub use source::{Source, open_source};
pub use target::discard_partials;

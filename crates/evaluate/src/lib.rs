//! How good vectors and models are.
//!
//! [`metrics`] holds figures as plain functions on slices; a task of [`tasks`] reads gold answers,
//! asks the model, and returns plain data with 95 % intervals; [`report`] shows them.
//!
//! ```no_run
//! use std::path::Path;
//! use contexture_engine::Embedder;
//! use contexture_evaluate::{Setup, sts};
//!
//! # fn main() -> Result<(), contexture_evaluate::EvaluateError> {
//! let embedder = Embedder::open("all-MiniLM-L6-v2")?;
//! let pairs = sts::read(Path::new("sts-dev.tsv"), &sts::StsColumns::default(), None)?;
//! let found = sts(&embedder, &pairs, &Setup::default())?;
//! println!("{:.2} {:?}", 100.0 * found.spearman.value, found.spearman.interval);
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod bootstrap;
mod error;
pub mod metrics;
pub mod probe;
pub mod reading;
pub mod report;
mod setup;
pub mod tasks;
pub mod vectors;

pub use contexture_engine::Likelihood;

pub use bootstrap::{Bootstrap, Draws, Estimate};
pub use error::EvaluateError;
pub use setup::{Progress, Setup};
pub use tasks::cases::CaseResult;
pub use tasks::classify::{self, classify};
pub use tasks::collection::{self, Collection};
pub use tasks::minimal_pairs::{self, minimal_pairs};
pub use tasks::pairs::{self, pairs};
pub use tasks::perplexity::{self, perplexity};
pub use tasks::retrieval::{self, retrieval};
pub use tasks::sts::{self, sts};
pub use tasks::tagging::{self, tagging};
pub use tasks::translation::{self, translation};
pub use tasks::triples::{self, triples};
pub use tasks::wic::{self, wic};

//! Texts in, vectors out: the public core.
#![forbid(unsafe_code)]

mod record;

pub use record::{Record, Span, Unit, Vector};

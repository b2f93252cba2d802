//! Comparison: several models on the same data with the same budget, and what can be measured of
//! them: what they cost, how they learn, what they know.
#![forbid(unsafe_code)]

mod error;
mod page;
pub mod report;
pub mod tasks;

pub use error::CompareError;
pub use page::page;
pub use report::Comparison;

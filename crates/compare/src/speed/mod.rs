//! What a step costs, and how that grows with length and depth.

mod exponents;
mod plan;
mod points;
mod step;

pub(crate) use exponents::exponents;
pub(crate) use plan::places;
pub(crate) use points::{measure, read};
pub(crate) use step::Prepared;

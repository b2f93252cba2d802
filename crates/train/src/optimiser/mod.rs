//! From gradients to steps: AdamW, Adam and Adafactor over groups of parameters.

mod adafactor;
mod groups;
mod rules;

pub use groups::{Group, groups};
pub use rules::{Optimiser, OptimiserState};

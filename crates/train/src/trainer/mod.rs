//! The trainer: it knows objectives, an optimiser and snapshots, and no model.

mod finish;
mod lines;
mod open;
mod report;
mod run;
mod step;

pub use open::{Options, Trainer};
pub use report::{Control, Event, Outcome, StepReport};

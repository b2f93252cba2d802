//! What is learned: one file an objective.

mod bidirectional;
mod causal;
mod classes;
mod contrastive;
mod distillation;
mod held_out;
mod language;
mod masked;
mod objective;
mod pairs;
mod pass;
mod table;
mod texts;
mod translation;
mod triples;

pub use held_out::{HeldOut, HeldOutLoss};
pub use objective::{Drawn, Objective};
pub use pass::{Learner, Memory, Pass, encoder_operations};
pub use table::{open, open_held_out};

pub(crate) use classes::cells;

//! What is learned: one file an objective.

mod causal;
mod held_out;
mod language;
mod masked;
mod objective;
mod pass;
mod table;

pub use held_out::{HeldOut, HeldOutLoss};
pub use objective::{Drawn, Objective};
pub use pass::{Learner, Memory, Pass, encoder_operations};
pub use table::{open, open_held_out};

//! Position functions, each at one of three doors: on the input, on the heads, on the scores; and
//! what there is to say about one before a model learns with it.

mod alibi;
mod buckets;
mod door;
mod fixed;
mod formula;
mod learned;
mod rotary;
mod settings;
mod sinusoidal;

pub use door::{Heads, Position};
pub use formula::Formula;
pub use settings::PositionSettings;
pub use sinusoidal::{Divisor, Layout};

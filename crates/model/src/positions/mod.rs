//! Position functions, each at one of three doors: on the input, on the heads, on the scores.

mod alibi;
mod buckets;
mod door;
mod learned;
mod rotary;
mod settings;

pub use door::{Heads, Position};
pub use settings::PositionSettings;

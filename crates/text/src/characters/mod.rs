//! Words spelled out: each a row of character numbers, and a number of its own where there is a
//! list of words.

mod alphabet;
mod dictionary;
mod files;
mod model;
mod settings;

pub(crate) use files::{open, write};
pub(crate) use model::{BEGINS, Characters};
pub use settings::{CharacterFile, CharacterKind, WordSplit};

//! `contexture compare` as its user runs it: whole, broken off, on bad ground.

mod faults;
mod stage;
mod whole;

//! `contexture train`, as a user runs it: whole, broken off, on bad ground.

mod faults;
mod kills;
mod stage;
mod whole;

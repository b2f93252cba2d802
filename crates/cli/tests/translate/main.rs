//! `contexture translate` as a user runs it, on a small model that a run of `contexture train` made.

mod attention;
mod faults;
mod folders;
mod lines;
mod stage;
mod waiting;

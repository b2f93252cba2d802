//! States of a run that it can go on from.

mod store;
mod tensors;

pub use store::{Best, Manifest, Progress, Snapshot, Snapshots, mean};

//! Positions, layers, architectures, checkpoints and model families.
#![forbid(unsafe_code)]

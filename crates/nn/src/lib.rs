//! Rows, segments, parameters, sessions and differentiable ops.
#![forbid(unsafe_code)]

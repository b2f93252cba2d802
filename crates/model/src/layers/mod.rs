//! Layers, written once: they declare parameters and apply ops.

mod attention;
mod block;
mod feed_forward;
mod linear;
mod norm;

pub(crate) use block::Block;
pub(crate) use linear::{linear, residual_deviation};
pub(crate) use norm::Norm;

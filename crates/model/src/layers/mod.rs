//! Layers, written once: they declare parameters and apply ops.

mod attention;
mod block;
mod characters;
mod feed_forward;
mod linear;
mod norm;
mod recurrent;

pub(crate) use block::Block;
pub(crate) use characters::Characters;
pub(crate) use linear::{linear, residual_deviation};
pub(crate) use norm::Norm;
pub(crate) use recurrent::Recurrent;

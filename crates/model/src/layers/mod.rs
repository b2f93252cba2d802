//! Layers, written once: they declare parameters and apply ops.

mod attention;
mod block;
mod characters;
mod cross_attention;
mod feed_forward;
mod linear;
mod luong;
mod norm;
mod recurrent;

pub(crate) use block::{Around, Block};
pub(crate) use characters::Characters;
pub(crate) use cross_attention::Memory;
pub(crate) use linear::{linear, residual_deviation};
pub(crate) use luong::Luong;
pub(crate) use norm::Norm;
pub(crate) use recurrent::Recurrent;

//! One file an op: the equation, `forward`, `backward`, `reveal` and its tests.

mod feed_forward;
mod linear;

pub use feed_forward::FeedForward;
pub use linear::Linear;

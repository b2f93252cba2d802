//! Attention over sequences that lie end to end: softmax(scale Q K^T + bias) V.

mod back_strip;
mod backward;
mod forward;
mod shape;
mod strip;

pub use backward::{attend_backward, attend_backward_on};
pub use forward::{attend, attend_on, attention_map};
pub use shape::{AttentionShape, Reach, ToeplitzBias};

//! Attention over sequences that lie end to end: softmax(scale Q K^T + bias) V.

mod back_strip;
mod backward;
mod cached;
mod forward;
mod operands;
mod shape;
mod strip;

pub use backward::{
    attend_across_backward, attend_across_backward_on, attend_backward, attend_backward_on,
};
pub use cached::{Cached, KeysValues, attend_cached};
pub use forward::{
    attend, attend_across, attend_across_on, attend_on, attention_map, attention_map_across,
};
pub use shape::{AttentionShape, Reach, ToeplitzBias};

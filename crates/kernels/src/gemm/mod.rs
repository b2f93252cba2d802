//! Matrix products: packed weights with fused epilogues for inference, plain ones for training.

mod buffer;
mod epilogue;
mod feed_forward;
mod linear;
mod pack;
mod packed;
mod plain;
mod product;
mod tile;

pub use buffer::Buffer;
pub use epilogue::Epilogue;
pub use feed_forward::{FeedForward, feed_forward};
pub use linear::{linear, linear_of};
pub use packed::PackedMatrix;
pub use plain::{
    Operand, Output, Store, linear_plain, linear_plain_strided, matmul, matmul_on, weight_gradient,
    weight_gradient_on,
};

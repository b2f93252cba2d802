//! Matrix products: packed weights with fused epilogues for inference, plain ones for training.

mod buffer;
mod epilogue;
mod feed_forward;
mod linear;
mod packed;
mod plain;
mod tile;

pub use buffer::Buffer;
pub use epilogue::Epilogue;
pub use feed_forward::{FeedForward, feed_forward};
pub use linear::linear;
pub use packed::PackedMatrix;
pub use plain::{Transposed, linear_plain, matmul};

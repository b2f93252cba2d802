//! Matrix products: packed weights with fused epilogues for inference, plain ones for training.

mod buffer;
pub(crate) mod epilogue;
mod feed_forward;
mod few_rows;
mod linear;
mod pack;
mod packed;
mod piece;
mod plain;
mod product;
mod tile;

pub use buffer::Buffer;
pub(crate) use buffer::{Scratch, with_scratch};
pub use epilogue::Epilogue;
pub use feed_forward::{FeedForward, feed_forward};
pub(crate) use few_rows::{Columns, FewRows, panel_width};
pub use linear::{linear, linear_of};
pub use packed::PackedMatrix;
pub(crate) use packed::Target;
pub use piece::Right;
pub use plain::{
    Operand, Output, Store, linear_plain, linear_plain_strided, matmul, matmul_on, weight_gradient,
    weight_gradient_on,
};
pub(crate) use tile::panel_width as tile_panel_width;

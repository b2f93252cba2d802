//! Weights as signed bytes: rows with a scale each, packed for products or kept as a table.

mod feed_forward;
mod inputs;
mod linear;
mod nibbles;
mod packed;
mod rows;
mod table;
mod tile;

pub use feed_forward::{FeedForward, feed_forward};
pub use linear::linear;
pub use nibbles::{are_nibbles, quantise_nibbles, widen_nibbles};
pub use packed::QuantisedMatrix;
pub use rows::{MOST, dequantise_rows, quantise_rows, quantise_rows_into};
pub use table::{QuantisedTable, lookup};

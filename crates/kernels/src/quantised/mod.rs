//! Weights as signed bytes: rows with a scale each, packed for products or kept as a table.

mod linear;
mod packed;
mod rows;
mod table;

pub use linear::linear;
pub use packed::QuantisedMatrix;
pub use rows::{MOST, dequantise_rows, quantise_rows, quantise_rows_into};
pub use table::{QuantisedTable, lookup};

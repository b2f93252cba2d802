//! Weights in files: safetensors read and written, HDF5 read, and the name maps between file and
//! model.

pub(crate) mod arrays;
pub(crate) mod files;
pub(crate) mod hdf5;
mod header;
pub(crate) mod load;
pub(crate) mod names;
pub(crate) mod rows;
pub(crate) mod write;

pub use names::{Dialect, Piece};
pub(crate) use rows::precision;
pub use write::WeightFormat;

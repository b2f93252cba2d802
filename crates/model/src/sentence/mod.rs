//! Models that turn a sequence into vectors: an encoder and its head, from a folder.

mod head;
mod info;
mod model;

pub use head::Head;
pub use info::ModelInfo;
pub use model::{Model, OpenOptions};

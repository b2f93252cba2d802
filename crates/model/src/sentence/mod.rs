//! Models that turn a sequence into vectors: an encoder and its head, from a folder.

mod create;
mod foreign;
mod head;
mod info;
mod model;
mod options;
mod plan;
mod quantise;
mod reduce;
mod write;

pub use head::Head;
pub use info::ModelInfo;
pub use model::Model;
pub use options::{AddHeads, NewModel, OpenOptions, WeightType};

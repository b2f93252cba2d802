//! Model folders: safe paths, settings, and the modules of sentence-transformers.

pub(crate) mod config;
pub(crate) mod files;
pub(crate) mod modules;
pub(crate) mod place;
mod whole;

pub use config::Config;
pub use files::Files;
pub use modules::{HeadSettings, ModuleSettings, SentenceSettings};
pub use place::Folder;
pub use whole::{place_whole, write_whole};

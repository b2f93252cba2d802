//! Model folders: safe paths, settings, and the modules of sentence-transformers.

pub(crate) mod config;
pub(crate) mod files;
pub(crate) mod modules;
pub(crate) mod place;

pub use config::Config;
pub use files::Files;
pub use modules::{HeadSettings, ModuleSettings, SentenceSettings};
pub use place::Folder;

//! `contexture embed`: texts in, vectors out.

mod arguments;
mod feed;
mod run;
mod summary;

pub(crate) use arguments::{EmbedArguments, layer};
pub(crate) use run::run;

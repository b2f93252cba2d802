//! `contexture embed`: texts in, vectors out.

mod arguments;
mod run;
mod summary;

pub(crate) use arguments::{EmbedArguments, layer};
pub(crate) use run::run;

//! `contexture translate`: texts in, their counterparts out.

mod arguments;
mod attention;
mod lines;
mod run;
mod summary;

pub(crate) use arguments::TranslateArguments;
pub(crate) use run::run;

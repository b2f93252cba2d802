//! `contexture eval`: how good a model is.

mod arguments;
mod display;
mod run;
mod tasks;

pub(crate) use arguments::EvalArguments;
pub(crate) use run::run;

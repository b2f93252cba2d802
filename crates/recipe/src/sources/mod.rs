//! The public texts that training may use, each with the reader of its form.

mod gutenberg;
mod sentences;
mod tatoeba;
mod wikipedia;
mod wikisplit;
mod wordnet;

pub(crate) use gutenberg::gutenberg;
pub(crate) use tatoeba::{Tatoeba, tatoeba};
pub(crate) use wikipedia::{Article, wikipedia};
pub(crate) use wikisplit::{Split, wikisplit};
pub(crate) use wordnet::{Synset, wordnet};

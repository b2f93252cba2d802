//! WordPiece as BERT does it, from text to ids and spans without intermediate strings.

mod added;
mod characters;
mod model;
mod normalize;
mod settings;
mod vocabulary;

pub(crate) use added::{AddedToken, Finder};
pub(crate) use model::Scratch;
pub(crate) use model::WordPiece;
pub(crate) use normalize::Normalizer;
pub(crate) use settings::Settings;
pub(crate) use vocabulary::TokenList;

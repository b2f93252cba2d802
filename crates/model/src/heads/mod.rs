//! Heads that a model learns by: words for masked or next tokens, classes for texts or tokens.

mod classifier;
mod language;

pub use classifier::{Classifier, ClassifierSettings, Level};
pub use language::{LanguageHead, LanguageHeadSettings};

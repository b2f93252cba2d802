//! Texts in, their counterparts out: an encoder-decoder with both tokenizers.

mod attention;
mod translator;

pub use attention::AttentionMap;
pub use translator::{Output, TranslateOptions, Translation, Translator, longest_output};

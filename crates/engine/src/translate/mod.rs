//! Texts in, their counterparts out: an encoder-decoder with both tokenizers.

mod attention;
mod batch;
mod options;
mod output;
mod translator;

pub use attention::AttentionMap;
pub use options::TranslateOptions;
pub use output::{Output, Translation};
pub use translator::{Translator, longest_output};

//! Tokenizers, encodings, truncation and chunking with byte spans.
//!
//! A [`Tokenizer`] is opened from a model folder and turns text into an [`Encoding`]: ids, and
//! for each id the bytes of the user's text that it stands for. [`Tokenizer::fit`] cuts an
//! encoding to a maximum length, by truncation (exactly as the reference does, but never
//! silently) or into chunks; [`words`] and [`align`] lead from tokens back to the user's words.
//!
//! WordPiece files of the BERT kind take a path of their own, which gives the same ids and spans
//! as the `tokenizers` crate at many times its speed; every other kind goes through that crate.
//! SentencePiece's own model files, as Marian and T5 have them, are read as SentencePiece reads them.
//! Models that spell words out, as ELMo does, get words and their characters.
#![forbid(unsafe_code)]

mod characters;
mod encoding;
mod error;
mod file;
mod files;
mod fit;
mod folder;
mod frame;
mod library;
mod lists;
mod sentencepiece;
mod tokenizer;
pub mod training;
mod vectors;
mod wordpiece;
mod words;

pub use characters::{CharacterFile, CharacterKind, WordSplit};
pub use encoding::{Encoding, Span};
pub use error::{TextError, VectorFault};
pub use files::{TELLING, TOKENIZER_FILES};
pub use fit::{Overflow, Piece};
pub use tokenizer::{SpecialTokens, Tokenizer};
pub use vectors::{VectorCounts, WordVectors};
pub use words::{align, join_words, words};

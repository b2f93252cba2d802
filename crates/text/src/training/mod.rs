//! Training a tokenizer from text: WordPiece, BPE or Unigram, or a list of words that are spelled
//! out.
//!
//! Everything but the order of things is the work of the `tokenizers` crate: its normalisers cut
//! the text into words, its trainers choose the pieces and its writer makes the file. What this
//! module adds is that the same text gives the same files, bit for bit, whatever the order of the
//! texts, the number of threads and the seeds of hash maps.

mod counts;
mod files;
mod merges;
mod pieces;
mod reduce;
mod settings;
mod train;

pub use reduce::{PieceCounts, reduce};
pub(crate) use settings::SPECIAL;
pub use settings::{TokenizerKind, TokenizerSettings};
pub use train::{TrainedTokenizer, train};

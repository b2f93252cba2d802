//! What can go wrong between a tokenizer's files and an encoding.

use std::path::PathBuf;

/// Every failure of this crate, with the place, what was found and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// A file could not be read.
    #[error("{path}: cannot be read: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The folder holds no tokenizer.
    #[error(
        "{folder}: no tokenizer found: expected tokenizer.json, or vocab.txt with \
         tokenizer_config.json; write one with `tokenizer.save_pretrained(...)` of transformers",
        folder = folder.display()
    )]
    Missing {
        /// The model folder.
        folder: PathBuf,
    },
    /// A link leads out of the model folder.
    #[error(
        "{path}: leads to {target}, which lies outside the model folder; copy the file into the \
         folder", path = path.display(), target = target.display()
    )]
    Outside {
        /// The file as named in the folder.
        path: PathBuf,
        /// Where it really lies.
        target: PathBuf,
    },
    /// Something other than a regular file.
    #[error("{path}: expected a regular file, found {found}", path = path.display())]
    NotAFile {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// A file beyond the bound for its kind.
    #[error("{path}: {bytes} bytes or more, expected at most {limit}", path = path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The bound.
        limit: u64,
    },
    /// A file that is not what its name says.
    #[error("{path}: malformed: {reason}", path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What was found, with line and column where known.
        reason: String,
    },
    /// A setting that this crate does not support; it is never approximated.
    #[error("{path}: {place}: found {found}, supported: {supported}", path = path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The key.
        place: &'static str,
        /// Its value.
        found: String,
        /// The values that work.
        supported: &'static str,
    },
    /// The tokenizer refused a text.
    #[error("{path}: the tokenizer failed on a text of {bytes} bytes: {reason}", path = path.display())]
    Encode {
        /// The tokenizer's file.
        path: PathBuf,
        /// The text's length.
        bytes: usize,
        /// The tokenizer's words.
        reason: String,
    },
    /// A text longer than the maximum, where cutting was not allowed.
    #[error(
        "the text has {tokens} tokens, the maximum is {max_length}; allow truncation or chunks, \
         or raise the maximum length"
    )]
    TooLong {
        /// Tokens of the text, special tokens included.
        tokens: usize,
        /// The maximum.
        max_length: usize,
    },
    /// A maximum length that leaves no room for text.
    #[error(
        "a maximum length of {max_length} leaves no room: special tokens and prompt take \
         {reserved}; use at least {}", reserved + 1
    )]
    NoRoom {
        /// The maximum asked for.
        max_length: usize,
        /// Tokens that every piece must carry.
        reserved: usize,
    },
}

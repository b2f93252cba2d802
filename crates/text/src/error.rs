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
        "{folder}: no tokenizer found: expected tokenizer.json, vocab.txt with \
         tokenizer_config.json, spiece.model, or source.spm and target.spm with vocab.json; write one with `tokenizer.save_pretrained(...)` of transformers",
        folder = folder.display()
    )]
    Missing {
        /// The model folder.
        folder: PathBuf,
    },
    /// A file that the tokenizer needs is not there.
    #[error("{path}: not found; {advice}", path = path.display())]
    MissingFile {
        /// The file.
        path: PathBuf,
        /// What to do.
        advice: &'static str,
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
    /// A file could not be written.
    #[error("{path}: cannot be written: {source}", path = path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A text to learn from could not be had.
    #[error("text {number} to learn from cannot be read: {source}")]
    Source {
        /// Which one, from 1 on.
        number: u64,
        /// The reader's reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There is nothing to learn from.
    #[error("a tokenizer needs text to learn from: {texts} texts hold no word")]
    NoText {
        /// Texts read.
        texts: u64,
    },
    /// A vocabulary that does not hold even single letters.
    #[error(
        "a vocabulary of {vocabulary} is too small: {special} special tokens and {letters} \
         letters need {}; raise `vocabulary`, or lower `alphabet` where the kind has one",
        special + letters
    )]
    SmallVocabulary {
        /// What was asked for.
        vocabulary: usize,
        /// Special tokens.
        special: usize,
        /// Letters, those inside words counted apart for WordPiece; bytes for BPE.
        letters: usize,
    },
    /// A trainer of the `tokenizers` crate failed.
    #[error("the tokenizer cannot be trained: {reason}")]
    Training {
        /// The crate's words.
        reason: String,
    },
    /// A line of a file of word vectors that cannot be read.
    #[error("line {line} of the word vectors: {fault}")]
    Vectors {
        /// The line, from 1 on.
        line: u64,
        /// What is wrong with it.
        fault: VectorFault,
    },
}

/// What can be wrong with a line of word vectors.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VectorFault {
    /// The line could not be read.
    #[error("cannot be read: {0}")]
    Read(std::io::Error),
    /// A line beyond all bounds.
    #[error("expected a word and its numbers, found a line of more than {limit} bytes")]
    TooLong {
        /// The bound, in bytes.
        limit: u64,
    },
    /// No word, or a word without numbers.
    #[error("expected a word and its numbers, found {found:?}")]
    NoNumbers {
        /// The line's beginning.
        found: String,
    },
    /// Another number of values than the lines before.
    #[error("expected {expected} numbers as in the lines before it, found {found}")]
    Ragged {
        /// The width of the lines before.
        expected: usize,
        /// The width of this line.
        found: usize,
    },
    /// Something that is no number.
    #[error("expected a number at place {place}, found {found:?}")]
    NotANumber {
        /// The place after the word, from 1 on.
        place: usize,
        /// What stands there.
        found: String,
    },
    /// NaN or infinity, or a number beyond the range of f32.
    #[error("expected a finite number at place {place}, found {found:?}")]
    NotFinite {
        /// The place after the word, from 1 on.
        place: usize,
        /// What stands there.
        found: String,
    },
    /// The file holds no vector at all.
    #[error("the file ends without any vector")]
    Empty,
}

impl TextError {
    pub(crate) fn training(reason: impl std::fmt::Display) -> Self {
        Self::Training { reason: reason.to_string() }
    }

    /// That the special tokens and `letters` fit into `vocabulary`.
    pub(crate) fn check_vocabulary(vocabulary: usize, letters: usize) -> Result<(), Self> {
        let special = crate::training::SPECIAL.len();
        if vocabulary < special + letters {
            return Err(Self::SmallVocabulary { vocabulary, special, letters });
        }
        Ok(())
    }
}

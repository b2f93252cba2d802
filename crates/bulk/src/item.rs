//! A text on its way to the engine.

use std::fmt;

use contexture_engine::Span;

/// What a row is called in the output.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Id {
    /// A whole number: the row's number from 0, or the user's own.
    Number(i64),
    /// The user's own name.
    Text(String),
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// Which kinds of id a source can give; it decides the type of a Parquet column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdKind {
    /// Numbers only.
    Number,
    /// Texts, or texts and numbers: stored as text.
    Text,
}

/// One row of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The user's id, or the row's number from 0.
    pub id: Id,
    /// The line (text, JSONL, TSV, CSV), row (Parquet) or argument, from 1.
    pub row: usize,
    /// The text; may be empty.
    pub text: String,
    /// Byte ranges of the user's own words in `text`, where the field was a list of words.
    pub words: Option<Vec<Span>>,
}

/// Joins the user's words with one space each, and says where each lies.
#[derive(Debug, Default)]
pub(crate) struct Words {
    text: String,
    spans: Vec<Span>,
}

impl Words {
    pub(crate) fn push(&mut self, word: &str) {
        if !self.spans.is_empty() {
            self.text.push(' ');
        }
        let start = self.text.len();
        self.text.push_str(word);
        self.spans.push([start, self.text.len()]);
    }

    pub(crate) fn finish(self) -> (String, Option<Vec<Span>>) {
        (self.text, Some(self.spans))
    }
}

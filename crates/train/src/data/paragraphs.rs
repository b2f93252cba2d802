//! Lines up to an empty one, joined by blanks.

use contexture_bulk::{RowError, Source};

/// The longest paragraph, in bytes: beyond it the text goes on in the next one.
const LIMIT_BYTES: usize = 64 << 10;

/// Joins a source's lines into paragraphs, or one column of them into sentences.
pub(super) struct Paragraphs {
    source: Source,
    column: Option<usize>,
}

impl Paragraphs {
    /// `column`, from 0: only that column of each line, divided by tabs.
    pub(super) fn new(source: Source, column: Option<usize>) -> Self {
        Self { source, column }
    }

    /// A line's part in the text. A line that lacks the column gives `_`, so that the columns of
    /// a sentence stay in step; a blank inside a cell becomes a no-break one, for the same reason.
    fn part(&self, line: &str) -> String {
        match self.column {
            None => line.to_owned(),
            Some(column) => {
                let cell = line.split('\t').nth(column).map(str::trim).unwrap_or_default();
                if cell.is_empty() { "_".into() } else { cell.replace(' ', "\u{a0}") }
            }
        }
    }
}

impl Iterator for Paragraphs {
    type Item = Result<(usize, String), RowError>;

    /// The first line's number, and the paragraph.
    fn next(&mut self) -> Option<Self::Item> {
        let mut first = 0;
        let mut text = String::new();
        while let Some(item) = self.source.next() {
            let item = match item {
                Ok(item) => item,
                Err(error) => return Some(Err(error)),
            };
            let line = item.text.trim();
            if line.is_empty() && text.is_empty() {
                continue;
            }
            if !line.is_empty() {
                if text.is_empty() {
                    first = item.row;
                } else {
                    text.push(' ');
                }
                text.push_str(&self.part(line));
            }
            if line.is_empty() || (text.len() > LIMIT_BYTES && self.column.is_none()) {
                return Some(Ok((first, text)));
            }
        }
        (!text.is_empty()).then_some(Ok((first, text)))
    }
}

//! Lines up to an empty one, joined by blanks.

use contexture_bulk::{RowError, Source};

/// The longest paragraph, in bytes: beyond it the text goes on in the next one.
const LIMIT_BYTES: usize = 64 << 10;

/// Joins a source's lines into paragraphs.
pub(super) struct Paragraphs {
    source: Source,
}

impl Paragraphs {
    pub(super) fn new(source: Source) -> Self {
        Self { source }
    }
}

impl Iterator for Paragraphs {
    type Item = Result<(usize, String), RowError>;

    /// The first line's number, and the paragraph.
    fn next(&mut self) -> Option<Self::Item> {
        let mut first = 0;
        let mut text = String::new();
        for item in self.source.by_ref() {
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
                text.push_str(line);
            }
            if line.is_empty() || text.len() > LIMIT_BYTES {
                return Some(Ok((first, text)));
            }
        }
        (!text.is_empty()).then_some(Ok((first, text)))
    }
}

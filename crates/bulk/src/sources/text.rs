//! Plain text: a text per line.
//!
//! Lines end with `\n` or `\r\n`; the last may lack its end. An empty line is an empty text, so
//! that line `n` of the file is always item `n`.

use crate::bytes::{ByteStream, Lines, decode};
use crate::error::{BulkError, RowError};
use crate::input::{Input, SourceOptions};
use crate::item::{Id, IdKind, Item};
use crate::source::Rows;

pub(crate) struct Text {
    lines: Lines,
    lossy: bool,
}

impl Text {
    pub(crate) fn open(input: &Input, options: &SourceOptions) -> Result<Self, BulkError> {
        let stream = ByteStream::open(input)?;
        Ok(Self { lines: Lines::new(stream, options.line_limit_bytes), lossy: options.lossy })
    }
}

impl Rows for Text {
    fn next_row(&mut self) -> Option<Result<Item, RowError>> {
        let text = match self.lines.advance() {
            Ok(false) => return None,
            Ok(true) => decode(&self.lines.line, self.lossy, self.lines.start, 0),
            Err(fault) => Err(fault),
        };
        let row = self.lines.number;
        Some(match text {
            Ok(text) => Ok(Item { id: Id::Number(row as i64 - 1), row, text, words: None }),
            Err(fault) => {
                Err(RowError { name: self.lines.stream.name.clone(), unit: "line", row, fault })
            }
        })
    }

    fn id_kind(&self) -> IdKind {
        IdKind::Number
    }

    fn bytes_read(&self) -> u64 {
        self.lines.stream.bytes_read()
    }

    fn size_bytes(&self) -> Option<u64> {
        self.lines.stream.size_bytes()
    }
}

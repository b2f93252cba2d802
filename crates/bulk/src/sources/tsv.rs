//! Columns divided by tabs. There is no quoting: a tab always divides and a line end always ends
//! the row, so a row may hold more columns than the header and its text is still certain.

use crate::bytes::{ByteStream, Lines, decode};
use crate::error::{BulkError, RowError, RowFault};
use crate::input::{Input, SourceOptions};
use crate::item::{Id, IdKind, Item};
use crate::source::Rows;

use super::columns::{Columns, choose};

pub(crate) struct Tsv {
    lines: Lines,
    columns: Columns,
    lossy: bool,
    rows: usize,
    /// Whether `lines` holds a row that was read ahead.
    ahead: bool,
}

impl Tsv {
    pub(crate) fn open(input: &Input, options: &SourceOptions) -> Result<Self, BulkError> {
        let mut lines = Lines::new(ByteStream::open(input)?, options.line_limit_bytes);
        let name = lines.stream.name.clone();
        let header = |fault: RowFault| BulkError::Header {
            name: name.clone(),
            found: format!("line 1: {fault}"),
        };
        let exists = lines.advance().map_err(header)?;
        if !exists {
            return Err(BulkError::Header { name, found: "an empty file".to_owned() });
        }
        let names = decode(&lines.line, options.lossy, lines.start, 0).map_err(header)?;
        let names: Vec<String> = names.split('\t').map(str::to_owned).collect();
        let columns = choose(&name, &names, options.header, options)?;
        Ok(Self { lines, columns, lossy: options.lossy, rows: 0, ahead: !options.header })
    }

    fn parse(&self) -> Result<Item, RowFault> {
        let line = &self.lines.line;
        let expected = self.columns.text.max(self.columns.id.unwrap_or(0)) + 1;
        let mut cells = Vec::with_capacity(expected);
        let mut start = 0;
        for end in memchr::memchr_iter(b'\t', line).chain([line.len()]) {
            cells.push([start, end]);
            start = end + 1;
        }
        let cell = |index: usize| -> Result<String, RowFault> {
            let [start, end] = *cells.get(index).ok_or(RowFault::Columns {
                expected: self.columns.count,
                found: cells.len(),
                hint: "",
            })?;
            decode(&line[start..end], self.lossy, self.lines.start, start)
        };
        let text = cell(self.columns.text)?;
        let id = match self.columns.id {
            Some(index) => Id::Text(cell(index)?),
            None => Id::Number(self.rows as i64 - 1),
        };
        Ok(Item { id, row: self.lines.number, text, words: None })
    }
}

impl Rows for Tsv {
    fn next_row(&mut self) -> Option<Result<Item, RowError>> {
        let read = if std::mem::take(&mut self.ahead) { Ok(true) } else { self.lines.advance() };
        if matches!(read, Ok(false)) {
            return None;
        }
        self.rows += 1;
        Some(read.and_then(|_| self.parse()).map_err(|fault| RowError {
            name: self.lines.stream.name.clone(),
            unit: "line",
            row: self.lines.number,
            fault,
        }))
    }

    fn id_kind(&self) -> IdKind {
        if self.columns.id.is_some() { IdKind::Text } else { IdKind::Number }
    }

    fn bytes_read(&self) -> u64 {
        self.lines.stream.bytes_read()
    }

    fn size_bytes(&self) -> Option<u64> {
        self.lines.stream.size_bytes()
    }
}

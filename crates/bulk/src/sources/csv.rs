//! Columns divided by commas, quoted as RFC 4180 says; a quoted cell may hold line ends.
//!
//! A row must have as many columns as the header: one too many is nearly always a text with a
//! comma that was not quoted, and would be cut in silence. Blank lines are no rows.

use csv_core::{ReadRecordResult, Reader};

use crate::bytes::ByteStream;
use crate::error::{BulkError, RowError, RowFault};
use crate::input::{Input, SourceOptions};
use crate::item::{Id, IdKind, Item};
use crate::source::Rows;

use super::columns::{Columns, choose};

pub(crate) struct Csv {
    records: Records,
    columns: Columns,
    rows: usize,
    /// Whether `records` holds a row that was read ahead.
    ahead: bool,
}

impl Csv {
    pub(crate) fn open(input: &Input, options: &SourceOptions) -> Result<Self, BulkError> {
        let mut records = Records::new(ByteStream::open(input)?, options);
        let name = records.stream.name.clone();
        let header = |line: usize, fault: RowFault| BulkError::Header {
            name: name.clone(),
            found: format!("line {line}: {fault}"),
        };
        let exists = records.advance().map_err(|fault| header(1, fault))?;
        if !exists {
            return Err(BulkError::Header { name, found: "an empty file".to_owned() });
        }
        let names: Result<Vec<String>, RowFault> =
            (0..records.count).map(|index| records.cell(index)).collect();
        let names = names.map_err(|fault| header(records.line, fault))?;
        let columns = choose(&name, &names, options.header, options)?;
        Ok(Self { records, columns, rows: 0, ahead: !options.header })
    }

    fn parse(&self) -> Result<Item, RowFault> {
        let (expected, found) = (self.columns.count, self.records.count);
        if expected != found {
            let hint = if found > expected {
                "; a text with a comma in it must stand in quotes"
            } else {
                ""
            };
            return Err(RowFault::Columns { expected, found, hint });
        }
        let text = self.records.cell(self.columns.text)?;
        let id = match self.columns.id {
            Some(index) => Id::Text(self.records.cell(index)?),
            None => Id::Number(self.rows as i64 - 1),
        };
        Ok(Item { id, row: self.records.line, text, words: None })
    }
}

impl Rows for Csv {
    fn next_row(&mut self) -> Option<Result<Item, RowError>> {
        let read = if std::mem::take(&mut self.ahead) { Ok(true) } else { self.records.advance() };
        if matches!(read, Ok(false)) {
            return None;
        }
        self.rows += 1;
        Some(read.and_then(|_| self.parse()).map_err(|fault| {
            let mut row = self.records.line;
            if matches!(fault, RowFault::Utf8 { .. }) {
                row += self.records.lines_before_fault();
            }
            RowError { name: self.records.stream.name.clone(), unit: "line", row, fault }
        }))
    }

    fn id_kind(&self) -> IdKind {
        if self.columns.id.is_some() { IdKind::Text } else { IdKind::Number }
    }

    fn bytes_read(&self) -> u64 {
        self.records.stream.bytes_read()
    }

    fn size_bytes(&self) -> Option<u64> {
        self.records.stream.size_bytes()
    }
}

/// Reads one record after the other into the same buffers.
struct Records {
    stream: ByteStream,
    parser: Reader,
    /// The cells' bytes, unquoted, end to end.
    cells: Vec<u8>,
    ends: Vec<usize>,
    count: usize,
    /// The record as it stands in the file: for the places of bytes that are not UTF-8.
    raw: Vec<u8>,
    /// The line on which the record starts, from 1, and its place in the content.
    line: usize,
    start: u64,
    lines_passed: usize,
    limit_bytes: usize,
    lossy: bool,
}

impl Records {
    fn new(stream: ByteStream, options: &SourceOptions) -> Self {
        Self {
            stream,
            parser: Reader::new(),
            cells: vec![0; 4096],
            ends: vec![0; 32],
            count: 0,
            raw: Vec::new(),
            line: 1,
            start: 0,
            lines_passed: 0,
            limit_bytes: options.line_limit_bytes,
            lossy: options.lossy,
        }
    }

    /// Reads the next record; `false` at the end.
    fn advance(&mut self) -> Result<bool, RowFault> {
        self.pass_blank_lines()?;
        self.line = self.lines_passed + 1;
        self.start = self.stream.offset();
        self.raw.clear();
        if self.stream.fill()?.is_empty() {
            return Ok(false);
        }
        let (mut written, mut ended, mut too_long) = (0, 0, false);
        loop {
            let bytes = self.stream.fill()?;
            let at_end = bytes.is_empty();
            // The line end that the last line may lack: a record that it does not end is one
            // whose quote is open.
            let bytes = if at_end { b"\n" } else { bytes };
            let (result, read, wrote, cells) =
                self.parser.read_record(bytes, &mut self.cells[written..], &mut self.ends[ended..]);
            if !at_end {
                too_long |= self.raw.len() + read > self.limit_bytes;
                if !too_long {
                    self.raw.extend_from_slice(&bytes[..read]);
                }
                self.lines_passed += memchr::memchr_iter(b'\n', &bytes[..read]).count();
                self.stream.consume(read);
            }
            written = if too_long { 0 } else { written + wrote };
            ended = if too_long { 0 } else { ended + cells };
            match result {
                ReadRecordResult::Record => break,
                ReadRecordResult::OutputFull if !too_long => {
                    self.cells.resize(self.cells.len() * 2, 0);
                }
                ReadRecordResult::OutputEndsFull if !too_long => {
                    self.ends.resize(self.ends.len() * 2, 0);
                }
                ReadRecordResult::InputEmpty if at_end => {
                    return Err(RowFault::OpenQuote { byte_in_file: self.stream.offset() });
                }
                _ => {}
            }
        }
        self.count = ended;
        if too_long {
            self.raw = Vec::new();
            return Err(RowFault::TooLong {
                limit_bytes: self.limit_bytes,
                byte_in_file: self.start,
            });
        }
        Ok(true)
    }

    /// The parser would pass over them too, and the record's line number would then be lost.
    fn pass_blank_lines(&mut self) -> Result<(), RowFault> {
        while let Some(byte @ (b'\n' | b'\r')) = self.stream.fill()?.first().copied() {
            self.lines_passed += usize::from(byte == b'\n');
            self.stream.consume(1);
        }
        Ok(())
    }

    fn cell(&self, index: usize) -> Result<String, RowFault> {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        let bytes = &self.cells[start..self.ends[index]];
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) if self.lossy => Ok(String::from_utf8_lossy(bytes).into_owned()),
            Err(error) => Err(self.place(bytes[error.valid_up_to()])),
        }
    }

    /// Where the record's first byte that is not UTF-8 stands in the file.
    fn place(&self, found: u8) -> RowFault {
        let (line_start, at) = self.fault_in_raw();
        RowFault::Utf8 {
            byte_in_line: at - line_start,
            byte_in_file: self.start + at as u64,
            found: self.raw.get(at).copied().unwrap_or(found),
            hint: "",
        }
    }

    fn fault_in_raw(&self) -> (usize, usize) {
        let at = std::str::from_utf8(&self.raw).err().map_or(0, |error| error.valid_up_to());
        let line_start = memchr::memrchr(b'\n', &self.raw[..at]).map_or(0, |end| end + 1);
        (line_start, at)
    }

    fn lines_before_fault(&self) -> usize {
        let (line_start, _) = self.fault_in_raw();
        memchr::memchr_iter(b'\n', &self.raw[..line_start]).count()
    }
}

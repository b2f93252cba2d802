//! What can go wrong with a source, a row or a sink.

use std::io;
use std::path::PathBuf;

/// A source or a sink as a whole cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BulkError {
    /// The input cannot be opened.
    #[error("{name}: cannot be opened: {source}")]
    Open {
        /// The input's name.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// The input opens and its first bytes cannot be read.
    #[error("{name}: cannot be read at byte {byte}: {source}")]
    Read {
        /// The input's name.
        name: String,
        /// Bytes of the file that had been read, compressed where it is compressed.
        byte: u64,
        /// What the system or the decompressor said.
        source: io::Error,
    },
    /// The name says one compression and the content another.
    #[error(
        "{name}: the name says {expected} and the content starts with {found}; rename the file, \
         or download it again if it should be compressed"
    )]
    Compression {
        /// The input's name.
        name: String,
        /// The compression that the ending stands for.
        expected: &'static str,
        /// The first bytes, in hexadecimal.
        found: String,
    },
    /// The name's ending stands for no known format.
    #[error("{name}: no format is known by this name's ending; name one of {known}")]
    Format {
        /// The file's name.
        name: String,
        /// The formats that exist.
        known: String,
    },
    /// An option does not fit this input or output.
    #[error("{name}: {option} {reason}")]
    Option {
        /// The input's or output's name.
        name: String,
        /// The option in question.
        option: &'static str,
        /// Why it does not fit, and what does.
        reason: String,
    },
    /// There is no header where one is expected.
    #[error("{name}: expected a header line, found {found}")]
    Header {
        /// The input's name.
        name: String,
        /// What stands there.
        found: String,
    },
    /// The column asked for does not exist, or there are several.
    #[error("{name}: {problem}; the columns are: {columns}")]
    Column {
        /// The input's name.
        name: String,
        /// Which column, and what is wrong with it.
        problem: String,
        /// The columns that exist.
        columns: String,
    },
    /// A column holds something that is not text.
    #[error("{name}: column `{column}`: expected {expected}, found {found}")]
    ColumnType {
        /// The input's name.
        name: String,
        /// The column.
        column: String,
        /// The types that can be read.
        expected: &'static str,
        /// The column's type.
        found: String,
    },
    /// The file is not Parquet, or is broken.
    #[error("{name}: not a readable Parquet file: {reason}")]
    Parquet {
        /// The input's or output's name.
        name: String,
        /// What the reader said.
        reason: String,
    },
    /// The output cannot be created.
    #[error("{path}: cannot be created: {source}")]
    Create {
        /// The file that was to be created.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The output cannot be written; nothing is left under its final name.
    #[error("{name}: cannot be written after {bytes} bytes: {source}")]
    Write {
        /// The output's name.
        name: String,
        /// Bytes that had been written.
        bytes: u64,
        /// What the system said.
        source: io::Error,
    },
    /// A vector holds NaN or an infinity, which no sink writes.
    #[error("id {id}: value {index} of the {level} vector is {value}: not a number to store")]
    NotFinite {
        /// The record's id.
        id: String,
        /// `sentence`, `word` or `token`.
        level: &'static str,
        /// The dimension, from 0.
        index: usize,
        /// The value.
        value: f32,
    },
    /// A record differs in shape from what the sink was created for.
    #[error("id {id}: expected {expected}, found {found}")]
    Shape {
        /// The record's id.
        id: String,
        /// What the sink was created for.
        expected: String,
        /// What the record holds.
        found: String,
    },
}

impl BulkError {
    /// Whether the reader of standard output has gone away (`| head`): a reason to stop, no error.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Write { source, .. } if source.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// A row that could not be read, or the place at which a source broke off.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {unit} {row}: {fault}")]
#[non_exhaustive]
pub struct RowError {
    /// The input's name; `standard input`, `arguments` or the path.
    pub name: String,
    /// `line`, `row` or `argument`: what `row` counts.
    pub unit: &'static str,
    /// The line (text, JSONL, TSV, CSV) or the row (Parquet), from 1.
    pub row: usize,
    /// What is wrong with it.
    pub fault: RowFault,
}

impl RowError {
    /// Whether the source ends here: the rows behind this place cannot be reached, so that
    /// skipping the row would lose others in silence.
    pub fn ends_the_source(&self) -> bool {
        matches!(
            self.fault,
            RowFault::Read { .. } | RowFault::Parquet { .. } | RowFault::OpenQuote { .. }
        )
    }
}

/// What is wrong with a row. Byte offsets count from 0 and, in a compressed file, count the
/// content.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RowFault {
    /// Bytes that are not UTF-8.
    #[error(
        "byte {byte_in_line} of the line (byte {byte_in_file} of the file): expected UTF-8, found \
         0x{found:02X}{hint}; convert the file, or read it with --lossy"
    )]
    Utf8 {
        /// Offset in the line.
        byte_in_line: usize,
        /// Offset in the file's content.
        byte_in_file: u64,
        /// The first byte that is wrong.
        found: u8,
        /// A guess at what the file is, or nothing.
        hint: &'static str,
    },
    /// Text that is not JSON.
    #[error("column {column}: expected a JSON object, found broken JSON: {reason}")]
    Json {
        /// Position in the line, in bytes, from 1.
        column: usize,
        /// What the parser said.
        reason: String,
    },
    /// JSON that is not an object.
    #[error("expected a JSON object with the field `{field}`, found {found}")]
    NotObject {
        /// The field that was looked for.
        field: String,
        /// The kind of value.
        found: &'static str,
    },
    /// The field is not there.
    #[error("expected the field `{field}`, found {found}")]
    Missing {
        /// The field that was looked for.
        field: String,
        /// The fields that exist.
        found: String,
    },
    /// The field holds another type.
    #[error("field `{field}`: expected {expected}, found {found}")]
    WrongType {
        /// The field.
        field: String,
        /// The types that can be read.
        expected: &'static str,
        /// The value's type.
        found: String,
    },
    /// The field is null.
    #[error("field `{field}`: expected a text, found null")]
    Null {
        /// The field.
        field: String,
    },
    /// The row has another number of columns.
    #[error("expected {expected} columns, found {found}{hint}")]
    Columns {
        /// The number that the header or the options call for.
        expected: usize,
        /// The number in this row.
        found: usize,
        /// What to look for.
        hint: &'static str,
    },
    /// A quote that is never closed: everything behind it would be one field.
    #[error("expected a closing quote, found the end of the file (byte {byte_in_file})")]
    OpenQuote {
        /// Offset of the end in the file's content.
        byte_in_file: u64,
    },
    /// A line beyond the limit.
    #[error(
        "expected a line of at most {limit_bytes} bytes, found a longer one at byte {byte_in_file} \
         of the file; raise the limit if the file is meant to be so"
    )]
    TooLong {
        /// The limit.
        limit_bytes: usize,
        /// Offset of the line's start in the file's content.
        byte_in_file: u64,
    },
    /// The input broke off: an I/O error, or a truncated or damaged compressed stream.
    #[error(
        "reading failed after byte {byte_in_file} of the content (byte {byte_on_disk} of the \
         file): {reason}"
    )]
    Read {
        /// Bytes of content that came out whole.
        byte_in_file: u64,
        /// Bytes of the file that had been read.
        byte_on_disk: u64,
        /// What the system or the decompressor said.
        reason: String,
    },
    /// A part of a Parquet file that cannot be decoded.
    #[error("cannot be decoded: {reason}")]
    Parquet {
        /// What the reader said.
        reason: String,
    },
}

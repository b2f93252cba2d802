//! What can go wrong between a file of gold answers and a figure.

use std::path::PathBuf;

use contexture_bulk::{BulkError, RowError};
use contexture_engine::EngineError;

/// An error of an evaluation: it names file and line, what was expected and what was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluateError {
    /// The model could not do its part.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A file could not be opened.
    #[error(transparent)]
    Bulk(#[from] BulkError),
    /// A line could not be read.
    #[error(transparent)]
    Row(#[from] RowError),
    /// The column asked for, or one of the usual names, is not there.
    #[error(
        "{file}: there is no column {wanted}; the columns are: {columns}; name one with {option}"
    )]
    Column {
        /// The file.
        file: String,
        /// What was looked for.
        wanted: String,
        /// The columns that exist.
        columns: String,
        /// The option that names it.
        option: &'static str,
    },
    /// A row has too few columns.
    #[error("{file}: line {line}: expected {expected} columns or more, found {found}")]
    Cells {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The columns that are needed.
        expected: usize,
        /// The columns of this row.
        found: usize,
    },
    /// A value that is not what its place calls for.
    #[error("{file}: line {line}: {what}: expected {expected}, found `{found}`")]
    Value {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The column or field.
        what: String,
        /// What would do.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// No row to evaluate.
    #[error("{file}: expected {expected}, found none")]
    Empty {
        /// The file.
        file: String,
        /// What the file should hold.
        expected: &'static str,
    },
    /// Too little to define the figure.
    #[error("{place}: expected {expected}, found {found}")]
    Few {
        /// The file or the argument.
        place: String,
        /// What the figure needs.
        expected: String,
        /// What there is.
        found: String,
    },
    /// All gold answers are the same, so that no figure tells good from bad.
    #[error("{place}: expected two classes or more, found `{class}` only")]
    OneClass {
        /// The file.
        place: String,
        /// The class.
        class: String,
    },
    /// All gold scores are the same: a correlation is not defined.
    #[error("{place}: expected different gold scores, found {score} in every row")]
    ConstantGold {
        /// The file.
        place: String,
        /// The score.
        score: f64,
    },
    /// Lists that belong together differ in length.
    #[error("expected as many {left_name} as {right_name}, found {left} and {right}")]
    Lengths {
        /// One list.
        left_name: &'static str,
        /// The other.
        right_name: &'static str,
        /// Length of the one.
        left: usize,
        /// Length of the other.
        right: usize,
    },
    /// Files that belong together line by line differ in lines.
    #[error(
        "{file} has {lines} lines and {other} has {other_lines}; a line of one belongs to the same \
         line of the other, so both need as many"
    )]
    Parallel {
        /// The one file.
        file: String,
        /// Its lines.
        lines: usize,
        /// The other.
        other: String,
        /// Its lines.
        other_lines: usize,
    },
    /// A part of a retrieval folder is missing.
    #[error("{folder}: expected {expected}, found neither")]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The names that would do.
        expected: &'static str,
    },
    /// An id stands twice.
    #[error("{file}: line {line}: the id `{id}` stands in line {first} too; ids must differ")]
    Twice {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The id.
        id: String,
        /// The line where it stood first.
        first: usize,
    },
    /// A setting that cannot be.
    #[error("{setting}: found {found}; expected {expected}")]
    Setting {
        /// The setting's name.
        setting: &'static str,
        /// What was asked for.
        found: String,
        /// What is possible.
        expected: String,
    },
    /// Vectors could not be kept on disk.
    #[error("a temporary file for {bytes} bytes of vectors: {source}")]
    Spool {
        /// Bytes that had been written or were to be read.
        bytes: u64,
        /// What the system said.
        source: std::io::Error,
    },
}

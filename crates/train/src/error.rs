//! What can go wrong before, while and after training.

use std::path::{Path, PathBuf};

use contexture_bulk::{BulkError, RowError};
use contexture_engine::EngineError;
use contexture_model::ModelError;
use contexture_text::TextError;

/// Why training could not begin, go on, or be written down.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The configuration is no TOML, or a key or a value's type is unknown.
    #[error("{path}: {reason}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, column, what was found, and the nearest thing that is known.
        reason: String,
    },
    /// A value that cannot work.
    #[error("{key}: expected {expected}, found {found}")]
    Value {
        /// The key, as `schedule.warmup`.
        key: String,
        /// What would work.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// A file could not be read or written.
    #[error("{path}: {what}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was being done.
        what: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A row of the data cannot be used.
    #[error("{place}: expected {expected}, found {found}")]
    Row {
        /// File and row.
        place: String,
        /// What the objective needs.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// The data hold nothing to learn from.
    #[error("{what}: no row to learn from{detail}")]
    NoData {
        /// The objective and its files.
        what: String,
        /// What was seen instead.
        detail: String,
    },
    /// The loss or a gradient is not a number any more.
    #[error(
        "step {step}: the {what} is {value}; the batch was {rows}; the last good state is {snapshot}. \
         Lower optimiser.learning_rate, set optimiser.clip, or look at these rows"
    )]
    NotFinite {
        /// The step, from 1.
        step: u64,
        /// Loss or gradient.
        what: String,
        /// NaN or infinity.
        value: f64,
        /// The rows of the batch.
        rows: String,
        /// The newest snapshot.
        snapshot: String,
    },
    /// More memory than the machine has.
    #[error(
        "training would take about {needed} MB, and {available} MB are free: make batch_tokens, \
         the model or its vocabulary smaller, or force it with --force"
    )]
    Memory {
        /// By the forecast.
        needed: u64,
        /// By the system.
        available: u64,
    },
    /// The output folder holds another run.
    #[error(
        "{folder}: holds a run with another configuration ({difference}); choose another output, \
         go back to that configuration, or begin anew with --fresh"
    )]
    OtherRun {
        /// The run's folder.
        folder: PathBuf,
        /// The keys that differ.
        difference: String,
    },
    /// Another process trains into the folder.
    #[error(
        "{folder}: another training run holds this folder (see {lock}); wait for it or choose another output"
    )]
    Busy {
        /// The run's folder.
        folder: PathBuf,
        /// The lock file.
        lock: PathBuf,
    },
    /// No snapshot could be read.
    #[error("{folder}: no snapshot can be used: {reasons}; begin anew with --fresh")]
    Snapshots {
        /// The folder of snapshots.
        folder: PathBuf,
        /// Each one's fault.
        reasons: String,
    },
    /// The metrics file of a run.
    #[error("{path}: {reason}")]
    Metrics {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A data file.
    #[error(transparent)]
    Bulk(Box<BulkError>),
    /// Files side by side that do not belong together.
    #[error(
        "{first} has {} lines and {second} has {}: line n of one belongs to line n of the other, so \
         both must have as many; look for a line break inside a text, or for another file",
        lines[0], lines[1], first = .first.display(), second = .second.display()
    )]
    Parallel {
        /// The file of the first field.
        first: PathBuf,
        /// The file of the second.
        second: PathBuf,
        /// How many lines each has.
        lines: [u64; 2],
    },
    /// A row of a data file.
    #[error("{name}: {source}")]
    BadRow {
        /// The file.
        name: String,
        /// Which row and why.
        source: Box<RowError>,
    },
    /// The model.
    #[error(transparent)]
    Model(Box<ModelError>),
    /// The tokenizer.
    #[error(transparent)]
    Text(Box<TextError>),
    /// A teacher or another model that is used as it is.
    #[error(transparent)]
    Engine(Box<EngineError>),
}

impl TrainError {
    /// A value that cannot work.
    pub fn value(
        key: impl Into<String>,
        expected: impl Into<String>,
        found: impl ToString,
    ) -> Self {
        Self::Value { key: key.into(), expected: expected.into(), found: found.to_string() }
    }

    /// A failure of the file system.
    pub fn io(path: &Path, what: &'static str, source: std::io::Error) -> Self {
        Self::Io { path: path.into(), what, source }
    }
}

/// Large causes are boxed, so that results stay small.
macro_rules! from {
    ($($cause:ident to $variant:ident),*) => {$(
        impl From<$cause> for TrainError {
            fn from(cause: $cause) -> Self {
                Self::$variant(Box::new(cause))
            }
        }
    )*};
}

from!(BulkError to Bulk, ModelError to Model, TextError to Text, EngineError to Engine);

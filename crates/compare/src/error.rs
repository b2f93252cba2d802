//! What can go wrong in a comparison.

use std::path::{Path, PathBuf};

use contexture_engine::EngineError;
use contexture_evaluate::EvaluateError;
use contexture_model::ModelError;
use contexture_train::TrainError;

/// Why a comparison could not begin, go on, or be written down.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
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
        /// The key, as `budget.tokens`.
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
    /// A file of the comparison holds something else than was written.
    #[error("{path}: {reason}; remove it to have it made anew")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The folder holds what was made with other settings.
    #[error(
        "{folder}: holds {what}; go back to those settings, choose another output, or remove that folder"
    )]
    OtherSettings {
        /// The folder.
        folder: PathBuf,
        /// What stands there.
        what: String,
    },
    /// Another process compares into the folder.
    #[error(
        "{folder}: another comparison holds this folder (see {lock}); wait for it or choose another output"
    )]
    Busy {
        /// The comparison's folder.
        folder: PathBuf,
        /// The lock file.
        lock: PathBuf,
    },
    /// A row of a task's file.
    #[error("{place}: expected {expected}, found {found}")]
    Row {
        /// File and row.
        place: String,
        /// What the task needs.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// One of the runs.
    #[error("{run}: {source}")]
    Run {
        /// The model's name and the seed.
        run: String,
        /// Why it could not go on.
        source: Box<TrainError>,
    },
    /// Training, before there is a run.
    #[error(transparent)]
    Train(Box<TrainError>),
    /// A task.
    #[error(transparent)]
    Evaluate(Box<EvaluateError>),
    /// A model.
    #[error(transparent)]
    Model(Box<ModelError>),
    /// A trained model as an embedder.
    #[error(transparent)]
    Engine(Box<EngineError>),
}

impl CompareError {
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
        impl From<$cause> for CompareError {
            fn from(cause: $cause) -> Self {
                Self::$variant(Box::new(cause))
            }
        }
    )*};
}

from!(TrainError to Train, EvaluateError to Evaluate, ModelError to Model, EngineError to Engine);

//! What can be wrong with a model folder, or with a batch for a model.

use std::path::{Path, PathBuf};

/// Why a model could not be opened, written or given a batch. Each names the place, what was
/// expected there and what was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A file or folder that must be there is not.
    #[error("{path}: not found; {advice}", path = .path.display())]
    NotFound {
        /// What was looked for.
        path: PathBuf,
        /// What to do.
        advice: String,
    },
    /// The system refused an operation on a file.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A path that leads out of the model folder, or to something that is not a regular file.
    #[error("{path}: refused, {reason}", path = .path.display())]
    Unsafe {
        /// The path.
        path: PathBuf,
        /// Why it is refused.
        reason: String,
    },
    /// A file larger than such a file can sensibly be.
    #[error("{path}: {found} bytes, at most {limit} are read", path = .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        found: u64,
        /// The largest accepted size in bytes.
        limit: u64,
    },
    /// A file that is not the JSON that it should be.
    #[error("{path}: not valid JSON: {reason}", path = .path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The parser's message, with line and column.
        reason: String,
    },
    /// A setting that the computation needs is not stated.
    #[error("{path}: key `{key}` is missing; expected {expected}", path = .path.display())]
    MissingKey {
        /// The configuration file.
        path: PathBuf,
        /// The key, with its spellings.
        key: String,
        /// What it should hold.
        expected: String,
    },
    /// A setting of the wrong type or out of range.
    #[error("{path}: `{key}` is {found}; expected {expected}", path = .path.display())]
    Setting {
        /// The configuration file.
        path: PathBuf,
        /// The key.
        key: String,
        /// What it should hold.
        expected: String,
        /// What it holds.
        found: String,
    },
    /// A well-formed setting that this software does not compute; it is never approximated.
    #[error("{path}: `{key}` is {found}, which is not supported; supported: {supported}",
        path = .path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// Its value.
        found: String,
        /// The values that are supported.
        supported: String,
    },
    /// Modules that do not fit together.
    #[error("{path}: {reason}", path = .path.display())]
    Modules {
        /// The file that lists or configures the modules.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// Weights that can only be read by running code that comes with them.
    #[error("{path}: pickle files can run code when they are read and are refused; {advice}",
        path = .path.display())]
    Pickle {
        /// The file.
        path: PathBuf,
        /// How to convert it.
        advice: String,
    },
    /// A safetensors file whose header is broken.
    #[error("{path}: broken safetensors header: {reason}", path = .path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// An HDF5 file whose structure is broken, or that is cut short.
    #[error("{path}: not a readable HDF5 file: {reason}; fetch it again", path = .path.display())]
    Hdf5 {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// One tensor's entry in a weights file is broken.
    #[error("{path}: tensor `{tensor}`: {reason}", path = .path.display())]
    TensorEntry {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// What is wrong.
        reason: String,
    },
    /// The model needs a tensor that no file holds.
    #[error("{path}: tensor `{tensor}` is missing ({parameter}, expected shape {expected})",
        path = .path.display())]
    MissingTensor {
        /// The file, or the folder where there are several.
        path: PathBuf,
        /// The tensor's name in the file.
        tensor: String,
        /// The parameter it would fill.
        parameter: String,
        /// The shape it would have.
        expected: String,
    },
    /// A tensor of another shape than the configuration asks for.
    #[error("{path}: tensor `{tensor}` has shape {found}; expected {expected} by the configuration",
        path = .path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// The shape that the configuration asks for.
        expected: String,
        /// The shape in the file.
        found: String,
    },
    /// A tensor stored in a number format that is not read.
    #[error("{path}: tensor `{tensor}` is {found}; supported: F32, F16, BF16, and with a scale \
             for each row I8 for matrices and tables, U8 for tables of words of four bits",
        path = .path.display())]
    Precision {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Its format.
        found: String,
    },
    /// Tensors that belong to the encoder but that the configured model has no place for.
    #[error(
        "{path}: tensor `{tensor}` (and {others} more) belongs to the encoder, but the \
         configuration has no place for it; compare the number of layers and the switches in \
         config.json with the file",
        path = .path.display()
    )]
    UnreadTensor {
        /// The file.
        path: PathBuf,
        /// The first such tensor.
        tensor: String,
        /// How many more there are.
        others: usize,
    },
    /// A weight that is infinite or not a number.
    #[error("{path}: tensor `{tensor}` holds a value that is not finite", path = .path.display())]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
    },
    /// Settings of an encoder or its heads that cannot work.
    #[error("`{key}` is {found}; expected {expected}")]
    Contradiction {
        /// The setting.
        key: String,
        /// What it should hold.
        expected: String,
        /// What it holds.
        found: String,
    },
    /// A formula for positions that cannot be read or computed.
    #[error("formula `{source_text}`: {reason}")]
    Formula {
        /// The formula.
        source_text: String,
        /// What is wrong, with the column, or the place and column of the table.
        reason: String,
    },
    /// Places that a position function cannot tell apart.
    #[error("{verdict}")]
    Coincide {
        /// Which places, how near they are, and what to do.
        verdict: String,
    },
    /// A batch that the model cannot take.
    #[error("{what} {found} of token {row} is out of range; expected {expected}")]
    Batch {
        /// What is out of range.
        what: &'static str,
        /// The token's row in the batch.
        row: usize,
        /// What the model takes.
        expected: String,
        /// What was given.
        found: String,
    },
}

impl ModelError {
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.into(), source }
    }

    pub(crate) fn tensor(path: &Path, tensor: &str, reason: impl Into<String>) -> Self {
        Self::TensorEntry { path: path.into(), tensor: tensor.into(), reason: reason.into() }
    }

    pub(crate) fn hdf5(path: &Path, reason: impl Into<String>) -> Self {
        Self::Hdf5 { path: path.into(), reason: reason.into() }
    }

    pub(crate) fn header(path: &Path, reason: impl Into<String>) -> Self {
        Self::Header { path: path.into(), reason: reason.into() }
    }

    pub(crate) fn refused(path: &Path, reason: impl Into<String>) -> Self {
        Self::Unsafe { path: path.into(), reason: reason.into() }
    }

    pub(crate) fn modules(path: &Path, reason: impl Into<String>) -> Self {
        Self::Modules { path: path.into(), reason: reason.into() }
    }
}

/// A value as it is shown in a message: short enough for a line.
pub(crate) fn shown(value: &serde_json::Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

//! What can go wrong on the way to a picture.

/// Every failure of this crate, with the place, what was found and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ViewError {
    /// A line of a run's metrics could not be read.
    #[error("{run}: line {line} of its metrics cannot be read: {source}")]
    Read {
        /// The run's name.
        run: String,
        /// The line, from 1 on.
        line: u64,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A line that is not what a metrics file holds.
    #[error("{run}: line {line} of its metrics is malformed: {reason}; repair or remove the line")]
    Malformed {
        /// The run's name.
        run: String,
        /// The line, from 1 on.
        line: u64,
        /// What was expected and found.
        reason: String,
    },
}

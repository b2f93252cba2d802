//! What the command says: results on standard output, everything else on standard error.

use std::io::{ErrorKind, Write};

use anyhow::{Context, Error, Result};

/// Writes to standard output and sees it through; a full disk or a reader that has left is an
/// error here, where `print!` would panic.
pub(crate) fn out(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .context("standard output: cannot be written")
}

/// `contexture embed ... | head` ends the reading side early: no failure of ours.
pub(crate) fn reader_has_left(error: &Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<std::io::Error>();
        io.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
    })
}

/// The error and its causes on one line; a cause that the error above it already quotes is not
/// said twice.
pub(crate) fn chain(error: &Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if line.is_empty() {
            line = cause;
        } else if !line.contains(&cause) {
            line += ": ";
            line += &cause;
        }
    }
    line
}

/// One place after the point where there is one digit before it, none where there are more.
pub(crate) fn rounded(value: f64) -> String {
    if value < 10.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}

/// The word as so many are called.
pub(crate) fn plural(count: u64, word: &str) -> String {
    if count == 1 { word.into() } else { format!("{word}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_said_once() {
        let full = || std::io::Error::other("disk full");
        let quoted =
            contexture_bulk::BulkError::Write { name: "a.npy".into(), bytes: 7, source: full() };
        let line = chain(&Error::from(quoted).context("writing"));
        assert_eq!(line, "writing: a.npy: cannot be written after 7 bytes: disk full");
        assert_eq!(chain(&Error::from(full()).context("a.npy")), "a.npy: disk full");
    }

    #[test]
    fn a_broken_pipe_is_told_from_other_errors() {
        let write = |kind: ErrorKind| {
            let (name, source) = ("standard output".into(), kind.into());
            Error::from(contexture_bulk::BulkError::Write { name, bytes: 0, source })
        };
        assert!(reader_has_left(&write(ErrorKind::BrokenPipe)));
        assert!(reader_has_left(&write(ErrorKind::BrokenPipe).context("row 1")));
        assert!(!reader_has_left(&write(ErrorKind::StorageFull)));
    }
}

//! A file line by line, decompressed, with the numbers of the lines.

use std::path::Path;

use contexture_bulk::{Input, InputFormat, Source, SourceOptions, open_source};

use crate::EvaluateError;

/// The lines of a file.
pub(crate) struct Lines {
    source: Source,
}

/// Opens a file, plain, .gz or .zst.
pub(crate) fn lines(path: &Path) -> Result<Lines, EvaluateError> {
    let options = SourceOptions { format: Some(InputFormat::Text), ..SourceOptions::default() };
    if path.is_dir() {
        let source = std::io::Error::other("is a folder; name a file");
        let name = path.display().to_string();
        return Err(contexture_bulk::BulkError::Open { name, source }.into());
    }
    Ok(Lines { source: open_source(&Input::File(path.to_owned()), &options)? })
}

impl Iterator for Lines {
    type Item = Result<(usize, String), EvaluateError>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.source.next()?;
        Some(item.map(|item| (item.row, item.text)).map_err(EvaluateError::from))
    }
}

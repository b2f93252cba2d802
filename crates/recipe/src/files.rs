//! Lines of text files, plain or gzip, with the place of whatever is wrong with them.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use flate2::read::MultiGzDecoder;
use serde::Serialize;

/// Hands every line of a file, with its number from 1, to `each`.
pub(crate) fn lines(path: &Path, mut each: impl FnMut(usize, &str) -> Result<()>) -> Result<()> {
    let place = || path.display().to_string();
    let file = File::open(path)
        .with_context(|| format!("{}: cannot be opened; see --help for its source", place()))?;
    let reader: Box<dyn Read> = match path.extension().is_some_and(|ending| ending == "gz") {
        true => Box::new(MultiGzDecoder::new(file)),
        false => Box::new(file),
    };
    for (index, line) in BufReader::new(reader).lines().enumerate() {
        let number = index + 1;
        let line = line.with_context(|| format!("{}:{number}: cannot be read", place()))?;
        each(number, &line).with_context(|| format!("{}:{number}", place()))?;
    }
    Ok(())
}

/// Hands every row of a tab-separated file to `each`, all of them with the same number of fields.
pub(crate) fn rows(
    path: &Path,
    fields: usize,
    mut each: impl FnMut(&[&str]) -> Result<()>,
) -> Result<()> {
    lines(path, |_, line| {
        let row: Vec<&str> = line.split('\t').collect();
        if row.len() != fields {
            bail!("found {} tab-separated fields, expected {fields}", row.len());
        }
        each(&row)
    })
}

/// A file of one JSON object a line, under its name only when it is whole.
pub(crate) struct JsonLines {
    out: BufWriter<File>,
    partial: PathBuf,
    path: PathBuf,
    written: usize,
}

impl JsonLines {
    /// Begins the file beside its place.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let (path, partial) = (path.to_owned(), path.with_extension("jsonl.partial"));
        let file = File::create(&partial)
            .with_context(|| format!("{}: cannot be created", partial.display()))?;
        Ok(Self { out: BufWriter::new(file), partial, path, written: 0 })
    }

    /// Adds a line.
    pub(crate) fn push(&mut self, value: &impl Serialize) -> Result<()> {
        serde_json::to_writer(&mut self.out, value)
            .map_err(std::io::Error::from)
            .and_then(|()| self.out.write_all(b"\n"))
            .with_context(|| format!("{}: cannot be written", self.partial.display()))?;
        self.written += 1;
        Ok(())
    }

    /// Writes what is still held back and gives the file its name; the number of lines.
    pub(crate) fn finish(mut self) -> Result<usize> {
        let written = self.out.flush().and_then(|()| self.out.get_ref().sync_all());
        written
            .and_then(|()| std::fs::rename(&self.partial, &self.path))
            .with_context(|| format!("{}: cannot be written", self.path.display()))?;
        Ok(self.written)
    }
}

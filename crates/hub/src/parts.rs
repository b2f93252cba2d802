//! One or several files read as one: `X.zip`, or `X.zip.001`, `X.zip.002`, ...

use crate::error::{ArchiveProblem, HubError};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// A seekable reader over consecutive files.
#[derive(Debug)]
pub(crate) struct Parts {
    files: Vec<(File, u64)>,
    length: u64,
    position: u64,
}

impl Parts {
    /// Opens an archive; of a split one, `path` is the first part.
    pub(crate) fn open(path: &Path) -> Result<Self, HubError> {
        let mut files = Vec::new();
        for path in part_paths(path)? {
            let file = File::open(&path).map_err(|error| HubError::io("open", &path, error))?;
            let data = file.metadata().map_err(|error| HubError::io("read", &path, error))?;
            if !data.is_file() {
                let found = "something that is no regular file".to_owned();
                return Err(HubError::NoSuchPath { path, found });
            }
            files.push((file, data.len()));
        }
        let length = files.iter().map(|(_, length)| length).sum();
        Ok(Self { files, length, position: 0 })
    }

    pub(crate) fn length(&self) -> u64 {
        self.length
    }
}

/// The number of a part: `X.zip.001` is 1.
pub(crate) fn part_number(name: &str) -> Option<(&str, usize)> {
    let (stem, digits) = name.rsplit_once('.')?;
    let split = stem.to_ascii_lowercase().ends_with(".zip")
        && digits.len() == 3
        && digits.bytes().all(|b| b.is_ascii_digit());
    if split { Some((stem, digits.parse().ok()?)) } else { None }
}

fn part_paths(path: &Path) -> Result<Vec<PathBuf>, HubError> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let Some((stem, _)) = part_number(&name) else { return Ok(vec![path.to_owned()]) };
    let folder = path.parent().unwrap_or(Path::new(""));
    let sibling = |number: usize| folder.join(format!("{stem}.{number:03}"));
    let paths: Vec<PathBuf> = (1..1000).map(sibling).take_while(|part| part.is_file()).collect();
    // A part after a gap shows that one between is missing.
    let next = paths.len() + 1;
    if paths.is_empty() || (next + 1..next + 20).any(|number| sibling(number).is_file()) {
        let problem = ArchiveProblem::MissingPart(next);
        return Err(HubError::Archive { archive: path.to_owned(), entry: String::new(), problem });
    }
    Ok(paths)
}

impl Read for Parts {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let mut offset = self.position;
        for (file, length) in &mut self.files {
            if offset < *length {
                file.seek(SeekFrom::Start(offset))?;
                let room =
                    usize::try_from(*length - offset).unwrap_or(usize::MAX).min(buffer.len());
                let count = file.read(&mut buffer[..room])?;
                self.position += count as u64;
                return Ok(count);
            }
            offset -= *length;
        }
        Ok(0)
    }
}

impl Seek for Parts {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        let target = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(offset) => self.length.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = target.ok_or_else(|| {
            std::io::Error::new(std::io::ErrorKind::InvalidInput, "a seek to before the first byte")
        })?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_read_as_one_file() {
        let folder = tempfile::tempdir().unwrap();
        for (number, text) in ["abc", "", "defgh"].iter().enumerate() {
            std::fs::write(folder.path().join(format!("m.zip.{:03}", number + 1)), text).unwrap();
        }
        let mut parts = Parts::open(&folder.path().join("m.zip.001")).unwrap();
        let mut text = String::new();
        parts.read_to_string(&mut text).unwrap();
        assert_eq!(text, "abcdefgh");
        parts.seek(SeekFrom::End(-6)).unwrap();
        let mut two = [0; 2];
        parts.read_exact(&mut two).unwrap();
        assert_eq!(&two, b"cd");
        assert!(parts.seek(SeekFrom::End(-9)).is_err());
        std::fs::remove_file(folder.path().join("m.zip.002")).unwrap();
        let error = Parts::open(&folder.path().join("m.zip.001")).unwrap_err();
        assert!(
            matches!(error, HubError::Archive { problem: ArchiveProblem::MissingPart(2), .. }),
            "{error}"
        );
    }
}

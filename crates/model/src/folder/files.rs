//! A model's files where they are no files of the system: bytes that a program carries with it.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use crate::ModelError;

/// The files of a model folder in memory: each one's name beneath the folder, with `/`, and its
/// bytes.
pub type Files = &'static [(&'static str, &'static [u8])];

/// An opened file of a model folder.
#[derive(Debug)]
pub(crate) struct Opened {
    /// As it is shown to the user.
    pub(crate) shown: PathBuf,
    /// Bytes in all.
    pub(crate) len: u64,
    content: Content,
}

#[derive(Debug)]
enum Content {
    System(File),
    Memory(&'static [u8]),
}

impl Opened {
    pub(crate) fn system(shown: PathBuf, file: File, len: u64) -> Self {
        Self { shown, len, content: Content::System(file) }
    }

    pub(crate) fn memory(shown: PathBuf, bytes: &'static [u8]) -> Self {
        Self { shown, len: bytes.len() as u64, content: Content::Memory(bytes) }
    }

    /// The bytes in place, where they are in memory already.
    pub(crate) fn in_place(&self, start: u64, len: usize) -> Option<&'static [u8]> {
        match &self.content {
            Content::System(_) => None,
            Content::Memory(bytes) => bytes.get(usize::try_from(start).ok()?..)?.get(..len),
        }
    }

    /// Fills `bytes` from byte `start` of the file; any number of threads at a time.
    pub(crate) fn read_at(&self, bytes: &mut [u8], start: u64) -> Result<(), ModelError> {
        let read = match &self.content {
            Content::System(file) => read_exact_at(file, bytes, start),
            Content::Memory(_) => match self.in_place(start, bytes.len()) {
                Some(found) => {
                    bytes.copy_from_slice(found);
                    Ok(())
                }
                None => Err(io::ErrorKind::UnexpectedEof.into()),
            },
        };
        read.map_err(|e| ModelError::io(&self.shown, e))
    }

    /// The bytes one after the other, from the beginning.
    pub(crate) fn reader(&self) -> Box<dyn Read + '_> {
        match &self.content {
            Content::System(file) => Box::new(file),
            Content::Memory(bytes) => Box::new(*bytes),
        }
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, bytes: &mut [u8], start: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, start)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut bytes: &mut [u8], mut start: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, bytes, start)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                bytes = &mut bytes[read..];
                start += read as u64;
            }
        }
    }
    Ok(())
}

//! The comparison's folder: held by one process, its files there whole or not at all.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use contexture_model::folder::write_whole;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::CompareError;

const LOCK: &str = "compare.lock";

/// The folder, held as long as this is alive.
#[derive(Debug)]
pub(crate) struct Store {
    path: PathBuf,
    _lock: File,
}

impl Store {
    /// Makes the folder where it is not there, and holds it.
    pub(crate) fn open(path: &Path) -> Result<Self, CompareError> {
        make_folder(path)?;
        let lock_path = path.join(LOCK);
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&lock_path);
        let lock = lock.map_err(|e| CompareError::io(&lock_path, "cannot be written", e))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.into(), _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                Err(CompareError::Busy { folder: path.into(), lock: lock_path })
            }
            Err(TryLockError::Error(e)) => Err(CompareError::io(&lock_path, "cannot be locked", e)),
        }
    }

    /// A file or folder in it.
    pub(crate) fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }
}

pub(crate) fn make_folder(path: &Path) -> Result<(), CompareError> {
    std::fs::create_dir_all(path).map_err(|e| CompareError::io(path, "cannot be made", e))
}

/// Reads JSON; `None` where there is no file.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, CompareError> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(CompareError::io(path, "cannot be read", e)),
    };
    let damaged =
        |e: serde_json::Error| CompareError::Damaged { path: path.into(), reason: e.to_string() };
    serde_json::from_slice(&bytes).map(Some).map_err(damaged)
}

/// Writes JSON beside its place and renames it.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), CompareError> {
    let failed = |e: std::io::Error| CompareError::io(path, "cannot be written", e);
    let mut text = serde_json::to_string_pretty(value).map_err(|e| failed(e.into()))?;
    text.push('\n');
    write_text(path, &text)
}

/// Writes text beside its place, sees it to the disk and renames it.
pub(crate) fn write_text(path: &Path, text: &str) -> Result<(), CompareError> {
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    write_whole(path, |file| file.write_all(text.as_bytes()))
        .map_err(|e| CompareError::io(path, "cannot be written", e))
}

/// SHA-256 of some texts, in hexadecimal.
pub(crate) fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256 of a file, in hexadecimal.
pub(crate) fn file_digest(path: &Path) -> Result<String, CompareError> {
    let failed = |e| CompareError::io(path, "cannot be read", e);
    let mut hash = Sha256::new();
    let mut file = File::open(path).map_err(failed)?;
    std::io::copy(&mut file, &mut hash).map_err(failed)?;
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

//! A model on its way into the cache.
//!
//! Order of writes: each file, synced; `manifest.json`, synced; the folders; then one
//! rename to the final name. A kill at any point leaves either nothing or the whole
//! model under that name. The lock of the name is held throughout, so whatever lies
//! beside it under a temporary name belongs to a dead pull and is removed.

use crate::error::HubError;
use crate::find::Located;
use crate::manifest::{FileRecord, MANIFEST, Manifest, Source};
use crate::progress::{Report, Stage, say};
use crate::store::Store;
use sha2::{Digest, Sha256};
use std::fs::{File, TryLockError};
use std::io::{Read, Write};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

const BUFFER_BYTES: usize = 256 << 10;

/// Holds the right to write one name; released when dropped or when the process ends.
#[derive(Debug)]
pub(crate) struct NameLock {
    _file: File,
}

/// Waits for the lock of a name, saying so once.
pub(crate) fn lock(
    store: &Store,
    folder_name: &str,
    report: &mut Report<'_>,
) -> Result<NameLock, HubError> {
    let models = store.models();
    std::fs::create_dir_all(models).map_err(|error| HubError::io("create", models, error))?;
    let path = models.join(format!(".{folder_name}.lock"));
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|error| HubError::io("create the lock", &path, error))?;
    let mut said = false;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) => {
                if !said {
                    let text = format!("another process pulls {folder_name}; waiting for it");
                    say(report, Stage::Waiting, &text, None);
                    said = true;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            Err(TryLockError::Error(error)) => return Err(HubError::io("lock", &path, error)),
        }
    }
    remove_leftovers(models, folder_name);
    Ok(NameLock { _file: file })
}

fn temporary_prefix(folder_name: &str) -> String {
    format!(".{folder_name}.partial-")
}

fn remove_leftovers(models: &Path, folder_name: &str) {
    let prefix = temporary_prefix(folder_name);
    let Ok(entries) = std::fs::read_dir(models) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            tracing::info!(path = %entry.path().display(), "removing what a dead pull left");
            if let Err(error) = std::fs::remove_dir_all(entry.path()) {
                tracing::warn!(path = %entry.path().display(), %error, "cannot remove it");
            }
        }
    }
}

/// A temporary folder beside the final one; removed when dropped.
pub(crate) struct Staging {
    temporary: tempfile::TempDir,
    target: PathBuf,
    files: Vec<FileRecord>,
}

impl Staging {
    /// Begins a model of this folder name; the caller holds its lock.
    pub(crate) fn begin(
        store: &Store,
        folder_name: &str,
        _lock: &NameLock,
    ) -> Result<Self, HubError> {
        let temporary = tempfile::Builder::new()
            .prefix(&temporary_prefix(folder_name))
            .tempdir_in(store.models())
            .map_err(|error| HubError::io("create a folder in", store.models(), error))?;
        let staging = Self { temporary, target: store.folder(folder_name), files: Vec::new() };
        for folder in [staging.model(), staging.scratch()] {
            std::fs::create_dir(&folder).map_err(|error| HubError::io("create", &folder, error))?;
        }
        Ok(staging)
    }

    fn model(&self) -> PathBuf {
        self.temporary.path().join("model")
    }

    /// Space for intermediate files; gone with the staging.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.temporary.path().join("scratch")
    }

    pub(crate) fn files(&self) -> &[FileRecord] {
        &self.files
    }

    /// Starts over, as after a source that failed half way.
    pub(crate) fn clear(&mut self) -> Result<(), HubError> {
        self.files.clear();
        for folder in [self.model(), self.scratch()] {
            std::fs::remove_dir_all(&folder)
                .map_err(|error| HubError::io("empty", &folder, error))?;
            std::fs::create_dir(&folder).map_err(|error| HubError::io("create", &folder, error))?;
        }
        Ok(())
    }

    /// Writes one file from a reader, at most `limit` bytes and one more, and syncs it.
    /// `path` is relative, with `/`, and has been checked by the caller.
    pub(crate) fn write(
        &mut self,
        path: &str,
        reader: &mut dyn Read,
        limit: u64,
        counted: &mut dyn FnMut(u64),
    ) -> Result<FileRecord, WriteError> {
        // Callers have judged the path; nothing they missed may leave the folder.
        if !Path::new(path).components().all(|part| matches!(part, Component::Normal(_))) {
            let outside = std::io::Error::other("the path leaves the model folder");
            return Err(HubError::io("write", Path::new(path), outside).into());
        }
        let target = self.model().join(path);
        if let Some(parent) = target.parent() {
            std::fs::create_dir_all(parent)
                .map_err(|error| HubError::io("create", parent, error))?;
        }
        let (bytes, sha256) = copy_to(&target, reader, limit, counted)?;
        let record = FileRecord { path: path.to_owned(), bytes, sha256 };
        self.files.retain(|file| file.path != path);
        self.files.push(record.clone());
        Ok(record)
    }

    /// Writes the manifest, syncs, and renames to the final name. An earlier model of
    /// that name is replaced only with `replace`.
    pub(crate) fn publish(
        self,
        name: &str,
        source: Source,
        replace: bool,
    ) -> Result<Located, HubError> {
        let target = self.target.clone();
        self.publish_as(name, target, source, replace)
    }

    /// The same under another name than the one it was begun for.
    pub(crate) fn publish_as(
        self,
        name: &str,
        target: PathBuf,
        source: Source,
        replace: bool,
    ) -> Result<Located, HubError> {
        let model = self.model();
        let manifest = Manifest::new(name, source.clone(), self.files.clone());
        let path = model.join(MANIFEST);
        let text = serde_json::to_vec_pretty(&manifest)
            .map_err(|error| HubError::io("write", &path, std::io::Error::other(error)))?;
        let mut file = File::create(&path).map_err(|error| HubError::io("create", &path, error))?;
        file.write_all(&text)
            .and_then(|()| file.sync_all())
            .map_err(|error| HubError::io("write", &path, error))?;
        for file in &manifest.files {
            if let Some(parent) = model.join(&file.path).parent() {
                sync_folder(parent);
            }
        }
        sync_folder(&model);
        let aside = self.temporary.path().join("replaced");
        let exists = target.symlink_metadata().is_ok();
        if exists && replace {
            std::fs::rename(&target, &aside)
                .map_err(|error| HubError::io("move aside", &target, error))?;
        }
        if let Err(error) = std::fs::rename(&model, &target) {
            if exists && replace {
                let _ = std::fs::rename(&aside, &target);
            }
            return Err(HubError::io("move the finished model to", &target, error));
        }
        if let Some(parent) = target.parent() {
            sync_folder(parent);
        }
        Ok(Located { folder: target, name: name.to_owned(), source })
    }
}

/// Why a file could not be written: the reader's side is the caller's to name.
#[derive(Debug)]
pub(crate) enum WriteError {
    Read(std::io::Error),
    Own(HubError),
}

impl From<HubError> for WriteError {
    fn from(error: HubError) -> Self {
        Self::Own(error)
    }
}

/// Streams into a new file with its digest; stops one byte past `limit`.
pub(crate) fn copy_to(
    target: &Path,
    reader: &mut dyn Read,
    limit: u64,
    counted: &mut dyn FnMut(u64),
) -> Result<(u64, String), WriteError> {
    let mut file = File::create(target).map_err(|error| HubError::io("create", target, error))?;
    let mut reader = reader.take(limit.saturating_add(1));
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut hasher = Sha256::new();
    let mut bytes = 0;
    loop {
        let count = match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(WriteError::Read(error)),
        };
        hasher.update(&buffer[..count]);
        file.write_all(&buffer[..count]).map_err(|error| HubError::io("write", target, error))?;
        bytes += count as u64;
        counted(count as u64);
    }
    file.sync_all().map_err(|error| HubError::io("sync", target, error))?;
    Ok((bytes, hexadecimal(&hasher.finalize())))
}

/// Size and SHA-256 of a file.
pub(crate) fn digest_of(path: &Path) -> Result<(u64, String), HubError> {
    let read = |path: &Path| -> std::io::Result<(u64, String)> {
        let mut file = File::open(path)?;
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut hasher = Sha256::new();
        let mut bytes = 0;
        loop {
            let count = file.read(&mut buffer)?;
            if count == 0 {
                return Ok((bytes, hexadecimal(&hasher.finalize())));
            }
            hasher.update(&buffer[..count]);
            bytes += count as u64;
        }
    };
    read(path).map_err(|error| HubError::io("read", path, error))
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Makes a rename in this folder durable. Not every platform can: a failure is no error.
fn sync_folder(path: &Path) {
    if let Err(error) = File::open(path).and_then(|folder| folder.sync_all()) {
        tracing::debug!(path = %path.display(), %error, "cannot sync the folder");
    }
}

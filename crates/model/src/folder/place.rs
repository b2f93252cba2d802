//! A model folder from which nothing outside it can be read.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use crate::ModelError;

/// A folder, resolved once. Names are looked up beneath it; whatever leads elsewhere, or is not a
/// regular file, is refused before it is opened.
#[derive(Debug, Clone)]
pub struct Folder {
    shown: PathBuf,
    root: PathBuf,
    /// What may not be left: the model folder, also for a folder within it.
    boundary: PathBuf,
    /// Where the Hugging Face cache keeps this repository's files; links into it are followed.
    blobs: Option<PathBuf>,
}

/// Far above any configuration that exists; keeps a hostile one from filling the memory.
pub(crate) const JSON_LIMIT: u64 = 16 << 20;

impl Folder {
    /// Resolves `path`, which must be a folder.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let root = fs::canonicalize(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => ModelError::NotFound {
                path: path.into(),
                advice: "a model folder holds config.json and model.safetensors".into(),
            },
            _ => ModelError::io(path, source),
        })?;
        if !root.is_dir() {
            return Err(ModelError::refused(path, "it is not a folder"));
        }
        Ok(Self { shown: path.into(), blobs: blobs_of(&root), boundary: root.clone(), root })
    }

    /// The folder as the user named it.
    pub fn path(&self) -> &Path {
        &self.shown
    }

    /// How `name` beneath this folder is shown to the user.
    pub fn shown(&self, name: &str) -> PathBuf {
        self.shown.join(name)
    }

    /// The path of a regular file `name` beneath this folder; `None` where there is none.
    ///
    /// Errors: a name that is absolute or holds `..`; a link out of the folder (other than into
    /// the blobs of the same cached repository); anything that is not a regular file.
    pub fn file(&self, name: &str) -> Result<Option<PathBuf>, ModelError> {
        let shown = self.shown(name);
        let Some(real) = self.resolve(name)? else { return Ok(None) };
        let kind = fs::metadata(&real).map_err(|e| ModelError::io(&shown, e))?;
        if !kind.is_file() {
            return Err(ModelError::refused(&shown, "it is not a regular file"));
        }
        Ok(Some(real))
    }

    /// The folder `name` beneath this one, with the same rules as [`Folder::file`].
    pub fn within(&self, name: &str) -> Result<Self, ModelError> {
        let shown = self.shown(name);
        match self.resolve(name)? {
            Some(root) => Ok(Self { shown, root, ..self.clone() }),
            None => Err(ModelError::NotFound {
                path: shown,
                advice: "modules.json names this folder".into(),
            }),
        }
    }

    /// Opens a regular file; `None` where there is none.
    pub(crate) fn open_file(&self, name: &str) -> Result<Option<(PathBuf, File)>, ModelError> {
        let shown = self.shown(name);
        let Some(real) = self.file(name)? else { return Ok(None) };
        let file = File::open(&real).map_err(|e| ModelError::io(&shown, e))?;
        let kind = file.metadata().map_err(|e| ModelError::io(&shown, e))?;
        if !kind.is_file() {
            return Err(ModelError::refused(&shown, "it is not a regular file"));
        }
        Ok(Some((shown, file)))
    }

    /// A whole file of at most `limit` bytes; `None` where there is none.
    pub fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, ModelError> {
        let Some((shown, file)) = self.open_file(name)? else { return Ok(None) };
        let found = file.metadata().map_err(|e| ModelError::io(&shown, e))?.len();
        if found > limit {
            return Err(ModelError::TooLarge { path: shown, found, limit });
        }
        let mut bytes = Vec::with_capacity(usize::try_from(found).unwrap_or(0));
        file.take(limit).read_to_end(&mut bytes).map_err(|e| ModelError::io(&shown, e))?;
        Ok(Some(bytes))
    }

    /// A JSON file; `None` where there is none.
    pub(crate) fn json(&self, name: &str) -> Result<Option<serde_json::Value>, ModelError> {
        let Some(bytes) = self.read(name, JSON_LIMIT)? else { return Ok(None) };
        let value = serde_json::from_slice(&bytes)
            .map_err(|e| ModelError::Json { path: self.shown(name), reason: e.to_string() })?;
        Ok(Some(value))
    }

    fn resolve(&self, name: &str) -> Result<Option<PathBuf>, ModelError> {
        let shown = self.shown(name);
        let plain = Path::new(name).components().all(|c| matches!(c, Component::Normal(_)));
        if !plain || name.contains(['\0', '\\']) {
            let reason = "the path must be relative and stay beneath the model folder";
            return Err(ModelError::refused(&shown, reason));
        }
        let path = self.root.join(name);
        match fs::symlink_metadata(&path) {
            Ok(_) => {}
            Err(e) if is_absence(&e) => return Ok(None),
            Err(e) => return Err(ModelError::io(&shown, e)),
        }
        let real = fs::canonicalize(&path).map_err(|e| ModelError::io(&shown, e))?;
        let inside = real.starts_with(&self.boundary)
            || self.blobs.as_ref().is_some_and(|blobs| real.starts_with(blobs));
        if !inside {
            let reason = format!("it leads out of the model folder, to {}", real.display());
            return Err(ModelError::refused(&shown, reason));
        }
        Ok(Some(real))
    }
}

fn is_absence(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
}

/// `.../models--owner--name/snapshots/<revision>` keeps its files in
/// `.../models--owner--name/blobs`.
fn blobs_of(root: &Path) -> Option<PathBuf> {
    let snapshots = root.parent()?;
    let repository = snapshots.parent()?;
    let named = repository.file_name()?.to_str()?.starts_with("models--");
    let blobs = repository.join("blobs");
    (named && snapshots.file_name() == Some(OsStr::new("snapshots")) && blobs.is_dir())
        .then(|| fs::canonicalize(blobs).ok())
        .flatten()
}

//! A model folder from which nothing outside it can be read.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use super::files::{Files, Opened};
use crate::ModelError;

/// A folder, resolved once: of the system, or of files in memory. Names are looked up beneath it;
/// whatever leads elsewhere, or is not a regular file, is refused before it is opened.
#[derive(Debug, Clone)]
pub struct Folder {
    shown: PathBuf,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    System {
        root: PathBuf,
        /// What may not be left: the model folder, also for a folder within it.
        boundary: PathBuf,
        /// Where the Hugging Face cache keeps this repository's files; links into it are followed.
        blobs: Option<PathBuf>,
    },
    Memory {
        files: Files,
        /// What stands before each name; empty, or ending in `/`.
        prefix: String,
    },
}

/// What a name beneath a folder leads to.
enum Found {
    /// A path without links, of whatever kind.
    Path(PathBuf),
    Bytes(&'static [u8]),
    /// A folder in memory, by its prefix.
    Prefix(String),
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
        let place = Place::System { blobs: blobs_of(&root), boundary: root.clone(), root };
        Ok(Self { shown: path.into(), place })
    }

    /// A folder of files in memory, shown to the user under a name.
    pub fn in_memory(name: &str, files: Files) -> Self {
        Self { shown: name.into(), place: Place::Memory { files, prefix: String::new() } }
    }

    /// The files beneath a folder that is in memory, by name; `None` for a folder of the system.
    pub fn files(&self) -> Option<Vec<(&'static str, &'static [u8])>> {
        let Place::Memory { files, prefix } = &self.place else { return None };
        let beneath = files
            .iter()
            .filter_map(|(name, bytes)| Some((name.strip_prefix(prefix.as_str())?, *bytes)));
        Some(beneath.collect())
    }

    /// The names directly beneath this folder, sorted; those that are not UTF-8 are left out.
    pub(crate) fn names(&self) -> Result<Vec<String>, ModelError> {
        let mut names: Vec<String> = match self.files() {
            Some(files) => files
                .into_iter()
                .filter_map(|(name, _)| name.split('/').next().map(ToOwned::to_owned))
                .collect(),
            None => {
                let failed = |e| ModelError::io(&self.shown, e);
                let entries = fs::read_dir(&self.shown).map_err(failed)?;
                let entries = entries.map(|entry| Ok(entry.map_err(failed)?.file_name()));
                let entries: Result<Vec<_>, ModelError> = entries.collect();
                entries?.into_iter().filter_map(|name| name.into_string().ok()).collect()
            }
        };
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// The folder as the user named it.
    pub fn path(&self) -> &Path {
        &self.shown
    }

    /// How `name` beneath this folder is shown to the user.
    pub fn shown(&self, name: &str) -> PathBuf {
        self.shown.join(name)
    }

    /// Whether a regular file `name` stands beneath this folder.
    ///
    /// Errors: a name that is absolute or holds `..`; a link out of the folder (other than into
    /// the blobs of the same cached repository); anything that is not a regular file.
    pub fn holds(&self, name: &str) -> Result<bool, ModelError> {
        let shown = self.shown(name);
        match self.resolve(name)? {
            None => Ok(false),
            Some(Found::Bytes(_)) => Ok(true),
            Some(Found::Path(real)) => {
                let kind = fs::metadata(&real).map_err(|e| ModelError::io(&shown, e))?;
                if kind.is_file() { Ok(true) } else { Err(not_regular(&shown)) }
            }
            Some(Found::Prefix(_)) => Err(not_regular(&shown)),
        }
    }

    /// The folder `name` beneath this one, with the same rules as [`Folder::holds`].
    pub fn within(&self, name: &str) -> Result<Self, ModelError> {
        let shown = self.shown(name);
        let place = match (self.resolve(name)?, &self.place) {
            (Some(Found::Path(root)), Place::System { boundary, blobs, .. }) => {
                Place::System { root, boundary: boundary.clone(), blobs: blobs.clone() }
            }
            (Some(Found::Prefix(prefix)), Place::Memory { files, .. }) => {
                Place::Memory { files, prefix }
            }
            _ => {
                let advice = "modules.json names this folder".into();
                return Err(ModelError::NotFound { path: shown, advice });
            }
        };
        Ok(Self { shown, place })
    }

    /// Opens a regular file; `None` where there is none.
    pub(crate) fn open_file(&self, name: &str) -> Result<Option<Opened>, ModelError> {
        let shown = self.shown(name);
        let real = match self.resolve(name)? {
            None => return Ok(None),
            Some(Found::Bytes(bytes)) => return Ok(Some(Opened::memory(shown, bytes))),
            Some(Found::Prefix(_)) => return Err(not_regular(&shown)),
            Some(Found::Path(real)) => real,
        };
        // Before it is opened: a pipe would wait for a writer.
        let kind = fs::metadata(&real).map_err(|e| ModelError::io(&shown, e))?;
        if !kind.is_file() {
            return Err(not_regular(&shown));
        }
        let file = File::open(&real).map_err(|e| ModelError::io(&shown, e))?;
        let kind = file.metadata().map_err(|e| ModelError::io(&shown, e))?;
        if !kind.is_file() {
            return Err(not_regular(&shown));
        }
        Ok(Some(Opened::system(shown, file, kind.len())))
    }

    /// A whole file of at most `limit` bytes; `None` where there is none.
    pub fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, ModelError> {
        let Some(file) = self.open_file(name)? else { return Ok(None) };
        let Opened { ref shown, len: found, .. } = file;
        if found > limit {
            return Err(ModelError::TooLarge { path: shown.clone(), found, limit });
        }
        let mut bytes = Vec::with_capacity(usize::try_from(found).unwrap_or(0));
        let read = file.reader().take(limit).read_to_end(&mut bytes);
        read.map_err(|e| ModelError::io(shown, e))?;
        Ok(Some(bytes))
    }

    /// A JSON file; `None` where there is none.
    pub(crate) fn json(&self, name: &str) -> Result<Option<serde_json::Value>, ModelError> {
        let Some(bytes) = self.read(name, JSON_LIMIT)? else { return Ok(None) };
        let value = serde_json::from_slice(&bytes)
            .map_err(|e| ModelError::Json { path: self.shown(name), reason: e.to_string() })?;
        Ok(Some(value))
    }

    fn resolve(&self, name: &str) -> Result<Option<Found>, ModelError> {
        let shown = self.shown(name);
        let plain = Path::new(name).components().all(|c| matches!(c, Component::Normal(_)));
        if !plain || name.contains(['\0', '\\']) {
            let reason = "the path must be relative and stay beneath the model folder";
            return Err(ModelError::refused(&shown, reason));
        }
        let (root, boundary, blobs) = match &self.place {
            Place::System { root, boundary, blobs } => (root, boundary, blobs),
            Place::Memory { files, prefix } => return Ok(in_memory(files, prefix, name)),
        };
        let path = root.join(name);
        match fs::symlink_metadata(&path) {
            Ok(_) => {}
            Err(e) if is_absence(&e) => return Ok(None),
            Err(e) => return Err(ModelError::io(&shown, e)),
        }
        let real = fs::canonicalize(&path).map_err(|e| ModelError::io(&shown, e))?;
        let inside = real.starts_with(boundary)
            || blobs.as_ref().is_some_and(|blobs| real.starts_with(blobs));
        if !inside {
            let reason = format!("it leads out of the model folder, to {}", real.display());
            return Err(ModelError::refused(&shown, reason));
        }
        Ok(Some(Found::Path(real)))
    }
}

fn in_memory(files: Files, prefix: &str, name: &str) -> Option<Found> {
    let name = format!("{prefix}{name}");
    let file = files.iter().find(|(other, _)| *other == name);
    if let Some((_, bytes)) = file {
        return Some(Found::Bytes(bytes));
    }
    let folder = name + "/";
    let any = files.iter().any(|(other, _)| other.starts_with(&folder));
    any.then_some(Found::Prefix(folder))
}

fn not_regular(shown: &Path) -> ModelError {
    ModelError::refused(shown, "it is not a regular file")
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

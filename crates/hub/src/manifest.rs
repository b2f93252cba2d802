//! `manifest.json`: what a cached model must consist of.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

pub(crate) const MANIFEST: &str = "manifest.json";
const FORMAT: u32 = 1;
const MANIFEST_BYTES: u64 = 16 << 20;

/// One file of a cached model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Path below the model folder, with `/`.
    pub path: String,
    /// Size.
    pub bytes: u64,
    /// SHA-256, lower-case hexadecimal.
    pub sha256: String,
}

/// Where a model came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Source {
    /// A folder of the user.
    Folder {
        /// Its path.
        path: PathBuf,
    },
    /// A zip archive or a wheel.
    Archive {
        /// Its path.
        path: PathBuf,
        /// Its size, by which a changed archive is noticed.
        bytes: u64,
        /// When it was last changed, in nanoseconds since 1970.
        modified_ns: u64,
    },
    /// The Hugging Face Hub.
    Hub {
        /// Address of the Hub.
        endpoint: String,
        /// Owner and name.
        repository: String,
        /// The commit that was fetched.
        revision: String,
    },
    /// The cache that the Hub's Python library keeps; used in place.
    HubCache {
        /// Owner and name.
        repository: String,
        /// The commit.
        revision: String,
    },
    /// Python packages.
    Packages {
        /// The requirements, in order.
        requirements: Vec<String>,
    },
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folder { path } => write!(f, "folder {}", path.display()),
            Self::Archive { path, .. } => write!(f, "archive {}", path.display()),
            Self::Hub { endpoint, repository, revision } => {
                write!(f, "{endpoint}/{repository} at {revision}")
            }
            Self::HubCache { repository, revision } => {
                write!(f, "the Hugging Face cache, {repository} at {revision}")
            }
            Self::Packages { requirements } => {
                write!(f, "Python packages {}", requirements.join(", "))
            }
        }
    }
}

/// The contents of `manifest.json`, written last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this file's own form.
    pub format: u32,
    /// The model's name.
    pub name: String,
    /// Where it came from.
    pub source: Source,
    /// When it was pulled, in seconds since 1970.
    pub pulled_unix_s: u64,
    /// All its files, sorted by path.
    pub files: Vec<FileRecord>,
}

impl Manifest {
    pub(crate) fn new(name: &str, source: Source, mut files: Vec<FileRecord>) -> Self {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self {
            format: FORMAT,
            name: name.to_owned(),
            source,
            pulled_unix_s: now.map_or(0, |time| time.as_secs()),
            files,
        }
    }

    /// Reads it from a model folder; the error is a phrase for `HubError::Damaged`.
    pub(crate) fn read(folder: &std::path::Path) -> Result<Self, String> {
        let path = folder.join(MANIFEST);
        let size = path.metadata().map_err(|error| error.to_string())?.len();
        if size > MANIFEST_BYTES {
            return Err(format!("{size} bytes"));
        }
        let text = std::fs::read(&path).map_err(|error| error.to_string())?;
        let manifest: Self = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
        if manifest.format != FORMAT {
            return Err(format!("format {}, written by another version", manifest.format));
        }
        let inside = |path: &str| {
            std::path::Path::new(path)
                .components()
                .all(|part| matches!(part, std::path::Component::Normal(_)))
        };
        match manifest.files.iter().find(|file| !inside(&file.path)) {
            Some(file) => Err(format!("path {:?} leaves the folder", file.path)),
            None => Ok(manifest),
        }
    }
}

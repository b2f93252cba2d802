//! Contexture's own cache: `<cache>/models/<name>/`.

use crate::catalogue::catalogue;
use crate::error::HubError;
use crate::find::Located;
use crate::manifest::{MANIFEST, Manifest, Source};
use crate::options::Options;
use std::path::{Path, PathBuf};

pub(crate) struct Store {
    models: PathBuf,
}

impl Store {
    pub(crate) fn open(options: &Options) -> Result<Self, HubError> {
        Ok(Self { models: options.cache()?.join("models") })
    }

    pub(crate) fn models(&self) -> &Path {
        &self.models
    }

    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.models.join(name)
    }

    /// The cached model of this folder name: its manifest is read and each size compared.
    /// `display` is the name to give to `pull --force`.
    pub(crate) fn cached(
        &self,
        folder_name: &str,
        display: &str,
    ) -> Result<Option<Located>, HubError> {
        let folder = self.folder(folder_name);
        if folder.symlink_metadata().is_err() {
            return Ok(None);
        }
        let damaged = |file: &str, found: String, expected: String| HubError::Damaged {
            name: display.to_owned(),
            folder: folder.clone(),
            file: file.to_owned(),
            found,
            expected,
        };
        let manifest = Manifest::read(&folder)
            .map_err(|found| damaged(MANIFEST, found, "a readable manifest".to_owned()))?;
        for file in &manifest.files {
            let expected = format!("{} bytes", file.bytes);
            match folder.join(&file.path).metadata() {
                Ok(data) if data.is_file() && data.len() == file.bytes => {}
                Ok(data) if data.is_file() => {
                    return Err(damaged(&file.path, format!("{} bytes", data.len()), expected));
                }
                Ok(_) => {
                    return Err(damaged(
                        &file.path,
                        "something that is no file".to_owned(),
                        expected,
                    ));
                }
                Err(error) => return Err(damaged(&file.path, error.to_string(), expected)),
            }
        }
        Ok(Some(Located { folder, name: manifest.name, source: manifest.source }))
    }

    /// The model that was pulled from this folder or archive, under its own name or its keyed one.
    pub(crate) fn cached_from(
        &self,
        names: &[String],
        source: &Source,
    ) -> Result<Option<Located>, HubError> {
        let known = catalogue().iter().map(|entry| entry.name);
        for name in names.iter().map(String::as_str).chain(known) {
            let taken =
                Manifest::read(&self.folder(name)).is_ok_and(|manifest| manifest.source == *source);
            if taken && let Some(located) = self.cached(name, name)? {
                return Ok(Some(located));
            }
        }
        Ok(None)
    }

    /// Whether the folder name is free, or holds something from the same place.
    pub(crate) fn free_for(&self, folder_name: &str, source: &Source) -> bool {
        let folder = self.folder(folder_name);
        folder.symlink_metadata().is_err()
            || Manifest::read(&folder).is_ok_and(|manifest| same_place(&manifest.source, source))
    }
}

fn same_place(a: &Source, b: &Source) -> bool {
    match (a, b) {
        (Source::Archive { path: a, .. }, Source::Archive { path: b, .. }) => a == b,
        _ => a == b,
    }
}

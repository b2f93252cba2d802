//! From a name to a folder, without the network.

use crate::error::HubError;
use crate::hub_cache;
use crate::layout;
use crate::manifest::{Manifest, Source};
use crate::name::{ModelName, Request};
use crate::options::Options;
use crate::pull::archive_names;
use crate::staging::digest_of;
use crate::store::Store;
use std::path::PathBuf;

/// A model folder on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// The folder with config.json and the weights.
    pub folder: PathBuf,
    /// The name to show.
    pub name: String,
    /// Where the model came from.
    pub source: Source,
}

impl Located {
    /// The manifest, where the model lies in Contexture's cache.
    pub fn manifest(&self) -> Option<Manifest> {
        Manifest::read(&self.folder).ok()
    }
}

/// Finds the folder of a model that is on this machine; never uses the network.
///
/// `name` is a folder, an archive that has been pulled, or a name. Sizes are compared
/// with the manifest; contents are not read (see [`verify`]), so this takes microseconds.
///
/// # Errors
/// [`HubError::NotCached`] where [`pull`](crate::pull) can help; [`HubError::Damaged`]
/// where a cached file is missing or has another size; [`HubError::NotAModel`] and
/// [`HubError::OnlyPickle`] for folders that cannot be used.
pub fn locate(name: &str, options: &Options) -> Result<Located, HubError> {
    match Request::parse(name)? {
        Request::Folder(folder) => {
            layout::check_folder(&folder)?;
            let display = folder
                .canonicalize()
                .ok()
                .and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
            let name = display.unwrap_or_else(|| name.to_owned());
            Ok(Located { folder: folder.clone(), name, source: Source::Folder { path: folder } })
        }
        Request::Archive(path) => {
            let store = Store::open(options)?;
            let (names, source) = archive_names(&path)?;
            store.cached_from(&names, &source)?.ok_or_else(|| HubError::NotCached {
                name: name.to_owned(),
                cache: store.models().to_owned(),
                bytes: path.metadata().ok().map(|data| data.len()),
            })
        }
        Request::Name(model) => cached_name(&model, options)?.ok_or_else(|| HubError::NotCached {
            name: model.display(),
            cache: options.cache().map_or_else(|_| PathBuf::new(), |cache| cache.join("models")),
            bytes: model.entry().map(|entry| entry.bytes),
        }),
    }
}

/// A name in Contexture's cache, else in the Hub's.
pub(crate) fn cached_name(
    model: &ModelName,
    options: &Options,
) -> Result<Option<Located>, HubError> {
    let own = match Store::open(options) {
        Ok(store) => store.cached(&model.folder(), &model.display())?,
        Err(HubError::NoCacheFolder) => None,
        Err(error) => return Err(error),
    };
    Ok(own.or_else(|| hub_cache::find(model, options)))
}

/// Reads every file of a cached model and compares it with the manifest's SHA-256.
///
/// A model that is used in place (a folder, the Hub's cache) has no manifest and passes.
///
/// # Errors
/// [`HubError::Digest`] for the first file that differs; [`HubError::Io`].
pub fn verify(located: &Located) -> Result<(), HubError> {
    let Some(manifest) = located.manifest() else { return Ok(()) };
    for file in &manifest.files {
        let (_, found) = digest_of(&located.folder.join(&file.path))?;
        if found != file.sha256 {
            return Err(HubError::Digest {
                place: located.folder.display().to_string(),
                file: file.path.clone(),
                found,
                expected: file.sha256.clone(),
            });
        }
    }
    Ok(())
}

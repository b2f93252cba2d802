//! The cache of the Hub's Python library, read in place.
//!
//! Form: `models--OWNER--NAME/refs/REVISION` holds a commit, and
//! `models--OWNER--NAME/snapshots/COMMIT/` links to complete files; a file that is
//! still being fetched never has a link there.

use crate::find::Located;
use crate::layout;
use crate::manifest::Source;
use crate::name::{ModelName, valid};
use crate::options::Options;

/// The snapshot of the model, if all that is needed lies in it.
pub(crate) fn find(model: &ModelName, options: &Options) -> Option<Located> {
    let cache = options.hub_cache.as_ref()?;
    model.repositories().into_iter().find_map(|repository| {
        let folder = cache.join(format!("models--{}", repository.replace('/', "--")));
        let revision = model.revision_or_main();
        let reference = folder.join("refs").join(revision);
        let small = reference.metadata().is_ok_and(|data| data.is_file() && data.len() < 200);
        let commit = match small {
            true => std::fs::read_to_string(&reference).ok()?.trim().to_owned(),
            false => revision.to_owned(),
        };
        if !valid(&commit) {
            return None;
        }
        let snapshot = folder.join("snapshots").join(&commit);
        if !snapshot.is_dir() {
            return None;
        }
        if let Err(error) = layout::check_folder(&snapshot) {
            tracing::debug!(%error, "a snapshot of the Hub's cache is not complete");
            return None;
        }
        Some(Located {
            folder: snapshot,
            name: model.display(),
            source: Source::HubCache { repository, revision: commit },
        })
    })
}

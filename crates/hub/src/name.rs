//! What a user may call a model: a folder, an archive, or a name.

use crate::catalogue::{self, Entry};
use crate::error::HubError;
use std::path::{Path, PathBuf};

/// What the text names.
#[derive(Debug)]
pub(crate) enum Request {
    Folder(PathBuf),
    Archive(PathBuf),
    Name(ModelName),
}

/// A name such as `all-MiniLM-L6-v2`, `owner/name` or `owner/name@revision`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ModelName {
    pub(crate) owner: Option<String>,
    pub(crate) name: String,
    pub(crate) revision: Option<String>,
}

impl Request {
    /// A folder that exists wins over a name, as in the Python libraries, if it can be
    /// a model at all or cannot be a name.
    pub(crate) fn parse(text: &str) -> Result<Self, HubError> {
        let path = Path::new(text);
        if is_archive_name(text) {
            return match path.metadata() {
                Ok(data) if data.is_file() => Ok(Self::Archive(path.to_owned())),
                Ok(_) => Ok(Self::Folder(path.to_owned())),
                Err(error) => Err(missing(path, &error)),
            };
        }
        let parsed = ModelName::parse(text);
        if let Ok(data) = path.metadata()
            && !text.is_empty()
        {
            let model_like =
                path.join("config.json").exists() || path.join("modules.json").exists();
            if data.is_dir() && (model_like || parsed.is_err()) {
                return Ok(Self::Folder(path.to_owned()));
            }
            if data.is_file() && parsed.is_err() {
                let found = "a file that is no archive".to_owned();
                return Err(HubError::NoSuchPath { path: path.to_owned(), found });
            }
        }
        match parsed {
            Ok(name) => Ok(Self::Name(name)),
            Err(_) if looks_like_path(text) => Err(HubError::NoSuchPath {
                path: path.to_owned(),
                found: "nothing there".to_owned(),
            }),
            Err(error) => Err(error),
        }
    }
}

fn missing(path: &Path, error: &std::io::Error) -> HubError {
    let found = match error.kind() {
        std::io::ErrorKind::NotFound => "nothing there".to_owned(),
        _ => error.to_string(),
    };
    HubError::NoSuchPath { path: path.to_owned(), found }
}

fn looks_like_path(text: &str) -> bool {
    text.starts_with(['.', '/', '~']) || text.contains('\\') || text.matches('/').count() > 1
}

/// `.zip`, `.whl`, or the first part of a split zip.
pub(crate) fn is_archive_name(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    [".zip", ".whl", ".zip.001"].iter().any(|ending| lower.ends_with(ending))
}

impl ModelName {
    pub(crate) fn parse(text: &str) -> Result<Self, HubError> {
        let bad = |problem: &str| HubError::BadName {
            name: text.chars().take(200).collect(),
            problem: problem.to_owned(),
        };
        let (id, revision) = match text.split_once('@') {
            Some((id, revision)) => (id, Some(revision)),
            None => (text, None),
        };
        if let Some(revision) = revision
            && !(valid(revision.replace('/', "-").as_str()) && revision.split('/').all(valid))
        {
            return Err(bad(
                "the revision has other characters than letters, digits, '.', '_', '-' and '/'",
            ));
        }
        let (owner, name) = match id.split_once('/') {
            Some((owner, name)) => (Some(owner), name),
            None => (None, id),
        };
        if name.is_empty() || owner == Some("") {
            return Err(bad("a part of it is empty"));
        }
        if !valid(name) || !owner.is_none_or(valid) {
            return Err(bad(
                "only letters, digits, '.', '_' and '-' may stand in it, with no '..'",
            ));
        }
        Ok(Self {
            owner: owner.map(str::to_owned),
            name: name.to_owned(),
            revision: revision.map(str::to_owned),
        })
    }

    /// Its entry in the catalogue; another revision is another model.
    pub(crate) fn entry(&self) -> Option<&'static Entry> {
        match self.revision {
            None => catalogue::entry(&self.id()),
            Some(_) => None,
        }
    }

    /// `owner/name`, or the bare name.
    pub(crate) fn id(&self) -> String {
        match &self.owner {
            Some(owner) => format!("{owner}/{}", self.name),
            None => self.name.clone(),
        }
    }

    /// The text that names this model to a user.
    pub(crate) fn display(&self) -> String {
        let id = self.entry().map_or_else(|| self.id(), |entry| entry.name.to_owned());
        match &self.revision {
            Some(revision) => format!("{id}@{revision}"),
            None => id,
        }
    }

    /// The folder below `models/`.
    pub(crate) fn folder(&self) -> String {
        self.display().replace('/', "--")
    }

    /// Repositories on the Hub, in the order in which they are tried: a bare name means
    /// the sentence-transformers organisation first, as in that library.
    pub(crate) fn repositories(&self) -> Vec<String> {
        match (catalogue::entry(&self.id()), &self.owner) {
            (Some(entry), _) => vec![entry.repository.to_owned()],
            (None, Some(_)) => vec![self.id()],
            (None, None) => vec![format!("sentence-transformers/{}", self.name), self.name.clone()],
        }
    }

    pub(crate) fn revision_or_main(&self) -> &str {
        self.revision.as_deref().unwrap_or("main")
    }
}

/// One component that is safe in a path on every platform.
pub(crate) fn valid(part: &str) -> bool {
    !part.is_empty()
        && part.len() <= 120
        && !part.starts_with(['.', '-'])
        && !part.ends_with('.')
        && !part.contains("..")
        && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_their_parts() {
        let name = ModelName::parse("BAAI/bge-small-en-v1.5@refs/pr/3").unwrap();
        assert_eq!(name.owner.as_deref(), Some("BAAI"));
        assert_eq!(name.revision.as_deref(), Some("refs/pr/3"));
        assert_eq!(name.folder(), "BAAI--bge-small-en-v1.5@refs--pr--3");
        assert_eq!(name.repositories(), ["BAAI/bge-small-en-v1.5"]);
        let bare = ModelName::parse("bert-base-uncased").unwrap();
        assert_eq!(bare.repositories().len(), 2);
    }

    #[test]
    fn aliases_share_one_folder() {
        let short = ModelName::parse("all-MiniLM-L6-v2").unwrap();
        let long = ModelName::parse("sentence-transformers/all-MiniLM-L6-v2").unwrap();
        assert_eq!(short.folder(), long.folder());
        assert!(ModelName::parse("all-MiniLM-L6-v2@main").unwrap().entry().is_none());
    }

    #[test]
    fn names_that_could_leave_the_cache_are_refused() {
        for text in [
            "", "/", "a/", "/b", "../x", "a/..", "a/b/c", "a\\b", "a b", "x@", "x@../y", "x@a//b",
            ".hidden", "-rf", "a\0b", "é", "a/b@c@d", "x:y", "CON.", "a..b",
        ] {
            assert!(ModelName::parse(text).is_err(), "{text:?} was accepted");
        }
        for text in ["a", "a.b", "A_b-1.5", "o/n", "o/n@v1.0"] {
            assert!(ModelName::parse(text).is_ok(), "{text:?} was refused");
        }
    }
}

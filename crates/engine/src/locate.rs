//! From what a user calls a model to its folder, that of the model inside the program included.

use contexture_hub::{self as hub, HubError};
use contexture_model::folder::Folder;
use contexture_text::Tokenizer;

use crate::EngineError;

/// The name of the model that is built into the program, and used where none is named.
pub const BUILT_IN: &str = "contexture-small-en";

/// A model, found.
#[derive(Debug, Clone)]
pub struct Located {
    /// The name to show.
    pub name: String,
    /// The folder with its configuration, weights and tokenizer.
    pub folder: Folder,
}

/// Finds a model by name, folder or archive; where it is not cached and `pull` is given, fetches it
/// and tells that how far it is. [`BUILT_IN`] always means the model inside the program (a folder of
/// that name is meant by `./contexture-small-en`), which touches neither disk nor network.
///
/// # Errors
/// [`EngineError::Hub`] where there is no such model, or it cannot be fetched;
/// [`EngineError::NotBuiltIn`].
pub fn locate(
    name: &str,
    settings: &hub::Options,
    pull: Option<&mut dyn FnMut(hub::Progress<'_>)>,
) -> Result<Located, EngineError> {
    if name == BUILT_IN {
        return Ok(Located { name: BUILT_IN.into(), folder: built_in()? });
    }
    let found = match (hub::locate(name, settings), pull) {
        (Err(HubError::NotCached { .. }), Some(progress)) => hub::pull(name, settings, progress)?,
        (found, _) => found?,
    };
    Ok(Located { folder: Folder::open(&found.folder)?, name: found.name })
}

/// The folder, in memory, of the model that is built into the program.
///
/// # Errors
/// [`EngineError::NotBuiltIn`] where this program was compiled without it.
pub fn built_in() -> Result<Folder, EngineError> {
    #[cfg(feature = "built-in")]
    if !contexture_built_in::FILES.is_empty() {
        return Ok(Folder::in_memory(BUILT_IN, contexture_built_in::FILES));
    }
    Err(EngineError::NotBuiltIn)
}

/// Opens the tokenizer of a model's folder, wherever that is.
pub(crate) fn open_tokenizer(folder: &Folder) -> Result<Tokenizer, EngineError> {
    Ok(match folder.files() {
        Some(files) => Tokenizer::open_files(folder.path(), &files)?,
        None => Tokenizer::open(folder.path())?,
    })
}

/// Whether a tokenizer's file stands in the folder. What is wrong with it is said where it is opened.
pub(crate) fn holds_tokenizer(folder: &Folder) -> bool {
    contexture_text::TELLING.iter().any(|name| folder.holds(name).unwrap_or(true))
}

/// The text of a model card beside the weights, without the settings at its head.
pub(crate) fn card(folder: &Folder) -> Result<Option<String>, EngineError> {
    let Some(bytes) = folder.read("README.md", CARD_LIMIT)? else { return Ok(None) };
    let text = String::from_utf8_lossy(&bytes);
    let head = text.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n"));
    Ok(Some(head.map_or(&*text, |(_, body)| body).trim().to_owned()))
}

const CARD_LIMIT: u64 = 4 << 20;

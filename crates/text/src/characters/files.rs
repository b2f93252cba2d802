//! `characters.json` and `vocab.txt`, read and written; ELMo's folders, which have the second and
//! for the first an `options.json`.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::model::{BEGINS, Characters};
use super::settings::CharacterFile;
use crate::error::TextError;
use crate::folder::{self, Folder, SETTINGS_LIMIT, TOKENIZER_LIMIT, read};

const OWN: &str = "characters.json";
const WORDS: &str = "vocab.txt";

/// The tokenizer of a folder whose words are spelled out, with the file that says so; `None` where
/// it is not such a folder.
pub(crate) fn open(folder: Folder) -> Result<Option<(Characters, PathBuf)>, TextError> {
    let (name, settings) = match read(folder, OWN, SETTINGS_LIMIT)? {
        Some(text) => (OWN.to_owned(), own(&text, &folder.join(OWN))?),
        None => {
            let Some(name) = folder::options(folder) else { return Ok(None) };
            let Some(text) = read(folder, &name, SETTINGS_LIMIT)? else { return Ok(None) };
            let settings = elmo(&text, &folder.join(&name))?;
            (name, settings)
        }
    };
    let path = folder.join(&name);
    if !(3..=1 << 10).contains(&settings.most) {
        return Err(TextError::Unsupported {
            path,
            place: "most",
            found: settings.most.to_string(),
            supported: "3 to 1024 numbers a word, its begin and end counted",
        });
    }
    let list = match read(folder, WORDS, TOKENIZER_LIMIT)? {
        Some(text) => Some(text),
        None => folder::read_gzip(folder, "vocab.txt.gz", TOKENIZER_LIMIT)?,
    };
    let list = list.as_deref().map_or_else(Vec::new, words);
    Ok(Some((Characters::new(settings, list), path)))
}

fn words(text: &str) -> Vec<String> {
    text.lines().map(|line| line.trim_end_matches('\r').to_owned()).collect()
}

fn own(text: &str, path: &Path) -> Result<CharacterFile, TextError> {
    serde_json::from_str(text).map_err(|e| malformed(path, e.to_string()))
}

/// ELMo's words end at white space and keep their case; only their length is stated.
fn elmo(text: &str, path: &Path) -> Result<CharacterFile, TextError> {
    let options: Value = serde_json::from_str(text).map_err(|e| malformed(path, e.to_string()))?;
    let most = options.get("char_cnn").and_then(|cnn| cnn.get("max_characters_per_token"));
    let most = match most {
        None => CharacterFile::default().most,
        Some(most) => most.as_u64().and_then(|n| usize::try_from(n).ok()).ok_or_else(|| {
            let found = format!("char_cnn.max_characters_per_token is {most}");
            malformed(path, format!("{found}; expected a whole number"))
        })?,
    };
    Ok(CharacterFile { most, ..CharacterFile::default() })
}

fn malformed(path: &Path, reason: String) -> TextError {
    TextError::Malformed { path: path.to_path_buf(), reason }
}

/// The two files as text, by name: the settings, and the list of words by falling frequency.
pub(crate) fn write(
    settings: &CharacterFile,
    ranked: &[String],
) -> Result<[(&'static str, String); 2], TextError> {
    let json = serde_json::to_string_pretty(settings).map_err(TextError::training)?;
    let list = BEGINS.iter().copied().chain(ranked.iter().map(String::as_str));
    let list: String = list.map(|word| format!("{word}\n")).collect();
    Ok([(WORDS, list), (OWN, json + "\n")])
}

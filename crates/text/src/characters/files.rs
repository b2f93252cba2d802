//! The files of words that are spelled out, read and written: `characters.json` beside `vocab.txt` or
//! two dictionaries; or, in its place, an ELMo's `options.json` or ELMoForManyLangs' `config.json`.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use super::alphabet::Listed;
use super::dictionary::entries;
use super::model::{BEGINS, Characters, ROLES};
use super::settings::{CharacterFile, CharacterKind};
use crate::error::TextError;
use crate::folder::{self, Folder, SETTINGS_LIMIT, TOKENIZER_LIMIT, read};

const OWN: &str = "characters.json";
const WORDS: &str = "vocab.txt";
/// The two dictionaries of ELMoForManyLangs.
const CHARACTER_DICTIONARY: &str = "char.dic";
const WORD_DICTIONARY: &str = "word.dic";

/// The tokenizer of a folder whose words are spelled out, with the file that says so; `None` where
/// it is not such a folder.
pub(crate) fn open(folder: Folder) -> Result<Option<(Characters, PathBuf)>, TextError> {
    let Some((name, settings)) = settings(folder)? else { return Ok(None) };
    let path = folder.join(&name);
    if !(3..=1 << 10).contains(&settings.most) {
        return Err(TextError::Unsupported {
            path,
            place: "most",
            found: settings.most.to_string(),
            supported: "3 to 1024 numbers a word, its begin and end counted",
        });
    }
    let characters = match settings.kind {
        CharacterKind::Bytes => {
            let list = match read(folder, WORDS, TOKENIZER_LIMIT)? {
                Some(text) => Some(text),
                None => folder::read_gzip(folder, "vocab.txt.gz", TOKENIZER_LIMIT)?,
            };
            Characters::bytes(settings, list.as_deref().map_or_else(Vec::new, words))
        }
        CharacterKind::Dictionary => {
            let (characters, path) = dictionary(folder, CHARACTER_DICTIONARY)?;
            let listed = Listed::new(&characters, &path)?;
            let (words, path) = dictionary(folder, WORD_DICTIONARY)?;
            if !words.contains_key(ROLES[2]) {
                let reason = format!("{} is not among its {} entries", ROLES[2], words.len());
                return Err(malformed(&path, reason));
            }
            Characters::listed(settings, listed, words)
        }
    };
    Ok(Some((characters, path)))
}

/// The file that says how words are spelled, and what it says.
fn settings(folder: Folder) -> Result<Option<(String, CharacterFile)>, TextError> {
    if let Some(text) = read(folder, OWN, SETTINGS_LIMIT)? {
        return Ok(Some((OWN.to_owned(), own(&text, &folder.join(OWN))?)));
    }
    if folder.holds(CHARACTER_DICTIONARY) {
        return many_langs(folder);
    }
    let Some(name) = folder::options(folder) else { return Ok(None) };
    let Some(text) = read(folder, &name, SETTINGS_LIMIT)? else { return Ok(None) };
    let settings = elmo(&text, &folder.join(&name))?;
    Ok(Some((name, settings)))
}

fn dictionary(folder: Folder, name: &str) -> Result<(HashMap<String, u32>, PathBuf), TextError> {
    let path = folder.join(name);
    match read(folder, name, TOKENIZER_LIMIT)? {
        Some(text) => Ok((entries(&text, &path)?, path)),
        None => Err(TextError::MissingFile {
            path,
            advice: "it numbers what words are made of; take it from the model's own folder",
        }),
    }
}

fn words(text: &str) -> Vec<String> {
    text.lines().map(|line| line.trim_end_matches('\r').to_owned()).collect()
}

fn own(text: &str, path: &Path) -> Result<CharacterFile, TextError> {
    serde_json::from_str(text).map_err(|e| malformed(path, e.to_string()))
}

/// ELMo's words end at white space and keep their case; only their length is stated.
fn elmo(text: &str, path: &Path) -> Result<CharacterFile, TextError> {
    let most = most(text, path, ["char_cnn", "max_characters_per_token"])?;
    Ok(CharacterFile { most, ..CharacterFile::default() })
}

/// The same of ELMoForManyLangs, whose `config.json` names the file of sizes: it is looked for
/// where it is said to be, then by its last name. Without it the program's own sizes hold.
fn many_langs(folder: Folder) -> Result<Option<(String, CharacterFile)>, TextError> {
    const CONFIG: &str = "config.json";
    let Some(text) = read(folder, CONFIG, SETTINGS_LIMIT)? else { return Ok(None) };
    let config: Value =
        serde_json::from_str(&text).map_err(|e| malformed(&folder.join(CONFIG), e.to_string()))?;
    let Some(named) = config.get("config_path").and_then(Value::as_str) else { return Ok(None) };
    let beneath = |name: &&&str| {
        let mut parts = Path::new(name).components();
        !name.is_empty() && parts.all(|part| matches!(part, Component::Normal(_)))
    };
    let last = named.rsplit('/').next().unwrap_or(named);
    let mut file = CharacterFile { kind: CharacterKind::Dictionary, ..CharacterFile::default() };
    for name in [named.trim_start_matches("./"), last].iter().filter(beneath) {
        if let Some(text) = read(folder, name, SETTINGS_LIMIT)? {
            let keys = ["token_embedder", "max_characters_per_token"];
            file.most = most(&text, &folder.join(name), keys)?;
            break;
        }
    }
    Ok(Some((CONFIG.to_owned(), file)))
}

/// The most numbers of a word, where the file states it in a section.
fn most(text: &str, path: &Path, [section, key]: [&str; 2]) -> Result<usize, TextError> {
    let stated: Value = serde_json::from_str(text).map_err(|e| malformed(path, e.to_string()))?;
    match stated.get(section).and_then(|section| section.get(key)) {
        None => Ok(CharacterFile::default().most),
        Some(most) => most.as_u64().and_then(|n| usize::try_from(n).ok()).ok_or_else(|| {
            malformed(path, format!("{section}.{key} is {most}; expected a whole number"))
        }),
    }
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

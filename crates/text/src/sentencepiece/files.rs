//! Folders whose tokenizer is a SentencePiece model.
//!
//! | folder | source | target | ids |
//! |---|---|---|---|
//! | Marian | `source.spm` | `target.spm` | by the pieces' text: `vocab.json`; for targets `target_vocab.json` where there is one |
//! | T5 | `spiece.model` | the same | the pieces' places, then `<extra_id_99>` to `<extra_id_0>` |
//!
//! Both put the end behind a text. Names of special tokens are those of `tokenizer_config.json` and
//! `special_tokens_map.json`, else `<unk>`, `</s>` and `<pad>`.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::engine::{Ids, SentencePiece};
use super::proto::ModelFile;
use super::vocabulary::Vocabulary;
use crate::error::TextError;
use crate::folder::{self, Folder, TOKENIZER_LIMIT};
use crate::frame::Frame;
use crate::tokenizer::content;
use crate::wordpiece::{AddedToken, Finder};

/// Which of the two texts of a pair a tokenizer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Source,
    Target,
}

/// A tokenizer as it stands in its folder.
pub(crate) struct Opened {
    pub engine: SentencePiece,
    pub frame: Frame,
    pub path: PathBuf,
    /// Special tokens that are found in texts.
    pub specials: Vec<String>,
}

const T5: &str = "spiece.model";
const WORDS: &str = "vocab.json";
const TARGET_WORDS: &str = "target_vocab.json";
/// Published T5 models have this many sentinels.
const USUAL_EXTRA_IDS: u64 = 100;
const MOST_EXTRA_IDS: u64 = 100_000;

/// The tokenizer of one side; `None` where the folder has none of this kind for it. `settings`:
/// `tokenizer_config.json` and `special_tokens_map.json`.
pub(crate) fn open(
    folder: Folder,
    settings: [&Value; 2],
    side: Side,
) -> Result<Option<Opened>, TextError> {
    let marian = ["source.spm", "target.spm", WORDS].iter().all(|name| folder.holds(name));
    if marian {
        return self::marian(folder, settings, side).map(Some);
    }
    // A tokenizer.json says more than the model file that it was made of.
    if side == Side::Target || folder.holds("tokenizer.json") || !folder.holds(T5) {
        return Ok(None);
    }
    t5(folder, settings).map(Some)
}

fn model(folder: Folder, name: &str) -> Result<(ModelFile, PathBuf), TextError> {
    let path = folder.join(name);
    let Some(bytes) = folder::bytes(folder, name, TOKENIZER_LIMIT)? else {
        return Err(TextError::MissingFile { path, advice: "take it from the model's own folder" });
    };
    Ok((ModelFile::read(&bytes, &path)?, path))
}

fn marian(folder: Folder, settings: [&Value; 2], side: Side) -> Result<Opened, TextError> {
    let target = side == Side::Target;
    let (file, path) = model(folder, if target { "target.spm" } else { "source.spm" })?;
    let words = if target && folder.holds(TARGET_WORDS) { TARGET_WORDS } else { WORDS };
    let at = folder.join(words);
    let malformed = |reason: String| TextError::Malformed { path: at.clone(), reason };
    let text = folder::read(folder, words, TOKENIZER_LIMIT)?.unwrap_or_default();
    let list: BTreeMap<String, u32> =
        serde_json::from_str(&text).map_err(|e| malformed(e.to_string()))?;
    let mut vocabulary = Vocabulary::default();
    for (token, id) in list {
        if let Some(before) = vocabulary.add(token.clone(), id) {
            return Err(malformed(format!("{before:?} and {token:?} both have the id {id}")));
        }
    }
    finish(file, path, (vocabulary, at), settings, true)
}

fn t5(folder: Folder, settings: [&Value; 2]) -> Result<Opened, TextError> {
    let class = settings[0].get("tokenizer_class").and_then(Value::as_str).unwrap_or("T5Tokenizer");
    if !matches!(class, "T5Tokenizer" | "T5TokenizerFast") {
        return Err(TextError::Unsupported {
            path: folder.join("tokenizer_config.json"),
            place: "tokenizer_class",
            found: class.to_owned(),
            supported: "T5Tokenizer where spiece.model stands alone; for others write tokenizer.json with \
                        `AutoTokenizer.from_pretrained(...).save_pretrained(...)` of transformers",
        });
    }
    let (file, path) = model(folder, T5)?;
    let mut vocabulary = Vocabulary::default();
    for (id, piece) in (0..).zip(&file.pieces) {
        vocabulary.add(piece.text.clone(), id);
    }
    let extra = settings[0].get("extra_ids").and_then(Value::as_u64).unwrap_or(USUAL_EXTRA_IDS);
    if extra > MOST_EXTRA_IDS {
        return Err(TextError::Malformed {
            path: folder.join("tokenizer_config.json"),
            reason: format!("extra_ids: found {extra}, expected at most {MOST_EXTRA_IDS}"),
        });
    }
    let first = file.pieces.len() as u32;
    for (id, sentinel) in (first..).zip((0..extra).rev()) {
        vocabulary.add(format!("<extra_id_{sentinel}>"), id);
    }
    let at = path.clone();
    finish(file, path, (vocabulary, at), settings, false)
}

/// Names what has a role, and the tokens that are found in texts.
fn finish(
    file: ModelFile,
    path: PathBuf,
    (mut vocabulary, at): (Vocabulary, PathBuf),
    settings: [&Value; 2],
    language_codes: bool,
) -> Result<Opened, TextError> {
    let mut added = listed(settings[0], &at)?;
    for token in &added {
        vocabulary.add(token.content.clone(), token.id);
    }
    let role = |key: &str, usual: &str| {
        let named = settings.iter().filter_map(|all| content(all.get(key)?)).next();
        named.unwrap_or(usual).to_owned()
    };
    let [unknown, end, pad] =
        [("unk_token", "<unk>"), ("eos_token", "</s>"), ("pad_token", "<pad>")]
            .map(|(key, usual)| role(key, usual));
    let id = |token: &str| {
        vocabulary.id(token).ok_or_else(|| TextError::Malformed {
            path: at.clone(),
            reason: format!(
                "the special token {token} is not among its {} tokens",
                vocabulary.len()
            ),
        })
    };
    let (unknown_id, end_id) = (id(&unknown)?, id(&end)?);
    let mut names = vec![unknown, end, pad];
    for key in ["bos_token", "additional_special_tokens", "extra_special_tokens"] {
        let values = settings.iter().filter_map(|all| all.get(key));
        let tokens = values
            .flat_map(|value| value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice));
        names.extend(tokens.filter_map(content).map(str::to_owned));
    }
    if !language_codes {
        let sentinels = (0..).map(|k| format!("<extra_id_{k}>"));
        names.extend(sentinels.take_while(|name| vocabulary.id(name).is_some()));
    }
    for content in names {
        let known = added.iter().any(|token| token.content == content);
        if let Some(id) = vocabulary.id(&content).filter(|_| !known) {
            added.push(special(id, content));
        }
    }
    let mut finder = Finder::new();
    for token in &added {
        finder.add(&token.content, token);
    }
    added.retain(|token| token.special);
    let special_ids: HashSet<u32> = added.iter().map(|token| token.id).collect();
    let ids = Ids { vocabulary, unknown: unknown_id, special: finder, special_ids, language_codes };
    let engine = SentencePiece::new(file, ids)
        .map_err(|reason| TextError::Malformed { path: path.clone(), reason })?;
    let frame = Frame { suffix: vec![(end_id, 0)], ..Frame::default() };
    let specials = added.into_iter().map(|token| token.content).collect();
    Ok(Opened { engine, frame, path, specials })
}

fn special(id: u32, content: String) -> AddedToken {
    AddedToken {
        id,
        content,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: true,
    }
}

/// The tokens of `added_tokens_decoder`, by their ids.
fn listed(config: &Value, at: &Path) -> Result<Vec<AddedToken>, TextError> {
    let Some(all) = config.get("added_tokens_decoder").and_then(Value::as_object) else {
        return Ok(Vec::new());
    };
    let path = at.with_file_name("tokenizer_config.json");
    let mut tokens = Vec::new();
    for (key, value) in all {
        let (Ok(id), Some(text)) = (key.parse(), content(value).filter(|text| !text.is_empty()))
        else {
            return Err(TextError::Malformed {
                path,
                reason: format!(
                    "added_tokens_decoder: expected an id and its content, found {key:?}: {value}"
                ),
            });
        };
        let switch = |name: &str| value.get(name) == Some(&Value::Bool(true));
        if switch("single_word") {
            return Err(TextError::Unsupported {
                path,
                place: "added_tokens_decoder.single_word",
                found: format!("true for {text:?}"),
                supported: "false",
            });
        }
        tokens.push(AddedToken {
            lstrip: switch("lstrip"),
            rstrip: switch("rstrip"),
            special: value.get("special") != Some(&Value::Bool(false)),
            ..special(id, text.to_owned())
        });
    }
    tokens.sort_by_key(|token| token.id);
    Ok(tokens)
}

//! Vocabularies that are lists of tokens, a line each, as OpenNMT and CTranslate2 keep them: the tokens
//! are the text's characters where every token is one, else what stands between blanks.

use serde_json::{Map, Value, json};

use crate::error::TextError;
use crate::folder::{Folder, TOKENIZER_LIMIT, read};

/// The list of what is read.
pub(crate) const SOURCE: &str = "source_vocabulary.txt";
/// The list of what is written.
pub(crate) const TARGET: &str = "target_vocabulary.txt";

/// A list as a `tokenizer.json`, and the settings beside it; `None` where there is none.
pub(crate) fn open(folder: Folder, name: &str) -> Result<Option<(String, Value)>, TextError> {
    let Some(text) = read(folder, name, TOKENIZER_LIMIT)? else { return Ok(None) };
    let tokens: Vec<&str> = text.lines().collect();
    let is_special =
        |token: &&str| token.starts_with('<') && token.ends_with('>') && token.len() > 2;
    let spelled = tokens.iter().filter(|t| !is_special(t)).all(|token| token.chars().count() == 1);
    let pairs = tokens.iter().enumerate().map(|(id, token)| ((*token).to_owned(), json!(id)));
    let vocabulary: Map<String, Value> = pairs.collect();
    // Where nothing stands for what is unknown, the token that stands for nothing does.
    let unknown = ["<unk>", "<blank>"].into_iter().find(|token| tokens.contains(token));
    let unknown = unknown.or(tokens.first().copied()).unwrap_or_default();
    let special = tokens.iter().enumerate().filter(|(_, token)| is_special(token));
    let added: Vec<Value> = special
        .map(|(id, token)| {
            json!({"id": id, "content": token, "single_word": false, "lstrip": false,
                   "rstrip": false, "normalized": false, "special": true})
        })
        .collect();
    let (cut, join) = match spelled {
        true => (
            json!({"type": "Split", "pattern": {"Regex": "(?s)."}, "behavior": "Isolated",
                   "invert": false}),
            json!({"type": "Fuse"}),
        ),
        false => (json!({"type": "WhitespaceSplit"}), Value::Null),
    };
    let tokenizer = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": null,
        "pre_tokenizer": cut,
        "post_processor": null,
        "decoder": join,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": unknown},
    });
    Ok(Some((tokenizer.to_string(), json!({"unk_token": unknown}))))
}

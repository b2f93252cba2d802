//! `tokenizer.json`, read in one pass and straight into the form that the fast path wants.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::error::Category;

use crate::error::TextError;
use crate::frame::Frame;
use crate::wordpiece::{AddedToken, Normalizer, Settings, TokenList, WordPiece};

/// What `tokenizer_config.json` and `sentence_bert_config.json` say about BERT's normaliser.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Overrides {
    pub lowercase: Option<bool>,
    pub strip_accents: Option<Option<bool>>,
    pub handle_chinese_chars: Option<bool>,
    /// sentence-transformers' own `do_lower_case`: a lower-casing before everything else.
    pub lowercase_first: bool,
}

#[derive(Deserialize)]
struct File<'a> {
    version: Option<Value>,
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    #[serde(default)]
    post_processor: Value,
    #[serde(default)]
    decoder: Value,
    #[serde(borrow)]
    model: Model<'a>,
}

/// The special tokens of the post-processor and, where the file is of that kind, the fast path.
pub(crate) struct Parsed {
    pub frame: Frame,
    /// Added tokens marked as special.
    pub specials: Vec<String>,
    pub fast: Option<WordPiece>,
}

/// Reads the file for the fast path. A file of another shape is left to the `tokenizers` crate;
/// one that is no JSON is refused here.
pub(crate) fn parse(text: &str, path: &Path, overrides: Overrides) -> Result<Parsed, TextError> {
    let malformed = |e: serde_json::Error| TextError::Malformed {
        path: path.to_path_buf(),
        reason: e.to_string(),
    };
    let file = match serde_json::from_str::<File>(text) {
        Ok(file) => file,
        Err(e) if e.classify() == Category::Data => {
            let outline: Outline = serde_json::from_str(text).map_err(malformed)?;
            let frame = Frame::read(&outline.post_processor, path)?;
            let specials = outline
                .added_tokens
                .iter()
                .filter(|t| t.get("special") == Some(&Value::Bool(true)));
            let specials = specials.filter_map(|t| Some(t.get("content")?.as_str()?.to_owned()));
            return Ok(Parsed { frame, specials: specials.collect(), fast: None });
        }
        Err(e) => return Err(malformed(e)),
    };
    let frame = Frame::read(&file.post_processor, path)?;
    let trims = frame.trims.clone();
    let specials = file.added_tokens.iter().filter(|t| t.special).map(|t| t.content.clone());
    let specials = specials.collect();
    let fast = settings(file, trims, overrides).and_then(WordPiece::build);
    Ok(Parsed { frame, specials, fast })
}

/// The least that a file must hold, whatever its model.
#[derive(Deserialize)]
struct Outline {
    #[serde(default)]
    added_tokens: Vec<Value>,
    #[serde(default)]
    post_processor: Value,
}

fn settings(file: File, trims: Vec<bool>, overrides: Overrides) -> Option<Settings> {
    let version = file.version.is_none_or(|v| v == "1.0");
    let words = file.pre_tokenizer == serde_json::json!({"type": "BertPreTokenizer"});
    let Model::WordPiece(model) = file.model else { return None };
    if !version || !words || overrides.lowercase_first {
        return None;
    }
    let decoder = match &file.decoder {
        Value::Null => None,
        Value::Object(o) if o.len() == 3 && file.decoder.get("type")? == "WordPiece" => {
            Some((o.get("prefix")?.as_str()?.to_owned(), o.get("cleanup")?.as_bool()?))
        }
        _ => return None,
    };
    Some(Settings {
        tokens: model.vocab,
        unk_token: model.unk_token.into_owned(),
        prefix: model.prefix.into_owned(),
        max_word: model.max_word,
        normalizer: bert_normalizer(&file.normalizer, overrides)?,
        added: file.added_tokens,
        trims,
        decoder,
    })
}

/// `BertNormalizer` with exactly its four switches.
pub(crate) fn bert_normalizer(value: &Value, overrides: Overrides) -> Option<Normalizer> {
    let keys = value.as_object()?;
    if keys.len() != 5 || keys.get("type")? != "BertNormalizer" {
        return None;
    }
    let switch = |key: &str| keys.get(key)?.as_bool();
    let lowercase = overrides.lowercase.unwrap_or(switch("lowercase")?);
    let strip = match keys.get("strip_accents")? {
        Value::Null => None,
        value => Some(value.as_bool()?),
    };
    let strip = overrides.strip_accents.unwrap_or(strip);
    Some(Normalizer {
        clean_text: switch("clean_text")?,
        handle_chinese_chars: overrides
            .handle_chinese_chars
            .unwrap_or(switch("handle_chinese_chars")?),
        strip_accents: strip.unwrap_or(lowercase),
        lowercase,
    })
}

struct WordPieceModel<'a> {
    vocab: TokenList,
    unk_token: Cow<'a, str>,
    prefix: Cow<'a, str>,
    max_word: usize,
}

enum Model<'a> {
    WordPiece(WordPieceModel<'a>),
    Other,
}

/// A string without a copy where the file holds it without escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Seen;
        impl<'de> Visitor<'de> for Seen {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, v: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(v)))
            }
            fn visit_str<E>(self, v: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(v.to_owned())))
            }
        }
        from.deserialize_str(Seen)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Model<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(ModelVisitor)
    }
}

struct ModelVisitor;

impl<'de> Visitor<'de> for ModelVisitor {
    type Value = Model<'de>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a tokenizer's model")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Model<'de>, A::Error> {
        let (mut kind, mut vocab, mut unk_token, mut prefix) = (None, None, None, None);
        let (mut max_word, mut odd) = (None, false);
        while let Some(Text(key)) = map.next_key()? {
            let named_other = kind.as_ref().is_some_and(|k: &Text| k.0 != "WordPiece");
            let twice = match &*key {
                _ if named_other => {
                    map.next_value::<IgnoredAny>()?;
                    false
                }
                "type" => kind.replace(map.next_value::<Text>()?).is_some(),
                "vocab" => vocab.replace(map.next_value_seed(Vocab)?).is_some(),
                "unk_token" => unk_token.replace(map.next_value::<Text>()?).is_some(),
                "continuing_subword_prefix" => prefix.replace(map.next_value::<Text>()?).is_some(),
                "max_input_chars_per_word" => max_word.replace(map.next_value()?).is_some(),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    true
                }
            };
            odd |= twice;
        }
        let wanted = kind.is_some_and(|k| k.0 == "WordPiece") && !odd;
        Ok(match (vocab, unk_token, prefix, max_word) {
            (Some(vocab), Some(unk_token), Some(prefix), Some(max_word)) if wanted => {
                Model::WordPiece(WordPieceModel {
                    vocab,
                    unk_token: unk_token.0,
                    prefix: prefix.0,
                    max_word,
                })
            }
            _ => Model::Other,
        })
    }
}

/// The map from token to id, into one pool of strings.
struct Vocab;

impl<'de> DeserializeSeed<'de> for Vocab {
    type Value = TokenList;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<TokenList, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Vocab {
    type Value = TokenList;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a map from token to id")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<TokenList, A::Error> {
        let mut list = TokenList::default();
        while let Some((Text(token), id)) = map.next_entry::<Text, u32>()? {
            list.push(&token, id).ok_or_else(|| A::Error::custom("a vocabulary beyond 4 GiB"))?;
        }
        Ok(list)
    }
}

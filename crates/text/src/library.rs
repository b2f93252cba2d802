//! The `tokenizers` crate, for every file that the fast path does not take.
//!
//! Its parts are put together here rather than through its own loader: the truncation and
//! padding baked into a file, and the post-processor, are not wanted. That crate trusts its
//! files; a panic in it is caught and told as an error.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::Value;
use tokenizers::{
    AddedToken, DecoderWrapper, ModelWrapper, Normalizer as _, NormalizerWrapper,
    PreTokenizerWrapper, normalizers,
};

use crate::encoding::Encoding;
use crate::error::TextError;
use crate::file::Overrides;
use crate::frame::{Frame, brief, to_boundaries, trim_span};

#[derive(Deserialize)]
struct Added {
    #[serde(rename = "id")]
    _id: u32,
    #[serde(flatten)]
    token: AddedToken,
}

#[derive(Deserialize)]
struct File {
    version: Option<Value>,
    #[serde(default)]
    added_tokens: Vec<Added>,
    normalizer: Option<Value>,
    pre_tokenizer: Option<PreTokenizerWrapper>,
    decoder: Option<DecoderWrapper>,
    model: ModelWrapper,
}

/// A tokenizer of the `tokenizers` crate, without truncation, padding and post-processor.
pub(crate) struct Library {
    inner: tokenizers::Tokenizer,
    /// Strings by id, made when first asked for: the crate only hands out copies.
    tokens: OnceLock<HashMap<u32, Box<str>>>,
    size: usize,
}

impl std::fmt::Debug for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Library").field("size", &self.size).finish_non_exhaustive()
    }
}

/// Longer words than this are unknown in every known WordPiece file; the reference's loop over
/// a word takes quadratic time.
const LONGEST_WORD: usize = 10_000;

impl Library {
    /// Builds the tokenizer from the text of `tokenizer.json`.
    pub(crate) fn open(text: &str, path: &Path, overrides: Overrides) -> Result<Self, TextError> {
        let malformed = |reason: String| TextError::Malformed { path: path.to_path_buf(), reason };
        quiet(|| Self::build(text, path, overrides)).unwrap_or_else(|panic| Err(malformed(panic)))
    }

    fn build(text: &str, path: &Path, overrides: Overrides) -> Result<Self, TextError> {
        let malformed = |reason: String| TextError::Malformed { path: path.to_path_buf(), reason };
        let file: File = serde_json::from_str(text).map_err(|e| malformed(e.to_string()))?;
        if let Some(version) = file.version.filter(|v| v != "1.0") {
            return Err(TextError::Unsupported {
                path: path.to_path_buf(),
                place: "version",
                found: version.to_string(),
                supported: "\"1.0\"",
            });
        }
        check_model(&file.model, path)?;
        let normalizer = normalizer(file.normalizer, path, overrides)?;
        let mut inner = tokenizers::Tokenizer::new(file.model);
        inner.with_normalizer(normalizer).map_err(|e| malformed(e.to_string()))?;
        inner.with_pre_tokenizer(file.pre_tokenizer);
        inner.with_decoder(file.decoder);
        inner
            .add_tokens(file.added_tokens.into_iter().map(|a| a.token))
            .map_err(|e| malformed(format!("added_tokens: {e}")))?;
        let size = inner.get_vocab_size(true);
        Ok(Library { inner, tokens: OnceLock::new(), size })
    }

    /// Appends the tokens of `text` to `out`, with the trimming that `frame` asks for.
    pub(crate) fn encode(
        &self,
        text: &str,
        frame: &Frame,
        out: &mut Encoding,
    ) -> Result<(), String> {
        let encoded = quiet(|| self.inner.encode(text, false))?.map_err(|e| e.to_string())?;
        out.ids.extend_from_slice(encoded.get_ids());
        let tokens = encoded.get_tokens();
        for (k, (start, end)) in encoded.get_offsets().iter().enumerate() {
            let mut span = [*start, *end];
            for add_prefix_space in &frame.trims {
                trim_span(&tokens[k], &mut span, k == 0, *add_prefix_space);
            }
            out.spans.push(Some(to_boundaries(text, span)));
        }
        Ok(())
    }

    pub(crate) fn token(&self, id: u32) -> Option<&str> {
        let tokens = self.tokens.get_or_init(|| {
            let all = self.inner.get_vocab(true).into_iter();
            all.map(|(token, id)| (id, token.into_boxed_str())).collect()
        });
        tokens.get(&id).map(AsRef::as_ref)
    }

    pub(crate) fn id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    pub(crate) fn vocabulary_size(&self) -> usize {
        self.size
    }

    /// Text again from ids, all of which are to be kept.
    pub(crate) fn decode(&self, ids: &[u32]) -> Result<String, String> {
        quiet(|| self.inner.decode(ids, false))?.map_err(|e| e.to_string())
    }
}

fn check_model(model: &ModelWrapper, path: &Path) -> Result<(), TextError> {
    let refuse = |place, found: String, supported| {
        Err(TextError::Unsupported { path: path.to_path_buf(), place, found, supported })
    };
    match model {
        ModelWrapper::WordPiece(m) if m.max_input_chars_per_word > LONGEST_WORD => refuse(
            "model.max_input_chars_per_word",
            m.max_input_chars_per_word.to_string(),
            "up to 10000",
        ),
        ModelWrapper::BPE(m) if m.dropout.is_some_and(|p| p > 0.0) => refuse(
            "model.dropout",
            format!("{:?}", m.dropout),
            "null or 0: tokens must not depend on chance",
        ),
        _ => Ok(()),
    }
}

fn normalizer(
    value: Option<Value>,
    path: &Path,
    overrides: Overrides,
) -> Result<Option<NormalizerWrapper>, TextError> {
    let parsed = match value.filter(|v| !v.is_null()) {
        None => None,
        Some(value) => {
            check_charsmaps(&value, path)?;
            let bert = crate::file::bert_normalizer(&value, overrides);
            Some(match bert {
                Some(n) => normalizers::BertNormalizer::new(
                    n.clean_text,
                    n.handle_chinese_chars,
                    Some(n.strip_accents),
                    n.lowercase,
                )
                .into(),
                None => {
                    NormalizerWrapper::deserialize(&value).map_err(|e| TextError::Malformed {
                        path: path.to_path_buf(),
                        reason: format!("normalizer {}: {e}", brief(&value)),
                    })?
                }
            })
        }
    };
    let lowers = match &parsed {
        Some(NormalizerWrapper::Lowercase(_)) => true,
        Some(NormalizerWrapper::Sequence(list)) => {
            list.as_ref().iter().any(|n| matches!(n, NormalizerWrapper::Lowercase(_)))
        }
        _ => false,
    };
    let parsed = if overrides.lowercase_first && !lowers {
        let first = NormalizerWrapper::Lowercase(normalizers::utils::Lowercase);
        let list = std::iter::once(first).chain(parsed).collect();
        Some(NormalizerWrapper::Sequence(normalizers::Sequence::new(list)))
    } else {
        parsed
    };
    // A normaliser that panics does so on its first text; better at load than in a batch.
    if let Some(normalizer) = &parsed {
        let mut probe = tokenizers::NormalizedString::from("a B\u{e9} \u{4e2d}\u{1f600}");
        normalizer.normalize(&mut probe).map_err(|e| TextError::Malformed {
            path: path.to_path_buf(),
            reason: format!("normalizer fails: {e}"),
        })?;
    }
    Ok(parsed)
}

/// The crate sets memory aside for as many units as a character map claims to have, up to 8 GiB;
/// here the claim is compared with the map's real length first.
fn check_charsmaps(value: &Value, path: &Path) -> Result<(), TextError> {
    match value {
        Value::Array(list) => list.iter().try_for_each(|v| check_charsmaps(v, path)),
        Value::Object(keys) => keys.iter().try_for_each(|(key, v)| match v.as_str() {
            Some(map) if key == "precompiled_charsmap" => check_charsmap(map, path),
            _ => check_charsmaps(v, path),
        }),
        _ => Ok(()),
    }
}

fn check_charsmap(map: &str, path: &Path) -> Result<(), TextError> {
    let digits = map.bytes().take(6).map(|byte| match byte {
        b'A'..=b'Z' => Some(u64::from(byte - b'A')),
        b'a'..=b'z' => Some(u64::from(byte - b'a') + 26),
        b'0'..=b'9' => Some(u64::from(byte - b'0') + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    });
    // Six digits of base64 are 36 bits: four bytes, little-endian, and four bits more.
    let bits = digits.collect::<Option<Vec<u64>>>().filter(|d| d.len() == 6);
    let bits = bits.map(|d| d.iter().fold(0, |bits, digit| bits << 6 | digit) >> 4);
    let claimed = bits.map(|bits| u64::from((bits as u32).swap_bytes()));
    match claimed {
        Some(claimed) if claimed <= map.len() as u64 => Ok(()),
        _ => Err(TextError::Malformed {
            path: path.to_path_buf(),
            reason: format!(
                "normalizer: a precompiled_charsmap of {} characters claims {claimed:?} bytes",
                map.len()
            ),
        }),
    }
}

/// Runs a step of the `tokenizers` crate; a panic in it becomes its message.
fn quiet<T>(step: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(step)).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        format!("the tokenizers crate panicked: {}", text.unwrap_or_default())
    })
}

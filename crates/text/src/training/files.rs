//! The files of a trained tokenizer, as transformers and sentence-transformers read them.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};
use tokenizers::decoders::DecoderWrapper;
use tokenizers::decoders::wordpiece::WordPiece as WordPieceDecoder;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{AddedToken, ModelWrapper, Tokenizer};

use super::settings::{SPECIAL, TokenizerKind, TokenizerSettings};
use crate::characters::{self, CharacterFile};
use crate::error::TextError;

/// transformers' sign for "no maximum".
const NO_MAXIMUM: f64 = 1e30;

/// The whole tokenizer around a model.
pub(crate) fn assemble(
    settings: &TokenizerSettings,
    model: ModelWrapper,
) -> Result<Tokenizer, TextError> {
    let [_, _, cls, sep, _] = SPECIAL;
    let template = TemplateProcessing::builder()
        .try_single(format!("{cls} $A {sep}"))
        .and_then(|b| b.try_pair(format!("{cls} $A {sep} $B:1 {sep}:1")))
        .map_err(TextError::training)?
        .special_tokens(vec![(cls, 2), (sep, 3)])
        .build()
        .map_err(TextError::training)?;
    let decoder: DecoderWrapper = match settings.kind {
        TokenizerKind::WordPiece => WordPieceDecoder::new("##".to_owned(), true).into(),
        TokenizerKind::Bpe => ByteLevel::new(false, true, true).into(),
        TokenizerKind::Unigram | TokenizerKind::Characters => {
            Metaspace::new('▁', PrependScheme::Always, true).into()
        }
    };
    // The blank before a word belongs to the word for WordPiece; elsewhere to the mask.
    let blank = settings.kind != TokenizerKind::WordPiece;
    let special =
        SPECIAL.map(|token| AddedToken::from(token, true).lstrip(blank && token == SPECIAL[4]));
    let mut tokenizer = Tokenizer::new(model);
    tokenizer
        .with_normalizer(settings.normalizer()?)
        .map_err(TextError::training)?
        .with_pre_tokenizer(Some(settings.pre_tokenizer()))
        .with_post_processor(Some(template))
        .with_decoder(Some(decoder));
    tokenizer.add_special_tokens(special).map_err(TextError::training)?;
    Ok(tokenizer)
}

/// Writes all files; `tokenizer.json`, which decides, comes last.
pub(crate) fn write(
    settings: &TokenizerSettings,
    tokenizer: &Tokenizer,
    folder: &Path,
) -> Result<(), TextError> {
    let failed = |source| TextError::Write { path: folder.to_path_buf(), source };
    fs::create_dir_all(folder).map_err(failed)?;
    let [pad, unk, cls, sep, mask] = SPECIAL;
    let roles = json!({"pad_token": pad, "unk_token": unk, "cls_token": cls, "sep_token": sep,
                       "mask_token": mask});
    if settings.kind == TokenizerKind::WordPiece {
        let mut tokens: Vec<(u32, String)> =
            tokenizer.get_vocab(true).into_iter().map(|(token, id)| (id, token)).collect();
        tokens.sort_unstable();
        let lines: String = tokens.iter().map(|(_, token)| format!("{token}\n")).collect();
        replace(folder, "vocab.txt", &lines)?;
    }
    replace(folder, "special_tokens_map.json", &pretty(&roles)?)?;
    replace(folder, "tokenizer_config.json", &pretty(&config(settings, &roles))?)?;
    replace(folder, "tokenizer.json", &tokenizer.to_string(true).map_err(TextError::training)?)
}

/// Writes the list of words and, last, the file that makes the folder a tokenizer of characters.
pub(crate) fn write_characters(
    settings: &TokenizerSettings,
    ranked: &[String],
    folder: &Path,
) -> Result<(), TextError> {
    let failed = |source| TextError::Write { path: folder.to_path_buf(), source };
    fs::create_dir_all(folder).map_err(failed)?;
    let file = CharacterFile {
        split: settings.split,
        lower_case: settings.lower_case,
        max_length: settings.max_length,
        ..CharacterFile::default()
    };
    let files = characters::write(&file, ranked)?;
    files.iter().try_for_each(|(name, text)| replace(folder, name, text))
}

fn config(settings: &TokenizerSettings, roles: &Value) -> Value {
    let class = match settings.kind {
        TokenizerKind::WordPiece => "BertTokenizer",
        _ => "PreTrainedTokenizerFast",
    };
    let mut config = roles.clone();
    config["tokenizer_class"] = class.into();
    config["do_lower_case"] = settings.lower_case.into();
    config["clean_up_tokenization_spaces"] = false.into();
    config["model_max_length"] = settings.max_length.map_or(json!(NO_MAXIMUM), Value::from);
    if settings.kind == TokenizerKind::WordPiece {
        config["strip_accents"] = Value::Null;
        config["tokenize_chinese_chars"] = true.into();
    }
    config
}

pub(super) fn pretty(value: &Value) -> Result<String, TextError> {
    serde_json::to_string_pretty(value).map(|text| text + "\n").map_err(TextError::training)
}

/// Puts a file into its place at once: a reader sees the old one or the new one.
pub(super) fn replace(folder: &Path, name: &str, text: &str) -> Result<(), TextError> {
    let path = folder.join(name);
    let aside = folder.join(format!(".{name}.{}.new", std::process::id()));
    let write = || -> std::io::Result<()> {
        let mut file = File::create(&aside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&aside, &path)
    };
    write().map_err(|source| {
        // What cannot be removed either is left; the first failure is the one to tell.
        let _ = fs::remove_file(&aside);
        TextError::Write { path: path.clone(), source }
    })
}

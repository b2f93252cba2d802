//! From a model folder to encodings.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::characters::{self, CharacterFile, Characters};
use crate::encoding::Encoding;
use crate::error::TextError;
use crate::file::{self, Overrides};
use crate::fit::{Overflow, Piece};
use crate::folder::{Folder, SETTINGS_LIMIT, TOKENIZER_LIMIT, read};
use crate::frame::Frame;
use crate::library::Library;
use crate::lists;
use crate::sentencepiece::{self, Opened, SentencePiece, Side};
use crate::wordpiece::{Scratch, WordPiece};

/// Ids of the tokens with a role, where the folder names them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpecialTokens {
    /// Fills a batch up.
    pub pad: Option<u32>,
    /// Stands for what the vocabulary does not know.
    pub unk: Option<u32>,
    /// Begins a text, or stands for the whole of it.
    pub cls: Option<u32>,
    /// Ends a text.
    pub sep: Option<u32>,
    /// Hides a token in training.
    pub mask: Option<u32>,
    /// All special ids, rising: those with a role, and added tokens marked as special.
    pub all: Vec<u32>,
}

#[derive(Debug)]
enum Engine {
    WordPiece(Box<WordPiece>),
    Library(Box<Library>),
    Characters(Box<Characters>),
    SentencePiece(Box<SentencePiece>),
}

/// A tokenizer, ready to be used from many threads.
#[derive(Debug)]
pub struct Tokenizer {
    engine: Engine,
    frame: Frame,
    special: SpecialTokens,
    max_length: Option<usize>,
    path: PathBuf,
}

const CONFIG: &str = "tokenizer_config.json";
const SPECIAL_TOKENS: &str = "special_tokens_map.json";

/// `model_max_length` at or beyond this means "none": transformers writes about 1e30.
const NO_MAXIMUM: f64 = 1e9;

impl Tokenizer {
    /// Opens the tokenizer of a model folder: `tokenizer.json`; or `characters.json`, an ELMo's
    /// `options.json` or ELMoForManyLangs' `char.dic`, whose words are spelled out; or `vocab.txt`
    /// as BERT has it; or SentencePiece's models, `spiece.model` as T5 has it, or Marian's
    /// `source.spm`, of which this is the source's side (see [`Tokenizer::open_target`]).
    /// `tokenizer_config.json`, `special_tokens_map.json` and `sentence_bert_config.json` are
    /// honoured where they are there. Truncation and padding baked into the file are ignored:
    /// the caller cuts with [`Tokenizer::fit`].
    ///
    /// # Errors
    /// A typed error that names the file, for files that are absent, not regular, outside the
    /// folder, too large, malformed or of an unsupported kind.
    pub fn open(folder: &Path) -> Result<Tokenizer, TextError> {
        Self::open_in(Folder::System(folder))
    }

    /// As [`Tokenizer::open`], from the folder's files in memory, each with its name beneath the
    /// folder; `name` is how the folder is shown in messages.
    ///
    /// # Errors
    /// As [`Tokenizer::open`].
    pub fn open_files(name: &Path, files: &[(&str, &[u8])]) -> Result<Tokenizer, TextError> {
        Self::open_in(Folder::Memory(name, files))
    }

    /// Opens the tokenizer of what a model writes, where that is another than the one of what it
    /// reads: of the folder `target` beneath the model's, where that has a `tokenizer.json`; or of a
    /// Marian folder's `target.spm`; or of a list, `target_vocabulary.txt`, as CTranslate2 has it.
    ///
    /// # Errors
    /// As [`Tokenizer::open`].
    pub fn open_target(folder: &Path) -> Result<Option<Tokenizer>, TextError> {
        let own = folder.join("target");
        if own.join("tokenizer.json").exists() {
            return Self::open(&own).map(Some);
        }
        let folder = Folder::System(folder);
        let (config, map) =
            (settings_file(folder, CONFIG)?, settings_file(folder, SPECIAL_TOKENS)?);
        if let Some(opened) = sentencepiece::open(folder, [&config, &map], Side::Target)? {
            return Ok(Some(Self::pieces(opened, &config, &map)));
        }
        let whole = read(folder, "tokenizer.json", TOKENIZER_LIMIT)?.is_some();
        match !whole && lists::open(folder, lists::TARGET)?.is_some() {
            true => Self::of_list(folder, lists::TARGET).map(Some),
            false => Ok(None),
        }
    }

    fn open_in(folder: Folder) -> Result<Tokenizer, TextError> {
        let config = settings_file(folder, CONFIG)?;
        let map = settings_file(folder, SPECIAL_TOKENS)?;
        if let Some(opened) = sentencepiece::open(folder, [&config, &map], Side::Source)? {
            return Ok(Self::pieces(opened, &config, &map));
        }
        let sentence = settings_file(folder, "sentence_bert_config.json")?;
        let overrides = Overrides {
            lowercase_first: sentence.get("do_lower_case") == Some(&Value::Bool(true)),
            ..bert_overrides(&config)
        };
        let path = folder.join("tokenizer.json");
        let (engine, frame, path, added) = match read(folder, "tokenizer.json", TOKENIZER_LIMIT)? {
            Some(text) => {
                let (engine, frame, added) = from_json(&text, &path, overrides)?;
                (engine, frame, path, added)
            }
            None => {
                if lists::open(folder, lists::SOURCE)?.is_some() {
                    return Self::of_list(folder, lists::SOURCE);
                }
                if let Some((words, path)) = characters::open(folder)? {
                    return Ok(Self::spelled(words, path));
                }
                let path = folder.join("vocab.txt");
                let text = read(folder, "vocab.txt", TOKENIZER_LIMIT)?
                    .ok_or_else(|| TextError::Missing { folder: folder.path().into() })?;
                let (engine, frame) = from_vocab(&text, &config, &path, overrides)?;
                (engine, frame, path, Vec::new())
            }
        };
        Ok(Self::named(engine, frame, path, &added, [&config, &map]))
    }

    fn pieces(opened: Opened, config: &Value, map: &Value) -> Self {
        let Opened { engine, frame, path, specials } = opened;
        let engine = Engine::SentencePiece(Box::new(engine));
        Self::named(engine, frame, path, &specials, [config, map])
    }

    /// With what the settings say about special tokens and lengths.
    fn named(
        engine: Engine,
        frame: Frame,
        path: PathBuf,
        added: &[String],
        settings: [&Value; 2],
    ) -> Self {
        let max_length = settings[0]
            .get("model_max_length")
            .and_then(Value::as_f64)
            .filter(|n| *n >= 1.0 && *n < NO_MAXIMUM)
            .map(|n| n as usize);
        let special = SpecialTokens::default();
        let mut tokenizer = Tokenizer { engine, frame, special, max_length, path };
        tokenizer.name_specials(&settings, added);
        tokenizer
    }

    /// The tokenizer of a vocabulary that is a list.
    fn of_list(folder: Folder, name: &str) -> Result<Tokenizer, TextError> {
        let path = folder.join(name);
        let Some((text, config)) = lists::open(folder, name)? else {
            return Err(TextError::Missing { folder: folder.path().into() });
        };
        let (engine, frame, added) = from_json(&text, &path, bert_overrides(&config))?;
        Ok(Self::named(engine, frame, path, &added, [&config, &config]))
    }

    /// A tokenizer whose words are spelled out. It adds no token: the model itself sets marks
    /// around a text.
    fn spelled(words: Characters, path: PathBuf) -> Self {
        let [cls, sep, unk] = words.roles();
        let mut all: Vec<u32> = cls.into_iter().chain(sep).collect();
        all.sort_unstable();
        let special = SpecialTokens { cls, sep, unk, all, ..SpecialTokens::default() };
        let max_length = words.settings().max_length;
        let engine = Engine::Characters(Box::new(words));
        Self { engine, frame: Frame::default(), special, max_length, path }
    }

    fn name_specials(&mut self, sources: &[&Value], added: &[String]) {
        let find = |names: &[&str], usual: &[&str]| {
            let named = names.iter().flat_map(|name| sources.iter().map(move |s| s.get(*name)));
            let named: Vec<&str> = named.flatten().filter_map(content).collect();
            named.iter().chain(usual).find_map(|token| self.id(token))
        };
        let mut special = SpecialTokens {
            pad: find(&["pad_token"], &["[PAD]", "<pad>"]),
            unk: find(&["unk_token"], &["[UNK]", "<unk>"]),
            cls: find(&["cls_token", "bos_token"], &["[CLS]", "<s>"]),
            sep: find(&["sep_token", "eos_token"], &["[SEP]", "</s>"]),
            mask: find(&["mask_token"], &["[MASK]", "<mask>"]),
            all: Vec::new(),
        };
        let roles = [special.pad, special.unk, special.cls, special.sep, special.mask];
        let ends = ["bos_token", "eos_token"].map(|name| find(&[name], &[]));
        let frame = self.frame.prefix.iter().chain(&self.frame.suffix).map(|p| p.0);
        let mut all: Vec<u32> = roles.into_iter().chain(ends).flatten().chain(frame).collect();
        all.extend(added.iter().filter_map(|token| self.id(token)));
        all.sort_unstable();
        all.dedup();
        special.all = all;
        self.special = special;
    }

    /// Encodes a text whole, with the special tokens of the post-processor.
    ///
    /// # Errors
    /// [`TextError::Encode`] where the `tokenizers` crate fails on the text (the fast WordPiece
    /// path never does), or for a text of 4 GiB and more.
    pub fn encode(&self, text: &str) -> Result<Encoding, TextError> {
        let mut out = Encoding::default();
        self.encode_into(text, &mut out)?;
        Ok(out)
    }

    /// As [`Tokenizer::encode`], into an encoding whose memory is used again.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn encode_into(&self, text: &str, out: &mut Encoding) -> Result<(), TextError> {
        out.clear();
        out.prefix = self.frame.prefix.len();
        out.suffix = self.frame.suffix.len();
        out.ids.extend(self.frame.prefix.iter().map(|p| p.0));
        out.spans.resize(out.prefix, None);
        self.body(text, out)?;
        out.ids.extend(self.frame.suffix.iter().map(|p| p.0));
        out.spans.resize(out.ids.len(), None);
        if self.frame.has_types() {
            out.type_ids.extend(self.frame.prefix.iter().map(|p| p.1));
            out.type_ids.resize(out.ids.len() - out.suffix, self.frame.type_id);
            out.type_ids.extend(self.frame.suffix.iter().map(|p| p.1));
        }
        Ok(())
    }

    /// Encodes a text without the special tokens of the post-processor.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn encode_without_special(&self, text: &str) -> Result<Encoding, TextError> {
        let mut out = Encoding::default();
        self.body(text, &mut out)?;
        if self.frame.type_id != 0 {
            out.type_ids.resize(out.ids.len(), self.frame.type_id);
        }
        Ok(out)
    }

    fn body(&self, text: &str, out: &mut Encoding) -> Result<(), TextError> {
        out.text_bytes = text.len();
        let failed =
            |reason| TextError::Encode { path: self.path.clone(), bytes: text.len(), reason };
        if u32::try_from(text.len()).is_err() {
            return Err(failed("expected less than 4 GiB; cut the text before".to_owned()));
        }
        match &self.engine {
            Engine::WordPiece(model) => {
                let room = text.len() / 4 + 2;
                out.ids.reserve(room);
                out.spans.reserve(room);
                model.encode(text, out, &mut Scratch::default());
                Ok(())
            }
            Engine::Library(library) => library.encode(text, &self.frame, out).map_err(failed),
            Engine::SentencePiece(model) => model.encode(text, out).map_err(failed),
            Engine::Characters(words) => {
                words.encode(text, out);
                Ok(())
            }
        }
    }

    /// Encodes `prompt` and `text` as one string. Spans are those of `text`; tokens that lie in
    /// the prompt have none.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn encode_with_prompt(&self, prompt: &str, text: &str) -> Result<Encoding, TextError> {
        if prompt.is_empty() {
            return self.encode(text);
        }
        let mut out = self.encode(&format!("{prompt}{text}"))?;
        out.text_bytes = text.len();
        for span in &mut out.spans {
            *span = span.and_then(|[start, end]| {
                let end = end.checked_sub(prompt.len()).filter(|end| *end > 0)?;
                Some([start.saturating_sub(prompt.len()), end])
            });
        }
        let alone = self.encode(prompt)?.ids;
        let trailing = alone.last().is_some_and(|id| self.special.all.binary_search(id).is_ok());
        out.prompt_tokens = alone.len() - usize::from(trailing);
        Ok(out)
    }

    /// Encodes `text` after `prompt` (which may be empty) and cuts the result to `max_length`
    /// tokens; see [`Encoding::fit`].
    ///
    /// # Errors
    /// As [`Tokenizer::encode`] and [`Encoding::fit`].
    pub fn fit(
        &self,
        prompt: &str,
        text: &str,
        max_length: usize,
        overflow: Overflow,
    ) -> Result<Vec<Piece>, TextError> {
        self.encode_with_prompt(prompt, text)?.fit(text, max_length, overflow)
    }

    /// The string of an id.
    pub fn token(&self, id: u32) -> Option<&str> {
        match &self.engine {
            Engine::WordPiece(model) => model.token(id),
            Engine::Library(library) => library.token(id),
            Engine::SentencePiece(model) => model.token(id),
            Engine::Characters(words) => words.token(id),
        }
    }

    /// The id of a token's string.
    pub fn id(&self, token: &str) -> Option<u32> {
        match &self.engine {
            Engine::WordPiece(model) => model.id(token),
            Engine::Library(library) => library.id(token),
            Engine::SentencePiece(model) => model.id(token),
            Engine::Characters(words) => words.id(token),
        }
    }

    /// Number of tokens, added ones included; 0 where words are spelled out and not listed.
    pub fn vocabulary_size(&self) -> usize {
        match &self.engine {
            Engine::WordPiece(model) => model.vocabulary_size(),
            Engine::Library(library) => library.vocabulary_size(),
            Engine::SentencePiece(model) => model.vocabulary_size(),
            Engine::Characters(words) => words.size(),
        }
    }

    /// Text again from ids; unknown ids are left out, special ones too where `skip_special`.
    ///
    /// # Errors
    /// [`TextError::Encode`] where the decoder of the `tokenizers` crate fails.
    pub fn decode(&self, ids: &[u32], skip_special: bool) -> Result<String, TextError> {
        let skip = |id: u32| skip_special && self.special.all.binary_search(&id).is_ok();
        match &self.engine {
            Engine::WordPiece(model) => Ok(model.decode(ids, skip)),
            Engine::Characters(words) => Ok(words.decode(ids, skip)),
            Engine::SentencePiece(model) => Ok(model.decode(ids, skip)),
            Engine::Library(library) => {
                let kept: Vec<u32> = ids.iter().copied().filter(|id| !skip(*id)).collect();
                library.decode(&kept).map_err(|reason| TextError::Encode {
                    path: self.path.clone(),
                    bytes: 0,
                    reason,
                })
            }
        }
    }

    /// Ids of the tokens with a role.
    pub fn special(&self) -> &SpecialTokens {
        &self.special
    }

    /// `model_max_length` of the folder, special tokens included; `None` where it says none.
    pub fn max_length(&self) -> Option<usize> {
        self.max_length
    }

    /// How many special tokens the post-processor puts around a text.
    pub fn added_tokens(&self) -> usize {
        self.frame.len()
    }

    /// The file that the tokenizer was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the fast WordPiece path is taken, rather than the `tokenizers` crate.
    pub fn is_fast(&self) -> bool {
        matches!(self.engine, Engine::WordPiece(_))
    }

    /// How words are spelled out, where they are; see [`Encoding::characters`].
    pub fn characters(&self) -> Option<&CharacterFile> {
        match &self.engine {
            Engine::Characters(words) => Some(words.settings()),
            _ => None,
        }
    }

    /// What it is, for people: `wordpiece (fast)`, `tokenizers`, `sentencepiece` or `characters`.
    pub fn kind(&self) -> &'static str {
        match &self.engine {
            Engine::WordPiece(_) => "wordpiece (fast)",
            Engine::Library(_) => "tokenizers",
            Engine::SentencePiece(_) => "sentencepiece",
            Engine::Characters(_) => "characters",
        }
    }
}

/// The engine, the frame, and the added tokens marked as special.
fn from_json(
    text: &str,
    path: &Path,
    overrides: Overrides,
) -> Result<(Engine, Frame, Vec<String>), TextError> {
    let parsed = file::parse(text, path, overrides)?;
    let engine = match parsed.fast {
        Some(model) => Engine::WordPiece(Box::new(model)),
        None => Engine::Library(Box::new(Library::open(text, path, overrides)?)),
    };
    Ok((engine, parsed.frame, parsed.specials))
}

/// A settings file as JSON; null where it is absent.
fn settings_file(folder: Folder, name: &str) -> Result<Value, TextError> {
    let Some(text) = read(folder, name, SETTINGS_LIMIT)? else { return Ok(Value::Null) };
    serde_json::from_str(&text)
        .map_err(|e| TextError::Malformed { path: folder.join(name), reason: e.to_string() })
}

/// A token in a settings file: a string, or an object with `content`.
pub(crate) fn content(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value.get("content")?.as_str())
}

/// transformers lets `tokenizer_config.json` overrule the normaliser of a BERT tokenizer.
fn bert_overrides(config: &Value) -> Overrides {
    let class = config.get("tokenizer_class").and_then(Value::as_str).unwrap_or("");
    let kin = ["Bert", "DistilBert", "MPNet", "Electra", "MobileBert", "LayoutLM", "Funnel"];
    let name = class.trim_end_matches("Fast").trim_end_matches("Tokenizer");
    if !kin.contains(&name) {
        return Overrides::default();
    }
    let switch = |key: &str| config.get(key).and_then(Value::as_bool);
    Overrides {
        lowercase: switch("do_lower_case"),
        strip_accents: config.get("strip_accents").map(Value::as_bool),
        handle_chinese_chars: switch("tokenize_chinese_chars"),
        lowercase_first: false,
    }
}

/// BERT's oldest form: a vocabulary of one token a line, everything else by convention.
fn from_vocab(
    text: &str,
    config: &Value,
    path: &Path,
    overrides: Overrides,
) -> Result<(Engine, Frame), TextError> {
    let malformed = |reason: String| TextError::Malformed { path: path.to_path_buf(), reason };
    let mut vocab = serde_json::Map::new();
    for (line, token) in text.lines().enumerate() {
        vocab.insert(token.trim_end().to_owned(), json!(line));
    }
    let name =
        |key: &str, usual: &str| config.get(key).and_then(content).unwrap_or(usual).to_owned();
    let (cls, sep, unk) =
        (name("cls_token", "[CLS]"), name("sep_token", "[SEP]"), name("unk_token", "[UNK]"));
    let id = |token: &str| {
        vocab.get(token).and_then(Value::as_u64).map(|n| n as u32).ok_or_else(|| {
            malformed(format!("the special token {token} is not among the {} lines", vocab.len()))
        })
    };
    let frame =
        Frame { prefix: vec![(id(&cls)?, 0)], suffix: vec![(id(&sep)?, 0)], ..Frame::default() };
    let roles = [name("pad_token", "[PAD]"), unk.clone(), cls, sep, name("mask_token", "[MASK]")];
    let added: Vec<Value> = roles
        .iter()
        .filter_map(|t| Some((t, id(t).ok()?)))
        .map(|(t, id)| {
            json!({"id": id, "content": t, "single_word": false, "lstrip": false,
                   "rstrip": false, "normalized": false, "special": true})
        })
        .collect();
    let whole = json!({
        "version": "1.0", "added_tokens": added,
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                       "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": null,
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
        "model": {"type": "WordPiece", "unk_token": unk, "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": vocab}
    });
    let (engine, ..) = from_json(&whole.to_string(), path, overrides)?;
    Ok((engine, frame))
}

//! A model folder, opened.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use contexture_nn::ops::Pooling;
use contexture_nn::{Builder, Declaration, Segments, Session, Value, Weights};

use super::head::Head;
use super::info::{ModelInfo, architecture, licence};
use super::options::{AddHeads, OpenOptions};
use super::plan::{Plan, Spelling};
use super::quantise;
use crate::ModelError;
use crate::architectures::{Batch, Decoder, DecoderSettings, Encoder, EncoderSettings, TokenInput};
use crate::checkpoint::files::{self, Tensors};
use crate::checkpoint::load::Form;
use crate::checkpoint::precision;
use crate::families::{self, Family, Heads};
use crate::folder::modules::{self, Modules};
use crate::folder::{Config, Folder, HeadSettings, ModuleSettings, SentenceSettings};
use crate::heads::{Classifier, LanguageHead, LanguageHeadSettings};

/// An encoder with its head, its weights and what its folder says. Shared freely between threads.
#[derive(Debug)]
pub struct Model {
    pub(super) encoder: Encoder,
    pub(super) head: Head,
    pub(super) language: Option<LanguageHead>,
    pub(super) classifier: Option<Classifier>,
    pub(super) decoder: Option<Decoder>,
    pub(super) weights: Arc<Weights>,
    pub(super) sentence: SentenceSettings,
    pub(super) info: ModelInfo,
    pub(super) source: Option<Source>,
    pub(super) family: &'static Family,
    pub(super) spelling: Spelling,
}

/// Where an opened model came from.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) folder: Folder,
    pub(super) encoder: Folder,
}

const CONFIG: &str = "config.json";
const CARD_LIMIT: u64 = 4 << 20;

impl Model {
    /// Opens a folder: settings first, then shapes, then bytes, so that what does not fit is said
    /// before memory is taken.
    pub fn open(path: impl AsRef<Path>, options: &OpenOptions) -> Result<Self, ModelError> {
        Self::open_in(Folder::open(path.as_ref())?, options)
    }

    /// As [`Model::open`], from a folder that was found already, or that is in memory.
    pub fn open_in(folder: Folder, options: &OpenOptions) -> Result<Self, ModelError> {
        if let Some(model) = Self::open_foreign(&folder, options)? {
            return Ok(model);
        }
        let mut modules = modules::read(&folder)?;
        if let Some(pooling) = &options.pooling {
            override_pooling(&mut modules, pooling);
        }
        let config = match families::ctranslate2::config(&modules.encoder)? {
            Some(config) => config,
            None => config(&modules.encoder)?,
        };
        let (family, mut settings) = families::read(&config)?;
        settings.dropout = options.dropout;
        let tensors = Tensors::open(&modules.encoder)?;
        let spelling = Spelling::of(family, &settings, &tensors)?;
        let heads = options.heads || !options.pack || options.add_heads.is_some();
        let stored = match heads && !options.without_heads {
            true => families::heads(family, &config, &settings, spelling.prefix, &tensors)?,
            false => Heads::default(),
        };
        let described = families::decoder(family, &config, &settings)?.map(|mut decoder| {
            decoder.layers.dropout = options.dropout;
            decoder
        });
        let decoder = described.as_ref().filter(|_| heads && !options.without_heads);
        let decoder = decoder.map(|decoder| (decoder, options.pack));
        let seed = options.add_heads.as_ref().map_or(0, |add| add.seed);
        let (heads, fresh) = wanted(stored, options.add_heads.as_ref(), &settings)?;
        let listed = folder.shown("modules.json");
        let parts = Parts::declare(&settings, modules.head.clone(), &heads, decoder, &listed)?;
        let tied = described.as_ref().is_some_and(|decoder| decoder.tied);
        let fresh = |name: &str| {
            fresh.0 && name.starts_with("language.") || fresh.1 && name.starts_with("classifier.")
        };
        let mut plan =
            Plan::make(&folder, &parts.declaration, spelling, tensors, &parts.head, tied, fresh)?;
        let (form, threads) =
            (Form::of_options(options, plan.weight_type()), options.threads.max(1));
        let stored = plan.fill(&parts.declaration, form, threads, seed)?;
        let weights = Weights::new(parts.declaration, stored);
        let weights = quantise::finish(weights, form, &parts.encoder, &parts.head, threads)?;
        let weights = Arc::new(weights);
        let info = describe(
            &folder,
            family,
            &settings,
            described,
            &parts.head,
            &modules,
            &config,
            &plan,
            &weights,
        );
        let blind = options.without_positions;
        let encoder = if blind { parts.encoder.without_positions() } else { parts.encoder };
        Ok(Self {
            encoder,
            head: parts.head,
            language: parts.language,
            classifier: parts.classifier,
            decoder: parts.decoder,
            weights,
            sentence: modules.sentence,
            info,
            source: Some(Source { folder, encoder: modules.encoder }),
            family,
            spelling,
        })
    }

    /// The encoder.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// What follows the encoder.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The head that scores words, where the model has one; see [`OpenOptions::heads`].
    pub fn language(&self) -> Option<&LanguageHead> {
        self.language.as_ref()
    }

    /// The head that scores classes, where the model has one; see [`OpenOptions::heads`].
    pub fn classifier(&self) -> Option<&Classifier> {
        self.classifier.as_ref()
    }

    /// The decoder, where the model has one; see [`OpenOptions::heads`].
    pub fn decoder(&self) -> Option<&Decoder> {
        self.decoder.as_ref()
    }

    /// The weights, for sessions.
    pub fn weights(&self) -> &Arc<Weights> {
        &self.weights
    }

    /// Takes the weights out, for whoever trains them and must be their only owner. The model
    /// keeps none: [`Model::weights`] is then of an empty declaration until
    /// [`Model::set_weights`].
    pub fn take_weights(&mut self) -> Arc<Weights> {
        let none = Weights::new(Declaration::default(), Vec::new());
        std::mem::replace(&mut self.weights, Arc::new(none))
    }

    /// Puts weights of this model's declaration in.
    pub fn set_weights(&mut self, weights: Arc<Weights>) {
        self.weights = weights;
    }

    /// Prompts, lengths and the like.
    pub fn sentence(&self) -> &SentenceSettings {
        &self.sentence
    }

    /// The model's description.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// The model folder; `None` for a model that was created.
    pub fn folder(&self) -> Option<&Folder> {
        self.source.as_ref().map(|source| &source.folder)
    }

    /// The folder of the encoder and its tokenizer: the model folder or one beneath it; `None` for
    /// a model that was created.
    pub fn encoder_folder(&self) -> Option<&Folder> {
        self.source.as_ref().map(|source| &source.encoder)
    }

    /// Width of a token's row.
    pub fn hidden(&self) -> usize {
        self.encoder.settings().hidden
    }

    /// Width of a sentence's vector.
    pub fn dimensions(&self) -> usize {
        self.head.dimensions()
    }

    /// The most tokens of a text by default: the least of what the authors use, what the tokenizer
    /// states (numbers like 1e30 mean nothing) and what the encoder can take.
    pub fn maximum_tokens(&self, tokenizer: Option<usize>) -> Option<usize> {
        let stated = tokenizer.filter(|most| *most < 1_000_000_000);
        [self.sentence.maximum_tokens, stated, self.encoder.settings().maximum_tokens]
            .into_iter()
            .flatten()
            .min()
    }

    /// Checks token numbers and lengths; see [`Encoder::batch`].
    pub fn batch(
        &self,
        ids: Arc<[u32]>,
        type_ids: Option<Arc<[u32]>>,
        segments: Segments,
    ) -> Result<Batch, ModelError> {
        self.batch_with(ids, type_ids, None, segments)
    }

    /// As [`Model::batch`], with each token's characters `[tokens, most]`, which encoders need
    /// that spell words out.
    pub fn batch_with(
        &self,
        ids: Arc<[u32]>,
        type_ids: Option<Arc<[u32]>>,
        characters: Option<Arc<[u16]>>,
        segments: Segments,
    ) -> Result<Batch, ModelError> {
        self.encoder.batch(TokenInput { ids, type_ids, characters }, segments)
    }

    /// The last hidden rows, `[tokens, hidden]`.
    pub fn tokens(&self, s: &mut Session, batch: &Batch) -> Value {
        self.encoder.forward(s, batch)
    }

    /// One row a sequence from hidden rows, `[sequences, dimensions]`; see [`Head::forward`].
    pub fn sentences(
        &self,
        s: &mut Session,
        hidden: &Value,
        batch: &Batch,
        skip: &Arc<[usize]>,
    ) -> Value {
        self.head.forward(s, hidden, batch.segments(), skip)
    }

    /// The SHA-256 of each weight file, in hexadecimal, by name. Reads them all; a model that was
    /// created has none.
    pub fn digests(&self) -> Result<Vec<(String, String)>, ModelError> {
        let Some(Source { folder, .. }) = &self.source else { return Ok(Vec::new()) };
        let digest = |name: &String| Ok((name.clone(), files::digest(folder, name)?));
        self.info.weight_files.iter().map(digest).collect()
    }
}

/// Everything that declares parameters, in the order in which it does.
pub(super) struct Parts {
    pub(super) encoder: Encoder,
    pub(super) head: Head,
    pub(super) language: Option<LanguageHead>,
    pub(super) classifier: Option<Classifier>,
    pub(super) decoder: Option<Decoder>,
    pub(super) declaration: Declaration,
}

impl Parts {
    pub(super) fn declare(
        settings: &EncoderSettings,
        head: HeadSettings,
        heads: &Heads,
        decoder: Option<(&DecoderSettings, bool)>,
        listed: &Path,
    ) -> Result<Self, ModelError> {
        let mut b = Builder::new();
        let encoder = Encoder::declare(settings, &mut b)?;
        heads.language.as_ref().map_or(Ok(()), |head| head.check(settings))?;
        let head = Head::declare(head, settings.hidden, listed, &mut b)?;
        let language =
            heads.language.as_ref().map(|head| LanguageHead::declare(head, &encoder, &mut b));
        let classifier =
            heads.classifier.as_ref().map(|head| Classifier::declare(head, settings, &mut b));
        let decoder = decoder.map(|(d, packed)| Decoder::declare(d, &encoder, packed, &mut b));
        let decoder = decoder.transpose()?;
        Ok(Self { encoder, head, language, classifier, decoder, declaration: b.finish() })
    }
}

/// The heads that an opened model has, and which of the two begin afresh.
pub(super) fn wanted(
    stored: Heads,
    add: Option<&AddHeads>,
    settings: &EncoderSettings,
) -> Result<(Heads, (bool, bool)), ModelError> {
    let Some(add) = add else { return Ok((stored, (false, false))) };
    let fresh_language = add.language && stored.language.is_none();
    let language = match fresh_language {
        true if settings.keeps_sides_apart() => Some(LanguageHeadSettings::sides(settings)),
        true => Some(LanguageHeadSettings::bert(settings)),
        false => stored.language,
    };
    let fresh_classifier = add.classifier.is_some() && add.classifier != stored.classifier;
    if let (true, Some(classifier)) = (fresh_classifier, &add.classifier) {
        classifier.check()?;
    }
    let classifier = if fresh_classifier { add.classifier.clone() } else { stored.classifier };
    Ok((Heads { language, classifier }, (fresh_language, fresh_classifier)))
}

fn config(folder: &Folder) -> Result<Config, ModelError> {
    match folder.json(CONFIG)? {
        Some(mut value) => {
            adopt_generation(folder, &mut value)?;
            Config::new(folder.shown(CONFIG), value)
        }
        None => Err(ModelError::NotFound {
            path: folder.shown(CONFIG),
            advice: "a model folder states its architecture there".into(),
        }),
    }
}

/// How outputs are made, which later versions of transformers keep in a file of its own.
fn adopt_generation(folder: &Folder, config: &mut serde_json::Value) -> Result<(), ModelError> {
    const FILE: &str = "generation_config.json";
    const KEYS: [&str; 4] =
        ["bad_words_ids", "decoder_start_token_id", "eos_token_id", "max_length"];
    let decodes = config.get("is_encoder_decoder").and_then(serde_json::Value::as_bool);
    let (Some(true), Some(config)) = (decodes, config.as_object_mut()) else { return Ok(()) };
    let Some(found) = folder.json(FILE)? else { return Ok(()) };
    for key in KEYS {
        let absent = config.get(key).is_none_or(serde_json::Value::is_null);
        if let Some(value) = found.get(key).filter(|_| absent) {
            config.insert(key.into(), value.clone());
        }
    }
    Ok(())
}

pub(super) fn override_pooling(modules: &mut Modules, wanted: &[Pooling]) {
    for module in &mut modules.head.modules {
        if let ModuleSettings::Pool { pooling, .. } = module {
            *pooling = wanted.to_vec();
        }
    }
    modules.head.pooling_assumed = false;
}

fn describe(
    folder: &Folder,
    family: &Family,
    e: &EncoderSettings,
    decoder: Option<DecoderSettings>,
    head: &Head,
    modules: &Modules,
    config: &Config,
    plan: &Plan,
    weights: &Weights,
) -> ModelInfo {
    let configs = std::iter::once(config).chain(&modules.configs);
    let shown = |c: &Config| c.path().strip_prefix(folder.path()).unwrap_or(c.path()).to_owned();
    let keys = |c: &Config| (shown(c).display().to_string(), c.keys_read());
    let card = folder.read("README.md", CARD_LIMIT).ok().flatten();
    let precisions: BTreeSet<String> =
        plan.tensors.places.values().map(|p| precision(p.entry.dtype)).collect();
    ModelInfo {
        folder: folder.path().into(),
        architecture: architecture(decoder.as_ref()),
        family: family.name,
        positions: e.positions.iter().map(|p| p.name()).collect(),
        hidden: e.hidden,
        layers: e.layers.len(),
        heads: e.heads,
        inner: e.inner,
        lstm: e.lstm.clone(),
        characters: e.characters.clone(),
        mix: e.mix,
        decoder,
        vocabulary: e.vocabulary,
        dimensions: head.dimensions(),
        head: head.settings().modules.iter().map(ToString::to_string).collect(),
        pooling_assumed: head.settings().pooling_assumed,
        sentence: modules.sentence.clone(),
        maximum_tokens: e.maximum_tokens,
        parameters: weights.count(),
        bytes: plan.tensors.bytes(),
        precisions: precisions.into_iter().collect(),
        weight_files: plan.tensors.names(folder),
        licence: card.and_then(|card| licence(&card)),
        keys_read: configs.map(keys).collect(),
        tensors_ignored: plan.ignored.clone(),
        tensors_unknown: plan.unknown.clone(),
    }
}

//! A model folder, opened.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use contexture_nn::ops::Pooling;
use contexture_nn::{Builder, Declaration, Segments, Session, Value, Weights};

use super::head::Head;
use super::info::{ModelInfo, licence};
use crate::ModelError;
use crate::architectures::{Batch, Encoder, EncoderSettings};
use crate::checkpoint::files::{Tensors, WeightFile};
use crate::checkpoint::load::{self, Fill};
use crate::checkpoint::names::{self, Unread};
use crate::checkpoint::{Dialect, write};
use crate::families::{self, Family};
use crate::folder::modules::{self, Modules};
use crate::folder::{Config, Folder, ModuleSettings, SentenceSettings};

/// How to open a model.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenOptions {
    /// Threads to read and pack weights with.
    pub threads: usize,
    /// Whether matrices are packed for inference; training needs them plain.
    pub pack: bool,
    /// Ways of pooling to use in place of the folder's.
    pub pooling: Option<Vec<Pooling>>,
    /// Whether the encoder is blind to where tokens stand: for the law that permuting tokens then
    /// permutes rows.
    pub without_positions: bool,
}

impl Default for OpenOptions {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self { threads, pack: true, pooling: None, without_positions: false }
    }
}

/// An encoder with its head, its weights and what its folder says. Shared freely between threads.
#[derive(Debug)]
pub struct Model {
    encoder: Encoder,
    head: Head,
    weights: Arc<Weights>,
    sentence: SentenceSettings,
    info: ModelInfo,
    folder: Folder,
    encoder_folder: Folder,
    dialect: &'static Dialect,
    prefix: &'static str,
}

const CONFIG: &str = "config.json";
const CARD_LIMIT: u64 = 4 << 20;

impl Model {
    /// Opens a folder: settings first, then shapes, then bytes, so that what does not fit is said
    /// before memory is taken.
    pub fn open(path: impl AsRef<Path>, options: &OpenOptions) -> Result<Self, ModelError> {
        let folder = Folder::open(path.as_ref())?;
        let mut modules = modules::read(&folder)?;
        if let Some(pooling) = &options.pooling {
            override_pooling(&mut modules, pooling);
        }
        let config = config(&modules.encoder)?;
        let (family, settings) = families::read(&config)?;
        let tensors = Tensors::open(&modules.encoder)?;
        let mut builder = Builder::new();
        let encoder = Encoder::declare(&settings, &mut builder);
        let listed = folder.shown("modules.json");
        let head = Head::declare(modules.head.clone(), settings.hidden, &listed, &mut builder)?;
        let declaration = builder.finish();
        let plan = Plan::make(&folder, &declaration, family, tensors, &head)?;
        let stored = load::fill(&plan.fills, options.pack, options.threads.max(1))?;
        let weights = Arc::new(Weights::new(declaration, stored));
        let info = describe(&folder, family, &settings, &head, &modules, &config, &plan, &weights);
        let encoder = if options.without_positions { encoder.without_positions() } else { encoder };
        Ok(Self {
            encoder,
            head,
            weights,
            sentence: modules.sentence,
            info,
            folder,
            encoder_folder: modules.encoder,
            dialect: plan.dialect,
            prefix: plan.prefix,
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

    /// The weights, for sessions.
    pub fn weights(&self) -> &Arc<Weights> {
        &self.weights
    }

    /// Prompts, lengths and the like.
    pub fn sentence(&self) -> &SentenceSettings {
        &self.sentence
    }

    /// The model's description.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// The model folder.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// The folder of the encoder and its tokenizer: the model folder or one beneath it.
    pub fn encoder_folder(&self) -> &Folder {
        &self.encoder_folder
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
        self.encoder.batch(ids, type_ids, segments)
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

    /// The SHA-256 of each weight file, in hexadecimal, by name. Reads them all.
    pub fn digests(&self) -> Result<Vec<(String, String)>, ModelError> {
        let digest = |name: &String| Ok((name.clone(), WeightFile::digest(&self.folder, name)?));
        self.info.weight_files.iter().map(digest).collect()
    }

    /// Writes a folder that holds `weights` (plain, of this model's declaration) under the
    /// family's names, and copies of this folder's settings and tokenizer.
    pub fn write(&self, folder: &Path, weights: &Weights) -> Result<(), ModelError> {
        write::copy_settings(&self.folder, &self.encoder_folder, folder)?;
        let beneath = self.encoder_folder.path().strip_prefix(self.folder.path());
        let path = folder.join(beneath.unwrap_or(Path::new(""))).join("model.safetensors");
        let own = |name: &str| !name.starts_with("head.");
        write::write(&path, weights, self.dialect, self.prefix, own)?;
        for (index, module) in self.head.settings().modules.iter().enumerate() {
            let ModuleSettings::Dense { path, .. } = module else { continue };
            let prefix = format!("head.{index}.");
            let path = folder.join(path).join("model.safetensors");
            write::write(&path, weights, &DENSE, "", |name| name.starts_with(&prefix))?;
        }
        Ok(())
    }
}

/// Where every declared parameter's bytes are, with shapes compared.
struct Plan {
    fills: Vec<Fill>,
    dialect: &'static Dialect,
    prefix: &'static str,
    tensors: Tensors,
    ignored: Vec<String>,
    unknown: Vec<String>,
}

/// A dense module's file has one pair of tensors.
static DENSE: Dialect = Dialect { prefixes: &[""], rows: &[("head.#", &["linear"])] };

impl Plan {
    fn make(
        folder: &Folder,
        declaration: &Declaration,
        family: &Family,
        tensors: Tensors,
        head: &Head,
    ) -> Result<Self, ModelError> {
        let of_head = |name: &str| name.starts_with("head.");
        let first = declaration.params.iter().position(|d| of_head(&d.name));
        let (own, rest) = declaration.params.split_at(first.unwrap_or(declaration.params.len()));
        let (dialect, prefix) = names::choose(family.dialects, own, &tensors);
        let mut read = BTreeSet::new();
        let mut fills = Vec::with_capacity(declaration.params.len());
        for declared in own {
            fills.push(load::plan(declared, dialect, prefix, &tensors, &mut read)?);
        }
        let (mut ignored, mut unknown, mut misfits) = (Vec::new(), Vec::new(), Vec::new());
        for (name, kind) in names::unread(dialect, prefix, &tensors, &read) {
            match kind {
                Unread::Known => ignored.push(name),
                Unread::Unknown => unknown.push(name),
                Unread::Encoder => misfits.push(name),
            }
        }
        if let Some(first) = misfits.first() {
            let path = tensors.places[first].file.shown.clone();
            let (tensor, others) = (first.clone(), misfits.len() - 1);
            return Err(ModelError::UnreadTensor { path, tensor, others });
        }
        let mut rest = rest.iter().peekable();
        for (index, module) in head.settings().modules.iter().enumerate() {
            let ModuleSettings::Dense { path, .. } = module else { continue };
            let tensors = Tensors::open(&folder.within(path)?)?;
            let prefix = format!("head.{index}.");
            while let Some(declared) = rest.next_if(|d| d.name.starts_with(&prefix)) {
                fills.push(load::plan(declared, &DENSE, "", &tensors, &mut BTreeSet::new())?);
            }
        }
        Ok(Self { fills, dialect, prefix, tensors, ignored, unknown })
    }
}

fn config(folder: &Folder) -> Result<Config, ModelError> {
    match folder.json(CONFIG)? {
        Some(value) => Config::new(folder.shown(CONFIG), value),
        None => Err(ModelError::NotFound {
            path: folder.shown(CONFIG),
            advice: "a model folder states its architecture there".into(),
        }),
    }
}

fn override_pooling(modules: &mut Modules, wanted: &[Pooling]) {
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
        plan.tensors.places.values().map(|p| format!("{:?}", p.entry.dtype)).collect();
    ModelInfo {
        folder: folder.path().into(),
        architecture: "encoder",
        family: family.name,
        positions: e.positions.iter().map(|p| p.name()).collect(),
        hidden: e.hidden,
        layers: e.layers.len(),
        heads: e.heads,
        inner: e.inner,
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

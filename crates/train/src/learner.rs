//! From a configuration to a tokenizer, a model and its first weights.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use contexture_engine::{Embedder, Folder};
use contexture_hub as hub;
use contexture_kernels::{Activation, Pool, Reach};
use contexture_model::architectures::{
    Aggregator as Gathers, CharacterSettings, DecoderSettings, Directions, EncoderSettings,
    LstmSettings, NormPlace, Sizes,
};
use contexture_model::folder::{ModuleSettings, SentenceSettings};
use contexture_model::heads::{ClassifierSettings, LanguageHeadSettings, Level};
use contexture_model::positions::{
    DEFAULT_TOLERANCE, Divisor, Layout, PositionReport, PositionSettings, check,
};
use contexture_model::{AddHeads, Model, NewModel, OpenOptions};
use contexture_nn::Weights;
use contexture_nn::ops::Pooling;
use contexture_text::Tokenizer;

use crate::TrainError;
use crate::config::{
    Aggregator, Config, KeepTable, ModelSettings, NormPlaceName, ObjectiveSettings,
    PositionsChoice, PositionsTable,
};
use crate::data::RowStream;
use crate::objectives::{Learner, cells};
use crate::random::{Random, purpose};
use crate::tokenizer::{target_tokenizer, tokenizer};
use crate::vectors;

/// What a run begins with.
pub(crate) struct Prepared {
    pub(crate) learner: Learner,
    /// The model's weights, which stand beside it.
    pub(crate) weights: Arc<Weights>,
    pub(crate) positions: Vec<PositionReport>,
    pub(crate) notes: Vec<String>,
}

/// Makes or opens everything.
pub(crate) fn prepare(config: &Config, run: &Path, threads: usize) -> Result<Prepared, TrainError> {
    let mut notes = Vec::new();
    let seed = Random::of(&[config.seed, purpose::WEIGHTS]).bits();
    let mut target = None;
    let (mut model, tokenizer) = match (&config.model.from, &config.model.keep) {
        (Some(name), Some(keep)) => {
            let tokenizer = tokenizer(config, run)?;
            (part(config, keep, locate(name)?, threads, &tokenizer)?, tokenizer)
        }
        (Some(name), None) => {
            let folder = locate(name)?;
            let tokenizer = Embedder::open_tokenizer(&folder)?;
            target = Embedder::open_target_tokenizer(&folder)?;
            (opened(config, folder, threads, seed)?, tokenizer)
        }
        (None, _) => {
            let tokenizer = tokenizer(config, run)?;
            target = target_tokenizer(config, run)?;
            (created(config, &tokenizer, target.as_ref(), seed)?, tokenizer)
        }
    };
    let (rows, words) = (model.encoder().settings().vocabulary, tokenizer.vocabulary_size());
    if words > rows {
        let expected = format!("at most the {rows} words of the model");
        return Err(TrainError::value("tokenizer", expected, format!("{words} tokens")));
    }
    // Two places that coincide are an error before the first step, not a riddle after the last.
    let positions = check(model.encoder().settings())?;
    let mut weights = model.take_weights();
    if let Some(vectors) = &config.model.vectors {
        notes.push(vectors::begin_with(vectors, &tokenizer, &mut weights)?);
    }
    let pool = Arc::new(Pool::new(threads));
    let tokenizer = Arc::new(tokenizer);
    let target = target.map_or_else(|| tokenizer.clone(), Arc::new);
    let learner = Learner { model, tokenizer, target, pool };
    Ok(Prepared { learner, weights, positions, notes })
}

/// The folder of a model by name, folder or archive; pulled into the cache where it is not there.
pub(crate) fn locate(name: &str) -> Result<Folder, TrainError> {
    let mut tell = |progress: hub::Progress<'_>| tracing::info!("{}", progress.text);
    let found = contexture_engine::locate(name, &hub::Options::default(), Some(&mut tell))?;
    Ok(found.folder)
}

fn opened(config: &Config, folder: Folder, threads: usize, seed: u64) -> Result<Model, TrainError> {
    let language = config.objectives.iter().any(ObjectiveSettings::needs_language_head);
    let classifier = classifier(config)?;
    let options = OpenOptions {
        threads,
        pack: false,
        add_heads: Some(AddHeads { language, classifier, seed }),
        dropout: config.model.dropout as f32,
        ..OpenOptions::default()
    };
    let shown = folder.path().display().to_string();
    let model = Model::open_in(folder, &options)?;
    if config.translates() && model.decoder().is_none() {
        let expected = "an encoder-decoder, since an objective translates";
        return Err(TrainError::value("model.from", expected, format!("{shown}, an encoder")));
    }
    Ok(model)
}

/// A part of a model that is there; its words are those of the run's own tokenizer.
fn part(
    config: &Config,
    keep: &KeepTable,
    folder: Folder,
    threads: usize,
    tokenizer: &Tokenizer,
) -> Result<Model, TrainError> {
    let theirs = Embedder::open_tokenizer(&folder)?;
    let shown = folder.path().display().to_string();
    let options = OpenOptions { threads, pack: false, ..OpenOptions::default() };
    let whole = Model::open_in(folder, &options)?;
    let all = (0..whole.encoder().settings().layers.len()).collect();
    let layers: Vec<usize> = keep.layers.clone().unwrap_or(all);
    let words = (0..tokenizer.vocabulary_size() as u32).map(|id| {
        let token = tokenizer.token(id).unwrap_or_default();
        theirs.id(token).ok_or_else(|| {
            let expected = format!("only tokens of {shown}");
            TrainError::value("tokenizer", expected, format!("`{token}`"))
        })
    });
    let words = words.collect::<Result<Vec<u32>, _>>()?;
    Ok(whole.reduced(&layers, &words, config.model.dropout as f32)?)
}

fn created(
    config: &Config,
    tokenizer: &Tokenizer,
    target: Option<&Tokenizer>,
    seed: u64,
) -> Result<Model, TrainError> {
    let mut new = described(config, tokenizer.vocabulary_size())?;
    if config.translates() {
        new.decoder =
            Some(decoder(config, &new.settings, [tokenizer, target.unwrap_or(tokenizer)])?);
    }
    Ok(Model::create(&new, seed)?)
}

/// The decoder beside this encoder: as the encoder, but that it looks backwards.
fn decoder(
    config: &Config,
    e: &EncoderSettings,
    [source, tokenizer]: [&Tokenizer; 2],
) -> Result<DecoderSettings, TrainError> {
    let table = config.model.decoder.clone().unwrap_or_default();
    let mut own = config.clone();
    own.model.causal = true;
    own.model.layers = table.layers.unwrap_or(config.model.layers);
    let layers = encoder(&own, tokenizer.vocabulary_size())?;
    let special = tokenizer.special();
    // Marian's and T5's outputs begin with what pads.
    let (Some(start), Some(end)) = (special.cls.or(special.pad), special.sep) else {
        let expected = "a tokenizer with a token that ends a text, and one that begins it or pads";
        return Err(TrainError::value("tokenizer", expected, "none"));
    };
    let shared = config.target_tokenizer.is_none() && same_words(source, tokenizer);
    let same = shared && layers.word_width() == e.word_width();
    let outside = [special.pad, special.mask, special.unk].into_iter().flatten();
    Ok(DecoderSettings {
        shared_words: table.shared_words.unwrap_or(same),
        tied: config.model.tied,
        bias: table.bias,
        output_scale: 1.0,
        start,
        end,
        never: outside.chain([start]).collect(),
        longest: None,
        layers,
    })
}

/// Whether both number the same tokens in the same way, so that a table of words can serve both.
fn same_words(source: &Tokenizer, target: &Tokenizer) -> bool {
    let size = source.vocabulary_size();
    let same = |id| source.token(id) == target.token(id);
    size == target.vocabulary_size() && (0..size as u32).all(same)
}

/// The new model that a configuration describes.
pub(crate) fn described(config: &Config, vocabulary: usize) -> Result<NewModel, TrainError> {
    let m = &config.model;
    let settings = encoder(config, vocabulary)?;
    let language = config.objectives.iter().any(ObjectiveSettings::needs_language_head);
    let language = language.then(|| language_head(config, &settings));
    let pooling = vec![pooling("model.pooling", &m.pooling)?];
    let pool = ModuleSettings::Pool { pooling, include_prompt: true };
    let dense = m.dense.map(|outputs| ModuleSettings::Dense {
        path: "2_Dense".into(),
        inputs: m.hidden,
        outputs,
        bias: true,
        activation: Activation::Identity,
    });
    let normalize = m.normalize.then_some(ModuleSettings::Normalize);
    Ok(NewModel {
        settings,
        head: [pool].into_iter().chain(dense).chain(normalize).collect(),
        language,
        classifier: classifier(config)?,
        decoder: None,
        sentence: SentenceSettings {
            maximum_tokens: Some(m.maximum_tokens),
            similarity: Some("cosine".into()),
            ..SentenceSettings::default()
        },
    })
}

/// The head of a new model that tells words.
fn language_head(config: &Config, settings: &EncoderSettings) -> LanguageHeadSettings {
    let head = match config.tells_sides() {
        true => LanguageHeadSettings::sides(settings),
        false => LanguageHeadSettings::bert(settings),
    };
    let next = config.objectives.iter().any(|o| matches!(o, ObjectiveSettings::Causal(_)));
    LanguageHeadSettings { tied: head.tied && config.model.tied, next, ..head }
}

/// The encoder's properties from the configuration.
pub(crate) fn encoder(config: &Config, vocabulary: usize) -> Result<EncoderSettings, TrainError> {
    let m = &config.model;
    let bag = m.aggregator == Aggregator::None;
    let recurrent = m.aggregator == Aggregator::Lstm;
    let layers = if bag { 0 } else { m.layers };
    // Heads and inner widths are attention's; where there is none they say nothing.
    let heads = if recurrent { 1 } else { m.heads };
    let sizes = Sizes { hidden: m.hidden, heads, inner: m.inner, vocabulary, layers };
    let plain = EncoderSettings::plain(sizes);
    let lstm = recurrent.then(|| recurrence(config));
    let framing = if m.characters.is_some() { 2 } else { 0 };
    let before = m.norm == NormPlaceName::Before;
    let (positions, base) = positions(m, framing)?;
    let fixed = positions.iter().any(|p| {
        matches!(p, PositionSettings::Sinusoidal { .. } | PositionSettings::Formula { .. })
    });
    let translates = config.translates();
    let scaled = fixed || translates;
    let scale = m.embedding_scale.unwrap_or(if scaled { (m.hidden as f64).sqrt() } else { 1.0 });
    let narrow = (m.hidden as f64).sqrt().recip();
    let deviation = m.initial_deviation.unwrap_or(if translates { narrow } else { 0.02 });
    let layers = plain.layers.into_iter().map(|mut layer| {
        layer.reach = if m.causal { Reach::CAUSAL } else { Reach::ALL };
        layer.rotary_base = base;
        layer
    });
    let bert = positions.iter().all(|p| matches!(p, PositionSettings::Learned { .. }));
    Ok(EncoderSettings {
        // BERT's folders have a table of types, if only of one row.
        token_types: usize::from(
            bert && !(before
                || m.gated
                || bag
                || m.causal
                || recurrent
                || translates
                || framing > 0),
        ),
        // Where norms come first, the sum of the embeddings enters the first one as it is.
        // Recurrent layers need rows of a common size too; spelled-out words have one of their own.
        // The Transformer of the paper has none there.
        embedding_norm: !before && framing == 0 && !translates,
        initial_deviation: deviation as f32,
        final_norm: before && !bag && !recurrent,
        head_width: if recurrent { 1 } else { plain.head_width },
        norm: if before { NormPlace::Before } else { NormPlace::After },
        activation: activation(&m.activation)?,
        gated: m.gated,
        layers: layers.collect(),
        positions,
        maximum_tokens: Some(m.maximum_tokens),
        embedding_scale: scale as f32,
        aggregator: match m.aggregator {
            Aggregator::Attention => Gathers::Attention,
            Aggregator::Lstm => Gathers::Lstm,
            Aggregator::None => Gathers::None,
        },
        dropout: m.dropout as f32,
        lstm,
        characters: m
            .characters
            .as_ref()
            .map(|c| CharacterSettings::bytes(c.width, c.filters.clone(), c.highways)),
        mix: m.mix,
        ..plain
    })
}

/// The recurrent layers of the configuration.
fn recurrence(config: &Config) -> LstmSettings {
    let m = &config.model;
    let directions = if m.causal { Directions::Forward } else { Directions::Both };
    let width = m.hidden / directions.count();
    let cells = m.cells.unwrap_or(width);
    LstmSettings {
        cells,
        projection: cells != width,
        directions,
        joint: m.joint.unwrap_or(!config.tells_sides()),
        skip_connections: m.skip_connections,
        cell_clip: m.cell_clip.map(|clip| clip as f32),
        projection_clip: m.projection_clip.map(|clip| clip as f32),
    }
}

/// The position functions by the names that configurations use.
pub(crate) const POSITIONS: [&str; 7] =
    ["sinusoidal", "learned", "rotary", "alibi", "relative", "none", "formula"];

/// Position settings, and the base of rotation.
fn positions(
    m: &ModelSettings,
    framing: usize,
) -> Result<(Vec<PositionSettings>, f32), TrainError> {
    let named =
        |name: &str| PositionsTable { kind: Some(name.into()), ..PositionsTable::default() };
    let table = match &m.positions {
        None if m.aggregator == Aggregator::Lstm => named("none"),
        None => named("learned"),
        Some(PositionsChoice::Named(name)) => named(name),
        Some(PositionsChoice::Detailed(table)) => table.clone(),
    };
    let kind = match (&table.kind, &table.formula) {
        (None, Some(_)) => "formula",
        (Some(kind), _) => kind.as_str(),
        (None, None) => return Err(one_of("model.positions.kind", &POSITIONS, "nothing")),
    };
    let base = table.base.unwrap_or(10_000.0) as f32;
    let width = m.hidden / m.heads.max(1);
    let settings = match kind {
        "none" => return Ok((Vec::new(), base)),
        "learned" => {
            let entries = m.maximum_tokens + framing;
            PositionSettings::Learned { entries, offset: 0, skips: None }
        }
        "rotary" => {
            let interleaved = table.interleaved.unwrap_or(false);
            PositionSettings::Rotary { width, interleaved }
        }
        "alibi" => PositionSettings::Alibi,
        "relative" => PositionSettings::Buckets {
            buckets: table.buckets.unwrap_or(32),
            farthest: table.farthest.unwrap_or(128),
            one_sided: m.causal,
        },
        "sinusoidal" => sinusoidal(&table)?,
        "formula" => PositionSettings::Formula {
            source: table.formula.clone().ok_or_else(|| {
                TrainError::value("model.positions.formula", "an expression", "nothing")
            })?,
            tolerance: table.tolerance.map_or(DEFAULT_TOLERANCE, |t| t as f32),
        },
        other => return Err(one_of("model.positions", &POSITIONS, other)),
    };
    Ok((vec![settings], base))
}

const LAYOUTS: [&str; 4] = ["paper", "marian", "tensor2tensor", "fairseq"];

fn sinusoidal(table: &PositionsTable) -> Result<PositionSettings, TrainError> {
    let name = table.layout.as_deref().unwrap_or("paper");
    // A padding token has number 0 here; fairseq counts places from the one after it.
    let (layout, divisor, first) = match name {
        "paper" => (Layout::Interleaved, Divisor::Paper, 0),
        "marian" => (Layout::Halves, Divisor::Paper, 0),
        "tensor2tensor" => (Layout::Halves, Divisor::Tensor2Tensor, 0),
        "fairseq" => (Layout::Halves, Divisor::Tensor2Tensor, 1),
        other => return Err(one_of("model.positions.layout", &LAYOUTS, other)),
    };
    Ok(PositionSettings::Sinusoidal { layout, divisor, offset: table.offset.unwrap_or(first) })
}

const ACTIVATIONS: [(&str, Activation); 5] = [
    ("gelu", Activation::Gelu),
    ("gelu_tanh", Activation::GeluTanh),
    ("relu", Activation::Relu),
    ("silu", Activation::Silu),
    ("tanh", Activation::Tanh),
];

fn activation(name: &str) -> Result<Activation, TrainError> {
    let found = ACTIVATIONS.iter().find(|(known, _)| *known == name);
    let names: Vec<&str> = ACTIVATIONS.iter().map(|(name, _)| *name).collect();
    found.map(|(_, it)| *it).ok_or_else(|| one_of("model.activation", &names, name))
}

const POOLINGS: [(&str, Pooling); 6] = [
    ("mean", Pooling::Mean),
    ("cls", Pooling::Cls),
    ("max", Pooling::Max),
    ("mean_sqrt_len_tokens", Pooling::MeanSqrtLength),
    ("weightedmean", Pooling::WeightedMean),
    ("lasttoken", Pooling::Last),
];

fn pooling(key: &str, name: &str) -> Result<Pooling, TrainError> {
    let found = POOLINGS.iter().find(|(known, _)| *known == name);
    let names: Vec<&str> = POOLINGS.iter().map(|(name, _)| *name).collect();
    found.map(|(_, it)| *it).ok_or_else(|| one_of(key, &names, name))
}

/// The classifier that an objective of classes needs; where it names no labels, all that its
/// training rows have.
fn classifier(config: &Config) -> Result<Option<ClassifierSettings>, TrainError> {
    let Some(objective) = config.objectives.iter().find(|o| o.classes().is_some()) else {
        return Ok(None);
    };
    let Some(settings) = objective.classes() else { return Ok(None) };
    let of_words = matches!(objective, ObjectiveSettings::Tagging(_));
    let labels = match settings.labels.is_empty() {
        false => settings.labels.clone(),
        true => labels(objective, of_words)?,
    };
    if labels.len() < 2 {
        let (key, found) = (format!("{}.labels", objective.name()), labels.join(", "));
        return Err(TrainError::value(key, "at least two different labels", found));
    }
    Ok(Some(ClassifierSettings {
        labels,
        level: if of_words { Level::Tokens } else { Level::Texts },
        pooling: pooling("objective.pooling", &settings.pooling)?,
        dense: false,
        activation: Activation::Identity,
    }))
}

/// More classes than this are taken for a column of something else.
const MOST_LABELS: usize = 10_000;

fn labels(objective: &ObjectiveSettings, of_words: bool) -> Result<Vec<String>, TrainError> {
    let mut labels = BTreeSet::new();
    for row in RowStream::once(objective.name(), objective.data(), &objective.fields())? {
        let field = &row?.fields[1];
        match of_words {
            true => labels.extend(cells(field).into_iter().map(str::to_owned)),
            false => {
                labels.insert(field.trim().to_owned());
            }
        }
        if labels.len() > MOST_LABELS {
            let key = format!("{}.data", objective.name());
            let expected = format!("at most {MOST_LABELS} different labels");
            return Err(TrainError::value(key, expected, "more: is the column right?"));
        }
    }
    Ok(labels.into_iter().collect())
}

/// A name that is none of those known, with the nearest one.
pub(crate) fn one_of(key: &str, known: &[&str], found: &str) -> TrainError {
    let nearest = known.iter().min_by_key(|name| strsim::damerau_levenshtein(found, name));
    let nearest = nearest.filter(|name| strsim::damerau_levenshtein(found, name) <= 3);
    let hint = nearest.map_or(String::new(), |name| format!(" (did you mean {name}?)"));
    TrainError::value(key, format!("one of {}", known.join(", ")), format!("{found}{hint}"))
}

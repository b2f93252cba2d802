//! The stored models and batches, and one forward with its loss.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use contexture_kernels::{Activation, Pool, Reach};
use contexture_model::architectures::{EncoderSettings, NormPlace, Sizes};
use contexture_model::heads::LanguageHeadSettings;
use contexture_model::positions::{Divisor, Layout, PositionSettings};
use contexture_model::{Model, NewModel, OpenOptions};
use contexture_nn::ops::Gather;
use contexture_nn::{Gradients, Rows, Segments, Session, Stored, Weights};
use contexture_verify::{Tensor, goldens, tensors};
use serde::Deserialize;

/// A batch of sequences end to end, and the rows of it that are predicted.
#[derive(Debug, Deserialize)]
pub(crate) struct Words {
    pub(crate) lengths: Vec<usize>,
    pub(crate) ids: Vec<u32>,
    pub(crate) rows: Vec<u32>,
    pub(crate) targets: Vec<u32>,
}

/// The settings of the reference's module, as its script names them.
#[derive(Debug, Deserialize)]
struct Settings {
    hidden: usize,
    heads: usize,
    inner: usize,
    layers: usize,
    vocabulary: usize,
    positions: usize,
    epsilon: f32,
    norm: String,
    activation: String,
    gated: bool,
    position: String,
    causal: bool,
    tied: bool,
    embedding_norm: bool,
    embedding_scale: f32,
    base: f32,
    interleaved: bool,
}

/// One variant of the encoder with its batch and the reference's loss.
#[derive(Debug, Deserialize)]
pub(crate) struct Variant {
    settings: Settings,
    pub(crate) batch: Words,
    pub(crate) loss: f64,
}

pub(crate) fn file(name: &str) -> PathBuf {
    goldens().join("training").join(name)
}

pub(crate) fn json<T: for<'a> Deserialize<'a>>(name: &str) -> T {
    let bytes = std::fs::read(file(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    serde_json::from_slice(&bytes).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// The stored BERT with its language head, opened to be trained.
pub(crate) fn bert() -> Model {
    let options = OpenOptions { threads: 1, pack: false, ..OpenOptions::default() };
    let model = Model::open(file("bert"), &options).unwrap_or_else(|e| panic!("{e}"));
    assert!(model.language().is_some(), "the checkpoint's language head was not read");
    model
}

/// A variant with its stored weights, and the reference's gradients by name.
pub(crate) fn variant(
    name: &str,
    variant: &Variant,
) -> (Model, Arc<Weights>, HashMap<String, Tensor>) {
    stored(name, &new_model(&variant.settings))
}

/// A model with the weights that are stored under `name`, and the reference's gradients by name.
pub(crate) fn stored(name: &str, new: &NewModel) -> (Model, Arc<Weights>, HashMap<String, Tensor>) {
    let model = Model::create(new, 1).unwrap_or_else(|e| panic!("{name}: {e}"));
    let mut weights = HashMap::new();
    let mut gradients = HashMap::new();
    for (key, tensor) in tensors(&file(&format!("{name}.safetensors"))) {
        match key.split_once('.') {
            Some(("weight", of)) => weights.insert(of.to_owned(), tensor),
            Some(("gradient", of)) => gradients.insert(of.to_owned(), tensor),
            _ => panic!("{name}: {key}"),
        };
    }
    let declaration = model.weights().declaration().clone();
    let stored = declaration.params.iter().map(|declared| {
        let found = weights.remove(&declared.name);
        Stored::Plain(found.unwrap_or_else(|| panic!("{name} has no {}", declared.name)).values)
    });
    let stored = stored.collect();
    assert!(weights.is_empty(), "{name}: not declared: {:?}", weights.keys());
    (model, Arc::new(Weights::new(declaration, stored)), gradients)
}

fn new_model(s: &Settings) -> NewModel {
    let Settings { hidden, heads, inner, vocabulary, layers, .. } = *s;
    let mut e = EncoderSettings::plain(Sizes { hidden, heads, inner, vocabulary, layers });
    e.epsilon = s.epsilon;
    e.norm = if s.norm == "before" { NormPlace::Before } else { NormPlace::After };
    e.final_norm = s.norm == "before";
    e.embedding_norm = s.embedding_norm;
    e.embedding_scale = s.embedding_scale;
    e.gated = s.gated;
    e.activation = match &*s.activation {
        "gelu" => Activation::Gelu,
        "gelu_tanh" => Activation::GeluTanh,
        "relu" => Activation::Relu,
        "silu" => Activation::Silu,
        other => panic!("activation {other}"),
    };
    e.maximum_tokens = Some(s.positions);
    e.positions = position(s).into_iter().collect();
    for layer in &mut e.layers {
        layer.reach = if s.causal { Reach::CAUSAL } else { Reach::ALL };
        layer.rotary_base = s.base;
    }
    // The reference's head has a GELU whatever the encoder's activation is.
    let bert = LanguageHeadSettings::bert(&e);
    let language = LanguageHeadSettings { activation: Activation::Gelu, tied: s.tied, ..bert };
    let (head, classifier, sentence) = (Vec::new(), None, Default::default());
    NewModel { settings: e, head, language: Some(language), classifier, decoder: None, sentence }
}

fn position(s: &Settings) -> Option<PositionSettings> {
    Some(match &*s.position {
        "none" => return None,
        "learned" => PositionSettings::Learned { entries: s.positions, offset: 0, skips: None },
        "rotary" => {
            PositionSettings::Rotary { width: s.hidden / s.heads, interleaved: s.interleaved }
        }
        "alibi" => PositionSettings::Alibi,
        "relative" => PositionSettings::Buckets { buckets: 32, farthest: 128, one_sided: false },
        "sinusoidal" => {
            let (layout, divisor) = (Layout::Interleaved, Divisor::Paper);
            PositionSettings::Sinusoidal { layout, divisor, offset: 0 }
        }
        other => panic!("position {other}"),
    })
}

/// The mean loss over the batch's rows, and its gradients added to `gradients`.
pub(crate) fn learn(
    model: &Model,
    weights: &Arc<Weights>,
    words: &Words,
    smoothing: f32,
    pool: &Arc<Pool>,
    gradients: &mut Gradients,
) -> f64 {
    let mut s = Session::train(weights.clone(), pool.clone());
    let segments = Segments::from_lengths(words.lengths.iter().copied());
    let batch = model.batch(words.ids.clone().into(), None, segments.clone());
    let batch = batch.unwrap_or_else(|e| panic!("{e}"));
    let hidden = model.tokens(&mut s, &batch);
    let count = words.rows.len();
    let chosen = s.apply(Gather { rows: words.rows.clone().into() }, &[&hidden], &segments);
    let language = model.language().expect("a language head");
    let transformed = language.transform(&mut s, &chosen, &Segments::single(count));
    let seed = 1.0 / count as f32;
    let targets: Arc<[u32]> = words.targets.clone().into();
    let losses = language.loss(&mut s, &transformed, targets, smoothing, seed);
    let sum: f64 = losses.rows().as_slice().iter().map(|loss| f64::from(*loss)).sum();
    s.backward_into(vec![(&losses, Rows::new(vec![seed; count], 1))], gradients);
    sum / count as f64
}

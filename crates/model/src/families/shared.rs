//! What several families' configurations have in common.

use contexture_kernels::Activation;

use crate::ModelError;
use crate::architectures::Sizes;
use crate::folder::Config;

/// No encoder comes near these; above them, sizes are refused before anything is declared.
pub(super) const HIDDEN: usize = 1 << 15;
const INNER: usize = 1 << 18;
const VOCABULARY: usize = 1 << 24;
const LAYERS: usize = 256;
const HEADS: usize = 1 << 10;
pub(super) const PLACES: usize = 1 << 24;
const TYPES: usize = 1 << 10;

/// How a family spells its sizes.
pub(super) struct SizeKeys {
    pub(super) hidden: &'static [&'static str],
    pub(super) heads: &'static [&'static str],
    pub(super) inner: &'static [&'static str],
    pub(super) layers: &'static [&'static str],
}

/// BERT's spelling, which most families took over.
pub(super) const BERT_SIZES: SizeKeys = SizeKeys {
    hidden: &["hidden_size"],
    heads: &["num_attention_heads"],
    inner: &["intermediate_size"],
    layers: &["num_hidden_layers"],
};

/// Reads the sizes; heads must divide the hidden width.
pub(super) fn sizes(config: &Config, keys: &SizeKeys) -> Result<Sizes, ModelError> {
    let hidden = config.count(keys.hidden, 1..=HIDDEN)?;
    let heads = config.count(keys.heads, 1..=HEADS)?;
    if !hidden.is_multiple_of(heads) {
        let expected = format!("a divisor of {} ({hidden})", keys.hidden[0]);
        return Err(config.wrong(keys.heads[0], &expected, &heads.into()));
    }
    Ok(Sizes {
        hidden,
        heads,
        inner: config.count(keys.inner, 1..=INNER)?,
        vocabulary: config.count(&["vocab_size"], 1..=VOCABULARY)?,
        layers: config.count(keys.layers, 1..=LAYERS)?,
    })
}

/// The sizes of one side of an encoder-decoder, whose heads need not divide the hidden width; its keys
/// are those of heads, inner width and layers.
pub(super) fn widths(
    config: &Config,
    hidden: &str,
    [heads, inner, layers]: [&str; 3],
    vocabulary: &str,
) -> Result<Sizes, ModelError> {
    Ok(Sizes {
        hidden: config.count(&[hidden], 1..=HIDDEN)?,
        heads: config.count(&[heads], 1..=HEADS)?,
        inner: config.count(&[inner], 1..=INNER)?,
        vocabulary: config.count(&[vocabulary], 1..=VOCABULARY)?,
        layers: config.count(&[layers], 1..=LAYERS)?,
    })
}

/// A token's number.
pub(super) fn token(config: &Config, key: &str, vocabulary: usize) -> Result<u32, ModelError> {
    Ok(config.count(&[key], 0..=vocabulary - 1)? as u32)
}

/// Tokens that must never be told: a list of sequences, of which only single tokens can be honoured.
pub(super) fn ids(config: &Config, key: &str, vocabulary: usize) -> Result<Vec<u32>, ModelError> {
    let keys = [key];
    let Some((key, value)) = config.get(&keys) else { return Ok(Vec::new()) };
    let single = |entry: &serde_json::Value| match entry.as_array().map(Vec::as_slice) {
        Some([id]) => id.as_u64().filter(|id| *id < vocabulary as u64).map(|id| id as u32),
        _ => None,
    };
    let read = match value {
        serde_json::Value::Null => Some(Vec::new()),
        value => value.as_array().and_then(|list| list.iter().map(single).collect()),
    };
    read.ok_or_else(|| config.wrong(key, "lists of one token each, of the vocabulary", value))
}

/// Token types; `absent` where the configuration does not say.
pub(super) fn token_types(config: &Config, absent: usize) -> Result<usize, ModelError> {
    Ok(config.optional_count(&["type_vocab_size"], 0..=TYPES)?.unwrap_or(absent))
}

/// The most places: the rows of a table, or how far rotation was trained.
pub(super) fn places(config: &Config, keys: &[&str]) -> Result<usize, ModelError> {
    config.count(keys, 1..=PLACES)
}

/// A norm's epsilon.
pub(super) fn epsilon(config: &Config, keys: &[&str], absent: f64) -> Result<f32, ModelError> {
    config.number(keys, 0.0..=1.0, absent).map(|epsilon| epsilon as f32)
}

/// The activations by the names that configurations use.
pub(crate) const ACTIVATIONS: [(&str, Activation); 11] = [
    ("gelu", Activation::Gelu),
    ("gelu_python", Activation::Gelu),
    ("gelu_new", Activation::GeluTanh),
    ("gelu_fast", Activation::GeluTanh),
    ("gelu_pytorch_tanh", Activation::GeluTanh),
    ("relu", Activation::Relu),
    ("silu", Activation::Silu),
    ("swish", Activation::Silu),
    ("tanh", Activation::Tanh),
    ("sigmoid", Activation::Sigmoid),
    ("linear", Activation::Identity),
];

/// The feed-forward part's activation.
pub(super) fn activation(config: &Config, keys: &[&str]) -> Result<Activation, ModelError> {
    config.choice(keys, &ACTIVATIONS, Activation::Gelu)
}

/// What would make another model of an encoder.
pub(super) fn encoder_only(config: &Config) -> Result<(), ModelError> {
    for key in ["is_decoder", "add_cross_attention", "is_encoder_decoder"] {
        config.only(key, false.into())?;
    }
    // Absent or empty: `{}` is how some versions write "nothing pruned".
    config.only("pruned_heads", serde_json::json!({}))
}

/// The base of a rotation, where nothing but the plain rotation is asked for.
pub(super) fn rotary_base(rope: &Config, absent: f64) -> Result<f32, ModelError> {
    rope.only("rope_type", "default".into())?;
    rope.only("type", "default".into())?;
    rope.number(&["partial_rotary_factor"], 1.0..=1.0, 1.0)?;
    base(rope, &["rope_theta"], absent)
}

/// A base of rotation.
pub(super) fn base(config: &Config, keys: &[&str], absent: f64) -> Result<f32, ModelError> {
    config.number(keys, 1.0..=1e12, absent).map(|base| base as f32)
}

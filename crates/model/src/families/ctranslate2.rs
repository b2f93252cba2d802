//! CTranslate2's first Transformers (OpenNMT): norms before, sinusoids as tensor2tensor has them, counted
//! from 1. Their folders have vocabularies as lists and tensors, here as safetensors with dots for
//! slashes, and no configuration: sizes are the tensors', and 8 heads were the only choice.

use contexture_kernels::{Activation, Reach};
use serde_json::json;

use super::Family;
use super::shared::{token, widths};
use crate::ModelError;
use crate::architectures::{DecoderSettings, EncoderSettings, LayerSettings, NormPlace};
use crate::checkpoint::Dialect;
use crate::checkpoint::files::Tensors;
use crate::folder::{Config, Folder};
use crate::positions::{Divisor, Layout, PositionSettings};

pub(super) static FAMILY: Family = Family {
    name: "CTranslate2",
    model_types: &["ctranslate2"],
    fits: |_| true,
    read,
    dialects: &[Dialect { prefixes: &[""], rows: NAMES, heads: &[] }],
    language: None,
    classifier: Activation::Tanh,
    decoder: Some(decoder),
};

/// What a folder without a configuration tells by its lists of words.
const LISTS: [&str; 2] = ["source_vocabulary.txt", "target_vocabulary.txt"];
const START: &str = "<s>";
const END: &str = "</s>";
const BLANK: &str = "<blank>";
/// Words of a list, at most this many bytes.
const LIMIT: u64 = 64 << 20;
/// Longer sources and outputs than any sentence.
const PLACES: usize = 1024;
const HEADS: usize = 8;

/// The configuration that such a folder does not have, from its tensors; `None` where it is another kind
/// of folder.
pub(crate) fn config(folder: &Folder) -> Result<Option<Config>, ModelError> {
    let [_, target] = LISTS;
    if !folder.holds(LISTS[0])? || !folder.holds(target)? || !folder.holds("model.safetensors")? {
        return Ok(None);
    }
    // Lists can stand beside a model of any kind that took its tokenizers from such a folder.
    let stated = folder.json("config.json")?;
    if stated.is_some_and(|config| config.get("model_type").is_some()) {
        return Ok(None);
    }
    let tensors = Tensors::open(folder)?;
    let shape = |name: &str, axis: usize| {
        let place = tensors.places.get(name)?;
        place.entry.shape.get(axis).copied()
    };
    let layers = |side: &str| {
        let has = |index: &usize| {
            let name = format!("{side}.layer_{index}.self_attention.linear_0.weight");
            tensors.places.contains_key(&name)
        };
        (0..256).take_while(has).count()
    };
    let words = folder.read(target, LIMIT)?.unwrap_or_default();
    let words = String::from_utf8_lossy(&words);
    let id = |word: &str| words.lines().position(|line| line == word);
    let value = json!({
        "model_type": "ctranslate2",
        "hidden_size": shape("encoder.embeddings.weight", 1),
        "inner": shape("encoder.layer_0.ffn.linear_0.weight", 0),
        "heads": HEADS,
        "encoder_layers": layers("encoder"),
        "decoder_layers": Some(layers("decoder")).filter(|layers| *layers > 0),
        "source_vocabulary": shape("encoder.embeddings.weight", 0),
        "target_vocabulary": shape("decoder.embeddings.weight", 0),
        "start": id(START),
        "end": id(END),
        "blank": id(BLANK),
    });
    Config::new(folder.shown("model.safetensors"), value).map(Some)
}

fn read(config: &Config) -> Result<EncoderSettings, ModelError> {
    side(config, "encoder_layers", "source_vocabulary")
}

fn side(config: &Config, layers: &str, vocabulary: &str) -> Result<EncoderSettings, ModelError> {
    let sizes = widths(config, "hidden_size", ["heads", "inner", layers], vocabulary)?;
    let (layout, divisor) = (Layout::Halves, Divisor::Tensor2Tensor);
    Ok(EncoderSettings {
        embedding_norm: false,
        epsilon: 1e-5,
        norm: NormPlace::Before,
        final_norm: true,
        activation: Activation::Relu,
        positions: vec![PositionSettings::Sinusoidal { layout, divisor, offset: 1 }],
        maximum_tokens: Some(PLACES),
        embedding_scale: (sizes.hidden as f32).sqrt(),
        ..EncoderSettings::plain(sizes)
    })
}

fn decoder(config: &Config, _: &EncoderSettings) -> Result<Option<DecoderSettings>, ModelError> {
    // An encoder that was written alone.
    if !config.has("decoder_layers") && !config.has("target_vocabulary") {
        return Ok(None);
    }
    let mut layers = side(config, "decoder_layers", "target_vocabulary")?;
    layers.layers.fill(LayerSettings { reach: Reach::CAUSAL, rotary_base: 0.0 });
    let most = layers.vocabulary;
    Ok(Some(DecoderSettings {
        shared_words: false,
        tied: false,
        bias: true,
        output_scale: 1.0,
        start: token(config, "start", most)?,
        end: token(config, "end", most)?,
        never: Vec::new(),
        longest: Some(256),
        layers,
    }))
}

const NAMES: &[(&str, &[&str])] = &[
    ("embeddings.words", &["encoder.embeddings"]),
    ("layers.#.attention.qkv", &["encoder.layer_#.self_attention.linear_0"]),
    ("layers.#.attention.output", &["encoder.layer_#.self_attention.linear_1"]),
    ("layers.#.attention.norm", &["encoder.layer_#.self_attention.layer_norm"]),
    ("layers.#.feed_forward.first", &["encoder.layer_#.ffn.linear_0"]),
    ("layers.#.feed_forward.second", &["encoder.layer_#.ffn.linear_1"]),
    ("layers.#.feed_forward.norm", &["encoder.layer_#.ffn.layer_norm"]),
    ("norm", &["encoder.layer_norm"]),
    ("decoder.embeddings.words", &["decoder.embeddings"]),
    ("decoder.layers.#.attention.qkv", &["decoder.layer_#.self_attention.linear_0"]),
    ("decoder.layers.#.attention.output", &["decoder.layer_#.self_attention.linear_1"]),
    ("decoder.layers.#.attention.norm", &["decoder.layer_#.self_attention.layer_norm"]),
    ("decoder.layers.#.cross.query", &["decoder.layer_#.attention.linear_0"]),
    ("decoder.layers.#.cross.keys_values", &["decoder.layer_#.attention.linear_1"]),
    ("decoder.layers.#.cross.output", &["decoder.layer_#.attention.linear_2"]),
    ("decoder.layers.#.cross.norm", &["decoder.layer_#.attention.layer_norm"]),
    ("decoder.layers.#.feed_forward.first", &["decoder.layer_#.ffn.linear_0"]),
    ("decoder.layers.#.feed_forward.second", &["decoder.layer_#.ffn.linear_1"]),
    ("decoder.layers.#.feed_forward.norm", &["decoder.layer_#.ffn.layer_norm"]),
    ("decoder.norm", &["decoder.layer_norm"]),
    ("decoder.output", &["decoder.projection"]),
];

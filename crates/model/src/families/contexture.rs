//! Contexture's own family: models that no other family describes. Its configuration is an
//! encoder's settings in full, and a decoder's where it has one; its tensors have Contexture's own names.

use contexture_kernels::Activation;
use serde::Deserialize;

use super::Family;
use crate::ModelError;
use crate::architectures::{DecoderSettings, EncoderSettings};
use crate::checkpoint::Dialect;
use crate::folder::Config;

pub(crate) static FAMILY: Family = Family {
    name: "Contexture",
    model_types: &["contexture"],
    fits: |_| true,
    read,
    dialects: &[Dialect { prefixes: &[""], rows: NAMES, heads: HEADS }],
    language: None,
    classifier: Activation::Tanh,
    decoder: Some(decoder),
};

/// The key of the configuration that holds the encoder's settings.
pub(crate) const ENCODER_KEY: &str = "encoder";

fn read(config: &Config) -> Result<EncoderSettings, ModelError> {
    let Some((key, value)) = config.get(&[ENCODER_KEY]) else {
        return Err(config.missing(&[ENCODER_KEY], "the encoder's settings"));
    };
    EncoderSettings::deserialize(value).map_err(|e| config.wrong(key, &e.to_string(), value))
}

/// The key of the configuration that holds the decoder's settings, where there is one.
pub(crate) const DECODER_KEY: &str = "decoder";

fn decoder(config: &Config, _: &EncoderSettings) -> Result<Option<DecoderSettings>, ModelError> {
    let Some((key, value)) = config.get(&[DECODER_KEY]) else { return Ok(None) };
    let read = DecoderSettings::deserialize(value);
    read.map(Some).map_err(|e| config.wrong(key, &e.to_string(), value))
}

/// Every stem is its own name; listed, so that a tensor without a place is told from a stranger.
const NAMES: &[(&str, &[&str])] = &[
    ("embeddings.words", &["embeddings.words"]),
    ("embeddings.types", &["embeddings.types"]),
    ("embeddings.positions", &["embeddings.positions"]),
    ("embeddings.buckets", &["embeddings.buckets"]),
    ("embeddings.norm", &["embeddings.norm"]),
    ("layers.#.attention.qkv", &["layers.#.attention.qkv"]),
    ("layers.#.attention.output", &["layers.#.attention.output"]),
    ("layers.#.attention.norm", &["layers.#.attention.norm"]),
    ("layers.#.feed_forward.first", &["layers.#.feed_forward.first"]),
    ("layers.#.feed_forward.second", &["layers.#.feed_forward.second"]),
    ("layers.#.feed_forward.norm", &["layers.#.feed_forward.norm"]),
    ("norm", &["norm"]),
    ("embeddings.characters", &["embeddings.characters"]),
    ("embeddings.filters.#", &["embeddings.filters.#"]),
    ("embeddings.highways.#.transform", &["embeddings.highways.#.transform"]),
    ("embeddings.highways.#.gate", &["embeddings.highways.#.gate"]),
    ("embeddings.projection", &["embeddings.projection"]),
    ("layers.#.forward.input", &["layers.#.forward.input"]),
    ("layers.#.forward.recurrent", &["layers.#.forward.recurrent"]),
    ("layers.#.forward.projection", &["layers.#.forward.projection"]),
    ("layers.#.backward.input", &["layers.#.backward.input"]),
    ("layers.#.backward.recurrent", &["layers.#.backward.recurrent"]),
    ("layers.#.backward.projection", &["layers.#.backward.projection"]),
    ("mix", &["mix"]),
];

const HEADS: &[(&str, &[&str])] = &[
    ("language", &["language"]),
    ("language.dense", &["language.dense"]),
    ("language.norm", &["language.norm"]),
    ("language.decoder", &["language.decoder"]),
    ("classifier.dense", &["classifier.dense"]),
    ("classifier.output", &["classifier.output"]),
];

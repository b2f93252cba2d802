//! JinaBERT v2 (Günther et al. 2023): BERT with ALiBi in place of a table, and a gated feed-forward part. It calls itself "bert"; what
//! tells it apart is how it places its tokens.

use contexture_kernels::Activation;

use super::Family;
use super::bert::BERT_HEADS;
use super::shared::{BERT_SIZES, encoder_only, epsilon, places, sizes, token_types};
use crate::ModelError;
use crate::architectures::{Biases, EncoderSettings};
use crate::checkpoint::Dialect;
use crate::folder::Config;
use crate::positions::PositionSettings;

pub(super) static FAMILY: Family = Family {
    name: "JinaBERT",
    model_types: &["bert"],
    fits: |config| matches!(config.text(&["position_embedding_type"]), Ok(Some("alibi"))),
    read,
    dialects: &[Dialect { prefixes: &["", "bert."], rows: NAMES, heads: BERT_HEADS }],
    language: None,
    classifier: Activation::Tanh,
    decoder: None,
};

fn read(config: &Config) -> Result<EncoderSettings, ModelError> {
    encoder_only(config)?;
    let gates = [("geglu", Activation::Gelu), ("reglu", Activation::Relu)];
    let Some(_) = config.text(&["feed_forward_type"])? else {
        return Err(config.missing(&["feed_forward_type"], "geglu or reglu"));
    };
    Ok(EncoderSettings {
        token_types: token_types(config, 2)?,
        epsilon: epsilon(config, &["layer_norm_eps"], 1e-12)?,
        activation: config.choice(&["feed_forward_type"], &gates, Activation::Gelu)?,
        gated: true,
        biases: Biases { first: false, ..Biases::all(true) },
        positions: vec![PositionSettings::Alibi],
        maximum_tokens: Some(places(config, &["max_position_embeddings"])?),
        ..EncoderSettings::plain(sizes(config, &BERT_SIZES)?)
    })
}

const NAMES: &[(&str, &[&str])] = &[
    ("embeddings.words", &["embeddings.word_embeddings"]),
    ("embeddings.types", &["embeddings.token_type_embeddings"]),
    ("embeddings.norm", &["embeddings.LayerNorm"]),
    (
        "layers.#.attention.qkv",
        &[
            "encoder.layer.#.attention.self.query",
            "encoder.layer.#.attention.self.key",
            "encoder.layer.#.attention.self.value",
        ],
    ),
    ("layers.#.attention.output", &["encoder.layer.#.attention.output.dense"]),
    ("layers.#.attention.norm", &["encoder.layer.#.attention.output.LayerNorm"]),
    ("layers.#.feed_forward.first", &["encoder.layer.#.mlp.gated_layers"]),
    ("layers.#.feed_forward.second", &["encoder.layer.#.mlp.wo"]),
    ("layers.#.feed_forward.norm", &["encoder.layer.#.mlp.layernorm"]),
];

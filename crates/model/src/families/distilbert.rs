//! DistilBERT (Sanh et al. 2019): BERT without token types, under names of its own.

use contexture_kernels::Activation;

use super::shared::{SizeKeys, activation, encoder_only, places, sizes};
use super::{Family, heads};
use crate::ModelError;
use crate::architectures::EncoderSettings;
use crate::checkpoint::Dialect;
use crate::folder::Config;
use crate::positions::PositionSettings;

pub(super) static FAMILY: Family = Family {
    name: "DistilBERT",
    model_types: &["distilbert"],
    fits: |_| true,
    read,
    dialects: &[Dialect { prefixes: &["", "distilbert."], rows: NAMES, heads: HEADS }],
    language: Some(heads::bert),
    classifier: Activation::Relu,
    decoder: None,
};

const SIZES: SizeKeys = SizeKeys {
    hidden: &["dim", "hidden_size"],
    heads: &["n_heads", "num_attention_heads"],
    inner: &["hidden_dim"],
    layers: &["n_layers", "num_hidden_layers"],
};

fn read(config: &Config) -> Result<EncoderSettings, ModelError> {
    encoder_only(config)?;
    // Sinusoidal rows are stored in the same table, so that reading it is right either way.
    config.flag(&["sinusoidal_pos_embds"], false)?;
    let entries = places(config, &["max_position_embeddings"])?;
    Ok(EncoderSettings {
        // The reference has this number in its code, not in its configuration.
        epsilon: 1e-12,
        activation: activation(config, &["activation"])?,
        positions: vec![PositionSettings::Learned { entries, offset: 0, skips: None }],
        maximum_tokens: Some(entries),
        ..EncoderSettings::plain(sizes(config, &SIZES)?)
    })
}

const NAMES: &[(&str, &[&str])] = &[
    ("embeddings.words", &["embeddings.word_embeddings"]),
    ("embeddings.positions", &["embeddings.position_embeddings"]),
    ("embeddings.norm", &["embeddings.LayerNorm"]),
    (
        "layers.#.attention.qkv",
        &[
            "transformer.layer.#.attention.q_lin",
            "transformer.layer.#.attention.k_lin",
            "transformer.layer.#.attention.v_lin",
        ],
    ),
    ("layers.#.attention.output", &["transformer.layer.#.attention.out_lin"]),
    ("layers.#.attention.norm", &["transformer.layer.#.sa_layer_norm"]),
    ("layers.#.feed_forward.first", &["transformer.layer.#.ffn.lin1"]),
    ("layers.#.feed_forward.second", &["transformer.layer.#.ffn.lin2"]),
    ("layers.#.feed_forward.norm", &["transformer.layer.#.output_layer_norm"]),
];

const HEADS: &[(&str, &[&str])] = &[
    ("language", &["vocab_projector"]),
    ("language.dense", &["vocab_transform"]),
    ("language.norm", &["vocab_layer_norm"]),
    ("language.decoder", &["vocab_projector"]),
    ("classifier.dense", &["pre_classifier"]),
    ("classifier.output", &["classifier"]),
];

//! MPNet (Song et al. 2020): BERT without token types, with relative buckets besides its table of places.

use contexture_kernels::Activation;

use super::roberta::{HEADS, after_padding};
use super::shared::{BERT_SIZES, activation, encoder_only, epsilon, sizes};
use super::{Family, heads};
use crate::ModelError;
use crate::architectures::EncoderSettings;
use crate::checkpoint::Dialect;
use crate::folder::Config;
use crate::positions::PositionSettings;

pub(super) static FAMILY: Family = Family {
    name: "MPNet",
    model_types: &["mpnet"],
    fits: |_| true,
    read,
    dialects: &[Dialect { prefixes: &["", "mpnet."], rows: NAMES, heads: HEADS }],
    language: Some(heads::roberta),
    classifier: Activation::Tanh,
    decoder: None,
};

/// In the reference's code, not in its configuration.
const PADDING: usize = 1;
const FARTHEST: usize = 128;
const BUCKETS: usize = 32;

fn read(config: &Config) -> Result<EncoderSettings, ModelError> {
    encoder_only(config)?;
    let (places, maximum) = after_padding(config, PADDING)?;
    // The reference computes 32 buckets whatever the configuration says.
    config.number(&["relative_attention_num_buckets"], 32.0..=32.0, 32.0)?;
    let buckets =
        PositionSettings::Buckets { buckets: BUCKETS, farthest: FARTHEST, one_sided: false };
    Ok(EncoderSettings {
        epsilon: epsilon(config, &["layer_norm_eps"], 1e-12)?,
        activation: activation(config, &["hidden_act"])?,
        positions: vec![places, buckets],
        maximum_tokens: Some(maximum),
        ..EncoderSettings::plain(sizes(config, &BERT_SIZES)?)
    })
}

const NAMES: &[(&str, &[&str])] = &[
    ("embeddings.words", &["embeddings.word_embeddings"]),
    ("embeddings.positions", &["embeddings.position_embeddings"]),
    ("embeddings.buckets", &["encoder.relative_attention_bias"]),
    ("embeddings.norm", &["embeddings.LayerNorm"]),
    (
        "layers.#.attention.qkv",
        &[
            "encoder.layer.#.attention.attn.q",
            "encoder.layer.#.attention.attn.k",
            "encoder.layer.#.attention.attn.v",
        ],
    ),
    ("layers.#.attention.output", &["encoder.layer.#.attention.attn.o"]),
    ("layers.#.attention.norm", &["encoder.layer.#.attention.LayerNorm"]),
    ("layers.#.feed_forward.first", &["encoder.layer.#.intermediate.dense"]),
    ("layers.#.feed_forward.second", &["encoder.layer.#.output.dense"]),
    ("layers.#.feed_forward.norm", &["encoder.layer.#.output.LayerNorm"]),
];

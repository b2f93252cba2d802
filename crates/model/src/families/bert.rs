//! BERT (Devlin et al. 2019).

use contexture_kernels::Activation;

use super::shared::{BERT_SIZES, activation, encoder_only, epsilon, places, sizes, token_types};
use super::{Family, heads};
use crate::ModelError;
use crate::architectures::EncoderSettings;
use crate::checkpoint::Dialect;
use crate::folder::Config;
use crate::positions::PositionSettings;

pub(crate) static FAMILY: Family = Family {
    name: "BERT",
    model_types: &["bert"],
    fits: |config| !matches!(config.text(&["position_embedding_type"]), Ok(Some("alibi"))),
    read,
    dialects: &[Dialect { prefixes: &["", "bert."], rows: NAMES, heads: BERT_HEADS }],
    language: Some(heads::bert),
    classifier: Activation::Tanh,
    decoder: None,
};

fn read(config: &Config) -> Result<EncoderSettings, ModelError> {
    encoder_only(config)?;
    config.only("position_embedding_type", "absolute".into())?;
    let entries = places(config, &["max_position_embeddings"])?;
    Ok(EncoderSettings {
        token_types: token_types(config, 2)?,
        epsilon: epsilon(config, &["layer_norm_eps"], 1e-12)?,
        activation: activation(config, &["hidden_act"])?,
        positions: vec![PositionSettings::Learned { entries, offset: 0, skips: None }],
        maximum_tokens: Some(entries),
        ..EncoderSettings::plain(sizes(config, &BERT_SIZES)?)
    })
}

/// BERT's names, which RoBERTa and its kin took over.
pub(super) const NAMES: &[(&str, &[&str])] = &[
    ("embeddings.words", &["embeddings.word_embeddings"]),
    ("embeddings.types", &["embeddings.token_type_embeddings"]),
    ("embeddings.positions", &["embeddings.position_embeddings"]),
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
    ("layers.#.feed_forward.first", &["encoder.layer.#.intermediate.dense"]),
    ("layers.#.feed_forward.second", &["encoder.layer.#.output.dense"]),
    ("layers.#.feed_forward.norm", &["encoder.layer.#.output.LayerNorm"]),
];

/// Its heads' names. A classifier of texts reads the first token's row through the pooler.
pub(super) const BERT_HEADS: &[(&str, &[&str])] = &[
    ("language", &["cls.predictions"]),
    ("language.dense", &["cls.predictions.transform.dense"]),
    ("language.norm", &["cls.predictions.transform.LayerNorm"]),
    ("language.decoder", &["cls.predictions.decoder"]),
    ("classifier.dense", &["@pooler.dense"]),
    ("classifier.output", &["classifier"]),
];

//! RoBERTa (Liu et al. 2019), XLM-RoBERTa (Conneau et al. 2020) and CamemBERT (Martin et al. 2020): BERT whose
//! places begin after the padding's number, and do not count the padding.

use contexture_kernels::Activation;

use super::bert::NAMES;
use super::shared::{
    BERT_SIZES, PLACES, activation, encoder_only, epsilon, places, sizes, token_types,
};
use super::{Family, heads};
use crate::ModelError;
use crate::architectures::EncoderSettings;
use crate::checkpoint::Dialect;
use crate::folder::Config;
use crate::positions::PositionSettings;

pub(super) static FAMILY: Family = Family {
    name: "RoBERTa",
    model_types: &["roberta", "xlm-roberta", "camembert"],
    fits: |_| true,
    read,
    dialects: &[Dialect {
        prefixes: &["", "roberta.", "xlm-roberta.", "camembert."],
        rows: NAMES,
        heads: HEADS,
    }],
    language: Some(heads::roberta),
    classifier: Activation::Tanh,
    decoder: None,
};

fn read(config: &Config) -> Result<EncoderSettings, ModelError> {
    encoder_only(config)?;
    config.only("position_embedding_type", "absolute".into())?;
    let padding = config.optional_count(&["pad_token_id"], 0..=PLACES)?.unwrap_or(1);
    let (position, maximum) = after_padding(config, padding)?;
    Ok(EncoderSettings {
        token_types: token_types(config, 2)?,
        epsilon: epsilon(config, &["layer_norm_eps"], 1e-12)?,
        activation: activation(config, &["hidden_act"])?,
        positions: vec![position],
        maximum_tokens: Some(maximum),
        ..EncoderSettings::plain(sizes(config, &BERT_SIZES)?)
    })
}

/// A table of places whose first `padding + 1` rows are not for tokens.
pub(super) fn after_padding(
    config: &Config,
    padding: usize,
) -> Result<(PositionSettings, usize), ModelError> {
    let key = "max_position_embeddings";
    let entries = places(config, &[key])?;
    let offset = padding + 1;
    if entries <= offset {
        let expected = format!("more than pad_token_id + 1 ({offset})");
        return Err(config.wrong(key, &expected, &entries.into()));
    }
    let skips = Some(padding as u32);
    Ok((PositionSettings::Learned { entries, offset, skips }, entries - offset))
}

/// The names of RoBERTa's and MPNet's heads.
pub(super) const HEADS: &[(&str, &[&str])] = &[
    ("language", &["lm_head"]),
    ("language.dense", &["lm_head.dense"]),
    ("language.norm", &["lm_head.layer_norm"]),
    ("language.decoder", &["lm_head.decoder"]),
    ("classifier.dense", &["classifier.dense"]),
    ("classifier.output", &["classifier.out_proj"]),
];

//! ModernBERT (Warner et al. 2024): norms before, rotary positions, gated feed-forward part, and layers that see a window between
//! layers that see everything. Two dialects: every n-th layer is global, or a list of layer types.

use contexture_kernels::{Activation, Reach};
use serde_json::Value;

use super::shared::{
    BERT_SIZES, activation, base, encoder_only, epsilon, places, rotary_base, sizes,
};
use super::{Family, heads};
use crate::ModelError;
use crate::architectures::{Biases, EncoderSettings, LayerSettings, NormPlace};
use crate::checkpoint::Dialect;
use crate::folder::Config;
use crate::positions::PositionSettings;

pub(super) static FAMILY: Family = Family {
    name: "ModernBERT",
    model_types: &["modernbert"],
    fits: |_| true,
    read,
    dialects: &[Dialect { prefixes: &["", "model."], rows: NAMES, heads: HEADS }],
    language: Some(heads::modernbert),
    classifier: Activation::Tanh,
    decoder: None,
};

const GLOBAL_BASE: f64 = 160_000.0;
const LOCAL_BASE: f64 = 10_000.0;

fn read(config: &Config) -> Result<EncoderSettings, ModelError> {
    encoder_only(config)?;
    let sizes = sizes(config, &BERT_SIZES)?;
    let width = sizes.hidden / sizes.heads;
    if !width.is_multiple_of(2) {
        let expected = "heads of an even width, for rotation";
        return Err(config.wrong("num_attention_heads", expected, &sizes.heads.into()));
    }
    let attention = config.flag(&["attention_bias"], false)?;
    let inner = config.flag(&["mlp_bias"], false)?;
    Ok(EncoderSettings {
        epsilon: epsilon(config, &["norm_eps"], 1e-5)?,
        norm_bias: config.flag(&["norm_bias"], false)?,
        norm: NormPlace::Before,
        first_attention_norm: false,
        final_norm: true,
        biases: Biases { qkv: attention, output: attention, first: inner, second: inner },
        activation: activation(config, &["hidden_activation"])?,
        gated: true,
        positions: vec![PositionSettings::Rotary { width, interleaved: false }],
        layers: layers(config, sizes.layers)?,
        maximum_tokens: Some(places(config, &["max_position_embeddings"])?),
        ..EncoderSettings::plain(sizes)
    })
}

fn layers(config: &Config, count: usize) -> Result<Vec<LayerSettings>, ModelError> {
    // Half of the window on each side, the token itself besides.
    let half = config.optional_count(&["local_attention"], 0..=1 << 24)?.unwrap_or(128) / 2;
    let (global_base, local_base) = bases(config)?;
    let global = LayerSettings { reach: Reach::ALL, rotary_base: global_base };
    let local = LayerSettings { reach: Reach::window(half), rotary_base: local_base };
    let Some((key, types)) = config.get(&["layer_types"]) else {
        let every =
            config.optional_count(&["global_attn_every_n_layers"], 1..=1 << 16)?.unwrap_or(3);
        return Ok((0..count).map(|i| if i % every == 0 { global } else { local }).collect());
    };
    let Some(types) = types.as_array().filter(|types| types.len() == count) else {
        return Err(config.wrong(key, &format!("a list of {count} layer types"), types));
    };
    let layer = |kind: &Value| match kind.as_str() {
        Some("full_attention") => Ok(global),
        Some("sliding_attention") => Ok(local),
        _ => {
            let supported = "full_attention, sliding_attention";
            Err(config.unsupported(key, crate::error::shown(kind), supported))
        }
    };
    types.iter().map(layer).collect()
}

fn bases(config: &Config) -> Result<(f32, f32), ModelError> {
    config.only("rope_scaling", Value::Null)?;
    let global = base(config, &["global_rope_theta"], GLOBAL_BASE)?;
    let local = base(config, &["local_rope_theta"], LOCAL_BASE)?;
    let Some(rope) = config.object("rope_parameters")? else { return Ok((global, local)) };
    let of = |key: &str, absent: f32| match rope.object(key)? {
        None => Ok(absent),
        Some(part) => {
            let base = rotary_base(&part, f64::from(absent))?;
            config.adopt(&part);
            Ok(base)
        }
    };
    Ok((of("full_attention", global)?, of("sliding_attention", local)?))
}

const NAMES: &[(&str, &[&str])] = &[
    ("embeddings.words", &["embeddings.tok_embeddings"]),
    ("embeddings.norm", &["embeddings.norm"]),
    ("layers.#.attention.qkv", &["layers.#.attn.Wqkv"]),
    ("layers.#.attention.output", &["layers.#.attn.Wo"]),
    ("layers.#.attention.norm", &["layers.#.attn_norm"]),
    ("layers.#.feed_forward.first", &["layers.#.mlp.Wi"]),
    ("layers.#.feed_forward.second", &["layers.#.mlp.Wo"]),
    ("layers.#.feed_forward.norm", &["layers.#.mlp_norm"]),
    ("norm", &["final_norm"]),
];

const HEADS: &[(&str, &[&str])] = &[
    ("language", &["decoder"]),
    ("language.dense", &["head.dense"]),
    ("language.norm", &["head.norm"]),
    ("language.decoder", &["decoder"]),
];

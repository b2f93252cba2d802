//! T5 (Raffel et al. 2020) and its second version (Shazeer 2020: gated, words not tied): norms without a
//! mean before what they belong to, no biases, relative buckets that all layers share, scores not
//! scaled. Its encoder's rows are what `embed` gives.

use contexture_kernels::{Activation, Reach};

use super::Family;
use super::shared::{epsilon, token, widths};
use crate::ModelError;
use crate::architectures::{Biases, DecoderSettings, EncoderSettings, LayerSettings, NormPlace};
use crate::checkpoint::Dialect;
use crate::folder::Config;
use crate::positions::PositionSettings;

pub(super) static FAMILY: Family = Family {
    name: "T5",
    model_types: &["t5", "mt5"],
    fits: |_| true,
    read,
    dialects: &[
        Dialect { prefixes: &[""], rows: PLAIN, heads: HEADS },
        Dialect { prefixes: &[""], rows: GATED, heads: HEADS },
    ],
    language: None,
    classifier: Activation::Tanh,
    decoder: Some(decoder),
};

/// The feed-forward part by its name in configurations: the activation, and whether it gates.
const PARTS: [(&str, (Activation, bool)); 5] = [
    ("relu", (Activation::Relu, false)),
    ("gelu", (Activation::Gelu, false)),
    ("gated-gelu", (Activation::GeluTanh, true)),
    ("gated-relu", (Activation::Relu, true)),
    ("gated-silu", (Activation::Silu, true)),
];

fn read(config: &Config) -> Result<EncoderSettings, ModelError> {
    side(config, "num_layers", false)
}

fn side(config: &Config, layers: &str, one_sided: bool) -> Result<EncoderSettings, ModelError> {
    let sizes = widths(config, "d_model", ["num_heads", "d_ff", layers], "vocab_size")?;
    let (activation, gated) = config.choice(&["feed_forward_proj"], &PARTS, PARTS[0].1)?;
    let buckets = config.count(&["relative_attention_num_buckets"], 4..=1 << 16)?;
    let farthest = config.optional_count(&["relative_attention_max_distance"], 1..=1 << 24)?;
    let farthest = farthest.unwrap_or(128);
    Ok(EncoderSettings {
        head_width: config.count(&["d_kv"], 1..=1 << 10)?,
        embedding_norm: false,
        epsilon: epsilon(config, &["layer_norm_epsilon"], 1e-6)?,
        norm_bias: false,
        norm_centred: false,
        attention_scale: Some(1.0),
        norm: NormPlace::Before,
        final_norm: true,
        biases: Biases::all(false),
        activation,
        gated,
        positions: vec![PositionSettings::Buckets { buckets, farthest, one_sided }],
        ..EncoderSettings::plain(sizes)
    })
}

fn decoder(config: &Config, _: &EncoderSettings) -> Result<Option<DecoderSettings>, ModelError> {
    let key = if config.has("num_decoder_layers") { "num_decoder_layers" } else { "num_layers" };
    let mut layers = side(config, key, true)?;
    layers.layers.fill(LayerSettings { reach: Reach::CAUSAL, rotary_base: 0.0 });
    let (most, hidden) = (layers.vocabulary, layers.hidden as f32);
    let tied = config.flag(&["tie_word_embeddings"], true)?;
    Ok(Some(DecoderSettings {
        shared_words: true,
        tied,
        bias: false,
        output_scale: if tied { hidden.sqrt().recip() } else { 1.0 },
        start: token(config, "decoder_start_token_id", most)?,
        end: token(config, "eos_token_id", most)?,
        never: Vec::new(),
        longest: None,
        layers,
    }))
}

macro_rules! parts {
    ($encoder:expr, $decoder:expr) => {
        &[
            ("embeddings.words", &["shared"]),
            (
                "embeddings.buckets",
                &["encoder.block.0.layer.0.SelfAttention.relative_attention_bias"],
            ),
            (
                "layers.#.attention.qkv",
                &[
                    "encoder.block.#.layer.0.SelfAttention.q",
                    "encoder.block.#.layer.0.SelfAttention.k",
                    "encoder.block.#.layer.0.SelfAttention.v",
                ],
            ),
            ("layers.#.attention.output", &["encoder.block.#.layer.0.SelfAttention.o"]),
            ("layers.#.attention.norm", &["encoder.block.#.layer.0.layer_norm"]),
            ("layers.#.feed_forward.first", $encoder),
            ("layers.#.feed_forward.second", &["encoder.block.#.layer.1.DenseReluDense.wo"]),
            ("layers.#.feed_forward.norm", &["encoder.block.#.layer.1.layer_norm"]),
            ("norm", &["encoder.final_layer_norm"]),
            (
                "decoder.embeddings.buckets",
                &["decoder.block.0.layer.0.SelfAttention.relative_attention_bias"],
            ),
            (
                "decoder.layers.#.attention.qkv",
                &[
                    "decoder.block.#.layer.0.SelfAttention.q",
                    "decoder.block.#.layer.0.SelfAttention.k",
                    "decoder.block.#.layer.0.SelfAttention.v",
                ],
            ),
            ("decoder.layers.#.attention.output", &["decoder.block.#.layer.0.SelfAttention.o"]),
            ("decoder.layers.#.attention.norm", &["decoder.block.#.layer.0.layer_norm"]),
            ("decoder.layers.#.cross.query", &["decoder.block.#.layer.1.EncDecAttention.q"]),
            (
                "decoder.layers.#.cross.keys_values",
                &[
                    "decoder.block.#.layer.1.EncDecAttention.k",
                    "decoder.block.#.layer.1.EncDecAttention.v",
                ],
            ),
            ("decoder.layers.#.cross.output", &["decoder.block.#.layer.1.EncDecAttention.o"]),
            ("decoder.layers.#.cross.norm", &["decoder.block.#.layer.1.layer_norm"]),
            ("decoder.layers.#.feed_forward.first", $decoder),
            (
                "decoder.layers.#.feed_forward.second",
                &["decoder.block.#.layer.2.DenseReluDense.wo"],
            ),
            ("decoder.layers.#.feed_forward.norm", &["decoder.block.#.layer.2.layer_norm"]),
            ("decoder.norm", &["decoder.final_layer_norm"]),
        ]
    };
}

type Names = &'static [(&'static str, &'static [&'static str])];

const PLAIN: Names = parts!(
    &["encoder.block.#.layer.1.DenseReluDense.wi"],
    &["decoder.block.#.layer.2.DenseReluDense.wi"]
);

const GATED: Names = parts!(
    &["encoder.block.#.layer.1.DenseReluDense.wi_0", "encoder.block.#.layer.1.DenseReluDense.wi_1",],
    &["decoder.block.#.layer.2.DenseReluDense.wi_0", "decoder.block.#.layer.2.DenseReluDense.wi_1",]
);

const HEADS: Names = &[("decoder.output", &["lm_head"])];

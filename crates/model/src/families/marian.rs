//! Marian (Junczys-Dowmunt et al. 2018): the Transformer of the paper, its sinusoids in halves, as
//! transformers stores it. Its encoder's rows are what `embed` gives.

use contexture_kernels::{Activation, Reach};

use super::Family;
use super::shared::{activation, places};
use super::shared::{ids, token, widths};
use crate::ModelError;
use crate::architectures::{DecoderSettings, EncoderSettings, LayerSettings, Sizes};
use crate::checkpoint::Dialect;
use crate::folder::Config;
use crate::positions::{Divisor, Layout, PositionSettings};

pub(super) static FAMILY: Family = Family {
    name: "Marian",
    model_types: &["marian"],
    fits: |_| true,
    read,
    dialects: &[
        Dialect { prefixes: &["model.", ""], rows: SHARED, heads: &[] },
        Dialect { prefixes: &["model.", ""], rows: APART, heads: &[] },
    ],
    language: None,
    classifier: Activation::Tanh,
    decoder: Some(decoder),
};

fn read(config: &Config) -> Result<EncoderSettings, ModelError> {
    side(config, "encoder", "vocab_size")
}

/// One of the two sides.
fn side(config: &Config, side: &str, vocabulary: &str) -> Result<EncoderSettings, ModelError> {
    // Older checkpoints state what transformers computes anyway.
    config.only("normalize_before", false.into())?;
    config.only("normalize_embedding", false.into())?;
    config.only("add_final_layer_norm", false.into())?;
    config.only("static_position_embeddings", true.into())?;
    let [layers, heads, inner] =
        ["layers", "attention_heads", "ffn_dim"].map(|what| format!("{side}_{what}"));
    let sizes: Sizes = widths(config, "d_model", [&heads, &inner, &layers], vocabulary)?;
    let scaled = config.flag(&["scale_embedding"], false)?;
    let most = places(config, &["max_position_embeddings"])?;
    let (layout, divisor) = (Layout::Halves, Divisor::Paper);
    Ok(EncoderSettings {
        embedding_norm: false,
        epsilon: 1e-5,
        activation: activation(config, &["activation_function"])?,
        positions: vec![PositionSettings::Sinusoidal { layout, divisor, offset: 0 }],
        maximum_tokens: Some(most),
        embedding_scale: if scaled { (sizes.hidden as f32).sqrt() } else { 1.0 },
        ..EncoderSettings::plain(sizes)
    })
}

fn decoder(config: &Config, _: &EncoderSettings) -> Result<Option<DecoderSettings>, ModelError> {
    config.only("tie_word_embeddings", true.into())?;
    let shared = config.flag(&["share_encoder_decoder_embeddings"], true)?;
    let words = if config.has("decoder_vocab_size") { "decoder_vocab_size" } else { "vocab_size" };
    let mut layers = side(config, "decoder", words)?;
    let causal = LayerSettings { reach: Reach::CAUSAL, rotary_base: 0.0 };
    layers.layers.fill(causal);
    let most = layers.vocabulary;
    Ok(Some(DecoderSettings {
        shared_words: shared,
        tied: true,
        bias: true,
        output_scale: 1.0,
        start: token(config, "decoder_start_token_id", most)?,
        end: token(config, "eos_token_id", most)?,
        never: ids(config, "bad_words_ids", most)?,
        longest: config.optional_count(&["max_length"], 1..=1 << 20)?,
        layers,
    }))
}

macro_rules! sides {
    ($($words:expr),*) => {
        &[
            $($words,)*
            (
                "layers.#.attention.qkv",
                &[
                    "encoder.layers.#.self_attn.q_proj",
                    "encoder.layers.#.self_attn.k_proj",
                    "encoder.layers.#.self_attn.v_proj",
                ],
            ),
            ("layers.#.attention.output", &["encoder.layers.#.self_attn.out_proj"]),
            ("layers.#.attention.norm", &["encoder.layers.#.self_attn_layer_norm"]),
            ("layers.#.feed_forward.first", &["encoder.layers.#.fc1"]),
            ("layers.#.feed_forward.second", &["encoder.layers.#.fc2"]),
            ("layers.#.feed_forward.norm", &["encoder.layers.#.final_layer_norm"]),
            (
                "decoder.layers.#.attention.qkv",
                &[
                    "decoder.layers.#.self_attn.q_proj",
                    "decoder.layers.#.self_attn.k_proj",
                    "decoder.layers.#.self_attn.v_proj",
                ],
            ),
            ("decoder.layers.#.attention.output", &["decoder.layers.#.self_attn.out_proj"]),
            ("decoder.layers.#.attention.norm", &["decoder.layers.#.self_attn_layer_norm"]),
            ("decoder.layers.#.cross.query", &["decoder.layers.#.encoder_attn.q_proj"]),
            (
                "decoder.layers.#.cross.keys_values",
                &["decoder.layers.#.encoder_attn.k_proj", "decoder.layers.#.encoder_attn.v_proj"],
            ),
            ("decoder.layers.#.cross.output", &["decoder.layers.#.encoder_attn.out_proj"]),
            ("decoder.layers.#.cross.norm", &["decoder.layers.#.encoder_attn_layer_norm"]),
            ("decoder.layers.#.feed_forward.first", &["decoder.layers.#.fc1"]),
            ("decoder.layers.#.feed_forward.second", &["decoder.layers.#.fc2"]),
            ("decoder.layers.#.feed_forward.norm", &["decoder.layers.#.final_layer_norm"]),
            // What scores words is their own table; its biases stand outside of the model.
            ("decoder.output.bias", &["final_logits_bias[row]"]),
        ]
    };
}

type Names = &'static [(&'static str, &'static [&'static str])];

const SHARED: Names = sides!(("embeddings.words", &["shared"]));

const APART: Names = sides!(
    ("embeddings.words", &["encoder.embed_tokens"]),
    ("decoder.embeddings.words", &["decoder.embed_tokens"])
);

//! NomicBERT (Nussbaum et al. 2024): rotary positions and a gated feed-forward part, norms after. Its first configurations
//! have GPT-2's keys, its later ones BERT's; its files have one spelling, and Transformers 5 another inside.

use contexture_kernels::Activation;

use super::Family;
use super::shared::{
    BERT_SIZES, PLACES, SizeKeys, activation, base, encoder_only, epsilon, places, rotary_base,
    sizes, token_types,
};
use crate::ModelError;
use crate::architectures::{Biases, EncoderSettings};
use crate::checkpoint::Dialect;
use crate::folder::Config;
use crate::positions::PositionSettings;

pub(super) static FAMILY: Family = Family {
    name: "NomicBERT",
    model_types: &["nomic_bert"],
    fits: |_| true,
    read: |config| if config.has("n_embd") { legacy(config) } else { today(config) },
    dialects: &[
        Dialect { prefixes: &["", "bert.", "nomic_bert."], rows: NAMES, heads: &[] },
        Dialect { prefixes: &["", "nomic_bert."], rows: NAMES_TODAY, heads: &[] },
    ],
    language: None,
    classifier: Activation::Tanh,
    decoder: None,
};

const LEGACY_SIZES: SizeKeys =
    SizeKeys { hidden: &["n_embd"], heads: &["n_head"], inner: &["n_inner"], layers: &["n_layer"] };

fn legacy(config: &Config) -> Result<EncoderSettings, ModelError> {
    for key in ["prenorm", "parallel_block", "causal", "use_rms_norm", "qkv_proj_bias"] {
        config.only(key, false.into())?;
    }
    for key in ["mlp_fc1_bias", "mlp_fc2_bias", "rotary_emb_interleaved", "num_experts"] {
        config.only(key, false.into())?;
    }
    for key in ["rotary_emb_scale_base", "moe_every_n_layers"] {
        config.only(key, serde_json::Value::Null)?;
    }
    config.only("scale_attn_weights", true.into())?;
    config.only("scale_attn_by_inverse_layer_idx", false.into())?;
    config.number(&["rotary_emb_fraction"], 1.0..=1.0, 0.0)?;
    let gates = [("swiglu", Activation::Silu), ("geglu", Activation::Gelu)];
    let activation = config.choice(&["activation_function"], &gates, Activation::Silu)?;
    let trained = config.optional_count(&["max_trained_positions"], 1..=PLACES)?;
    let scaled = config.get(&["rotary_scaling_factor"]).is_some();
    let maximum = match trained {
        // The scaled rotation equals the plain one as far as the model was trained.
        Some(trained) if scaled => trained,
        _ => places(config, &["n_positions"])?,
    };
    let base = base(config, &["rotary_emb_base"], 10_000.0)?;
    let sizes = sizes(config, &LEGACY_SIZES)?;
    let epsilon = epsilon(config, &["layer_norm_epsilon"], 1e-5)?;
    settings(
        config,
        EncoderSettings {
            epsilon,
            activation,
            maximum_tokens: Some(maximum),
            ..EncoderSettings::plain(sizes)
        },
        base,
    )
}

fn today(config: &Config) -> Result<EncoderSettings, ModelError> {
    encoder_only(config)?;
    let sizes = sizes(config, &BERT_SIZES)?;
    let width = sizes.hidden / sizes.heads;
    config.optional_count(&["head_dim"], width..=width)?;
    let rope = config.object("rope_parameters")?;
    let base = match &rope {
        Some(rope) => {
            let base = rotary_base(rope, 1000.0)?;
            config.adopt(rope);
            base
        }
        None => base(config, &["rope_theta"], 1000.0)?,
    };
    let activation = if config.has("hidden_act") {
        activation(config, &["hidden_act"])?
    } else {
        Activation::Silu
    };
    settings(
        config,
        EncoderSettings {
            epsilon: epsilon(config, &["layer_norm_eps"], 1e-12)?,
            activation,
            maximum_tokens: Some(places(config, &["max_position_embeddings"])?),
            ..EncoderSettings::plain(sizes)
        },
        base,
    )
}

fn settings(
    config: &Config,
    mut e: EncoderSettings,
    base: f32,
) -> Result<EncoderSettings, ModelError> {
    if !e.head_width.is_multiple_of(2) {
        let expected = "heads of an even width, for rotation";
        return Err(config.wrong("num_attention_heads", expected, &e.heads.into()));
    }
    e.layers.iter_mut().for_each(|layer| layer.rotary_base = base);
    e.positions = vec![PositionSettings::Rotary { width: e.head_width, interleaved: false }];
    e.biases = Biases::all(false);
    e.gated = true;
    e.token_types = token_types(config, 2)?;
    Ok(e)
}

const NAMES: &[(&str, &[&str])] = &[
    ("embeddings.words", &["embeddings.word_embeddings"]),
    ("embeddings.types", &["embeddings.token_type_embeddings"]),
    ("embeddings.norm", &["emb_ln"]),
    ("layers.#.attention.qkv", &["encoder.layers.#.attn.Wqkv"]),
    ("layers.#.attention.output", &["encoder.layers.#.attn.out_proj"]),
    ("layers.#.attention.norm", &["encoder.layers.#.norm1"]),
    // The second of the two is the one that goes through the activation.
    ("layers.#.feed_forward.first", &["encoder.layers.#.mlp.fc12", "encoder.layers.#.mlp.fc11"]),
    ("layers.#.feed_forward.second", &["encoder.layers.#.mlp.fc2"]),
    ("layers.#.feed_forward.norm", &["encoder.layers.#.norm2"]),
];

const NAMES_TODAY: &[(&str, &[&str])] = &[
    ("embeddings.words", &["embeddings.word_embeddings"]),
    ("embeddings.types", &["embeddings.token_type_embeddings"]),
    ("embeddings.norm", &["embeddings.LayerNorm"]),
    (
        "layers.#.attention.qkv",
        &["layers.#.self_attn.q_proj", "layers.#.self_attn.k_proj", "layers.#.self_attn.v_proj"],
    ),
    ("layers.#.attention.output", &["layers.#.self_attn.o_proj"]),
    ("layers.#.attention.norm", &["layers.#.post_attention_layernorm"]),
    ("layers.#.feed_forward.first", &["layers.#.mlp.gate_proj", "layers.#.mlp.up_proj"]),
    ("layers.#.feed_forward.second", &["layers.#.mlp.down_proj"]),
    ("layers.#.feed_forward.norm", &["layers.#.post_mlp_layernorm"]),
];

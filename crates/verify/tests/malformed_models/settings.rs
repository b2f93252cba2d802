//! Configurations that are broken, out of range, or ask for what is not supported.

use std::fs;

use serde_json::{Value, json};

use crate::tiny::{Cases, Tiny, WORDS};

pub(crate) fn sizes(cases: &mut Cases) {
    let sizes = [
        "vocab_size",
        "hidden_size",
        "num_attention_heads",
        "num_hidden_layers",
        "intermediate_size",
        "max_position_embeddings",
    ];
    for key in sizes {
        let words = ["config.json", key];
        cases.tiny(format!("without {key}"), "MissingKey", &words, Tiny::bert().without(key));
        let null = Tiny::bert().with(key, Value::Null);
        cases.tiny(format!("{key} is null"), "MissingKey", &words, null);
        for bad in [
            json!("12"),
            json!(-1),
            json!(0),
            json!(1.5),
            json!(1e18),
            json!([4]),
            json!({}),
            json!(true),
            json!(u64::MAX),
        ] {
            let name = format!("{key} is {bad}");
            cases.tiny(name, "Setting", &words, Tiny::bert().with(key, bad));
        }
    }
}

pub(crate) fn values(cases: &mut Cases) {
    for (key, bad) in [
        ("num_attention_heads", json!(3)),
        ("num_attention_heads", json!(8)),
        ("layer_norm_eps", json!(-1e-12)),
        ("layer_norm_eps", json!("1e-12")),
        ("layer_norm_eps", json!(2.0)),
        ("type_vocab_size", json!(-1)),
        ("type_vocab_size", json!("two")),
        ("hidden_act", json!(7)),
        ("hidden_act", json!(["gelu"])),
        ("model_type", json!(7)),
    ] {
        let name = format!("{key} is {bad}");
        cases.tiny(name, "Setting", &["config.json", key], Tiny::bert().with(key, bad));
    }
    for (key, bad, supported) in [
        ("hidden_act", json!("mish"), "gelu"),
        ("hidden_act", json!(""), "gelu"),
        ("position_embedding_type", json!("relative_key"), "absolute"),
        ("position_embedding_type", json!("relative_key_query"), "absolute"),
        ("is_decoder", json!(true), "false"),
        ("add_cross_attention", json!(true), "false"),
        ("is_encoder_decoder", json!(true), "false"),
        ("pruned_heads", json!({"0": [1]}), "{}"),
        ("model_type", json!("llama"), "bert"),
        ("model_type", json!("BERT"), "bert"),
    ] {
        let name = format!("{key} is {bad}");
        let words = ["config.json", key, supported];
        cases.tiny(name, "Unsupported", &words, Tiny::bert().with(key, bad));
    }
    let kind = Tiny::bert().without("model_type");
    cases.tiny("no model_type", "MissingKey", &["model_type", "roberta"], kind);
    let big = Tiny::bert().with("vocab_size", json!(13));
    cases.tiny("one word too many", "Shape", &[WORDS, "[12, 4]", "[13, 4]"], big);
    let more = Tiny::bert().with("num_hidden_layers", json!(3));
    cases.tiny("a layer too many", "MissingTensor", &["encoder.layer.2."], more);
    let fewer = Tiny::bert().with("num_hidden_layers", json!(1));
    cases.tiny("a layer too few", "UnreadTensor", &["encoder.layer.1."], fewer);
}

pub(crate) fn texts(cases: &mut Cases) {
    let texts: [(&str, Vec<u8>); 10] = [
        ("empty", vec![]),
        ("a list", b"[]".to_vec()),
        ("a number", b"7".to_vec()),
        ("cut off", b"{\"model_type\": \"be".to_vec()),
        ("with NaN", b"{\"model_type\": NaN}".to_vec()),
        ("not UTF-8", b"{\"model_type\": \"\xff\xfe\"}".to_vec()),
        ("zeros", vec![0; 64]),
        ("nested deeply", [b"[".repeat(100_000), b"]".repeat(100_000)].concat()),
        ("two objects", b"{}{}".to_vec()),
        ("a number beyond f64", b"{\"layer_norm_eps\": 1e999}".to_vec()),
    ];
    for (name, text) in texts {
        cases.text(&format!("config is {name}"), "Json", &["config.json"], "config.json", &text);
    }
    cases.add("config of 17 MiB", "TooLarge", &["config.json"], |folder| {
        Tiny::bert().write(folder);
        let file = fs::File::create(folder.join("config.json")).expect("a file");
        file.set_len(17 << 20).expect("a sparse file");
    });
}

pub(crate) fn families(cases: &mut Cases) {
    let base = json!({
        "vocab_size": 12, "hidden_size": 4, "num_attention_heads": 2, "num_hidden_layers": 2,
        "intermediate_size": 6, "max_position_embeddings": 8
    });
    let mut add = |kind: &str, key: &str, value: Value, variant: &'static str| {
        let mut tiny = Tiny::bert();
        tiny.config = base.clone();
        let tiny = tiny.with("model_type", json!(kind)).with(key, value.clone());
        cases.tiny(format!("{kind}: {key} is {value}"), variant, &["config.json", key], tiny);
    };
    add("roberta", "max_position_embeddings", json!(2), "Setting");
    add("roberta", "pad_token_id", json!(-1), "Setting");
    add("xlm-roberta", "position_embedding_type", json!("relative_key"), "Unsupported");
    add("camembert", "is_decoder", json!(true), "Unsupported");
    add("mpnet", "relative_attention_num_buckets", json!(64), "Setting");
    add("mpnet", "max_position_embeddings", json!(1), "Setting");
    add("distilbert", "dim", json!("4"), "Setting");
    add("distilbert", "n_heads", json!(0), "Setting");
    add("nomic_bert", "head_dim", json!(3), "Setting");
    add("nomic_bert", "num_attention_heads", json!(4), "Setting");
    add("nomic_bert", "rope_parameters", json!([]), "Setting");
    add("nomic_bert", "rope_parameters", json!({"rope_type": "yarn"}), "Unsupported");
    add("modernbert", "layer_types", json!(["full_attention"]), "Setting");
    add("modernbert", "layer_types", json!(["full_attention", "chunked"]), "Unsupported");
    add("modernbert", "rope_scaling", json!({"factor": 2}), "Unsupported");
    add("modernbert", "global_attn_every_n_layers", json!(0), "Setting");
    add("modernbert", "local_attention", json!(-2), "Setting");
    add("modernbert", "global_rope_theta", json!(0), "Setting");
    add("modernbert", "norm_bias", json!("no"), "Setting");
    let legacy = |key: &str, value: Value| {
        let mut tiny = Tiny::bert();
        tiny.config = json!({"model_type": "nomic_bert", "n_embd": 4, "n_head": 2, "n_inner": 6,
            "n_layer": 2, "n_positions": 8, "vocab_size": 12, "rotary_emb_fraction": 1.0});
        tiny.with(key, value)
    };
    for (key, value, variant) in [
        ("prenorm", json!(true), "Unsupported"),
        ("parallel_block", json!(true), "Unsupported"),
        ("causal", json!(true), "Unsupported"),
        ("use_rms_norm", json!(true), "Unsupported"),
        ("qkv_proj_bias", json!(true), "Unsupported"),
        ("rotary_emb_interleaved", json!(true), "Unsupported"),
        ("rotary_emb_scale_base", json!(512), "Unsupported"),
        ("rotary_emb_fraction", json!(0.5), "Setting"),
        ("activation_function", json!("gelu"), "Unsupported"),
        ("moe_every_n_layers", json!(2), "Unsupported"),
    ] {
        let words = ["config.json", key];
        cases.tiny(format!("legacy: {key} is {value}"), variant, &words, legacy(key, value));
    }
    let jina = Tiny::bert().with("position_embedding_type", json!("alibi"));
    cases.tiny("jina: no feed_forward_type", "MissingKey", &["feed_forward_type"], jina.clone());
    let original = jina.clone().with("feed_forward_type", json!("original"));
    let words = ["feed_forward_type", "geglu"];
    cases.tiny("jina: not gated", "Unsupported", &words, original);
    let gated = jina.with("feed_forward_type", json!("geglu"));
    cases.tiny("jina: BERT's weights", "MissingTensor", &["mlp.gated_layers"], gated);
}

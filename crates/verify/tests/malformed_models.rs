//! Malformed model folders: each gives a typed error that names file and place, in bounded time,
//! without a panic, and leaves nothing open. Made here from one small model that is accepted.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use contexture_model::{Model, ModelError, OpenOptions};
use serde_json::{Value, json};

/// A model folder in memory.
#[derive(Clone)]
struct Tiny {
    config: Value,
    tensors: Vec<Tensor>,
    files: Vec<(String, Vec<u8>)>,
}

#[derive(Clone)]
struct Tensor {
    name: String,
    dtype: &'static str,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

fn tensor(name: &str, shape: &[usize]) -> Tensor {
    let count: usize = shape.iter().product();
    let values = (0..count).flat_map(|i| ((i % 7) as f32 * 0.25 - 0.5).to_le_bytes());
    Tensor { name: name.into(), dtype: "F32", shape: shape.to_vec(), bytes: values.collect() }
}

const POOLING: &str = r#"{"word_embedding_dimension":4,"pooling_mode_mean_tokens":true}"#;
const MODULES: &str = r#"[
    {"idx":0,"name":"0","path":"","type":"sentence_transformers.models.Transformer"},
    {"idx":1,"name":"1","path":"1_Pooling","type":"sentence_transformers.models.Pooling"},
    {"idx":2,"name":"2","path":"2_Normalize","type":"sentence_transformers.models.Normalize"}]"#;

impl Tiny {
    fn bert() -> Self {
        let mut tensors = vec![
            tensor("embeddings.word_embeddings.weight", &[12, 4]),
            tensor("embeddings.position_embeddings.weight", &[8, 4]),
            tensor("embeddings.token_type_embeddings.weight", &[2, 4]),
            tensor("embeddings.LayerNorm.weight", &[4]),
            tensor("embeddings.LayerNorm.bias", &[4]),
            tensor("pooler.dense.weight", &[4, 4]),
        ];
        for layer in 0..2 {
            let maps = [
                ("attention.self.query", 4, 4),
                ("attention.self.key", 4, 4),
                ("attention.self.value", 4, 4),
                ("attention.output.dense", 4, 4),
                ("intermediate.dense", 6, 4),
                ("output.dense", 4, 6),
            ];
            for (name, outputs, inputs) in maps {
                let at = format!("encoder.layer.{layer}.{name}");
                tensors.push(tensor(&format!("{at}.weight"), &[outputs, inputs]));
                tensors.push(tensor(&format!("{at}.bias"), &[outputs]));
            }
            for name in ["attention.output.LayerNorm", "output.LayerNorm"] {
                let at = format!("encoder.layer.{layer}.{name}");
                tensors.push(tensor(&format!("{at}.weight"), &[4]));
                tensors.push(tensor(&format!("{at}.bias"), &[4]));
            }
        }
        let config = json!({
            "model_type": "bert", "vocab_size": 12, "hidden_size": 4, "num_attention_heads": 2,
            "num_hidden_layers": 2, "intermediate_size": 6, "max_position_embeddings": 8,
            "type_vocab_size": 2, "hidden_act": "gelu", "layer_norm_eps": 1e-12,
            "position_embedding_type": "absolute", "pad_token_id": 0
        });
        let files = vec![
            ("modules.json".into(), MODULES.into()),
            ("1_Pooling/config.json".into(), POOLING.into()),
        ];
        Self { config, tensors, files }
    }

    fn with(mut self, key: &str, value: Value) -> Self {
        self.config[key] = value;
        self
    }

    fn without(mut self, key: &str) -> Self {
        self.config.as_object_mut().expect("an object").remove(key);
        self
    }

    fn file(mut self, name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.retain(|(other, _)| other != name);
        self.files.push((name.into(), bytes.into()));
        self
    }

    fn tensor(&mut self, name: &str) -> &mut Tensor {
        self.tensors.iter_mut().find(|t| t.name == name).expect("a tensor of the small model")
    }

    fn entries(&self) -> Vec<(String, Value)> {
        let mut at = 0;
        let entry = |t: &Tensor| {
            let from = at;
            at += t.bytes.len();
            let place = json!([from, at]);
            (t.name.clone(), json!({"dtype": t.dtype, "shape": t.shape, "data_offsets": place}))
        };
        self.tensors.iter().map(entry).collect()
    }

    fn data(&self) -> Vec<u8> {
        self.tensors.iter().flat_map(|t| t.bytes.clone()).collect()
    }

    fn weights(&self) -> Vec<u8> {
        assemble(&header(&self.entries()), &self.data())
    }

    fn write(&self, folder: &Path) {
        put(folder, "config.json", self.config.to_string().as_bytes());
        put(folder, "model.safetensors", &self.weights());
        for (name, bytes) in &self.files {
            put(folder, name, bytes);
        }
    }
}

/// Written by hand, so that names may come twice.
fn header(entries: &[(String, Value)]) -> String {
    let pairs: Vec<_> = entries.iter().map(|(n, v)| format!("{}:{v}", json!(n))).collect();
    format!("{{{}}}", pairs.join(","))
}

fn assemble(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

fn put(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    fs::write(path, bytes).expect("a file");
}

type Build = Box<dyn Fn(&Path)>;

/// A folder and what must come of opening it: the error's variant, and words of its message.
struct Case {
    name: String,
    build: Build,
    variant: &'static str,
    words: Vec<String>,
}

#[derive(Default)]
struct Cases(Vec<Case>);

impl Cases {
    fn add(
        &mut self,
        name: impl Into<String>,
        variant: &'static str,
        words: &[&str],
        build: impl Fn(&Path) + 'static,
    ) {
        let words = words.iter().map(ToString::to_string).collect();
        self.0.push(Case { name: name.into(), build: Box::new(build), variant, words });
    }

    fn tiny(&mut self, name: impl Into<String>, variant: &'static str, words: &[&str], tiny: Tiny) {
        self.add(name, variant, words, move |folder| tiny.write(folder));
    }

    /// The small model with other bytes in its weight file.
    fn weights(&mut self, name: &str, variant: &'static str, words: &[&str], bytes: Vec<u8>) {
        self.add(name, variant, words, move |folder| {
            Tiny::bert().write(folder);
            put(folder, "model.safetensors", &bytes);
        });
    }

    /// The small model with an entry of its header changed.
    fn entry(&mut self, name: &str, words: &[&str], change: impl Fn(&mut Value)) {
        let tiny = Tiny::bert();
        let mut entries = tiny.entries();
        let at = entries.iter().position(|(n, _)| n == WORDS).expect("words");
        change(&mut entries[at].1);
        self.weights(name, "TensorEntry", words, assemble(&header(&entries), &tiny.data()));
    }

    fn text(&mut self, name: &str, variant: &'static str, words: &[&str], file: &str, text: &[u8]) {
        self.tiny(name, variant, words, Tiny::bert().file(file, text));
    }
}

const WORDS: &str = "embeddings.word_embeddings.weight";
const FILE: &str = "model.safetensors";

fn headers(cases: &mut Cases) {
    let whole = Tiny::bert().weights();
    for keep in [0, 1, 7] {
        cases.weights(&format!("{keep} bytes"), "Header", &[FILE, "bytes"], whole[..keep].into());
    }
    let json_end = 8 + u64::from_le_bytes(whole[..8].try_into().expect("8 bytes")) as usize;
    for keep in [8, 9, 100, json_end - 1] {
        let name = format!("cut at {keep}, inside the header");
        cases.weights(&name, "Header", &[FILE, "claims"], whole[..keep].into());
    }
    for keep in [json_end, json_end + 1, whole.len() / 2 + json_end / 2, whole.len() - 1] {
        let name = format!("cut at {keep}, inside the data");
        cases.weights(&name, "TensorEntry", &[FILE, "outside"], whole[..keep].into());
    }
    for len in [u64::MAX, u64::MAX - 7, 1 << 63, 1 << 40, 100_000_001, whole.len() as u64] {
        let mut bytes = whole.clone();
        bytes[..8].copy_from_slice(&len.to_le_bytes());
        cases.weights(&format!("header of {len} bytes"), "Header", &[FILE, "claims"], bytes);
    }
    let mut longer = whole.clone();
    longer.extend([0; 5]);
    cases.weights("bytes after the last tensor", "Header", &[FILE, "end"], longer);
    let texts: [(&str, &str); 10] = [
        ("empty header", ""),
        ("header is null", "null"),
        ("header is a list", "[]"),
        ("header is a number", "7"),
        ("header is not closed", "{"),
        ("header is text", "\"a\""),
        ("entry is a number", r#"{"a":7}"#),
        ("entry without a shape", r#"{"a":{"dtype":"F32","data_offsets":[0,4]}}"#),
        ("metadata is a number", r#"{"__metadata__":7}"#),
        ("garbage after the header", "{} x"),
    ];
    for (name, json) in texts {
        cases.weights(name, "Header", &[FILE], assemble(json, &[]));
    }
    cases.weights("deep nesting", "Header", &[FILE], assemble(&"[".repeat(100_000), &[]));
    let mut invalid = assemble("{\"aa\":1}", &[]);
    invalid[10] = 0xff;
    cases.weights("header is not UTF-8", "Header", &[FILE], invalid);
    cases.weights(
        "only metadata",
        "MissingTensor",
        &[FILE, WORDS],
        assemble(r#"{"__metadata__":{"format":"pt"}}"#, &[]),
    );
}

fn entries(cases: &mut Cases) {
    cases.entry("unknown type", &[WORDS, "Q4_0"], |e| e["dtype"] = json!("Q4_0"));
    cases.entry("type in lower case", &[WORDS, "f32"], |e| e["dtype"] = json!("f32"));
    cases.entry("half the values", &[WORDS, "96"], |e| e["shape"] = json!([6, 4]));
    cases.entry("a dimension too many", &[WORDS], |e| e["shape"] = json!([12, 4, 2]));
    cases.entry("shape overflows", &[WORDS, "too large"], |e| {
        e["shape"] = json!([u64::MAX, 2]);
    });
    cases.entry("bytes overflow", &[WORDS, "too large"], |e| e["shape"] = json!([1u64 << 62, 4]));
    cases.entry("many ones then overflow", &[WORDS, "too large"], |e| {
        e["shape"] = json!([1u64 << 32, 1u64 << 32]);
    });
    cases.entry("zero rows", &[WORDS], |e| e["shape"] = json!([0, 4]));
    cases.entry("type of another size", &[WORDS], |e| e["dtype"] = json!("F64"));
    cases.entry("place backwards", &[WORDS, "outside"], |e| e["data_offsets"] = json!([192, 0]));
    cases.entry("place far outside", &[WORDS, "outside"], |e| {
        e["data_offsets"] = json!([1u64 << 50, (1u64 << 50) + 192]);
    });
    cases.entry("place at the end of numbers", &[WORDS, "outside"], |e| {
        e["data_offsets"] = json!([u64::MAX - 192, u64::MAX]);
    });
    cases.entry("place moved", &["gap"], |e| e["data_offsets"] = json!([4, 196]));
    let tiny = Tiny::bert();
    let mut overlapping = tiny.entries();
    overlapping[1].1["data_offsets"] = json!([188, 316]);
    let bytes = assemble(&header(&overlapping), &tiny.data());
    let words = ["embeddings.position_embeddings.weight", "overlaps"];
    cases.weights("place overlaps", "TensorEntry", &words, bytes);
    for (name, value) in [
        ("negative size", json!({"dtype": "F32", "shape": [-12, 4], "data_offsets": [0, 192]})),
        ("fractional size", json!({"dtype": "F32", "shape": [1.5, 4], "data_offsets": [0, 24]})),
        ("three offsets", json!({"dtype": "F32", "shape": [12, 4], "data_offsets": [0, 1, 2]})),
        ("type is a number", json!({"dtype": 32, "shape": [12, 4], "data_offsets": [0, 192]})),
        ("an unknown field", json!({"dtype": "F32", "shape": [1], "data_offsets": [0, 4], "x": 1})),
    ] {
        let mut all = tiny.entries();
        all[0].1 = value;
        cases.weights(name, "Header", &[FILE], assemble(&header(&all), &tiny.data()));
    }
    let mut twice = tiny.entries();
    twice.push(twice[0].clone());
    let bytes = assemble(&header(&twice), &tiny.data());
    cases.weights("a name twice", "TensorEntry", &[WORDS, "twice"], bytes);
    let mut hole = tiny.data();
    hole.splice(0..0, [0; 4]);
    let mut shifted = tiny.entries();
    for (_, entry) in &mut shifted {
        for at in 0..2 {
            entry["data_offsets"][at] = json!(entry["data_offsets"][at].as_u64().expect("u64") + 4);
        }
    }
    let bytes = assemble(&header(&shifted), &hole);
    cases.weights("a hole before the first", "TensorEntry", &[WORDS, "gap"], bytes);
}

fn tensors(cases: &mut Cases) {
    let tiny = Tiny::bert();
    for t in tiny.tensors.iter().filter(|t| !t.name.starts_with("pooler")) {
        let mut missing = tiny.clone();
        missing.tensors.retain(|other| other.name != t.name);
        let words = [FILE, &format!("`{}`", t.name)];
        cases.tiny(format!("without {}", t.name), "MissingTensor", &words, missing);
        let mut shape = t.shape.clone();
        shape[0] += 1;
        let (found, expected) = (format!("{shape:?}"), format!("{:?}", t.shape));
        let mut larger = tiny.clone();
        *larger.tensor(&t.name) = tensor(&t.name, &shape);
        let words = [FILE, &t.name, &found, &expected];
        cases.tiny(format!("{} is larger", t.name), "Shape", &words, larger);
    }
    let mut turned = tiny.clone();
    turned.tensor("encoder.layer.1.output.dense.weight").shape = vec![6, 4];
    let words = ["encoder.layer.1.output.dense.weight", "[6, 4]", "[4, 6]"];
    cases.tiny("a matrix lies on its side", "Shape", &words, turned);
    let mut flat = tiny.clone();
    flat.tensor(WORDS).shape = vec![48];
    cases.tiny("a table without rows", "Shape", &[WORDS, "[48]", "[12, 4]"], flat);
    let mut boxed = tiny.clone();
    boxed.tensor("embeddings.LayerNorm.bias").shape = vec![1, 4];
    cases.tiny("a vector with rows", "Shape", &["LayerNorm.bias", "[1, 4]"], boxed);
    for (dtype, size) in
        [("I32", 4), ("F64", 8), ("U8", 1), ("BOOL", 1), ("F8_E4M3", 1), ("I64", 8)]
    {
        let mut other = tiny.clone();
        let t = other.tensor(WORDS);
        (t.dtype, t.bytes) = (dtype, vec![0; 48 * size]);
        cases.tiny(format!("words are {dtype}"), "Precision", &[FILE, WORDS, dtype], other);
    }
    for (what, bits) in [("NaN", f32::NAN), ("infinite", f32::INFINITY), ("-inf", -f32::INFINITY)] {
        for name in
            [WORDS, "encoder.layer.0.attention.self.key.weight", "embeddings.LayerNorm.bias"]
        {
            let mut bad = tiny.clone();
            bad.tensor(name).bytes[4..8].copy_from_slice(&bits.to_le_bytes());
            cases.tiny(format!("{what} in {name}"), "NotFinite", &[FILE, name], bad);
        }
    }
    for name in [
        "encoder.layer.2.output.dense.weight",
        "encoder.layer.0.attention.self.distance_embedding.weight",
        "embeddings.extra.weight",
    ] {
        let mut extra = tiny.clone();
        extra.tensors.push(tensor(name, &[4, 4]));
        cases.tiny(format!("also {name}"), "UnreadTensor", &[FILE, name], extra);
    }
}

fn settings(cases: &mut Cases) {
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

fn families(cases: &mut Cases) {
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

fn modules(cases: &mut Cases) {
    let list = |modules: &[(&str, &str)]| {
        let entry = |(class, path): &(&str, &str)| {
            json!({"idx": 0, "name": "0", "path": path,
                "type": format!("sentence_transformers.models.{class}")})
        };
        Value::from(modules.iter().map(entry).collect::<Vec<_>>()).to_string().into_bytes()
    };
    let first = ("Transformer", "");
    let pooling = ("Pooling", "1_Pooling");
    let mut add = |name: &str, variant: &'static str, words: &[&str], modules: &[(&str, &str)]| {
        cases.text(name, variant, words, "modules.json", &list(modules));
    };
    add("no module", "Modules", &["modules.json"], &[]);
    add("no pooling", "Modules", &["exactly one Pooling"], &[first]);
    add("two poolings", "Modules", &["exactly one Pooling"], &[first, pooling, pooling]);
    add("two transformers", "Modules", &["Transformer"], &[first, first, pooling]);
    add("pooling first", "Modules", &["Transformer"], &[pooling, first]);
    add("normalize before pooling", "Modules", &["Pooling"], &[first, ("Normalize", "n"), pooling]);
    add(
        "33 modules",
        "Modules",
        &["33"],
        &[[first, pooling].as_slice(), &[("Normalize", "n"); 31]].concat(),
    );
    for class in ["LSTM", "CNN", "WordEmbeddings", "CLIPModel", "StaticEmbedding", "Evil", ""] {
        let words = ["modules.json", class, "Pooling, Dense, Normalize"];
        add(&format!("a {class} module"), "Unsupported", &words, &[first, (class, "x"), pooling]);
    }
    for path in ["../outside", "/etc", "1_Pooling/../../x", "..", "a\\b", "1_Pooling/\u{0}"] {
        let name = format!("pooling at {path:?}");
        add(&name, "Unsafe", &["beneath the model folder"], &[first, ("Pooling", path)]);
        let name = format!("encoder at {path:?}");
        add(&name, "Unsafe", &["beneath the model folder"], &[("Transformer", path), pooling]);
    }
    add("pooling nowhere", "NotFound", &["9_Pooling"], &[first, ("Pooling", "9_Pooling")]);
    add(
        "encoder nowhere",
        "NotFound",
        &["0_Transformer"],
        &[("Transformer", "0_Transformer"), pooling],
    );
    add(
        "encoder in a folder without one",
        "MissingKey",
        &["1_Pooling", "model_type"],
        &[("Transformer", "1_Pooling"), pooling],
    );
    add("dense nowhere", "NotFound", &["2_Dense"], &[first, pooling, ("Dense", "2_Dense")]);
    for (name, text) in
        [("empty", ""), ("an object", "{}"), ("text", "\"x\""), ("cut", "[{"), ("numbers", "[1,2]")]
    {
        let name = format!("modules are {name}");
        cases.text(&name, "Json", &["modules.json"], "modules.json", text.as_bytes());
    }
    let untyped = br#"[{"idx":0,"path":""}]"#;
    cases.text("a module without a type", "MissingKey", &["type"], "modules.json", untyped);
    let typed = br#"[{"idx":0,"path":7,"type":"a.Transformer"}]"#;
    cases.text("a module's path is a number", "Setting", &["path"], "modules.json", typed);
    let pool = "1_Pooling/config.json";
    for (name, variant, text) in [
        ("empty", "Json", ""),
        ("a list", "Json", "[]"),
        ("silent", "MissingKey", "{}"),
        ("of an unknown mode", "Unsupported", r#"{"pooling_mode":"median"}"#),
        ("of a number", "Unsupported", r#"{"pooling_mode":7}"#),
        ("of no mode", "Setting", r#"{"pooling_mode":[]}"#),
        (
            "of too many modes",
            "Setting",
            r#"{"pooling_mode":["cls","cls","cls","cls","cls","cls","cls"]}"#,
        ),
        ("with a switch that is text", "Setting", r#"{"pooling_mode_mean_tokens":"yes"}"#),
        ("with an odd include_prompt", "Setting", r#"{"pooling_mode":"mean","include_prompt":1}"#),
    ] {
        cases.text(&format!("pooling is {name}"), variant, &[pool], pool, text.as_bytes());
    }
}

fn heads(cases: &mut Cases) {
    let modules = json!([
        {"path": "", "type": "a.Transformer"}, {"path": "1_Pooling", "type": "a.Pooling"},
        {"path": "2_Dense", "type": "a.Dense"}]);
    let dense = |config: Value, tensors: &[Tensor]| {
        let mut part = Tiny::bert();
        part.tensors = tensors.to_vec();
        Tiny::bert()
            .file("modules.json", modules.to_string())
            .file("2_Dense/config.json", config.to_string())
            .file("2_Dense/model.safetensors", part.weights())
    };
    let config = json!({"in_features": 4, "out_features": 3, "bias": true,
        "activation_function": "torch.nn.modules.activation.Tanh"});
    let own = [tensor("linear.weight", &[3, 4]), tensor("linear.bias", &[3])];
    let changed = |key: &str, value: Value| {
        let mut config = config.clone();
        config[key] = value;
        config
    };
    let mut add = |name: &str, variant: &'static str, words: &[&str], tiny: Tiny| {
        cases.tiny(format!("dense: {name}"), variant, words, tiny);
    };
    add(
        "another input",
        "Modules",
        &["2_Dense", "5", "4"],
        dense(changed("in_features", json!(5)), &own),
    );
    add(
        "a negative width",
        "Setting",
        &["out_features"],
        dense(changed("out_features", json!(-3)), &own),
    );
    add(
        "another output",
        "Shape",
        &["linear.weight", "[2, 4]"],
        dense(changed("out_features", json!(2)), &own),
    );
    for function in ["torch.nn.modules.activation.PReLU", "os.system", "builtins.Tanh", ""] {
        let tiny = dense(changed("activation_function", json!(function)), &own);
        add(&format!("{function:?}"), "Unsupported", &["activation_function", "Tanh"], tiny);
    }
    add(
        "a residual",
        "Unsupported",
        &["use_residual"],
        dense(changed("use_residual", json!(true)), &own),
    );
    let tokens = changed("module_input_name", json!("token_embeddings"));
    add("for tokens", "Unsupported", &["module_input_name"], dense(tokens, &own));
    add(
        "no bias in the file",
        "MissingTensor",
        &["2_Dense", "linear.bias"],
        dense(config.clone(), &own[..1]),
    );
    let ints = Tensor { dtype: "I32", ..own[0].clone() };
    let ints = [ints, own[1].clone()];
    add("whole numbers", "Precision", &["2_Dense", "linear.weight"], dense(config.clone(), &ints));
    let mut pickled = dense(config.clone(), &own);
    pickled.files.retain(|(name, _)| name != "2_Dense/model.safetensors");
    let pickled = pickled.file("2_Dense/pytorch_model.bin", b"\x80\x02".to_vec());
    add("a pickle", "Pickle", &["2_Dense", "pytorch_model.bin"], pickled);
    let bert = "sentence_bert_config.json";
    let st = "config_sentence_transformers.json";
    for (file, variant, text) in [
        (bert, "Setting", r#"{"max_seq_length":0}"#),
        (bert, "Setting", r#"{"max_seq_length":"256"}"#),
        (bert, "Setting", r#"{"do_lower_case":"no"}"#),
        (bert, "Unsupported", r#"{"transformer_task":"fill-mask"}"#),
        (bert, "Unsupported", r#"{"query_expansion":{"length":32}}"#),
        (bert, "Json", "{"),
        (st, "Setting", r#"{"prompts":[]}"#),
        (st, "Setting", r#"{"prompts":{"query":7}}"#),
        (st, "Setting", r#"{"prompts":{"query":"q"},"default_prompt_name":"x"}"#),
        (st, "Setting", r#"{"truncate_dim":-1}"#),
        (st, "Unsupported", r#"{"model_type":"SparseEncoder"}"#),
        (st, "Json", "[]"),
    ] {
        cases.text(&format!("{file} is {text}"), variant, &[file], file, text.as_bytes());
    }
}

fn places(cases: &mut Cases) {
    cases.add("no such folder", "NotFound", &["model"], |folder| {
        fs::remove_dir(folder).expect("an empty folder");
    });
    cases.add("a file, not a folder", "Unsafe", &["not a folder"], |folder| {
        fs::remove_dir(folder).expect("an empty folder");
        fs::write(folder, b"x").expect("a file");
    });
    cases.add("an empty folder", "NotFound", &["config.json"], |_| {});
    for name in ["config.json", "model.safetensors"] {
        cases.add(format!("no {name}"), "NotFound", &[name], move |folder| {
            Tiny::bert().write(folder);
            fs::remove_file(folder.join(name)).expect("a file");
        });
    }
    for name in ["pytorch_model.bin", "pytorch_model.bin.index.json", "model.pt"] {
        cases.add(format!("only {name}"), "Pickle", &[name, "save_pretrained"], move |folder| {
            Tiny::bert().write(folder);
            fs::rename(folder.join(FILE), folder.join(name)).expect("renamed");
        });
    }
    for name in ["config.json", FILE, "modules.json", "1_Pooling/config.json"] {
        cases.add(
            format!("{name} is a folder"),
            "Unsafe",
            &[name, "regular file"],
            move |folder| {
                Tiny::bert().write(folder);
                fs::remove_file(folder.join(name)).expect("a file");
                fs::create_dir(folder.join(name)).expect("a folder");
            },
        );
    }
    #[cfg(unix)]
    links(cases);
}

#[cfg(unix)]
fn links(cases: &mut Cases) {
    use std::os::unix::fs::symlink;
    for name in ["config.json", FILE, "modules.json", "1_Pooling/config.json"] {
        cases.add(format!("{name} is a FIFO"), "Unsafe", &[name, "regular file"], move |folder| {
            Tiny::bert().write(folder);
            fs::remove_file(folder.join(name)).expect("a file");
            let made = Command::new("mkfifo").arg(folder.join(name)).status();
            assert!(made.is_ok_and(|status| status.success()));
        });
        cases.add(format!("{name} links outside"), "Unsafe", &[name, "out of"], move |folder| {
            Tiny::bert().write(folder);
            let outside = folder.with_file_name("outside");
            fs::rename(folder.join(name), &outside).expect("moved");
            symlink(&outside, folder.join(name)).expect("a link");
        });
        cases.add(format!("{name} links to a device"), "Unsafe", &[name], move |folder| {
            Tiny::bert().write(folder);
            fs::remove_file(folder.join(name)).expect("a file");
            symlink("/dev/zero", folder.join(name)).expect("a link");
        });
        cases.add(format!("{name} links to nothing"), "Io", &[name], move |folder| {
            Tiny::bert().write(folder);
            fs::remove_file(folder.join(name)).expect("a file");
            symlink("nothing", folder.join(name)).expect("a link");
        });
        cases.add(format!("{name} links to itself"), "Io", &[name], move |folder| {
            Tiny::bert().write(folder);
            fs::remove_file(folder.join(name)).expect("a file");
            symlink(folder.join(name), folder.join(name)).expect("a link");
        });
    }
    cases.add("a module's folder links outside", "Unsafe", &["1_Pooling"], |folder| {
        Tiny::bert().write(folder);
        let outside = folder.with_file_name("outside");
        fs::rename(folder.join("1_Pooling"), &outside).expect("moved");
        symlink(&outside, folder.join("1_Pooling")).expect("a link");
    });
    cases.add("a file of the cache of another model", "Unsafe", &["out of"], |folder| {
        let (snapshot, _) = cache(folder);
        let other = folder.join("models--b--c/blobs/x");
        fs::create_dir_all(other.parent().expect("a parent")).expect("a folder");
        fs::rename(snapshot.join("../../blobs/config.json"), &other).expect("moved");
        fs::remove_file(snapshot.join("config.json")).expect("a link");
        symlink(&other, snapshot.join("config.json")).expect("a link");
        fs::write(folder.join("open-this"), snapshot.to_string_lossy().as_bytes()).expect("a file");
    });
}

fn shards(cases: &mut Cases) {
    const INDEX: &str = "model.safetensors.index.json";
    let mut add = |name: &str, variant: &'static str, words: &[&str], index: &str| {
        let index = index.to_string();
        cases.add(format!("index: {name}"), variant, words, move |folder| {
            Tiny::bert().write(folder);
            fs::rename(folder.join(FILE), folder.join("a.safetensors")).expect("renamed");
            fs::write(folder.join("a.bin"), b"\x80\x02").expect("a file");
            put(folder, INDEX, index.as_bytes());
        });
    };
    add("empty", "Json", &[INDEX], "");
    add("no map", "Setting", &[INDEX, "weight_map"], "{}");
    add("map is a list", "Setting", &["weight_map"], r#"{"weight_map":[]}"#);
    add("a file is a number", "Setting", &["weight_map.x"], r#"{"weight_map":{"x":7}}"#);
    let missing = r#"{"weight_map":{"x":"b.safetensors"}}"#;
    add("a missing shard", "NotFound", &["b.safetensors"], missing);
    add("a pickled shard", "Unsupported", &["a.bin"], r#"{"weight_map":{"x":"a.bin"}}"#);
    for path in ["../a.safetensors", "/tmp/a.safetensors", "./../a.safetensors"] {
        let index = json!({"weight_map": {"x": path}}).to_string();
        add(&format!("a shard at {path}"), "Unsafe", &[path], &index);
    }
    let absent = r#"{"weight_map":{"x":"a.safetensors"}}"#;
    add("a tensor that its shard lacks", "TensorEntry", &["a.safetensors", "`x`"], absent);
    let part = format!(r#"{{"weight_map":{{"{WORDS}":"a.safetensors"}}}}"#);
    add("most tensors unlisted", "MissingTensor", &[INDEX, "token_type_embeddings"], &part);
}

/// A model as the Hugging Face cache keeps it: links into a folder of blobs.
#[cfg(unix)]
fn cache(folder: &Path) -> (PathBuf, PathBuf) {
    let repository = folder.join("models--a--b");
    let (snapshot, blobs) = (repository.join("snapshots/0123"), repository.join("blobs"));
    Tiny::bert().write(&snapshot);
    fs::create_dir_all(&blobs).expect("a folder");
    for name in ["config.json", FILE, "modules.json"] {
        fs::rename(snapshot.join(name), blobs.join(name)).expect("moved");
        let target = Path::new("../../blobs").join(name);
        std::os::unix::fs::symlink(target, snapshot.join(name)).expect("a link");
    }
    (snapshot, blobs)
}

fn open(folder: &Path) -> Result<Model, ModelError> {
    Model::open(folder, &OpenOptions { threads: 2, ..OpenOptions::default() })
}

/// Files beneath `folder` that this process holds open.
fn open_files(folder: &Path) -> usize {
    let Ok(handles) = fs::read_dir("/proc/self/fd") else { return 0 };
    let real = fs::canonicalize(folder).expect("a folder");
    handles
        .flatten()
        .filter_map(|h| fs::read_link(h.path()).ok())
        .filter(|p| p.starts_with(&real))
        .count()
}

const LONGEST: Duration = Duration::from_secs(2);

/// What is wrong with how a case ended; `None` where all is well.
fn judge(case: &Case, root: &Path) -> Option<String> {
    let folder = root.join("model");
    fs::create_dir_all(&folder).expect("a folder");
    (case.build)(&folder);
    let named = fs::read_to_string(folder.join("open-this")).map(PathBuf::from);
    let begin = Instant::now();
    let result = catch_unwind(AssertUnwindSafe(|| open(&named.unwrap_or(folder))));
    let took = begin.elapsed();
    let error = match result {
        Err(_) => return Some("it panicked".into()),
        Ok(Ok(_)) => return Some("it was accepted".into()),
        Ok(Err(error)) => error,
    };
    let (variant, message) = (format!("{error:?}"), error.to_string());
    if !variant.starts_with(case.variant) {
        return Some(format!("expected {}, found {variant}", case.variant));
    }
    if let Some(word) = case.words.iter().find(|word| !message.contains(*word)) {
        return Some(format!("{word:?} is not in: {message}"));
    }
    (took > LONGEST).then(|| format!("it took {took:?}"))
}

#[test]
fn malformed_folders_are_refused_by_name() {
    let mut cases = Cases::default();
    for add in [headers, entries, tensors, settings, families, modules, heads, places, shards] {
        add(&mut cases);
    }
    let mut failures = Vec::new();
    for case in &cases.0 {
        let root = tempfile::tempdir().expect("a folder");
        if let Some(fault) = judge(case, root.path()) {
            failures.push(format!("{}: {fault}", case.name));
        }
        assert_eq!(open_files(root.path()), 0, "{}: files are still open", case.name);
    }
    assert!(failures.is_empty(), "{}\n{} failures", failures.join("\n"), failures.len());
    assert!(cases.0.len() >= 150, "only {} cases", cases.0.len());
    println!("{} malformed folders", cases.0.len());
    canary();
}

/// After all that, the small model still opens to the same values.
fn canary() {
    let root = tempfile::tempdir().expect("a folder");
    Tiny::bert().write(root.path());
    let model = open(root.path()).expect("the small model");
    let declared = &model.weights().declaration().params[0];
    let expected: &[u8] = &Tiny::bert().tensors[0].bytes;
    let found: Vec<u8> =
        model.weights().plain(declared.param).iter().flat_map(|v| v.to_le_bytes()).collect();
    assert_eq!(found, expected);
}

#[test]
fn what_is_merely_unusual_is_accepted() {
    let mut head = Tiny::bert();
    head.tensors.push(tensor("cls.predictions.bias", &[12]));
    head.tensors.push(tensor("vision.weight", &[2]));
    let unusual = [
        ("no modules.json", {
            let mut tiny = Tiny::bert();
            tiny.files.clear();
            tiny
        }),
        ("heads of other tasks", head),
        ("sizes as floats", Tiny::bert().with("hidden_size", json!(4.0))),
        ("no token type count", Tiny::bert().without("type_vocab_size")),
        ("null where a default holds", Tiny::bert().with("hidden_act", Value::Null)),
        ("an unread key", Tiny::bert().with("id2label", json!({"0": "x"}))),
        (
            "all switches off",
            Tiny::bert().file("1_Pooling/config.json", r#"{"pooling_mode_max_tokens":false}"#),
        ),
    ];
    for (name, tiny) in unusual {
        let root = tempfile::tempdir().expect("a folder");
        tiny.write(root.path());
        let model = open(root.path()).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(model.info().pooling_assumed, name == "no modules.json");
        let unknown: &[String] = &model.info().tensors_unknown;
        assert_eq!(unknown.len(), usize::from(name == "heads of other tasks"), "{unknown:?}");
    }
    #[cfg(unix)]
    {
        let root = tempfile::tempdir().expect("a folder");
        let (snapshot, _) = cache(root.path());
        open(&snapshot).expect("a model of the cache");
    }
}

#[test]
fn mutants_of_a_folder_never_panic() {
    let tiny = Tiny::bert();
    let root = tempfile::tempdir().expect("a folder");
    tiny.write(root.path());
    let files = ["config.json", FILE, "modules.json", "1_Pooling/config.json"];
    let originals = files.map(|name| fs::read(root.path().join(name)).expect("a file"));
    let header = 8 + header(&tiny.entries()).len();
    let mut accepted = 0;
    for seed in 1..=3000u64 {
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut next = |below: usize| {
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (random >> 33) as usize % below
        };
        let which = next(files.len());
        let mut bytes = originals[which].clone();
        for _ in 0..=next(4) {
            let end = if which == 1 { header } else { bytes.len() };
            let at = next(end.min(bytes.len()).max(1));
            match next(4) {
                0 => bytes[at] = next(256) as u8,
                1 => bytes[at] ^= 1 << next(8),
                2 => bytes[at] = b"0123456789{}[],:\"-.e"[next(20)],
                _ => bytes.truncate(bytes.len() - next(8).min(bytes.len() - 1)),
            }
        }
        fs::write(root.path().join(files[which]), &bytes).expect("a file");
        let begin = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| open(root.path()).is_ok()));
        assert!(result.is_ok(), "seed {seed}: {} panicked", files[which]);
        assert!(begin.elapsed() < LONGEST, "seed {seed}: {:?}", begin.elapsed());
        accepted += usize::from(result.unwrap_or(false));
        fs::write(root.path().join(files[which]), &originals[which]).expect("a file");
    }
    assert!((1..2900).contains(&accepted), "{accepted} of 3000 mutants were accepted");
    assert_eq!(open_files(root.path()), 0);
}

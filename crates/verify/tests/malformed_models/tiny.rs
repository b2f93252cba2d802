//! A small model folder in memory, and cases made from it.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

/// A model folder in memory.
#[derive(Clone)]
pub(crate) struct Tiny {
    pub(crate) config: Value,
    pub(crate) tensors: Vec<Tensor>,
    pub(crate) files: Vec<(String, Vec<u8>)>,
}

#[derive(Clone)]
pub(crate) struct Tensor {
    pub(crate) name: String,
    pub(crate) dtype: &'static str,
    pub(crate) shape: Vec<usize>,
    pub(crate) bytes: Vec<u8>,
}

pub(crate) fn tensor(name: &str, shape: &[usize]) -> Tensor {
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
    pub(crate) fn bert() -> Self {
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

    pub(crate) fn with(mut self, key: &str, value: Value) -> Self {
        self.config[key] = value;
        self
    }

    pub(crate) fn without(mut self, key: &str) -> Self {
        self.config.as_object_mut().expect("an object").remove(key);
        self
    }

    pub(crate) fn file(mut self, name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.retain(|(other, _)| other != name);
        self.files.push((name.into(), bytes.into()));
        self
    }

    pub(crate) fn tensor(&mut self, name: &str) -> &mut Tensor {
        self.tensors.iter_mut().find(|t| t.name == name).expect("a tensor of the small model")
    }

    /// The same model with every matrix and table as bytes with a scale for each row.
    pub(crate) fn bytes() -> Self {
        let mut tiny = Self::bert();
        let mut scales = Vec::new();
        for t in tiny.tensors.iter_mut().filter(|t| t.shape.len() == 2) {
            let rows = t.shape[0];
            t.dtype = "I8";
            t.bytes =
                (0..rows * t.shape[1]).map(|i| (i as i32 * 37 % 255 - 127) as i8 as u8).collect();
            scales.push(Tensor { name: format!("{}.scale", t.name), ..tensor("", &[rows]) });
        }
        for t in &mut scales {
            let values = (0..t.shape[0]).flat_map(|row| (0.01 + row as f32 * 0.003).to_le_bytes());
            t.bytes = values.collect();
        }
        tiny.tensors.extend(scales);
        tiny
    }

    /// The model of bytes with its table of words in four bits.
    pub(crate) fn nibbles() -> Self {
        let mut tiny = Self::bytes();
        let t = tiny.tensor(WORDS);
        (t.dtype, t.shape[1]) = ("U8", t.shape[1] / 2);
        t.bytes = (0..t.shape[0] * t.shape[1])
            .map(|i| (1 + i * 7 % 15 + (1 + i * 4 % 15) * 16) as u8)
            .collect();
        tiny
    }

    /// The model of bytes with columns 2 and 0 of one product apart.
    pub(crate) fn apart(name: &str) -> Self {
        let mut tiny = Self::bytes();
        let t = tiny.tensor(name);
        let (rows, width) = (t.shape[0], t.shape[1]);
        for row in t.bytes.chunks_mut(width) {
            (row[0], row[2]) = (0, 0);
        }
        let columns = [2i32, 0].iter().flat_map(|column| column.to_le_bytes()).collect();
        let (of_columns, values) = (format!("{name}.columns"), format!("{name}.outliers"));
        tiny.tensors.push(Tensor {
            name: of_columns,
            dtype: "I32",
            shape: vec![2],
            bytes: columns,
        });
        tiny.tensors.push(tensor(&values, &[2, rows]));
        tiny
    }

    pub(crate) fn entries(&self) -> Vec<(String, Value)> {
        let mut at = 0;
        let entry = |t: &Tensor| {
            let from = at;
            at += t.bytes.len();
            let place = json!([from, at]);
            (t.name.clone(), json!({"dtype": t.dtype, "shape": t.shape, "data_offsets": place}))
        };
        self.tensors.iter().map(entry).collect()
    }

    pub(crate) fn data(&self) -> Vec<u8> {
        self.tensors.iter().flat_map(|t| t.bytes.clone()).collect()
    }

    pub(crate) fn weights(&self) -> Vec<u8> {
        assemble(&header(&self.entries()), &self.data())
    }

    pub(crate) fn write(&self, folder: &Path) {
        put(folder, "config.json", self.config.to_string().as_bytes());
        put(folder, "model.safetensors", &self.weights());
        for (name, bytes) in &self.files {
            put(folder, name, bytes);
        }
    }
}

/// Written by hand, so that names may come twice.
pub(crate) fn header(entries: &[(String, Value)]) -> String {
    let pairs: Vec<_> = entries.iter().map(|(n, v)| format!("{}:{v}", json!(n))).collect();
    format!("{{{}}}", pairs.join(","))
}

pub(crate) fn assemble(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

pub(crate) fn put(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    fs::write(path, bytes).expect("a file");
}

pub(crate) type Build = Box<dyn Fn(&Path)>;

/// A folder and what must come of opening it: the error's variant, and words of its message.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) build: Build,
    pub(crate) variant: &'static str,
    pub(crate) words: Vec<String>,
}

#[derive(Default)]
pub(crate) struct Cases(pub(crate) Vec<Case>);

impl Cases {
    pub(crate) fn add(
        &mut self,
        name: impl Into<String>,
        variant: &'static str,
        words: &[&str],
        build: impl Fn(&Path) + 'static,
    ) {
        let words = words.iter().map(ToString::to_string).collect();
        self.0.push(Case { name: name.into(), build: Box::new(build), variant, words });
    }

    pub(crate) fn tiny(
        &mut self,
        name: impl Into<String>,
        variant: &'static str,
        words: &[&str],
        tiny: Tiny,
    ) {
        self.add(name, variant, words, move |folder| tiny.write(folder));
    }

    /// The small model with other bytes in its weight file.
    pub(crate) fn weights(
        &mut self,
        name: &str,
        variant: &'static str,
        words: &[&str],
        bytes: Vec<u8>,
    ) {
        self.add(name, variant, words, move |folder| {
            Tiny::bert().write(folder);
            put(folder, "model.safetensors", &bytes);
        });
    }

    /// The small model with an entry of its header changed.
    pub(crate) fn entry(&mut self, name: &str, words: &[&str], change: impl Fn(&mut Value)) {
        let tiny = Tiny::bert();
        let mut entries = tiny.entries();
        let at = entries.iter().position(|(n, _)| n == WORDS).expect("words");
        change(&mut entries[at].1);
        self.weights(name, "TensorEntry", words, assemble(&header(&entries), &tiny.data()));
    }

    pub(crate) fn text(
        &mut self,
        name: &str,
        variant: &'static str,
        words: &[&str],
        file: &str,
        text: &[u8],
    ) {
        self.tiny(name, variant, words, Tiny::bert().file(file, text));
    }
}

pub(crate) const WORDS: &str = "embeddings.word_embeddings.weight";
pub(crate) const FILE: &str = "model.safetensors";

//! A model's folder in the layout of sentence-transformers, written.

use std::fs;
use std::io::Write;
use std::path::Path;

use contexture_nn::{Spreads, Weights};
use serde_json::{Map, Value, json};

use super::model::Model;
use super::plan::DENSE;
use super::quantise;
use crate::ModelError;
use crate::architectures::EncoderSettings;
use crate::checkpoint::write::{self, WeightFormat};
use crate::families::{
    ACTIVATIONS, CONTEXTURE, DECODER_KEY, ENCODER_KEY, HEADS_KEY, Heads, foreign,
};
use crate::folder::modules::{MODES, SWITCHES};
use crate::folder::{Folder, ModuleSettings, SentenceSettings, write_whole};
use crate::heads::{ClassifierSettings, Level};

const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.safetensors";

impl Model {
    /// Writes a folder that holds `weights` (plain, of this model's declaration) under the
    /// family's names, and its settings: copies of the opened folder's, tokenizer and all, or for
    /// a model that was created, all of them but the tokenizer.
    ///
    /// Errors: what the system says, with the file. The weights appear under their name only once
    /// they are whole.
    pub fn write(&self, folder: &Path, weights: &Weights) -> Result<(), ModelError> {
        let outliers = &|_| Vec::new();
        self.write_from(folder, &write::Source { weights, format: WeightFormat::F32, outliers })
    }

    /// As [`Model::write`], with weights in the given format; bytes are those of a model opened with
    /// [`WeightType::Int8`](crate::WeightType). Where the model was opened from bytes and bytes are
    /// asked for, its files are copied as they are, whatever `weights` are.
    pub fn write_as(
        &self,
        folder: &Path,
        weights: &Weights,
        format: WeightFormat,
    ) -> Result<(), ModelError> {
        let spreads = match format {
            _ if format.is_bytes() && !self.holds(format) => {
                let threads = std::thread::available_parallelism().map_or(1, usize::from);
                quantise::spreads(weights, &self.encoder, &self.head, threads)?
            }
            _ => Spreads::default(),
        };
        let outliers = &|param| spreads.outliers(param);
        self.write_from(folder, &write::Source { weights, format, outliers })
    }

    /// Whether it was opened from the bytes that are asked for; words of four bits are never made
    /// eight again, which would only be larger.
    fn holds(&self, format: WeightFormat) -> bool {
        let has = |named: &str| self.info.precisions.iter().any(|precision| precision == named);
        match format {
            WeightFormat::I8 => has("I8"),
            WeightFormat::I4Words => has("I8") && has("I4"),
            WeightFormat::F32 | WeightFormat::F16 => false,
        }
    }

    fn write_from(&self, folder: &Path, from: &write::Source<'_>) -> Result<(), ModelError> {
        let format = from.format;
        fs::create_dir_all(folder).map_err(|e| ModelError::io(folder, e))?;
        let encoder = match &self.source {
            // It becomes a model of Contexture's own family.
            Some(source) if foreign::is_foreign(self.info.family) => {
                self.write_settings(folder)?;
                let (name, settings) = (self.info.family, self.encoder.settings());
                foreign::write_spelling(name, &source.folder, settings, folder)?;
                folder.to_path_buf()
            }
            Some(source) => {
                let small = format.is_bytes();
                write::copy_settings(&source.folder, &source.encoder, folder, small)?;
                let beneath = source.encoder.path().strip_prefix(source.folder.path());
                folder.join(beneath.unwrap_or(Path::new("")))
            }
            None => {
                self.write_settings(folder)?;
                folder.to_path_buf()
            }
        };
        let copied = self.holds(format);
        let written = if copied && self.holds(WeightFormat::I4Words) {
            WeightFormat::I4Words
        } else {
            format
        };
        self.revise_config(&encoder.join(CONFIG), written)?;
        if let (Some(source), true) = (&self.source, copied) {
            return self.copy_weights(&source.folder, folder);
        }
        let has_heads = self.language.is_some() || self.classifier.is_some();
        let spelling = if has_heads { self.spelling.with_heads() } else { self.spelling };
        let own = |name: &str| !name.starts_with("head.");
        let path = encoder.join(WEIGHTS);
        write::write(&path, from, spelling.dialect, spelling.prefix, own)?;
        for (index, module) in self.head.settings().modules.iter().enumerate() {
            let ModuleSettings::Dense { path, .. } = module else { continue };
            let prefix = format!("head.{index}.");
            let path = folder.join(path).join(WEIGHTS);
            write::write(&path, from, &DENSE, "", |name| name.starts_with(&prefix))?;
        }
        Ok(())
    }

    fn copy_weights(&self, from: &Folder, to: &Path) -> Result<(), ModelError> {
        let dense = self.head.settings().modules.iter().filter_map(|module| match module {
            ModuleSettings::Dense { path, .. } => Some(format!("{path}/{WEIGHTS}")),
            _ => None,
        });
        let names = self.info.weight_files.iter().cloned().chain(dense);
        names
            .map(|name| name.replace('\\', "/"))
            .try_for_each(|name| write::copy(from, &name, &to.join(&name)))
    }

    /// Makes a configuration say what is written beside it: which heads there are, and whether
    /// weights are bytes, which nobody may take for values.
    fn revise_config(&self, path: &Path, format: WeightFormat) -> Result<(), ModelError> {
        // CTranslate2's folders have none: their tensors tell everything.
        if self.source.is_some() && !path.exists() {
            return Ok(());
        }
        let bytes = fs::read(path).map_err(|e| ModelError::io(path, e))?;
        let broken =
            |e: serde_json::Error| ModelError::Json { path: path.into(), reason: e.to_string() };
        let written: Map<String, Value> = serde_json::from_slice(&bytes).map_err(broken)?;
        let mut config = written.clone();
        let known = config.get("architectures").and_then(|list| list.get(0)?.as_str());
        if let Some(class) = known.and_then(|class| self.class(stem(class)?)) {
            config.insert("architectures".into(), json!([class]));
        }
        config.remove(HEADS_KEY);
        self.describe_heads(&mut config);
        state_format(&mut config, format);
        if config == written { Ok(()) } else { put(path, &Value::Object(config)) }
    }

    fn write_settings(&self, folder: &Path) -> Result<(), ModelError> {
        let e = self.encoder.settings();
        let mut config = if self.family.name == CONTEXTURE.name {
            let decoder = self.decoder.as_ref().map(|decoder| tidy(json!(decoder.settings())));
            let decoder = decoder.map(|decoder| (DECODER_KEY.to_string(), decoder));
            let always = [
                ("model_type".to_string(), json!("contexture")),
                (ENCODER_KEY.to_string(), tidy(json!(e))),
            ];
            always.into_iter().chain(decoder).collect()
        } else {
            let mut config = bert_config(e);
            let class = self.class("Bert").unwrap_or("BertModel".into());
            config.insert("architectures".into(), json!([class]));
            config
        };
        self.describe_heads(&mut config);
        put(&folder.join(CONFIG), &Value::Object(config))?;
        let modules = &self.head.settings().modules;
        put(&folder.join("modules.json"), &listed(modules))?;
        for (index, module) in modules.iter().enumerate() {
            let at = folder.join(module_path(index, module));
            fs::create_dir_all(&at).map_err(|e| ModelError::io(&at, e))?;
            if let Some(config) = module_config(module, self.hidden()) {
                put(&at.join(CONFIG), &config)?;
            }
        }
        self.write_sentence(folder, &self.sentence)
    }

    fn write_sentence(&self, folder: &Path, s: &SentenceSettings) -> Result<(), ModelError> {
        let longest = s.maximum_tokens.or(self.encoder.settings().maximum_tokens);
        let sentence = json!({"max_seq_length": longest, "do_lower_case": s.lower_case});
        put(&folder.join("sentence_bert_config.json"), &sentence)?;
        let mut settings = json!({
            "model_type": "SentenceTransformer",
            "__version__": {"contexture": env!("CARGO_PKG_VERSION")},
            "prompts": s.prompts,
            "default_prompt_name": s.default_prompt,
            "similarity_fn_name": s.similarity.as_deref().unwrap_or("cosine"),
        });
        if let Some(dimensions) = s.dimensions {
            settings["truncate_dim"] = dimensions.into();
        }
        put(&folder.join("config_sentence_transformers.json"), &settings)
    }

    /// The reference's class of a model with these heads.
    fn class(&self, stem: &str) -> Option<String> {
        match (&self.language, &self.classifier) {
            (Some(_), _) => Some(format!("{stem}ForMaskedLM")),
            (None, None) => Some(format!("{stem}Model")),
            (None, Some(classifier)) => {
                let ClassifierSettings { level, .. } = classifier.settings();
                Some(match level {
                    Level::Tokens => format!("{stem}ForTokenClassification"),
                    Level::Texts => format!("{stem}ForSequenceClassification"),
                })
            }
        }
    }

    fn describe_heads(&self, config: &mut Map<String, Value>) {
        let language = self.language.as_ref().map(|head| head.settings().clone());
        let classifier = self.classifier.as_ref().map(|head| head.settings().clone());
        if let Some(ClassifierSettings { labels, .. }) = &classifier {
            let numbered = labels.iter().enumerate();
            let names: Map<_, _> =
                numbered.clone().map(|(i, label)| (i.to_string(), json!(label))).collect();
            let numbers: Map<_, _> = numbered.map(|(i, label)| (label.clone(), json!(i))).collect();
            config.insert("id2label".into(), names.into());
            config.insert("label2id".into(), numbers.into());
        }
        if language.is_some() || classifier.is_some() {
            let heads = tidy(json!(Heads { language, classifier }));
            config.insert(HEADS_KEY.into(), heads);
        }
    }
}

/// Whether weights are bytes, in the words of transformers, which then refuses to run them: its
/// classes have no weights of `int8`, and it says that it does not know the method. Halves are to be
/// widened, not computed with.
fn state_format(config: &mut Map<String, Value>, format: WeightFormat) {
    const METHOD: &str = "quantization_config";
    let bytes = format.is_bytes();
    config.remove(METHOD);
    if bytes {
        let mut method = json!({"quant_method": "contexture-int8-rows"});
        if format == WeightFormat::I4Words {
            method["word_bits"] = 4.into();
        }
        config.insert(METHOD.into(), method);
    }
    // The older spelling is read by all versions.
    let stated = config.remove("dtype").is_some() | config.contains_key("torch_dtype");
    if stated || format != WeightFormat::F32 {
        let number = if bytes { "int8" } else { "float32" };
        config.insert("torch_dtype".into(), number.into());
    }
}

/// The class without what it is for: `RobertaForMaskedLM` -> `Roberta`.
fn stem(class: &str) -> Option<&str> {
    let ends = ["Model", "ForMaskedLM", "ForSequenceClassification", "ForTokenClassification"];
    let ends = ends.iter().chain(&["ForPreTraining", "ForQuestionAnswering"]);
    ends.filter_map(|end| class.strip_suffix(end)).next()
}

/// What the reference's BERT reads; whatever it computes is stated, though it be its default.
fn bert_config(e: &EncoderSettings) -> Map<String, Value> {
    let activation = ACTIVATIONS.iter().find(|(_, known)| *known == e.activation);
    let config = json!({
        "model_type": "bert",
        "vocab_size": e.vocabulary,
        "hidden_size": e.hidden,
        "num_hidden_layers": e.layers.len(),
        "num_attention_heads": e.heads,
        "intermediate_size": e.inner,
        "hidden_act": activation.map_or("gelu", |(name, _)| name),
        "hidden_dropout_prob": decimal(e.dropout),
        "attention_probs_dropout_prob": 0.0,
        "max_position_embeddings": e.maximum_tokens,
        "type_vocab_size": e.token_types,
        "initializer_range": decimal(e.initial_deviation),
        "layer_norm_eps": decimal(e.epsilon),
        "pad_token_id": 0,
        "position_embedding_type": "absolute",
        "use_cache": false,
        "tie_word_embeddings": true,
        "torch_dtype": "float32",
    });
    match config {
        Value::Object(config) => config,
        _ => Map::new(),
    }
}

/// A number as it is written by people: 0.1, not 0.10000000149011612.
fn decimal(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::from(value))
}

/// The same for all numbers that are not whole and that an f32 gave.
fn tidy(value: Value) -> Value {
    match value {
        Value::Number(number) if !number.is_u64() && !number.is_i64() => {
            number.as_f64().map_or(Value::Null, |v| json!(decimal(v as f32)))
        }
        Value::Array(items) => Value::Array(items.into_iter().map(tidy).collect()),
        Value::Object(entries) => {
            Value::Object(entries.into_iter().map(|(key, value)| (key, tidy(value))).collect())
        }
        other => other,
    }
}

fn module_path(index: usize, module: &ModuleSettings) -> String {
    match module {
        ModuleSettings::Dense { path, .. } => path.clone(),
        ModuleSettings::Pool { .. } => format!("{}_Pooling", index + 1),
        ModuleSettings::Normalize => format!("{}_Normalize", index + 1),
    }
}

/// `modules.json`, in the dialect that every version of the reference reads.
fn listed(modules: &[ModuleSettings]) -> Value {
    let entry = |index: usize, path: String, class: &str| {
        let class = format!("sentence_transformers.models.{class}");
        json!({"idx": index, "name": index.to_string(), "path": path, "type": class})
    };
    let first = entry(0, String::new(), "Transformer");
    let rest = modules.iter().enumerate().map(|(index, module)| {
        let class = match module {
            ModuleSettings::Pool { .. } => "Pooling",
            ModuleSettings::Dense { .. } => "Dense",
            ModuleSettings::Normalize => "Normalize",
        };
        entry(index + 1, module_path(index, module), class)
    });
    std::iter::once(first).chain(rest).collect()
}

fn module_config(module: &ModuleSettings, hidden: usize) -> Option<Value> {
    use contexture_kernels::Activation as A;
    match module {
        ModuleSettings::Normalize => None,
        ModuleSettings::Pool { pooling, include_prompt } => {
            let old = SWITCHES.iter().map(|(_, way)| *way).filter(|way| pooling.contains(way));
            if old.ne(pooling.iter().copied()) {
                // The old dialect has an order of its own, and no way to say another.
                let names = pooling.iter().filter_map(|way| MODES.iter().find(|m| m.1 == *way));
                return Some(json!({
                    "embedding_dimension": hidden,
                    "pooling_mode": names.map(|(name, _)| *name).collect::<Vec<_>>(),
                    "include_prompt": include_prompt,
                }));
            }
            let mut config = json!({
                "word_embedding_dimension": hidden,
                "include_prompt": include_prompt,
            });
            for (key, way) in SWITCHES {
                config[key] = pooling.contains(&way).into();
            }
            Some(config)
        }
        ModuleSettings::Dense { inputs, outputs, bias, activation, .. } => {
            let function = match activation {
                A::Identity => "linear.Identity",
                A::Relu => "activation.ReLU",
                // The tanh form is refused where a model is created.
                A::Gelu | A::GeluTanh => "activation.GELU",
                A::Silu => "activation.SiLU",
                A::Tanh => "activation.Tanh",
                A::Sigmoid => "activation.Sigmoid",
            };
            Some(json!({
                "in_features": inputs,
                "out_features": outputs,
                "bias": bias,
                "activation_function": format!("torch.nn.modules.{function}"),
            }))
        }
    }
}

/// A settings file, indented and with a last line's end.
fn put(path: &Path, value: &Value) -> Result<(), ModelError> {
    let text = format!("{value:#}\n");
    write_whole(path, |file| file.write_all(text.as_bytes())).map_err(|e| ModelError::io(path, e))
}

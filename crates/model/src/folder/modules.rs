//! The modules of a sentence-transformers folder, in its old and its new dialect.

use std::collections::BTreeMap;
use std::fmt;

use contexture_kernels::Activation;
use contexture_nn::ops::Pooling;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Config, Folder};
use crate::ModelError;
use crate::architectures::spelling;
use crate::error::shown;

/// What follows the encoder, by module.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ModuleSettings {
    /// Tokens to one row a sequence; several ways lie side by side.
    Pool {
        /// The ways, in the order of their columns.
        #[serde(with = "pooling_names")]
        pooling: Vec<Pooling>,
        /// Whether a prompt's tokens take part.
        include_prompt: bool,
    },
    /// `y = activation(x W^T + b)`.
    Dense {
        /// The folder of its weights, beneath the model folder.
        path: String,
        /// Width of x.
        inputs: usize,
        /// Width of y.
        outputs: usize,
        /// Whether there is a b.
        bias: bool,
        /// Applied last.
        #[serde(with = "spelling::activation")]
        activation: Activation,
    },
    /// To unit length.
    Normalize,
}

impl fmt::Display for ModuleSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pool { pooling, include_prompt } => {
                let name =
                    |way| MODES.iter().find(|(_, p)| p == way).map_or("?", |(name, _)| *name);
                let names: Vec<_> = pooling.iter().map(name).collect();
                let without = if *include_prompt { "" } else { " without prompts" };
                write!(f, "{} pooling{without}", names.join(" | "))
            }
            Self::Dense { inputs, outputs, activation, .. } => {
                write!(f, "dense {inputs} to {outputs}, {activation:?}")
            }
            Self::Normalize => f.write_str("unit length"),
        }
    }
}

/// The modules after the encoder.
#[derive(Debug, Clone, PartialEq)]
pub struct HeadSettings {
    /// In order.
    pub modules: Vec<ModuleSettings>,
    /// True where the folder does not say how to pool, so that mean pooling is used.
    pub pooling_assumed: bool,
}

/// What a folder says about sentences besides its modules.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SentenceSettings {
    /// The most tokens of a text that the model's authors use.
    pub maximum_tokens: Option<usize>,
    /// Whether texts are to be lower-cased before the tokenizer sees them.
    pub lower_case: bool,
    /// Prompts by name.
    pub prompts: BTreeMap<String, String>,
    /// The prompt to use where none is named.
    pub default_prompt: Option<String>,
    /// To how many dimensions vectors are cut where the user names none.
    pub dimensions: Option<usize>,
    /// The similarity the vectors are meant for.
    pub similarity: Option<String>,
}

/// What `modules.json` and the files that it names say.
#[derive(Debug)]
pub(crate) struct Modules {
    pub(crate) head: HeadSettings,
    pub(crate) sentence: SentenceSettings,
    /// The encoder's own folder.
    pub(crate) encoder: Folder,
    /// All configurations that were read.
    pub(crate) configs: Vec<Config>,
}

const MODULES: &str = "modules.json";
const SUPPORTED: &str = "Transformer, Pooling, Dense, Normalize, Dropout";
const MODULE_LIMIT: usize = 32;
pub(crate) const WIDTH_LIMIT: usize = 1 << 16;

/// Reads the folder's modules; without `modules.json`, an encoder with mean pooling.
pub(crate) fn read(folder: &Folder) -> Result<Modules, ModelError> {
    let mut configs = Vec::new();
    let mean = ModuleSettings::Pool { pooling: vec![Pooling::Mean], include_prompt: true };
    let (head, encoder) = match folder.json(MODULES)? {
        None => (HeadSettings { modules: vec![mean], pooling_assumed: true }, folder.clone()),
        Some(list) => {
            let (modules, encoder) = listed(folder, &list, &mut configs)?;
            (HeadSettings { modules, pooling_assumed: false }, encoder)
        }
    };
    let sentence = sentence(folder, &encoder, &mut configs)?;
    Ok(Modules { head, sentence, encoder, configs })
}

fn listed(
    folder: &Folder,
    list: &Value,
    configs: &mut Vec<Config>,
) -> Result<(Vec<ModuleSettings>, Folder), ModelError> {
    let shown_path = folder.shown(MODULES);
    let Value::Array(list) = list else {
        let reason = format!("not a list of modules: {}", shown(list));
        return Err(ModelError::Json { path: shown_path, reason });
    };
    if list.len() > MODULE_LIMIT {
        let reason = format!("{} modules; at most {MODULE_LIMIT} are read", list.len());
        return Err(ModelError::modules(&shown_path, reason));
    }
    let mut encoder = None;
    let mut modules = Vec::new();
    for (index, entry) in list.iter().enumerate() {
        let entry = Config::new(shown_path.clone(), entry.clone())?;
        let Some(class) = entry.text(&["type"])? else {
            return Err(entry.missing(&["type"], "a module's class"));
        };
        let path = entry.text(&["path"])?.unwrap_or("");
        let kind = class.rsplit('.').next().unwrap_or(class);
        if (kind == "Transformer") != (index == 0) {
            let reason = format!(
                "module {index} is {class}; the first one, and no other, must be a Transformer"
            );
            return Err(ModelError::modules(&shown_path, reason));
        }
        match kind {
            "Transformer" => encoder = Some(beneath(folder, path)?),
            "Pooling" => modules.push(pooling(&config(folder, path)?, configs)?),
            "Dense" => modules.push(dense(&config(folder, path)?, path, configs)?),
            "Normalize" => modules.push(normalize(folder, path, configs)?),
            // It does nothing outside training.
            "Dropout" => {}
            _ => return Err(entry.unsupported("type", format!("\"{class}\""), SUPPORTED)),
        }
    }
    check_order(&shown_path, &modules)?;
    let none = || ModelError::modules(&shown_path, "it lists no module");
    Ok((modules, encoder.ok_or_else(none)?))
}

fn check_order(path: &std::path::Path, modules: &[ModuleSettings]) -> Result<(), ModelError> {
    let pools = |m: &ModuleSettings| matches!(m, ModuleSettings::Pool { .. });
    match (modules.first().is_some_and(pools), modules.iter().filter(|m| pools(m)).count()) {
        (true, 1) => Ok(()),
        _ => Err(ModelError::modules(
            path,
            "the Transformer must be followed by exactly one Pooling, then by Dense and Normalize",
        )),
    }
}

fn beneath(folder: &Folder, path: &str) -> Result<Folder, ModelError> {
    match path {
        "" | "." => Ok(folder.clone()),
        _ => folder.within(path),
    }
}

fn config(folder: &Folder, path: &str) -> Result<Config, ModelError> {
    let name = format!("{path}/config.json");
    let shown = folder.shown(&name);
    match folder.json(&name)? {
        Some(value) => Config::new(shown, value),
        None => Err(ModelError::NotFound {
            path: shown,
            advice: format!("{MODULES} names this module; its configuration must be there"),
        }),
    }
}

/// The old dialect's switches, in the order in which their columns lie side by side.
pub(crate) const SWITCHES: [(&str, Pooling); 6] = [
    ("pooling_mode_cls_token", Pooling::Cls),
    ("pooling_mode_max_tokens", Pooling::Max),
    ("pooling_mode_mean_tokens", Pooling::Mean),
    ("pooling_mode_mean_sqrt_len_tokens", Pooling::MeanSqrtLength),
    ("pooling_mode_weightedmean_tokens", Pooling::WeightedMean),
    ("pooling_mode_lasttoken", Pooling::Last),
];

/// One way of pooling in settings, by the new dialect's name.
pub(crate) mod pooling_name {
    use contexture_nn::ops::Pooling;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::MODES;

    pub(crate) fn serialize<S: Serializer>(way: &Pooling, s: S) -> Result<S::Ok, S::Error> {
        match MODES.iter().find(|(_, known)| known == way) {
            Some((name, _)) => s.serialize_str(name),
            None => Err(serde::ser::Error::custom(format!("{way:?} has no name"))),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Pooling, D::Error> {
        let name = String::deserialize(d)?;
        let known = MODES.iter().find(|(known, _)| *known == name);
        known.map(|(_, way)| *way).ok_or_else(|| {
            let known = MODES.map(|(name, _)| name).join(", ");
            let message = format!("unknown pooling `{name}`, expected one of {known}");
            serde::de::Error::custom(message)
        })
    }
}

/// Ways of pooling in settings, by the new dialect's names.
mod pooling_names {
    use contexture_nn::ops::Pooling;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(transparent)]
    struct Way(#[serde(with = "super::pooling_name")] Pooling);

    pub(super) fn serialize<S: Serializer>(ways: &[Pooling], s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(ways.iter().map(|way| Way(*way)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<Pooling>, D::Error> {
        Ok(Vec::<Way>::deserialize(d)?.into_iter().map(|way| way.0).collect())
    }
}

/// The new dialect's names.
pub(crate) const MODES: [(&str, Pooling); 6] = [
    ("cls", Pooling::Cls),
    ("max", Pooling::Max),
    ("mean", Pooling::Mean),
    ("mean_sqrt_len_tokens", Pooling::MeanSqrtLength),
    ("weightedmean", Pooling::WeightedMean),
    ("lasttoken", Pooling::Last),
];

fn pooling(config: &Config, configs: &mut Vec<Config>) -> Result<ModuleSettings, ModelError> {
    let named = config.get(&["pooling_mode"]);
    let pooling = match named {
        Some((key, Value::Array(names))) => {
            let modes: Result<Vec<_>, _> = names.iter().map(|n| mode(config, key, n)).collect();
            modes?
        }
        Some((key, name)) => vec![mode(config, key, name)?],
        None => switches(config)?,
    };
    if pooling.is_empty() || pooling.len() > MODES.len() {
        let expected = "one to six ways of pooling";
        return Err(config.wrong("pooling_mode", expected, named.map_or(&Value::Null, |n| n.1)));
    }
    let include_prompt = config.flag(&["include_prompt"], true)?;
    // Read for the record: the encoder's width is what counts, and is compared on opening.
    config.optional_count(&["embedding_dimension", "word_embedding_dimension"], 1..=WIDTH_LIMIT)?;
    configs.push(config.clone());
    Ok(ModuleSettings::Pool { pooling, include_prompt })
}

fn switches(config: &Config) -> Result<Vec<Pooling>, ModelError> {
    let mut pooling = Vec::new();
    for (key, mode) in SWITCHES {
        if config.flag(&[key], false)? {
            pooling.push(mode);
        }
    }
    let stated = SWITCHES.iter().any(|(key, _)| config.has(key));
    if pooling.is_empty() && !stated {
        return Err(config.missing(&["pooling_mode"], "a way of pooling"));
    }
    // All switches stated and off: the dialect's own meaning is the mean.
    Ok(if pooling.is_empty() { vec![Pooling::Mean] } else { pooling })
}

fn mode(config: &Config, key: &str, name: &Value) -> Result<Pooling, ModelError> {
    let known = MODES.iter().find(|(mode, _)| name.as_str() == Some(mode));
    known.map(|(_, pooling)| *pooling).ok_or_else(|| {
        let names: Vec<_> = MODES.iter().map(|(mode, _)| *mode).collect();
        config.unsupported(key, shown(name), names.join(", "))
    })
}

fn dense(
    config: &Config,
    path: &str,
    configs: &mut Vec<Config>,
) -> Result<ModuleSettings, ModelError> {
    config.only("use_residual", false.into())?;
    sentence_level(config)?;
    let function = config.text(&["activation_function"])?.unwrap_or("torch.Tanh");
    let known = [
        ("Identity", Activation::Identity),
        ("Tanh", Activation::Tanh),
        ("ReLU", Activation::Relu),
        ("GELU", Activation::Gelu),
        ("Sigmoid", Activation::Sigmoid),
        ("SiLU", Activation::Silu),
    ];
    let class = function.rsplit('.').next().unwrap_or(function);
    let activation = known.iter().find(|(name, _)| *name == class).map(|(_, a)| *a);
    let Some(activation) = activation.filter(|_| function.starts_with("torch.")) else {
        let names = known.map(|(name, _)| name).join(", ");
        let supported = format!("torch's {names}");
        return Err(config.unsupported(
            "activation_function",
            format!("\"{function}\""),
            supported,
        ));
    };
    let module = ModuleSettings::Dense {
        path: path.into(),
        inputs: config.count(&["in_features"], 1..=WIDTH_LIMIT)?,
        outputs: config.count(&["out_features"], 1..=WIDTH_LIMIT)?,
        bias: config.flag(&["bias"], true)?,
        activation,
    };
    configs.push(config.clone());
    Ok(module)
}

fn normalize(
    folder: &Folder,
    path: &str,
    configs: &mut Vec<Config>,
) -> Result<ModuleSettings, ModelError> {
    // The old dialect gives it an empty folder, or none at all.
    if let Some(value) = folder.json(&format!("{path}/config.json"))? {
        let config = Config::new(folder.shown(&format!("{path}/config.json")), value)?;
        sentence_level(&config)?;
        configs.push(config);
    }
    Ok(ModuleSettings::Normalize)
}

/// Modules that work on tokens before pooling make another kind of model.
fn sentence_level(config: &Config) -> Result<(), ModelError> {
    config.only("module_input_name", "sentence_embedding".into())?;
    config.only("module_output_name", "sentence_embedding".into())
}

const SENTENCE_FILES: [&str; 7] = [
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_albert_config.json",
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
];

fn sentence(
    folder: &Folder,
    encoder: &Folder,
    configs: &mut Vec<Config>,
) -> Result<SentenceSettings, ModelError> {
    let mut settings = SentenceSettings::default();
    for name in SENTENCE_FILES {
        let Some(value) = encoder.json(name)? else { continue };
        let config = Config::new(encoder.shown(name), value)?;
        config.only("transformer_task", "feature-extraction".into())?;
        config.only("module_output_name", "token_embeddings".into())?;
        for key in ["query_length", "document_length", "query_expansion"] {
            config.only(key, Value::Null)?;
        }
        config.only("processing_kwargs", Value::Object(Default::default()))?;
        settings.maximum_tokens = config.optional_count(&["max_seq_length"], 1..=1 << 24)?;
        settings.lower_case = config.flag(&["do_lower_case"], false)?;
        configs.push(config);
        break;
    }
    let name = "config_sentence_transformers.json";
    if let Some(value) = folder.json(name)? {
        let config = Config::new(folder.shown(name), value)?;
        config.only("model_type", "SentenceTransformer".into())?;
        settings.prompts = prompts(&config)?;
        settings.default_prompt = config.text(&["default_prompt_name"])?.map(String::from);
        if let Some(name) = settings.default_prompt.as_ref()
            && !settings.prompts.contains_key(name)
        {
            let known: Vec<_> = settings.prompts.keys().map(String::as_str).collect();
            let expected = format!("one of the prompts ({})", known.join(", "));
            return Err(config.wrong("default_prompt_name", &expected, &name.as_str().into()));
        }
        settings.dimensions = config.optional_count(&["truncate_dim"], 1..=WIDTH_LIMIT)?;
        settings.similarity = config.text(&["similarity_fn_name"])?.map(String::from);
        configs.push(config);
    }
    Ok(settings)
}

fn prompts(config: &Config) -> Result<BTreeMap<String, String>, ModelError> {
    let Some(object) = config.object("prompts")? else { return Ok(BTreeMap::new()) };
    let entries = object.entries().map(|(name, prompt)| match prompt {
        Value::String(prompt) => Ok((name.clone(), prompt.clone())),
        other => Err(object.wrong(name, "a string", other)),
    });
    entries.collect()
}

//! What a user asked for, resolved against what the model can do: checked once, before any text.

use std::sync::{Arc, Mutex};

use contexture_model::Model;
use contexture_model::architectures::EncoderState;
use contexture_text::{Overflow, Tokenizer};

use crate::assemble::Finish;
use crate::opened;
use crate::{EmbedOptions, EngineError, Layer, Levels, Pooling};

/// A resolved request.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) levels: Levels,
    pub(crate) pooling: Option<Pooling>,
    pub(crate) layers: Layers,
    pub(crate) sentence: Finish,
    pub(crate) units: Finish,
    pub(crate) prompt: String,
    pub(crate) max_length: usize,
    pub(crate) overflow: Overflow,
    pub(crate) budget_tokens: usize,
    /// What recurrent layers hand from text to text, where that was asked for.
    pub(crate) state: Option<Arc<Mutex<EncoderState>>>,
}

/// Which hidden states are read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Layers {
    Last,
    One(usize),
    /// One weight for each hidden state, embeddings first.
    Mix(Vec<f32>),
}

impl Plan {
    pub(crate) fn new(
        model: &Model,
        tokenizer: &Tokenizer,
        options: &EmbedOptions,
    ) -> Result<Self, EngineError> {
        let levels = options.levels;
        if !(levels.sentence || levels.words || levels.tokens) {
            return Err(setting("levels", "none".into(), "sentence, words, tokens".into()));
        }
        if options.budget_tokens == 0 {
            return Err(setting("budget_tokens", "0".into(), "at least 1".into()));
        }
        let (width, normalizes) = sentence_width(model, options)?;
        // Truncation of the folder's own comes first; the user's wins.
        let asked = options.dimensions.or(model.sentence().dimensions.filter(|_| levels.sentence));
        let most = if levels.sentence { width } else { model.hidden() };
        let cut = match asked {
            Some(n) if n == 0 || n > most => {
                return Err(setting("dimensions", n.to_string(), format!("1 to {most}")));
            }
            Some(n) => n,
            None => most,
        };
        let normalize = options.normalize.unwrap_or(normalizes);
        // Where nothing is cut, the model's own last module has done it already.
        let again = normalize && (!normalizes || cut < width);
        Ok(Self {
            levels,
            pooling: options.pooling,
            layers: layers(model, &options.layer)?,
            sentence: Finish { dimensions: cut.min(width), normalize: again },
            units: Finish {
                dimensions: asked.map_or(model.hidden(), |n| n.min(model.hidden())),
                normalize: options.normalize.unwrap_or(false),
            },
            prompt: prompt(model, options)?,
            max_length: max_length(model, tokenizer, options)?,
            overflow: options.overflow,
            budget_tokens: options.budget_tokens,
            state: state(model, options)?,
        })
    }
}

fn setting(setting: &'static str, found: String, supported: String) -> EngineError {
    EngineError::Setting { setting, found, supported }
}

/// The sentence vector's width before cutting, and whether the model ends in unit length.
fn sentence_width(model: &Model, options: &EmbedOptions) -> Result<(usize, bool), EngineError> {
    let head = model.head();
    let Some(pooling) = options.pooling else {
        return Ok((head.dimensions(), head.normalizes()));
    };
    match head.dimensions_pooled(pooling) {
        Some(width) => Ok((width, head.normalizes())),
        None => Err(setting(
            "pooling",
            format!("{pooling:?}"),
            "only its own poolings, side by side, because a dense module follows them".into(),
        )),
    }
}

fn state(
    model: &Model,
    options: &EmbedOptions,
) -> Result<Option<Arc<Mutex<EncoderState>>>, EngineError> {
    if options.stateful && model.encoder().settings().lstm.is_none() {
        let supported = "false: only recurrent models carry a state from text to text".into();
        return Err(setting("stateful", "true".into(), supported));
    }
    Ok(options.stateful.then(Arc::default))
}

fn layers(model: &Model, layer: &Layer) -> Result<Layers, EngineError> {
    let last = model.info().layers;
    let mixes = model.encoder().mixes();
    match layer {
        Layer::Last => Ok(Layers::Last),
        Layer::Number(n) if *n == last && !mixes => Ok(Layers::Last),
        Layer::Number(n) if *n <= last => Ok(Layers::One(*n)),
        Layer::Number(n) => Err(setting("layer", n.to_string(), format!("0 to {last}"))),
        Layer::Mix(weights) if weights.is_empty() && mixes => Ok(Layers::Last),
        Layer::Mix(weights) if weights.is_empty() => {
            Ok(Layers::Mix(vec![1.0 / (last + 1) as f32; last + 1]))
        }
        Layer::Mix(weights) if weights.len() == last + 1 => Ok(Layers::Mix(weights.clone())),
        Layer::Mix(weights) => Err(setting(
            "layer",
            format!("a mix of {} weights", weights.len()),
            format!("{} weights: the embeddings' output and {last} layers", last + 1),
        )),
    }
}

fn prompt(model: &Model, options: &EmbedOptions) -> Result<String, EngineError> {
    let prompts = &model.sentence().prompts;
    if let Some(prompt) = &options.prompt {
        return Ok(prompt.clone());
    }
    let Some(name) = options.prompt_name.as_ref().or(model.sentence().default_prompt.as_ref())
    else {
        return Ok(String::new());
    };
    prompts.get(name).cloned().ok_or_else(|| {
        let known: Vec<&str> = prompts.keys().map(String::as_str).collect();
        let known = if known.is_empty() { "no prompt name".into() } else { known.join(", ") };
        setting("prompt_name", format!("{name:?}"), known)
    })
}

fn max_length(
    model: &Model,
    tokenizer: &Tokenizer,
    options: &EmbedOptions,
) -> Result<usize, EngineError> {
    let most = model.info().maximum_tokens;
    let by_folder = opened::max_length(model, tokenizer);
    match (options.max_length, most) {
        (None, _) => Ok(by_folder),
        (Some(0), _) => Err(setting("max_length", "0".into(), "at least 1 token".into())),
        (Some(n), Some(most)) if n > most => Err(setting(
            "max_length",
            n.to_string(),
            format!("at most {most}: it has no more positions"),
        )),
        (Some(n), _) => Ok(n),
    }
}

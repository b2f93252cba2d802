//! A model that begins from nothing but its settings and a seed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use contexture_kernels::Activation;
use contexture_nn::Weights;
use contexture_nn::ops::Pooling;

use super::info::{ModelInfo, architecture};
use super::model::{Model, Parts};
use super::options::NewModel;
use super::plan::Spelling;
use crate::ModelError;
use crate::architectures::{Aggregator, Biases, EncoderSettings, NormPlace};
use crate::families::{self, ACTIVATIONS, Heads};
use crate::folder::{HeadSettings, ModuleSettings};
use crate::heads::LanguageHeadSettings;
use crate::positions::PositionSettings;

impl Model {
    /// Declares a new model and fills it from `seed`; weights are plain. The same settings and
    /// seed give the same weights everywhere.
    ///
    /// Errors: settings that cannot work, each named with what would be accepted.
    pub fn create(new: &NewModel, seed: u64) -> Result<Self, ModelError> {
        let heads = Heads { language: new.language.clone(), classifier: new.classifier.clone() };
        if let Some(classifier) = &new.classifier {
            classifier.check()?;
        }
        let modules = modules(&new.head)?;
        let head = HeadSettings { modules, pooling_assumed: false };
        let parts = Parts::declare(
            &new.settings,
            head,
            &heads,
            new.decoder.as_ref().map(|decoder| (decoder, false)),
            Path::new("the new model"),
        )?;
        let weights = Weights::initial(parts.declaration, seed);
        let bert = bert_shaped(new);
        let family = if bert { &families::BERT } else { &families::CONTEXTURE };
        let spelling = Spelling { dialect: &family.dialects[0], prefix: "" };
        let with_heads = heads.language.is_some() || heads.classifier.is_some();
        let spelling = if with_heads { spelling.with_heads() } else { spelling };
        Ok(Self {
            info: describe(new, family.name, &weights, parts.head.dimensions()),
            encoder: parts.encoder,
            head: parts.head,
            language: parts.language,
            classifier: parts.classifier,
            decoder: parts.decoder,
            weights: Arc::new(weights),
            sentence: new.sentence.clone(),
            source: None,
            family,
            spelling,
        })
    }
}

fn modules(listed: &[ModuleSettings]) -> Result<Vec<ModuleSettings>, ModelError> {
    let pools = |module: &&ModuleSettings| matches!(module, ModuleSettings::Pool { .. });
    if listed.is_empty() {
        return Ok(vec![ModuleSettings::Pool {
            pooling: vec![Pooling::Mean],
            include_prompt: true,
        }]);
    }
    let approximate = |module: &ModuleSettings| {
        matches!(module, ModuleSettings::Dense { activation: Activation::GeluTanh, .. })
    };
    if listed.iter().any(approximate) {
        return Err(ModelError::Contradiction {
            key: "head.dense.activation".into(),
            expected: "identity, relu, gelu, silu, tanh or sigmoid, which its files can say".into(),
            found: "gelu_tanh".into(),
        });
    }
    let mut found = listed.iter().filter(pools);
    match (listed.first().as_ref().is_some_and(pools), found.next(), found.next()) {
        (true, Some(ModuleSettings::Pool { pooling, .. }), None) if !pooling.is_empty() => {
            Ok(listed.to_vec())
        }
        _ => Err(ModelError::Contradiction {
            key: "head".into(),
            expected: "one Pool with a way of pooling, then Dense and Normalize".into(),
            found: listed.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        }),
    }
}

/// Whether the reference's BERT computes the same, so that it can read what is written.
fn bert_shaped(new: &NewModel) -> bool {
    let e = &new.settings;
    let learned = match e.positions[..] {
        [PositionSettings::Learned { entries, offset: 0, skips: None }] => {
            e.maximum_tokens == Some(entries)
        }
        _ => false,
    };
    let plain = EncoderSettings {
        inner: e.inner,
        token_types: e.token_types,
        epsilon: e.epsilon,
        activation: e.activation,
        positions: e.positions.clone(),
        layers: e.layers.clone(),
        maximum_tokens: e.maximum_tokens,
        dropout: e.dropout,
        initial_deviation: e.initial_deviation,
        scaled_residuals: e.scaled_residuals,
        head_width: e.hidden / e.heads.max(1),
        embedding_norm: true,
        norm_bias: true,
        norm: NormPlace::After,
        first_attention_norm: true,
        final_norm: false,
        biases: Biases::all(true),
        gated: false,
        embedding_scale: 1.0,
        aggregator: Aggregator::Attention,
        lstm: None,
        characters: None,
        mix: false,
        ..e.clone()
    };
    let layers = e.layers.iter().all(|layer| layer.reach == contexture_kernels::Reach::ALL);
    let named = ACTIVATIONS.iter().any(|(_, known)| *known == e.activation);
    let bert = LanguageHeadSettings::bert(e);
    let language = new.language.as_ref().is_none_or(|language| *language == bert);
    let whole = e.head_width * e.heads == e.hidden;
    let decodes = new.decoder.is_some();
    !decodes && learned && plain == *e && whole && layers && named && language && e.token_types > 0
}

fn describe(new: &NewModel, family: &'static str, w: &Weights, dimensions: usize) -> ModelInfo {
    let e = &new.settings;
    ModelInfo {
        folder: PathBuf::new(),
        architecture: architecture(new.decoder.as_ref()),
        family,
        positions: e.positions.iter().map(|p| p.name()).collect(),
        hidden: e.hidden,
        layers: e.layers.len(),
        heads: e.heads,
        inner: e.inner,
        lstm: e.lstm.clone(),
        characters: e.characters.clone(),
        mix: e.mix,
        decoder: new.decoder.clone(),
        vocabulary: e.vocabulary,
        dimensions,
        head: new.head.iter().map(ToString::to_string).collect(),
        pooling_assumed: false,
        sentence: new.sentence.clone(),
        maximum_tokens: e.maximum_tokens,
        parameters: w.count(),
        bytes: 0,
        precisions: Vec::new(),
        weight_files: Vec::new(),
        licence: None,
        keys_read: Vec::new(),
        tensors_ignored: Vec::new(),
        tensors_unknown: Vec::new(),
    }
}

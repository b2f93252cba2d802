//! Which heads of other tasks a checkpoint has besides its encoder, and what they are made of.

use contexture_kernels::Activation;
use serde::{Deserialize, Serialize};

use super::Family;
use super::shared::activation;
use crate::ModelError;
use crate::architectures::EncoderSettings;
use crate::checkpoint::files::Tensors;
use crate::checkpoint::names::stored_name;
use crate::folder::Config;
use crate::heads::{ClassifierSettings, LanguageHeadSettings, Level};

/// The heads of a model. Written to its configuration under [`HEADS_KEY`], where they are not
/// what the family's own keys say.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Heads {
    pub(crate) language: Option<LanguageHeadSettings>,
    pub(crate) classifier: Option<ClassifierSettings>,
}

/// The key of a configuration that holds [`Heads`], in any family.
pub(crate) const HEADS_KEY: &str = "contexture_heads";

/// The heads that a checkpoint has and that this software can run.
pub(crate) fn heads(
    family: &Family,
    config: &Config,
    e: &EncoderSettings,
    prefix: &str,
    tensors: &Tensors,
) -> Result<Heads, ModelError> {
    if let Some((key, value)) = config.get(&[HEADS_KEY]) {
        let read = Heads::deserialize(value);
        let heads = read.map_err(|e| config.wrong(key, &e.to_string(), value))?;
        heads.classifier.iter().try_for_each(ClassifierSettings::check)?;
        return Ok(heads);
    }
    let dialect = &family.dialects[0];
    let has = |declared: &str| {
        let pieces = dialect.pieces(prefix, declared).unwrap_or_default();
        let first = pieces.into_iter().next();
        first.and_then(|piece| stored_name(tensors, &piece.name))
    };
    let language = match (family.language, has("language.dense.weight")) {
        (Some(settings), Some(_)) => Some(settings(config, e)?),
        _ => None,
    };
    let classes = has("classifier.output.weight").and_then(|name| {
        let shape = &tensors.places[&name].entry.shape;
        (shape.len() == 2 && shape[1] == e.hidden).then_some(shape[0])
    });
    let classifier = match classes {
        None => None,
        Some(classes) => {
            let dense = has("classifier.dense.weight").is_some();
            classifier(family, config, classes, dense)?
        }
    };
    Ok(Heads { language, classifier })
}

/// What the configuration's class says of a classifier.
fn classifier(
    family: &Family,
    config: &Config,
    classes: usize,
    dense: bool,
) -> Result<Option<ClassifierSettings>, ModelError> {
    let class = architecture(config);
    let level = match &class {
        Some(class) if class.ends_with("ForTokenClassification") => Level::Tokens,
        Some(class) if class.ends_with("ForSequenceClassification") && dense => Level::Texts,
        _ => return Ok(None),
    };
    let named = config.object("id2label")?;
    let label = |index: usize| {
        let key = index.to_string();
        let name = named.as_ref().and_then(|n| n.text(&[&key]).ok().flatten().map(String::from));
        name.unwrap_or(format!("LABEL_{index}"))
    };
    let settings = ClassifierSettings {
        activation: family.classifier,
        ..ClassifierSettings::bert(level, (0..classes).map(label).collect())
    };
    // Labels that are said twice cannot be told apart: such a head is left alone.
    Ok(settings.check().is_ok().then_some(settings))
}

/// The reference's class, e.g. `BertForMaskedLM`.
fn architecture(config: &Config) -> Option<String> {
    let (_, value) = config.get(&["architectures"])?;
    value.as_array()?.first()?.as_str().map(String::from)
}

/// How a family's configuration describes its language head.
pub(super) type Language =
    fn(&Config, &EncoderSettings) -> Result<LanguageHeadSettings, ModelError>;

/// BERT's: the encoder's activation and epsilon.
pub(super) fn bert(
    config: &Config,
    e: &EncoderSettings,
) -> Result<LanguageHeadSettings, ModelError> {
    let tied = config.flag(&["tie_word_embeddings"], true)?;
    Ok(LanguageHeadSettings { tied, ..LanguageHeadSettings::bert(e) })
}

/// RoBERTa's and MPNet's: always GELU.
pub(super) fn roberta(
    config: &Config,
    e: &EncoderSettings,
) -> Result<LanguageHeadSettings, ModelError> {
    Ok(LanguageHeadSettings { activation: Activation::Gelu, ..bert(config, e)? })
}

/// ModernBERT's: settings of its own.
pub(super) fn modernbert(
    config: &Config,
    e: &EncoderSettings,
) -> Result<LanguageHeadSettings, ModelError> {
    Ok(LanguageHeadSettings {
        activation: activation(config, &["classifier_activation"])?,
        dense_bias: config.flag(&["classifier_bias"], false)?,
        norm_bias: config.flag(&["norm_bias"], false)?,
        bias: config.flag(&["decoder_bias"], true)?,
        ..bert(config, e)?
    })
}

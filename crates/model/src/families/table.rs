//! The table of families, and the choice of one by a configuration's properties.

use std::collections::BTreeSet;

use contexture_kernels::Activation;

use super::heads::Language;
use super::{
    bert, contexture, ctranslate2, distilbert, jina_bert, marian, modernbert, mpnet, nomic_bert,
    roberta, t5,
};
use crate::ModelError;
use crate::architectures::{DecoderSettings, EncoderSettings};
use crate::checkpoint::Dialect;
use crate::folder::Config;

/// A family of models: how its configuration becomes properties, and how its files spell tensors.
#[derive(Debug)]
pub struct Family {
    /// Its name in `info`.
    pub name: &'static str,
    /// What its configurations call themselves.
    pub model_types: &'static [&'static str],
    /// Tells apart those that call themselves the same.
    pub(super) fits: fn(&Config) -> bool,
    pub(super) read: fn(&Config) -> Result<EncoderSettings, ModelError>,
    /// The spellings of its tensors.
    pub dialects: &'static [Dialect],
    /// How its configuration describes its language head; `None` where that is not known.
    pub(super) language: Option<Language>,
    /// The activation of its classifier of texts.
    pub(super) classifier: Activation,
    /// The decoder beside the encoder, where its configuration may describe one.
    pub(super) decoder: Option<Decoding>,
}

/// The decoder that a configuration describes beside this encoder.
pub(super) type Decoding =
    fn(&Config, &EncoderSettings) -> Result<Option<DecoderSettings>, ModelError>;

/// All families.
pub static FAMILIES: [&Family; 11] = [
    &bert::FAMILY,
    &roberta::FAMILY,
    &distilbert::FAMILY,
    &mpnet::FAMILY,
    &nomic_bert::FAMILY,
    &modernbert::FAMILY,
    &jina_bert::FAMILY,
    &marian::FAMILY,
    &t5::FAMILY,
    &ctranslate2::FAMILY,
    &contexture::FAMILY,
];

/// The family of a configuration, and the encoder that it describes.
pub fn read(config: &Config) -> Result<(&'static Family, EncoderSettings), ModelError> {
    let Some(kind) = config.text(&["model_type"])? else {
        return Err(config.missing(&["model_type"], supported()));
    };
    let family = FAMILIES.iter().find(|f| f.model_types.contains(&kind) && (f.fits)(config));
    match family {
        Some(family) => Ok((family, (family.read)(config)?)),
        None => Err(config.unsupported("model_type", format!("\"{kind}\""), supported())),
    }
}

/// The decoder that a configuration describes; `None` where there is an encoder only.
pub(crate) fn decoder(
    family: &Family,
    config: &Config,
    e: &EncoderSettings,
) -> Result<Option<DecoderSettings>, ModelError> {
    match family.decoder {
        Some(read) => read(config, e),
        None => Ok(None),
    }
}

fn supported() -> String {
    let names: BTreeSet<_> = FAMILIES.iter().flat_map(|f| f.model_types).copied().collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}

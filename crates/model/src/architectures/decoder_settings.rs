//! What a decoder is made of: an encoder's properties, and how it tells words.

use serde::{Deserialize, Serialize};

use super::check::refused;
use super::{Aggregator, EncoderSettings};
use crate::ModelError;

/// The properties of a decoder: layers as an encoder has them that look backwards only, each of which
/// also attends to the encoder's rows; recurrent ones attend once, after the last (Luong et al. 2015).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecoderSettings {
    /// Its own words, places and layers.
    pub layers: EncoderSettings,
    /// Whether it reads the encoder's table of words.
    pub shared_words: bool,
    /// Whether words are scored with the rows of the table that it reads (Press and Wolf 2017).
    pub tied: bool,
    /// Whether each word has a bias.
    pub bias: bool,
    /// What rows are multiplied with before words are scored: `1 / sqrt(hidden)` in T5.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub output_scale: f32,
    /// The token that every output begins with; it is not told.
    pub start: u32,
    /// The token that ends an output.
    pub end: u32,
    /// Tokens that are never told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub never: Vec<u32>,
    /// The most tokens of an output where nobody says otherwise; absent: twice the source's and 50
    /// more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest: Option<usize>,
}

fn one() -> f32 {
    1.0
}

fn is_one(value: &f32) -> bool {
    *value == 1.0
}

impl DecoderSettings {
    /// Whether these settings can work beside an encoder's.
    pub(crate) fn check(&self, encoder: &EncoderSettings) -> Result<(), ModelError> {
        let e = &self.layers;
        e.check()?;
        let refused = |key: &str, found: String, expected: &str| {
            Err(refused(&format!("decoder.{key}"), found, expected))
        };
        if e.aggregator == Aggregator::None {
            return refused("aggregator", "none".into(), "attention or lstm");
        }
        if !e.is_causal() {
            return refused(
                "layers",
                "layers that look ahead".into(),
                "layers that look backwards",
            );
        }
        if e.characters.is_some() || e.mix || e.token_types > 0 {
            return refused(
                "layers",
                "words spelled out, a mix or token types".into(),
                "none of them",
            );
        }
        if self.shared_words
            && (encoder.vocabulary, encoder.word_width()) != (e.vocabulary, e.word_width())
        {
            let found = format!("[{}, {}]", e.vocabulary, e.word_width());
            let expected = format!(
                "the encoder's table of [{}, {}], since it is shared",
                encoder.vocabulary,
                encoder.word_width()
            );
            return refused("shared_words", found, &expected);
        }
        if self.shared_words && encoder.characters.is_some() {
            return refused("shared_words", "true".into(), "false where the encoder spells words");
        }
        if e.aggregator == Aggregator::Lstm && encoder.hidden > 1024 {
            let expected = "at most 1024, since all of a row is one head of attention";
            return refused("memory", encoder.hidden.to_string(), expected);
        }
        for (key, id) in [("start", self.start), ("end", self.end)]
            .into_iter()
            .chain(self.never.iter().map(|id| ("never", *id)))
        {
            if id as usize >= e.vocabulary {
                let expected = format!("less than the vocabulary ({})", e.vocabulary);
                return refused(key, id.to_string(), &expected);
            }
        }
        if !self.output_scale.is_finite() || self.output_scale <= 0.0 {
            let expected = "a finite number above 0";
            return refused("output_scale", self.output_scale.to_string(), expected);
        }
        Ok(())
    }
}

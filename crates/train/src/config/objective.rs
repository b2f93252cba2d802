//! What a run learns: one table an objective.

use serde::{Deserialize, Serialize};

use super::DataSettings;
use super::check::within;
use crate::TrainError;

/// One objective, by its `kind`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ObjectiveSettings {
    /// Tell hidden tokens from both sides (Devlin et al. 2019, section 3.1).
    Masked(MaskedSettings),
    /// Tell each token from those before it.
    Causal(CausalSettings),
}

/// The masked language model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaskedSettings {
    /// Its name in metrics; its kind where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What its loss is multiplied with.
    #[serde(default = "one")]
    pub weight: f64,
    /// Field `text`.
    pub data: DataSettings,
    /// The most tokens of a sequence, special ones included; longer texts become several.
    #[serde(default = "length")]
    pub length: usize,
    /// Whether texts follow each other in a sequence until it is full, a separator between them.
    #[serde(default)]
    pub pack: bool,
    /// Sequences are added to a batch up to this many tokens.
    #[serde(default = "batch_tokens")]
    pub batch_tokens: usize,
    /// The share of tokens that are to be told.
    #[serde(default = "mask")]
    pub mask: f64,
    /// Of those, the share that becomes the mask token.
    #[serde(default = "masked_share")]
    pub masked_share: f64,
    /// Of those, the share that becomes any token; the rest stays as it is.
    #[serde(default = "random_share")]
    pub random_share: f64,
    /// Label smoothing.
    #[serde(default)]
    pub smoothing: f64,
    /// Whether the head is computed for all tokens, and not only for those that are to be told:
    /// the same loss at more work, for measurements.
    #[serde(default)]
    pub head_on_all: bool,
}

/// The causal language model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CausalSettings {
    /// Its name in metrics; its kind where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What its loss is multiplied with.
    #[serde(default = "one")]
    pub weight: f64,
    /// Field `text`.
    pub data: DataSettings,
    /// The most tokens of a sequence, special ones included; longer texts become several.
    #[serde(default = "length")]
    pub length: usize,
    /// Whether texts follow each other in a sequence until it is full, a separator between them.
    #[serde(default)]
    pub pack: bool,
    /// Sequences are added to a batch up to this many tokens.
    #[serde(default = "batch_tokens")]
    pub batch_tokens: usize,
    /// Label smoothing.
    #[serde(default)]
    pub smoothing: f64,
}

fn one() -> f64 {
    1.0
}

fn length() -> usize {
    128
}

fn batch_tokens() -> usize {
    2048
}

fn mask() -> f64 {
    0.15
}

fn masked_share() -> f64 {
    0.8
}

fn random_share() -> f64 {
    0.1
}

/// The kinds, for messages and help.
pub type ObjectiveKind = &'static str;

impl ObjectiveSettings {
    /// Its kind, as the file spells it.
    pub fn kind(&self) -> ObjectiveKind {
        match self {
            Self::Masked(_) => "masked",
            Self::Causal(_) => "causal",
        }
    }

    /// Its name in metrics.
    pub fn name(&self) -> &str {
        let name = match self {
            Self::Masked(s) => &s.name,
            Self::Causal(s) => &s.name,
        };
        name.as_deref().unwrap_or(self.kind())
    }

    /// What its loss is multiplied with.
    pub fn weight(&self) -> f64 {
        match self {
            Self::Masked(s) => s.weight,
            Self::Causal(s) => s.weight,
        }
    }

    /// Where its rows come from.
    pub fn data(&self) -> &DataSettings {
        match self {
            Self::Masked(s) => &s.data,
            Self::Causal(s) => &s.data,
        }
    }

    /// About the most tokens that a step holds at once.
    pub fn batch_tokens(&self) -> usize {
        match self {
            Self::Masked(s) => s.batch_tokens.max(s.length),
            Self::Causal(s) => s.batch_tokens.max(s.length),
        }
    }

    /// The most tokens of its sequences, where it says so.
    pub fn length(&self) -> Option<usize> {
        match self {
            Self::Masked(s) => Some(s.length),
            Self::Causal(s) => Some(s.length),
        }
    }

    /// Values of its own that cannot work; `key` spells a key in full.
    pub(super) fn check(&self, key: &dyn Fn(&str) -> String) -> Result<(), TrainError> {
        match self {
            Self::Masked(s) => {
                within(&key("mask"), s.mask, f64::MIN_POSITIVE, 1.0)?;
                within(&key("masked_share"), s.masked_share, 0.0, 1.0)?;
                within(&key("random_share"), s.random_share, 0.0, 1.0 - s.masked_share)?;
                within(&key("smoothing"), s.smoothing, 0.0, 0.99)?;
                within(&key("batch_tokens"), s.batch_tokens as f64, 1.0, 1e9)
            }
            Self::Causal(s) => {
                within(&key("smoothing"), s.smoothing, 0.0, 0.99)?;
                within(&key("batch_tokens"), s.batch_tokens as f64, 1.0, 1e9)
            }
        }
    }

    /// Its fields that hold text, from which a tokenizer may be trained.
    pub fn text_fields(&self) -> &'static [&'static str] {
        match self {
            Self::Masked(_) | Self::Causal(_) => &["text"],
        }
    }

    /// Whether it tells tokens, so that the model needs a language head.
    pub fn needs_language_head(&self) -> bool {
        matches!(self, Self::Masked(_) | Self::Causal(_))
    }
}

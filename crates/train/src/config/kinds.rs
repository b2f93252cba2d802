//! The settings of each kind of objective.

use serde::{Deserialize, Serialize};

use super::DataSettings;

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

/// A text's counterpart, token after token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TranslationSettings {
    /// Its name in metrics; its kind where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What its loss is multiplied with.
    #[serde(default = "one")]
    pub weight: f64,
    /// Fields `source` and `target`.
    pub data: DataSettings,
    /// The most tokens of a text, special ones included; the rest is cut, and counted.
    #[serde(default = "length")]
    pub length: usize,
    /// Pairs are added to a batch up to this many tokens, both sides together.
    #[serde(default = "batch_tokens")]
    pub batch_tokens: usize,
    /// Label smoothing (Vaswani et al. 2017, section 5.4).
    #[serde(default = "smoothing")]
    pub smoothing: f64,
    /// Held-out rows that are translated, greedily, at each evaluation, for BLEU and chrF.
    #[serde(default = "translated")]
    pub translated: usize,
}

fn smoothing() -> f64 {
    0.1
}

fn translated() -> usize {
    200
}

/// The bidirectional language model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BidirectionalSettings {
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
    /// Sequences are added to a batch up to this many tokens.
    #[serde(default = "batch_tokens")]
    pub batch_tokens: usize,
    /// Words that each target is told from, drawn anew at each step, the frequent ones more often;
    /// 0: all words. Held-out losses are always over all words.
    #[serde(default)]
    pub samples: usize,
    /// Label smoothing, where all words are scored.
    #[serde(default)]
    pub smoothing: f64,
}

/// In-batch contrast.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContrastiveSettings {
    /// Its name in metrics; its kind where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What its loss is multiplied with.
    #[serde(default = "one")]
    pub weight: f64,
    /// Fields `anchor`, `positive`, and where there are hard negatives `negative`, or
    /// `negative1`, `negative2`, ...
    pub data: DataSettings,
    /// Hard negatives of a row.
    #[serde(default)]
    pub negatives: usize,
    /// The most tokens of a text; the rest is cut, and counted.
    #[serde(default = "length")]
    pub length: usize,
    /// Rows of a batch: each one's positive is the others' negative.
    #[serde(default = "batch")]
    pub batch: usize,
    /// What cosines are multiplied with.
    #[serde(default = "scale")]
    pub scale: f64,
    /// Whether each positive is to find its anchor too.
    #[serde(default)]
    pub symmetric: bool,
    /// Texts that pass through the model at once (Gao et al. 2021, gradient caching): the batch
    /// may then be as large as one likes, at one more forward. 0: all at once.
    #[serde(default)]
    pub cache: usize,
}

/// Each text nearer to its paraphrase than to what only looks like it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TriplesSettings {
    /// Its name in metrics; its kind where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What its loss is multiplied with.
    #[serde(default = "one")]
    pub weight: f64,
    /// Fields `anchor`, `positive`, `negative`.
    pub data: DataSettings,
    /// By how much the positive's cosine is to be above the negative's.
    #[serde(default = "margin")]
    pub margin: f64,
    /// The least cosine of a positive; -1: any.
    #[serde(default = "least_cosine")]
    pub positive: f64,
    /// The greatest cosine of a negative; 1: any.
    #[serde(default = "one")]
    pub negative: f64,
    /// The most tokens of a text; the rest is cut, and counted.
    #[serde(default = "length")]
    pub length: usize,
    /// Rows of a batch.
    #[serde(default = "batch")]
    pub batch: usize,
}

/// Cosines against scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairsSettings {
    /// Its name in metrics; its kind where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What its loss is multiplied with.
    #[serde(default = "one")]
    pub weight: f64,
    /// Fields `first`, `second`, `score`.
    pub data: DataSettings,
    /// The score that stands for a cosine of 0.
    #[serde(default)]
    pub least: f64,
    /// The score that stands for a cosine of 1.
    #[serde(default = "one")]
    pub most: f64,
    /// The most tokens of a text; the rest is cut, and counted.
    #[serde(default = "length")]
    pub length: usize,
    /// Rows of a batch.
    #[serde(default = "batch")]
    pub batch: usize,
}

/// How far a vector is from the teacher's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distance {
    /// The mean of the squared differences.
    #[default]
    Squared,
    /// One less the cosine.
    Cosine,
}

/// A teacher's vectors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DistillationSettings {
    /// Its name in metrics; its kind where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What its loss is multiplied with.
    #[serde(default = "one")]
    pub weight: f64,
    /// Field `text`.
    pub data: DataSettings,
    /// Any model that `embed` opens.
    pub teacher: String,
    /// The weight of sentence vectors.
    #[serde(default = "one")]
    pub sentence: f64,
    /// The weight of token vectors: of each word the mean of its tokens, so that teacher and
    /// student may cut words differently.
    #[serde(default)]
    pub tokens: f64,
    /// How far apart vectors are.
    #[serde(default)]
    pub distance: Distance,
    /// The most tokens of a text; the rest is cut, and counted.
    #[serde(default = "length")]
    pub length: usize,
    /// Rows of a batch.
    #[serde(default = "batch")]
    pub batch: usize,
}

/// Classes of texts or of their words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassificationSettings {
    /// Its name in metrics; its kind where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What its loss is multiplied with.
    #[serde(default = "one")]
    pub weight: f64,
    /// Of texts: fields `text`, `label`. Of words: `words`, `labels`, as many of both, divided by
    /// white space (or a line each: `join = "sentence"`).
    pub data: DataSettings,
    /// The classes, in the order of the model's outputs; empty: all that the training data have,
    /// sorted.
    #[serde(default)]
    pub labels: Vec<String>,
    /// How a text's tokens become one row.
    #[serde(default = "pooling")]
    pub pooling: String,
    /// The most tokens of a text; the rest is cut, and counted.
    #[serde(default = "length")]
    pub length: usize,
    /// Rows of a batch.
    #[serde(default = "batch")]
    pub batch: usize,
    /// Label smoothing.
    #[serde(default)]
    pub smoothing: f64,
}

fn one() -> f64 {
    1.0
}

fn margin() -> f64 {
    0.2
}

fn least_cosine() -> f64 {
    -1.0
}

fn length() -> usize {
    128
}

fn batch() -> usize {
    32
}

fn scale() -> f64 {
    20.0
}

fn pooling() -> String {
    "mean".into()
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

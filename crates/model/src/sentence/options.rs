//! How a model is opened, and what a new one is made of.

use contexture_nn::ops::Pooling;
use serde::{Deserialize, Serialize};

use crate::architectures::{DecoderSettings, EncoderSettings};
use crate::folder::{ModuleSettings, SentenceSettings};
use crate::heads::{ClassifierSettings, LanguageHeadSettings};

/// The numbers that an opened model computes products with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WeightType {
    /// 32-bit floats: the reference's results.
    #[default]
    F32,
    /// Bytes with a scale for each row of a matrix, against inputs that are quantised on the way; word
    /// tables too. Faster and a quarter of the memory, at a small angle to f32. Recurrences and
    /// convolutions stay f32.
    Int8,
}

impl WeightType {
    /// The name as written by users.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Int8 => "int8",
        }
    }
}

/// How to open a model.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenOptions {
    /// Threads to read and pack weights with.
    pub threads: usize,
    /// Whether matrices are packed for inference; training needs them plain.
    pub pack: bool,
    /// The numbers to compute with, where matrices are packed; `None`: as they are stored.
    pub weights: Option<WeightType>,
    /// Ways of pooling to use in place of the folder's.
    pub pooling: Option<Vec<Pooling>>,
    /// Whether the encoder is blind to where tokens stand: for the law that permuting tokens then
    /// permutes rows.
    pub without_positions: bool,
    /// Whether heads of other tasks (language, classifier, a decoder) are read where the checkpoint
    /// has them.
    /// They are read in any case where matrices stay plain.
    pub heads: bool,
    /// Whether they are left alone even where matrices stay plain: for whoever writes a model anew
    /// and wants its vectors only.
    pub without_heads: bool,
    /// Heads to begin afresh where the checkpoint has none.
    pub add_heads: Option<AddHeads>,
    /// The share of values to drop while training with noise; whatever the folder says.
    pub dropout: f32,
}

impl OpenOptions {
    /// The numbers that matrices are brought to, where the folder holds them as `stored`.
    pub(super) fn weight_type(&self, stored: WeightType) -> WeightType {
        if self.pack { self.weights.unwrap_or(stored) } else { WeightType::F32 }
    }
}

impl Default for OpenOptions {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            threads,
            pack: true,
            weights: None,
            pooling: None,
            without_positions: false,
            heads: false,
            without_heads: false,
            add_heads: None,
            dropout: 0.0,
        }
    }
}

/// Heads that an opened model is to have.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AddHeads {
    /// Whether it shall score words. Where the checkpoint has no head for that, one like BERT's
    /// begins afresh.
    pub language: bool,
    /// The classifier it shall have. One of the same settings in the checkpoint is kept; another
    /// one, or none, makes way for a fresh one.
    pub classifier: Option<ClassifierSettings>,
    /// Decides the fresh values.
    pub seed: u64,
}

/// What a new model is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewModel {
    /// The encoder.
    pub settings: EncoderSettings,
    /// The modules after it: one `Pool`, then `Dense` and `Normalize` as wanted. Empty: mean
    /// pooling.
    pub head: Vec<ModuleSettings>,
    /// The head that scores words, where there is to be one.
    pub language: Option<LanguageHeadSettings>,
    /// The head that scores classes, where there is to be one.
    pub classifier: Option<ClassifierSettings>,
    /// The decoder, where it is to tell a text's counterpart.
    #[serde(default)]
    pub decoder: Option<DecoderSettings>,
    /// Lengths, prompts and the like.
    pub sentence: SentenceSettings,
}

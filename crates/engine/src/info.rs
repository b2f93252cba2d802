//! What there is to say about an opened model.

use contexture_model::ModelInfo;

/// A model's description, for people and for records of runs.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Info {
    /// Encoder, head, positions, sizes, files.
    #[serde(flatten)]
    pub model: ModelInfo,
    /// Tokens of a text that are used by default, special tokens counted.
    pub max_length: usize,
    /// The tokenizer's kind: `wordpiece (fast)`, `tokenizers` or `characters`.
    pub tokenizer: &'static str,
    /// Entries of the tokenizer's vocabulary.
    pub tokens_known: usize,
    /// The numbers that products are computed with: `f32`, or `int8` with what is not.
    pub weights: String,
    /// The instruction set that the kernels run on.
    pub instructions: &'static str,
    /// The SHA-256 of each weight file, where it was asked for.
    pub sha256: Vec<String>,
}

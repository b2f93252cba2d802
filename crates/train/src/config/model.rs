//! What is trained: an encoder from scratch, or one that is there already.

use serde::{Deserialize, Serialize};

/// The model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelSettings {
    /// A model to go on from: a name, folder or archive, as for `embed`. Everything below that
    /// describes an encoder then belongs to it and may not be set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// With `from`: what is kept of it, for a smaller model that begins as a part of a larger one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep: Option<KeepTable>,
    /// What gathers context.
    pub aggregator: Aggregator,
    /// Layers.
    pub layers: usize,
    /// Width of a token's row.
    pub hidden: usize,
    /// Attention heads; they divide `hidden`.
    pub heads: usize,
    /// Width inside the feed-forward part.
    pub inner: usize,
    /// Where the norms stand.
    pub norm: NormPlaceName,
    /// `gelu`, `gelu_tanh`, `relu`, `silu`, `tanh`.
    pub activation: String,
    /// Whether the activation gates a second half.
    pub gated: bool,
    /// The probability with which values are dropped while training.
    pub dropout: f64,
    /// How tokens know their places; absent: learned, and with recurrent layers none, since those
    /// read in order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub positions: Option<PositionsChoice>,
    /// The most tokens of a sequence; positions are made and checked for so many.
    pub maximum_tokens: usize,
    /// What the word embeddings are multiplied with; absent: 1, and with sinusoids or a formula
    /// the root of `hidden` (Vaswani et al. 2017, section 3.4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedding_scale: Option<f64>,
    /// The standard deviation of matrices and tables at first; absent: 0.02, with a decoder
    /// `1 / sqrt(hidden)`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_deviation: Option<f64>,
    /// With `translation`: what differs in the decoder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decoder: Option<DecoderTable>,
    /// Whether a token sees only those before it (needed by `causal`).
    pub causal: bool,
    /// Whether the language head shares the words' table.
    pub tied: bool,
    /// Recurrent layers: the width of a direction's memory, where it is not that of its output
    /// (`hidden`, or half of it where both directions are read): outputs are then projected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cells: Option<usize>,
    /// Recurrent layers: whether a layer's directions read both directions of the layer below;
    /// absent: unless an objective is `bidirectional`, which must keep them apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub joint: Option<bool>,
    /// Recurrent layers: whether every layer but the first adds its input to its output.
    pub skip_connections: bool,
    /// Recurrent layers: the bound of the memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cell_clip: Option<f64>,
    /// Recurrent layers: the bound of the projected output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub projection_clip: Option<f64>,
    /// How words are spelled, with `tokenizer.kind = "characters"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub characters: Option<CharactersTable>,
    /// Whether the output is a learned mix of all layers.
    pub mix: bool,
    /// How tokens become one vector: `mean`, `cls`, `max`, `mean_sqrt_len_tokens`, `weightedmean`, `lasttoken`.
    pub pooling: String,
    /// Width of a linear map after pooling, where there is to be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dense: Option<usize>,
    /// Whether sentence vectors have unit length.
    pub normalize: bool,
    /// Word vectors to begin the words' table with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vectors: Option<EmbeddingVectors>,
}

impl Default for ModelSettings {
    fn default() -> Self {
        Self {
            from: None,
            keep: None,
            aggregator: Aggregator::Attention,
            layers: 4,
            hidden: 256,
            heads: 4,
            inner: 1024,
            norm: NormPlaceName::After,
            activation: "gelu".into(),
            gated: false,
            dropout: 0.1,
            positions: None,
            cells: None,
            joint: None,
            skip_connections: false,
            cell_clip: None,
            projection_clip: None,
            characters: None,
            mix: false,
            maximum_tokens: 256,
            embedding_scale: None,
            initial_deviation: None,
            decoder: None,
            causal: false,
            tied: true,
            pooling: "mean".into(),
            dense: None,
            normalize: true,
            vectors: None,
        }
    }
}

/// A decoder, where it is not like the encoder.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DecoderTable {
    /// Layers; absent: as many as the encoder has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layers: Option<usize>,
    /// Whether both read one table of words; absent: where they have the same tokenizer, and rows of
    /// one width.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared_words: Option<bool>,
    /// Whether words have a bias where they are scored.
    pub bias: bool,
}

/// What a smaller model keeps of the one that it begins as a part of.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeepTable {
    /// The layers, by number from 0, from below; absent: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layers: Option<Vec<usize>>,
    /// Entries of the vocabulary, the most frequent ones of the objectives' text; 0: all. The
    /// tokenizer must be WordPiece: what loses its own piece is spelled by shorter ones.
    pub vocabulary: usize,
}

/// What gathers context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Aggregator {
    /// Self-attention.
    #[default]
    Attention,
    /// Long short-term memory, token after token.
    Lstm,
    /// Nothing: the bag of global word embeddings, the baseline.
    None,
}

/// The convolution over a word's characters, as in ELMo where nothing is said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CharactersTable {
    /// Width of a character's row.
    pub width: usize,
    /// Each filter's width in characters, and how many of it there are.
    pub filters: Vec<(usize, usize)>,
    /// Highway layers.
    pub highways: usize,
}

impl Default for CharactersTable {
    fn default() -> Self {
        let filters = [(1, 32), (2, 32), (3, 64), (4, 128), (5, 256), (6, 512), (7, 1024)];
        Self { width: 16, filters: filters.into(), highways: 2 }
    }
}

/// Where the norms stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NormPlaceName {
    /// `norm(x + f(x))`.
    #[default]
    After,
    /// `x + f(norm(x))`, with a norm at the end.
    Before,
}

/// A position function by its name alone, or with its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PositionsChoice {
    /// `sinusoidal`, `learned`, `rotary`, `alibi`, `relative`, `none`.
    Named(String),
    /// With settings.
    Detailed(PositionsTable),
}

/// A position function with its settings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PositionsTable {
    /// As by name; absent where there is a formula.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// An expression in `pos`, `i`, `d`, `n`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub formula: Option<String>,
    /// Sinusoidal: `paper`, `marian`, `tensor2tensor`, `fairseq`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layout: Option<String>,
    /// Sinusoidal: the first token's place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<usize>,
    /// Rotary: the base of the angles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<f64>,
    /// Rotary: whether neighbours form pairs rather than halves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interleaved: Option<bool>,
    /// Relative: how many buckets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buckets: Option<usize>,
    /// Relative: from this distance on all share the last bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub farthest: Option<usize>,
    /// Below this largest difference two places coincide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<f64>,
}

/// Word vectors as text: a word and its values a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbeddingVectors {
    /// The file, also gzip or zstd; its vectors are `hidden` wide.
    pub file: String,
    /// What they are multiplied with.
    #[serde(default = "one")]
    pub scale: f64,
}

fn one() -> f64 {
    1.0
}

/// How text becomes tokens, where the model is new.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenizerSettings {
    /// A folder with a tokenizer to use; absent: one is trained on the objectives' text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// `wordpiece`, `bpe`, `unigram`; `characters`: whole words, which `model.characters` spells.
    pub kind: String,
    /// Entries, special ones included.
    pub vocabulary: usize,
    /// Whether text is lower-cased.
    pub lower_case: bool,
    /// Words that are rarer than this are not looked at.
    pub min_frequency: u64,
    /// The most texts to train it on; 0: all.
    pub rows: usize,
}

impl Default for TokenizerSettings {
    fn default() -> Self {
        Self {
            from: None,
            kind: "wordpiece".into(),
            vocabulary: 8192,
            lower_case: true,
            min_frequency: 2,
            rows: 0,
        }
    }
}

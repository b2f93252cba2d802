//! What a user may ask of an embedding.

pub use contexture_nn::ops::Pooling;
use contexture_text::Overflow;

/// Which of the model's layers the vectors are made of.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Layer {
    /// The model's output: the last layer's, or its own mix of layers where it has learned one.
    #[default]
    Last,
    /// Hidden state number k: 0 is the embeddings' output, k the output of layer k.
    Number(usize),
    /// A weighted sum of all hidden states, embeddings first; empty: the model's own learned mix
    /// where it has one, else their mean.
    Mix(Vec<f32>),
}

/// Which vectors a record holds. Several levels are made in one pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Levels {
    /// One vector for the text.
    pub sentence: bool,
    /// One vector for each of the user's words: the mean of its tokens' vectors.
    pub words: bool,
    /// One vector for each token.
    pub tokens: bool,
}

impl Levels {
    /// The sentence vector only.
    pub const SENTENCE: Self = Self { sentence: true, words: false, tokens: false };
    /// Word vectors only.
    pub const WORDS: Self = Self { sentence: false, words: true, tokens: false };
    /// Token vectors only.
    pub const TOKENS: Self = Self { sentence: false, words: false, tokens: true };
}

impl Default for Levels {
    fn default() -> Self {
        Self::SENTENCE
    }
}

/// How a text becomes vectors. The default is what the model's folder says.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbedOptions {
    /// Which vectors are made.
    pub levels: Levels,
    /// Pooling of token vectors into a sentence vector; `None`: the folder's.
    pub pooling: Option<Pooling>,
    /// The layer that vectors are made of.
    pub layer: Layer,
    /// Unit length for every vector; `None`: the folder's choice for sentences, none for finer
    /// levels.
    pub normalize: Option<bool>,
    /// Keep only this many leading dimensions (Matryoshka), then normalise again where sentence
    /// vectors are normalised.
    pub dimensions: Option<usize>,
    /// Text put before each text; wins over `prompt_name`.
    pub prompt: Option<String>,
    /// One of the folder's prompts by name; `None`: the folder's default prompt, where it has one.
    pub prompt_name: Option<String>,
    /// At most this many tokens a text (special tokens counted); `None`: the folder's limit. May
    /// exceed the folder's, never the model's positions.
    pub max_length: Option<usize>,
    /// What to do with longer texts.
    pub overflow: Overflow,
    /// Tokens that one forward takes together, per thread.
    pub budget_tokens: usize,
    /// Whether a recurrent model goes on from one text to the next, as the first ELMo did: a text's
    /// vectors then depend on all texts before it in the call, and texts are taken one by one.
    /// `false`: each text begins afresh, and the same text has the same vectors everywhere.
    pub stateful: bool,
}

/// Activations of this many tokens stay near the cache while products are long enough to run at
/// full speed; larger budgets were measured to gain nothing.
pub const DEFAULT_BUDGET_TOKENS: usize = 512;

impl Default for EmbedOptions {
    fn default() -> Self {
        Self {
            levels: Levels::default(),
            pooling: None,
            layer: Layer::default(),
            normalize: None,
            dimensions: None,
            prompt: None,
            prompt_name: None,
            max_length: None,
            overflow: Overflow::default(),
            budget_tokens: DEFAULT_BUDGET_TOKENS,
            stateful: false,
        }
    }
}

//! What an encoder is made of: properties, not names.

use contexture_kernels::{Activation, Reach};
use serde::{Deserialize, Serialize};

use super::recurrent::{CharacterSettings, Directions, LstmSettings};
use super::spelling;
use crate::positions::PositionSettings;

/// The properties of an encoder. A family is a function from its configuration file to this, and
/// the configuration of Contexture's own family is this, key by key; unknown keys are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncoderSettings {
    /// Width of a token's row between layers.
    pub hidden: usize,
    /// Attention heads a layer.
    pub heads: usize,
    /// Width of one head's query, key and value.
    pub head_width: usize,
    /// Width inside the feed-forward part.
    pub inner: usize,
    /// Entries of the word table.
    pub vocabulary: usize,
    /// Entries of the token-type table; 0 where there is none.
    pub token_types: usize,
    /// Whether the sum of the embeddings is normed.
    pub embedding_norm: bool,
    /// The norms' epsilon.
    pub epsilon: f32,
    /// Whether norms have a bias.
    pub norm_bias: bool,
    /// Whether norms take the mean off (Ba et al. 2016); else they divide by the root of the mean
    /// square only (Zhang and Sennrich 2019).
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub norm_centred: bool,
    /// What attention's scores are multiplied with; absent: `1 / sqrt(head_width)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attention_scale: Option<f32>,
    /// Where the norms stand.
    pub norm: NormPlace,
    /// Whether the first layer's attention input is normed (only where norms come first).
    pub first_attention_norm: bool,
    /// Whether the last layer's output is normed.
    pub final_norm: bool,
    /// Which linear maps have a bias.
    pub biases: Biases,
    /// The feed-forward part's activation.
    #[serde(with = "spelling::activation")]
    pub activation: Activation,
    /// Whether the activation gates a second half: `act(a) * b`.
    pub gated: bool,
    /// How tokens know their places.
    pub positions: Vec<PositionSettings>,
    /// One for each layer.
    pub layers: Vec<LayerSettings>,
    /// The most tokens a sequence may have; `None` where nothing limits it.
    pub maximum_tokens: Option<usize>,
    /// What the words' rows are multiplied with before places are added; 1 leaves them alone.
    pub embedding_scale: f32,
    /// What gathers a token's context.
    pub aggregator: Aggregator,
    /// The share of values dropped while training with noise: after the embeddings, and at the end
    /// of each attention and feed-forward part, before the residual sum (Devlin et al. 2019).
    /// Attention's probabilities are never dropped. 0 in a model that was opened.
    pub dropout: f32,
    /// The standard deviation of matrices and tables that begin at random.
    pub initial_deviation: f32,
    /// Whether the maps that end in a residual sum begin smaller, by `1 / sqrt(2 layers)`
    /// (Radford et al. 2019, section 2.3).
    pub scaled_residuals: bool,
    /// The recurrent layers, where the aggregator is [`Aggregator::Lstm`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lstm: Option<LstmSettings>,
    /// How words are spelled, where they are not looked up by number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub characters: Option<CharacterSettings>,
    /// Whether the output is a learned mix of all layers, the embeddings' among them (Peters et
    /// al. 2018, eq. 1), and not the last.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mix: bool,
}

fn yes() -> bool {
    true
}

/// What gathers a token's context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregator {
    /// Layers of self-attention.
    Attention,
    /// Layers of long short-term memory, token after token.
    Lstm,
    /// Nothing, and no layers: each token keeps the row of its word.
    None,
}

/// Where a layer's norms stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NormPlace {
    /// `norm(x + f(x))`: Vaswani et al. 2017, section 5.4.
    After,
    /// `x + f(norm(x))`: Xiong et al. 2020.
    Before,
}

/// Which linear maps have a bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Biases {
    /// Query, key and value.
    pub qkv: bool,
    /// The attention's output.
    pub output: bool,
    /// Into the feed-forward part.
    pub first: bool,
    /// Out of it.
    pub second: bool,
}

impl Biases {
    /// All or none of them.
    pub fn all(present: bool) -> Self {
        Self { qkv: present, output: present, first: present, second: present }
    }
}

/// What differs from layer to layer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerSettings {
    /// How far a token sees.
    #[serde(with = "spelling::reach")]
    pub reach: Reach,
    /// The rotation's base, where positions rotate.
    pub rotary_base: f32,
}

impl EncoderSettings {
    /// What BERT is (Devlin et al. 2019): norms after, biases everywhere, no positions yet.
    pub fn plain(sizes: Sizes) -> Self {
        let Sizes { hidden, heads, inner, vocabulary, layers } = sizes;
        let layer = LayerSettings { reach: Reach::ALL, rotary_base: 0.0 };
        Self {
            hidden,
            heads,
            head_width: hidden / heads,
            inner,
            vocabulary,
            token_types: 0,
            embedding_norm: true,
            epsilon: 1e-12,
            norm_bias: true,
            norm_centred: true,
            attention_scale: None,
            norm: NormPlace::After,
            first_attention_norm: true,
            final_norm: false,
            biases: Biases::all(true),
            activation: Activation::Gelu,
            gated: false,
            positions: Vec::new(),
            layers: vec![layer; layers],
            maximum_tokens: None,
            embedding_scale: 1.0,
            aggregator: Aggregator::Attention,
            dropout: 0.0,
            initial_deviation: 0.02,
            scaled_residuals: false,
            lstm: None,
            characters: None,
            mix: false,
        }
    }

    /// What attention's scores are multiplied with.
    pub fn score_scale(&self) -> f32 {
        self.attention_scale.unwrap_or_else(|| 1.0 / (self.head_width as f32).sqrt())
    }

    /// How many directions a token's row has, side by side: 2 for a recurrent encoder that reads
    /// both ways, else 1.
    pub fn directions(&self) -> usize {
        self.lstm.as_ref().map_or(1, |lstm| lstm.directions.count())
    }

    /// The width of a token's row before the first layer, which is that of one direction.
    pub fn word_width(&self) -> usize {
        self.hidden / self.directions()
    }

    /// How many rows the encoder adds to every sequence for its own use: the two markers of words
    /// that are spelled out.
    pub fn framing(&self) -> usize {
        if self.characters.is_some() { 2 } else { 0 }
    }

    /// Whether no token's row depends on a later token.
    pub fn is_causal(&self) -> bool {
        match (self.aggregator, &self.lstm) {
            (Aggregator::None, _) => true,
            (Aggregator::Lstm, Some(lstm)) => lstm.directions == Directions::Forward,
            _ => self.layers.iter().all(|layer| layer.reach.ahead == 0),
        }
    }

    /// Whether each half of a token's row depends on one side of the token only, so that it can
    /// tell what stands on the other.
    pub fn keeps_sides_apart(&self) -> bool {
        self.lstm.as_ref().is_some_and(|lstm| {
            lstm.directions == Directions::Both && (!lstm.joint || self.layers.len() == 1)
        })
    }
}

/// The sizes that every encoder has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sizes {
    /// Width of a token's row.
    pub hidden: usize,
    /// Attention heads; they divide `hidden`.
    pub heads: usize,
    /// Width inside the feed-forward part.
    pub inner: usize,
    /// Entries of the word table.
    pub vocabulary: usize,
    /// The number of layers.
    pub layers: usize,
}

//! What a recurrent encoder is made of besides what every encoder has.

use contexture_kernels::Activation;
use serde::{Deserialize, Serialize};

use super::spelling;

/// Layers of long short-term memory (Hochreiter and Schmidhuber 1997; with a projection: Sak et
/// al. 2014). Each direction gives rows of `hidden / directions`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LstmSettings {
    /// The width of a direction's memory.
    pub cells: usize,
    /// Whether a direction's output is projected to its width; without, that width is `cells`.
    pub projection: bool,
    /// Which ways the text is read.
    pub directions: Directions,
    /// Whether a layer's directions read both directions of the layer below. Where they do not,
    /// each sees its own side of a token only, as a bidirectional language model needs.
    pub joint: bool,
    /// Whether every layer but the first adds its input to its output.
    pub skip_connections: bool,
    /// The memory is kept within plus and minus this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell_clip: Option<f32>,
    /// The projected output is kept within plus and minus this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub projection_clip: Option<f32>,
}

/// Which ways a recurrent layer reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Directions {
    /// From the first token to the last, and from the last to the first.
    Both,
    /// From the first token to the last: blind to what follows.
    Forward,
}

impl Directions {
    /// How many there are.
    pub fn count(self) -> usize {
        match self {
            Self::Both => 2,
            Self::Forward => 1,
        }
    }
}

/// Words spelled out: a convolution over each word's characters, its maximum over places, highways
/// and a projection (Kim et al. 2016; Jozefowicz et al. 2016; ELMo's numbers are in Peters et al.
/// 2018, section 3.4).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CharacterSettings {
    /// Rows of the table of characters; 262 for ELMo's bytes.
    pub entries: usize,
    /// Width of a character's row.
    pub width: usize,
    /// Each filter's width in characters, and how many of it there are.
    pub filters: Vec<(usize, usize)>,
    /// Highway layers after the filters (Srivastava et al. 2015).
    pub highways: usize,
    /// Characters of a word, its own two markers counted.
    pub most: usize,
    /// The filters' activation.
    #[serde(with = "spelling::activation")]
    pub activation: Activation,
    /// What fills a word up to `most` characters.
    pub padding: u16,
    /// The characters of the two words that stand before and after every sequence.
    pub markers: [Vec<u16>; 2],
    /// What else is known of a word, where there is more than its characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<WordTable>,
}

/// A table of words beside their characters: a word's row by its number goes before its features
/// into the projection (ELMoForManyLangs, Che et al. 2018).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WordTable {
    /// The width of a word's row.
    pub width: usize,
    /// The numbers of the two words that stand before and after every sequence.
    pub markers: [u32; 2],
}

impl CharacterSettings {
    /// ELMo's bytes: numbers 1 to 256 for bytes, 257 and 258 for a sentence's ends, 259 and 260
    /// for a word's, 261 for what fills up; 0 is never used.
    pub fn bytes(width: usize, filters: Vec<(usize, usize)>, highways: usize) -> Self {
        Self {
            entries: 262,
            width,
            filters,
            highways,
            most: 50,
            activation: Activation::Relu,
            padding: 261,
            markers: [vec![259, 257, 260], vec![259, 258, 260]],
            words: None,
        }
    }

    /// The width of what a word's characters give.
    pub fn features(&self) -> usize {
        self.filters.iter().map(|(_, count)| count).sum()
    }

    /// The width of all that is projected to a word's row.
    pub fn projected(&self) -> usize {
        self.features() + self.words.as_ref().map_or(0, |words| words.width)
    }
}

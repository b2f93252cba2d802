//! The table of position functions: from settings to what stands at the doors.

use contexture_nn::Builder;

use super::Position;
use super::alibi::Alibi;
use super::buckets::Buckets;
use super::learned::Learned;
use super::rotary::Rotary;

/// One way in which tokens know their places. An encoder may have several.
#[derive(Debug, Clone, PartialEq)]
pub enum PositionSettings {
    /// A table of rows, added to the words'.
    Learned {
        /// Rows of the table.
        entries: usize,
        /// The row of a sequence's first token.
        offset: usize,
        /// A word that takes no place: it gets the row before the first, and is not counted.
        skips: Option<u32>,
    },
    /// A learned score for each head and bucket of distances, shared by all layers.
    Buckets {
        /// How many buckets; half of them for keys to the right.
        buckets: usize,
        /// Distances from here on share the last bucket.
        farthest: usize,
    },
    /// Queries and keys turned by an angle that grows with the place.
    Rotary {
        /// How much of each head turns.
        width: usize,
        /// Whether neighbours form pairs, rather than halves.
        interleaved: bool,
    },
    /// A penalty that grows with the distance, with a slope for each head.
    Alibi,
}

impl PositionSettings {
    /// Declares what it learns.
    pub(crate) fn declare(
        &self,
        hidden: usize,
        heads: usize,
        b: &mut Builder,
    ) -> Box<dyn Position> {
        match *self {
            Self::Learned { entries, offset, skips } => {
                Box::new(Learned::declare(entries, offset, skips, hidden, b))
            }
            Self::Buckets { buckets, farthest } => {
                Box::new(Buckets::declare(buckets, farthest, heads, b))
            }
            Self::Rotary { width, interleaved } => Box::new(Rotary { width, interleaved }),
            Self::Alibi => Box::new(Alibi::new(heads)),
        }
    }

    /// Its name in `info`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Learned { .. } => "learned",
            Self::Buckets { .. } => "relative buckets",
            Self::Rotary { .. } => "rotary",
            Self::Alibi => "ALiBi",
        }
    }
}

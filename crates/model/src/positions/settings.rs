//! The table of position functions: from settings to what stands at the doors.

use std::sync::Arc;

use contexture_nn::{Builder, Initial};
use serde::{Deserialize, Serialize};

use super::Position;
use super::alibi::Alibi;
use super::buckets::Buckets;
use super::fixed::Fixed;
use super::formula::Formula;
use super::learned::Learned;
use super::rotary::Rotary;
use super::sinusoidal::{self, Divisor, Layout};
use crate::ModelError;
use crate::architectures::EncoderSettings;

/// One way in which tokens know their places. An encoder may have several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
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
        /// Whether all buckets are for keys to the left: those to the right share the first.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        one_sided: bool,
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
    /// Sines and cosines of the place, added to the words' rows; nothing is learned.
    Sinusoidal {
        /// How sines and cosines share the columns.
        layout: Layout,
        /// How frequencies fall from column to column.
        divisor: Divisor,
        /// The place of a sequence's first token.
        offset: usize,
    },
    /// Any function of place and column, added to the words' rows; nothing is learned.
    Formula {
        /// An expression in `pos`, `i` (the column from 0), `d` (the rows' width) and `n` (the most
        /// tokens); see [`super::Formula`].
        source: String,
        /// How near, in every column, the rows of two places count as the same.
        tolerance: f32,
    },
}

impl PositionSettings {
    /// Declares what it learns.
    pub(crate) fn declare(
        &self,
        e: &EncoderSettings,
        b: &mut Builder,
    ) -> Result<Box<dyn Position>, ModelError> {
        let initial = Initial::Normal(e.initial_deviation);
        Ok(match self {
            Self::Learned { entries, offset, skips } => {
                Box::new(Learned::declare(*entries, *offset, *skips, e.word_width(), initial, b))
            }
            Self::Buckets { buckets, farthest, one_sided } => {
                let distances = (*buckets, *farthest, *one_sided);
                Box::new(Buckets::declare(distances, e.heads, initial, b))
            }
            Self::Rotary { width, interleaved } => {
                Box::new(Rotary { width: *width, interleaved: *interleaved })
            }
            Self::Alibi => Box::new(Alibi::new(e.heads)),
            Self::Sinusoidal { layout, divisor, offset } => {
                let places = e.table_length("sinusoidal")?;
                let rows = sinusoidal::table(*layout, *divisor, *offset, places, e.word_width());
                Box::new(Fixed { rows: Arc::new(rows) })
            }
            Self::Formula { source, .. } => {
                let places = e.table_length("formula")?;
                let rows = Formula::parse(source)?.table(places, e.word_width())?;
                Box::new(Fixed { rows: Arc::new(rows) })
            }
        })
    }

    /// Whether it enters with the words' rows, so that any aggregator sees it; the others change
    /// attention's heads or scores.
    pub fn enters_rows(&self) -> bool {
        matches!(self, Self::Learned { .. } | Self::Sinusoidal { .. } | Self::Formula { .. })
    }

    /// Its name in `info`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Learned { .. } => "learned",
            Self::Buckets { .. } => "relative buckets",
            Self::Rotary { .. } => "rotary",
            Self::Alibi => "ALiBi",
            Self::Sinusoidal { .. } => "sinusoidal",
            Self::Formula { .. } => "formula",
        }
    }
}

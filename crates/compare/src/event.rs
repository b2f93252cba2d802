//! What a comparison tells whoever watches it.

use serde::{Deserialize, Serialize};

/// A part of a comparison that can be done alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Every model with every seed, up to the budget.
    Train,
    /// What a step costs, against lengths and depths.
    Speed,
    /// What trained models know.
    Tasks,
    /// The page, from what is there.
    Page,
}

impl Phase {
    /// All of them, in their order.
    pub const ALL: [Self; 4] = [Self::Train, Self::Speed, Self::Tasks, Self::Page];
}

/// Something that happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Something worth knowing.
    Said(&'a str),
    /// A phase, or a part of it, went on.
    Progress {
        /// Which phase.
        phase: Phase,
        /// Which part: a run, a size.
        part: &'a str,
        /// How much of the phase is done, 0 to 1.
        share: f64,
        /// Losses, tokens, seconds.
        message: &'a str,
    },
}

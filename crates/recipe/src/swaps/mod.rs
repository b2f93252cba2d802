//! Rules that keep nearly every word of a sentence and change what it says.

mod actions;
mod comparisons;
mod directions;
mod modifiers;
mod negations;
mod numbers;
mod roles;
mod symmetry;
mod times;
mod voice;

pub(crate) use actions::actions;
pub(crate) use comparisons::comparisons;
pub(crate) use directions::directions;
pub(crate) use modifiers::modifiers;
pub(crate) use negations::negations;
pub(crate) use numbers::numbers;
pub(crate) use roles::roles;
pub(crate) use times::times;
pub(crate) use voice::agents;

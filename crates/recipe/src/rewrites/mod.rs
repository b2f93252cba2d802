//! Rules that change how a sentence is put and leave what it says.

mod adverbials;
mod clauses;
mod conjuncts;
mod names;
mod obliques;
mod relatives;
mod voice;
mod wordings;

pub(crate) use adverbials::{moved_times, reordered_phrases};
pub(crate) use clauses::{clause, moved_clauses};
pub(crate) use conjuncts::exchanged_conjuncts;
pub(crate) use names::{dates, genitives, moved_appositions};
pub(crate) use obliques::{moved_adverbs, moved_obliques, reordered_obliques};
pub(crate) use relatives::relatives;
pub(crate) use voice::{active, as_object, as_subject, passive, passive_clause, reflexive};
pub(crate) use wordings::{contractions, synonyms, wordings};

//! The table of objectives: from settings to what draws batches.

use serde::de::DeserializeOwned;

use super::bidirectional::Bidirectional;
use super::causal::Causal;
use super::classes::Classes;
use super::contrastive::Contrastive;
use super::distillation::Distillation;
use super::masked::Masked;
use super::pairs::Pairs;
use super::texts::{TextObjective, Texts};
use super::translation::Translation;
use super::triples::Triples;
use super::{Learner, Objective};
use crate::TrainError;
use crate::config::ObjectiveSettings;
use crate::data::{RowStream, Side, TokenStream};
use crate::random::{Random, purpose};

/// Opens an objective's training data. `number` is its place in the configuration.
///
/// # Errors
/// Data that are not there, a model that cannot learn this.
pub fn open(
    settings: &ObjectiveSettings,
    learner: &Learner,
    seed: u64,
    number: usize,
) -> Result<Box<dyn Objective>, TrainError> {
    make(settings, learner, seed, number, Side::Train)
}

/// Opens an objective's held-out data; `None` where it has none.
///
/// # Errors
/// As [`open`].
pub fn open_held_out(
    settings: &ObjectiveSettings,
    learner: &Learner,
    seed: u64,
    number: usize,
) -> Result<Option<Box<dyn Objective>>, TrainError> {
    let data = settings.data();
    if data.held_out.is_empty() && data.held_out_share <= 0.0 {
        return Ok(None);
    }
    make(settings, learner, seed, number, Side::HeldOut).map(Some)
}

fn make(
    settings: &ObjectiveSettings,
    learner: &Learner,
    seed: u64,
    number: usize,
    side: Side,
) -> Result<Box<dyn Objective>, TrainError> {
    let name = settings.name();
    let key = Random::of(&[seed, purpose::ORDER, number as u64]).bits();
    let rows = RowStream::open(name, settings.data(), &settings.fields(), side, key)?;
    let tokenizer = || learner.tokenizer.clone();
    Ok(match settings {
        ObjectiveSettings::Masked(s) => {
            let stream = TokenStream::new(rows, tokenizer(), s.length, s.pack)?;
            Box::new(Masked::new(name, s, stream, &learner.tokenizer)?)
        }
        ObjectiveSettings::Causal(s) => {
            let stream = TokenStream::new(rows, tokenizer(), s.length, s.pack)?;
            Box::new(Causal::new(name, s, stream))
        }
        ObjectiveSettings::Bidirectional(s) => {
            let stream = TokenStream::new(rows, tokenizer(), s.length, false)?;
            Box::new(Bidirectional::new(name, s, stream, learner)?)
        }
        ObjectiveSettings::Translation(s) => Box::new(Translation::new(name, s, rows, learner)?),
        ObjectiveSettings::Contrastive(s) => {
            let texts = Texts::new(name, rows, tokenizer(), (s.length, s.batch));
            Box::new(TextObjective { kind: Contrastive { settings: s.clone() }, texts })
        }
        ObjectiveSettings::Triples(s) => {
            let texts = Texts::new(name, rows, tokenizer(), (s.length, s.batch));
            Box::new(TextObjective { kind: Triples { settings: s.clone() }, texts })
        }
        ObjectiveSettings::Pairs(s) => {
            let texts = Texts::new(name, rows, tokenizer(), (s.length, s.batch));
            Box::new(TextObjective { kind: Pairs { settings: s.clone() }, texts })
        }
        ObjectiveSettings::Distillation(s) => {
            let texts = Texts::new(name, rows, tokenizer(), (s.length, s.batch));
            Box::new(TextObjective { kind: Distillation::new(s, name, learner)?, texts })
        }
        ObjectiveSettings::Classification(s) | ObjectiveSettings::Tagging(s) => {
            let texts = Texts::new(name, rows, tokenizer(), (s.length, s.batch));
            let of_words = matches!(settings, ObjectiveSettings::Tagging(_));
            Box::new(TextObjective { kind: Classes::new(s, of_words, learner)?, texts })
        }
    })
}

/// A stored state, or what is wrong with it.
pub(super) fn read_state<T: DeserializeOwned>(
    name: &str,
    state: &serde_json::Value,
) -> Result<T, TrainError> {
    T::deserialize(state)
        .map_err(|e| TrainError::value(format!("snapshot: {name}"), "a position in the data", e))
}

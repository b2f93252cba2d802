//! What a run begins with, for those who need it without a run: comparisons above all.

use std::path::Path;

use contexture_model::{Model, NewModel};
use contexture_text::Tokenizer;

use crate::{Config, TrainError, forecast, learner};

/// The new model that a configuration describes, for a tokenizer of `vocabulary` tokens.
///
/// # Errors
/// Values that cannot work; `model.from` names a model that is there, so that nothing is new.
pub fn new_model(config: &Config, vocabulary: usize) -> Result<NewModel, TrainError> {
    config.check()?;
    match &config.model.from {
        Some(name) => Err(TrainError::value("model.from", "absent, for a new model", name)),
        None => learner::described(config, vocabulary),
    }
}

/// The tokenizer that stands in `folder`; where there is none, it is put there first: trained on
/// the objectives' text, or copied from where the configuration says.
///
/// # Errors
/// Text that cannot be read, a folder that cannot be written.
pub fn tokenizer(config: &Config, folder: &Path) -> Result<Tokenizer, TrainError> {
    std::fs::create_dir_all(folder).map_err(|e| TrainError::io(folder, "cannot be made", e))?;
    crate::tokenizer::tokenizer(config, folder)
}

/// About how many bytes a forward with its backward holds of `tokens` tokens, besides weights and
/// their gradients.
pub fn step_bytes(model: &Model, tokens: usize) -> u64 {
    tokens as u64 * forecast::bytes_per_token(model)
}

/// Memory that is free for this process, in bytes, where the system tells.
pub fn available_memory() -> Option<u64> {
    forecast::available()
}

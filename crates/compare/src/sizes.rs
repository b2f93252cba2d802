//! How many parameters a model has, and which of them belong to words.

use contexture_model::Model;
use contexture_train::{Config as RunConfig, new_model};

use crate::CompareError;

/// A model's parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parameters {
    /// Those that there are whatever the vocabulary.
    pub(crate) besides_words: usize,
    /// Those of each word: its row in the table, and what scores it.
    pub(crate) per_word: usize,
}

impl Parameters {
    /// Counts: what one more word adds belongs to words, whatever it is called.
    pub(crate) fn of(run: &RunConfig) -> Result<Self, CompareError> {
        const FEW: usize = 8;
        let count = |vocabulary: usize| -> Result<usize, CompareError> {
            let new = new_model(run, vocabulary)?;
            Ok(Model::create(&new, 1)?.weights().count())
        };
        let few = count(FEW)?;
        let per_word = count(FEW + 1)? - few;
        Ok(Self { besides_words: few - FEW * per_word, per_word })
    }

    /// All of them.
    pub(crate) fn with(&self, vocabulary: usize) -> usize {
        self.besides_words + vocabulary * self.per_word
    }
}

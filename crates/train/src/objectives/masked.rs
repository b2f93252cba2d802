//! The masked language model (Devlin et al. 2019, section 3.1): of the tokens that are not
//! special, a share is chosen; of the chosen, most become the mask, some any token, some stay; the
//! loss is the mean cross entropy of what stood there.

use std::sync::Arc;

use super::language::{Sequences, Told};
use super::{Drawn, Objective};
use crate::TrainError;
use crate::config::MaskedSettings;
use crate::data::TokenStream;
use crate::random::Random;

pub(super) struct Masked {
    settings: MaskedSettings,
    sequences: Sequences,
    mask: u32,
    special: Vec<u32>,
    vocabulary: usize,
}

impl Masked {
    pub(super) fn new(
        name: &str,
        settings: &MaskedSettings,
        stream: TokenStream,
        tokenizer: &contexture_text::Tokenizer,
    ) -> Result<Self, TrainError> {
        let Some(mask) = tokenizer.special().mask else {
            let found = "a tokenizer without a mask token";
            return Err(TrainError::value("objective.kind", "a kind other than masked", found));
        };
        Ok(Self {
            settings: settings.clone(),
            sequences: Sequences::new(name, stream),
            mask,
            special: tokenizer.special().all.clone(),
            vocabulary: tokenizer.vocabulary_size(),
        })
    }

    /// Hides tokens of one sequence; at least one, where there is any to hide.
    fn hide(&self, ids: &mut [u32], random: &mut Random) -> Vec<(usize, u32)> {
        let open: Vec<usize> =
            (0..ids.len()).filter(|at| self.special.binary_search(&ids[*at]).is_err()).collect();
        if open.is_empty() {
            return Vec::new();
        }
        let s = &self.settings;
        // A whole number of tokens, rounded at random so that the share holds on average.
        let share = open.len() as f64 * s.mask;
        let count = (share.floor() as usize + usize::from(random.uniform() < share.fract()))
            .clamp(1, open.len());
        let mut open = open;
        for at in 0..count {
            let other = at + random.below(open.len() - at);
            open.swap(at, other);
        }
        open.truncate(count);
        open.sort_unstable();
        open.into_iter()
            .map(|at| {
                let target = ids[at];
                let draw = random.uniform();
                if draw < s.masked_share {
                    ids[at] = self.mask;
                } else if draw < s.masked_share + s.random_share {
                    ids[at] = random.below(self.vocabulary) as u32;
                }
                (at, target)
            })
            .collect()
    }
}

impl Objective for Masked {
    fn name(&self) -> &str {
        self.sequences.name()
    }

    fn draw(&mut self, random: &mut Random) -> Result<Option<Box<dyn Drawn>>, TrainError> {
        let batch = self.sequences.batch(self.settings.batch_tokens)?;
        if batch.is_empty() {
            return Ok(None);
        }
        let (mut ids, mut places) = (Vec::new(), Vec::new());
        let (mut rows, mut targets) = (Vec::new(), Vec::new());
        let mut first = 0;
        for mut sequence in batch {
            for (at, target) in self.hide(&mut sequence.tokens.ids, random) {
                rows.push((first + at) as u32);
                targets.push(target);
            }
            first += sequence.tokens.len();
            ids.push(sequence.tokens);
            places.push(sequence.place);
        }
        Ok(Some(Box::new(Told {
            ids,
            places,
            rows: rows.into(),
            targets: Arc::from(targets),
            smoothing: self.settings.smoothing as f32,
            on_all: self.settings.head_on_all,
        })))
    }

    fn state(&self) -> serde_json::Value {
        self.sequences.state()
    }

    fn restore(&mut self, state: &serde_json::Value) -> Result<(), TrainError> {
        self.sequences.restore(state)
    }

    fn epochs(&self) -> u64 {
        self.sequences.epochs()
    }
}

//! The causal language model: each token but the first is to be told from those before it. The
//! loss is the mean cross entropy over them. The model's layers must look backwards only.

use super::language::{Sequences, Told};
use super::{Drawn, Objective};
use crate::TrainError;
use crate::config::CausalSettings;
use crate::data::TokenStream;
use crate::random::Random;

pub(super) struct Causal {
    settings: CausalSettings,
    sequences: Sequences,
}

impl Causal {
    pub(super) fn new(name: &str, settings: &CausalSettings, stream: TokenStream) -> Self {
        Self { settings: settings.clone(), sequences: Sequences::new(name, stream) }
    }
}

impl Objective for Causal {
    fn name(&self) -> &str {
        self.sequences.name()
    }

    fn draw(&mut self, _: &mut Random) -> Result<Option<Box<dyn Drawn>>, TrainError> {
        let batch = self.sequences.batch(self.settings.batch_tokens)?;
        if batch.is_empty() {
            return Ok(None);
        }
        let (mut ids, mut places) = (Vec::new(), Vec::new());
        let (mut rows, mut targets) = (Vec::new(), Vec::new());
        let mut first = 0;
        for sequence in batch {
            let length = sequence.tokens.len();
            rows.extend((first..first + length.saturating_sub(1)).map(|row| row as u32));
            targets.extend(sequence.tokens.ids.iter().skip(1));
            first += length;
            ids.push(sequence.tokens);
            places.push(sequence.place);
        }
        Ok(Some(Box::new(Told {
            ids,
            places,
            rows: rows.into(),
            targets: targets.into(),
            smoothing: self.settings.smoothing as f32,
            on_all: false,
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

//! The causal language model: each token but the first is to be told from those before it. The
//! loss is the mean cross entropy over them. The model's layers must look backwards only.

use serde::{Deserialize, Serialize};

use super::language::{Told, sequences};
use super::{Drawn, Objective};
use crate::TrainError;
use crate::config::CausalSettings;
use crate::data::{Sequence, TokenState, TokenStream};
use crate::random::Random;

pub(super) struct Causal {
    name: String,
    settings: CausalSettings,
    stream: TokenStream,
    held: Option<Sequence>,
}

#[derive(Serialize, Deserialize)]
struct State {
    tokens: TokenState,
    held: Option<Sequence>,
}

impl Causal {
    pub(super) fn new(name: &str, settings: &CausalSettings, stream: TokenStream) -> Self {
        Self { name: name.into(), settings: settings.clone(), stream, held: None }
    }
}

impl Objective for Causal {
    fn name(&self) -> &str {
        &self.name
    }

    fn draw(&mut self, _: &mut Random) -> Result<Option<Box<dyn Drawn>>, TrainError> {
        let batch = sequences(&mut self.stream, &mut self.held, self.settings.batch_tokens)?;
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
        let state = State { tokens: self.stream.state(), held: self.held.clone() };
        serde_json::to_value(state).expect("a state is plain data")
    }

    fn restore(&mut self, state: &serde_json::Value) -> Result<(), TrainError> {
        let state: State = super::table::read_state(&self.name, state)?;
        self.stream.restore(&state.tokens)?;
        self.held = state.held;
        Ok(())
    }

    fn epochs(&self) -> u64 {
        self.stream.epochs()
    }
}

//! What language models share: batches of sequences up to a number of tokens; and what the masked
//! and the causal one do: the loss at chosen places.

use std::sync::Arc;

use contexture_nn::ops::Gather;
use contexture_nn::{Rows, Segments};
use serde::{Deserialize, Serialize};

use super::pass::encoder_operations;
use super::{Drawn, Pass};
use crate::TrainError;
use crate::data::{Sequence, TokenState, TokenStream, Tokens};

/// The sequences of a language model's texts, in batches, from any place on.
pub(super) struct Sequences {
    name: String,
    stream: TokenStream,
    /// What did not fit into the last batch.
    held: Option<Sequence>,
}

#[derive(Serialize, Deserialize)]
struct State {
    tokens: TokenState,
    held: Option<Sequence>,
}

impl Sequences {
    pub(super) fn new(name: &str, stream: TokenStream) -> Self {
        Self { name: name.into(), stream, held: None }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Draws sequences up to `budget` tokens, one at least; empty where held-out rows have ended.
    pub(super) fn batch(&mut self, budget: usize) -> Result<Vec<Sequence>, TrainError> {
        let mut batch = Vec::new();
        let mut tokens = 0;
        while let Some(sequence) = match self.held.take() {
            Some(sequence) => Some(sequence),
            None => self.stream.next_sequence()?,
        } {
            if !batch.is_empty() && tokens + sequence.tokens.len() > budget {
                // It opens the next batch: nothing is dropped.
                self.held = Some(sequence);
                break;
            }
            tokens += sequence.tokens.len();
            batch.push(sequence);
        }
        Ok(batch)
    }

    pub(super) fn state(&self) -> serde_json::Value {
        let state = State { tokens: self.stream.state(), held: self.held.clone() };
        serde_json::to_value(state).expect("a state is plain data")
    }

    pub(super) fn restore(&mut self, state: &serde_json::Value) -> Result<(), TrainError> {
        let state: State = super::table::read_state(&self.name, state)?;
        self.stream.restore(&state.tokens)?;
        self.held = state.held;
        Ok(())
    }

    pub(super) fn epochs(&self) -> u64 {
        self.stream.epochs()
    }
}

/// A batch of which some tokens are to be told.
pub(super) struct Told {
    /// What the model sees.
    pub(super) ids: Vec<Tokens>,
    /// Where the sequences stand.
    pub(super) places: Vec<String>,
    /// The rows whose tokens are to be told, over all sequences.
    pub(super) rows: Arc<[u32]>,
    /// Those tokens.
    pub(super) targets: Arc<[u32]>,
    pub(super) smoothing: f32,
    /// The head's rows, where it is computed for all tokens.
    pub(super) on_all: bool,
}

impl Drawn for Told {
    fn places(&self) -> Vec<&str> {
        self.places.iter().map(String::as_str).collect()
    }

    fn tokens(&self) -> usize {
        self.ids.iter().map(Tokens::len).sum()
    }

    fn terms(&self) -> usize {
        self.targets.len()
    }

    fn run(&self, pass: &mut Pass<'_>) -> Result<f64, TrainError> {
        if self.targets.is_empty() {
            return Ok(0.0);
        }
        let learner = pass.learner;
        let Some(head) = learner.model.language() else {
            let found = "a model without a language head";
            return Err(TrainError::value("model", "a language head", found));
        };
        let batch = learner.batch(&self.ids)?;
        let mut s = pass.session();
        let hidden = learner.model.tokens(&mut s, &batch);
        let told = Segments::single(self.rows.len());
        let gather = Gather { rows: self.rows.clone() };
        let transformed = match self.on_all {
            true => {
                let all = head.transform(&mut s, &hidden, batch.segments());
                s.apply(gather, &[&all], &told)
            }
            false => {
                let some = s.apply(gather, &[&hidden], &told);
                head.transform(&mut s, &some, &told)
            }
        };
        drop(hidden);
        // Without learning, smoothing would only blur what is measured.
        let smoothing = if pass.learns() { self.smoothing } else { 0.0 };
        let scale = pass.scale();
        let losses = head.loss(&mut s, &transformed, self.targets.clone(), smoothing, scale);
        let sum = losses.rows().as_slice().iter().map(|loss| f64::from(*loss)).sum();
        let seed = Rows::new(vec![scale; self.targets.len()], 1);
        pass.backward(&mut s, vec![(&losses, seed)]);
        Ok(sum)
    }

    fn operations(&self, model: &contexture_model::Model) -> f64 {
        let e = model.encoder().settings();
        let head_rows = if self.on_all { self.tokens() } else { self.rows.len() } as f64;
        let words = self.rows.len() as f64 * (e.word_width() * e.vocabulary) as f64;
        let transform = head_rows * (e.hidden * e.word_width()) as f64;
        encoder_operations(model, self.ids.iter().map(Tokens::len)) + 6.0 * (words + transform)
    }
}

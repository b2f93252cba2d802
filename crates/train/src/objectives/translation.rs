//! Translation: each token of the target is to be told from those before it and from the source
//! (Vaswani et al. 2017, section 3.1). The loss is the mean cross entropy over the target's tokens, its
//! end among them, label-smoothed (section 5.4).

use std::sync::Arc;

use contexture_engine::translate::longest_output;
use contexture_model::Model;
use contexture_model::architectures::Search;
use contexture_nn::{Rows, Segments};
use contexture_text::{Overflow, Tokenizer};
use serde::{Deserialize, Serialize};

use super::pass::{decoder_operations, encoder_operations};
use super::{Drawn, Learner, Objective, Pass};
use crate::TrainError;
use crate::config::TranslationSettings;
use crate::data::{Row, RowStream, StreamState, Tokens};
use crate::random::Random;

pub(super) struct Translation {
    name: String,
    settings: TranslationSettings,
    rows: RowStream,
    source: Arc<Tokenizer>,
    target: Arc<Tokenizer>,
    start: u32,
    end: u32,
    /// What did not fit into the last batch.
    held: Option<Pair>,
    truncated: u64,
}

/// A source, and its target from the start to the end.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Pair {
    source: Tokens,
    target: Vec<u32>,
    /// The target as it was written.
    reference: String,
    place: String,
}

#[derive(Serialize, Deserialize)]
struct State {
    rows: StreamState,
    held: Option<Pair>,
}

impl Translation {
    pub(super) fn new(
        name: &str,
        settings: &TranslationSettings,
        rows: RowStream,
        learner: &Learner,
    ) -> Result<Self, TrainError> {
        let Some(decoder) = learner.model.decoder() else {
            return Err(TrainError::value("model", "a decoder", "a model without one"));
        };
        let (start, end) = (decoder.settings().start, decoder.settings().end);
        let (source, target) = (learner.tokenizer.clone(), learner.target.clone());
        let (name, settings) = (name.to_owned(), settings.clone());
        Ok(Self { name, settings, rows, source, target, start, end, held: None, truncated: 0 })
    }

    fn pair(&mut self, row: Row) -> Result<Pair, TrainError> {
        let length = self.settings.length;
        let mut cut = |tokenizer: &Tokenizer, text: &str, length| -> Result<_, TrainError> {
            let mut pieces = tokenizer.fit("", text, length, Overflow::Truncate)?;
            let piece = pieces.pop().unwrap_or_default();
            self.truncated += u64::from(piece.truncated);
            Ok(piece)
        };
        let source = Tokens::from(cut(&self.source, &row.fields[0], length)?);
        let target = cut(&self.target, &row.fields[1], length)?.ids;
        // Whatever marks the tokenizer puts around a text, the target has the decoder's.
        let inner = target.strip_prefix(&[self.start]).unwrap_or(&target);
        let inner = inner.strip_suffix(&[self.end]).unwrap_or(inner);
        let target = [&[self.start][..], inner, &[self.end]].concat();
        if source.is_empty() {
            let (expected, found) = ("a source with a token".into(), "none".into());
            return Err(TrainError::Row { place: row.place, expected, found });
        }
        let reference = row.fields[1].clone();
        Ok(Pair { source, target, reference, place: row.place })
    }
}

impl Objective for Translation {
    fn name(&self) -> &str {
        &self.name
    }

    fn draw(&mut self, _: &mut Random) -> Result<Option<Box<dyn Drawn>>, TrainError> {
        let mut pairs: Vec<Pair> = Vec::new();
        let mut tokens = 0;
        while let Some(pair) = match self.held.take() {
            Some(pair) => Some(pair),
            None => match self.rows.next_row()? {
                Some(row) => Some(self.pair(row)?),
                None => None,
            },
        } {
            let more = pair.source.len() + pair.target.len();
            if !pairs.is_empty() && tokens + more > self.settings.batch_tokens {
                // It opens the next batch: nothing is dropped.
                self.held = Some(pair);
                break;
            }
            tokens += more;
            pairs.push(pair);
        }
        if pairs.is_empty() {
            return Ok(None);
        }
        let smoothing = self.settings.smoothing as f32;
        Ok(Some(Box::new(Paired { pairs, smoothing })))
    }

    fn state(&self) -> serde_json::Value {
        let state = State { rows: self.rows.state(), held: self.held.clone() };
        serde_json::to_value(state).expect("a state is plain data")
    }

    fn restore(&mut self, state: &serde_json::Value) -> Result<(), TrainError> {
        let state: State = super::table::read_state(&self.name, state)?;
        self.rows.restore(&state.rows)?;
        self.held = state.held;
        Ok(())
    }

    fn epochs(&self) -> u64 {
        self.rows.epochs()
    }

    fn truncated(&self) -> u64 {
        self.truncated
    }
}

struct Paired {
    pairs: Vec<Pair>,
    smoothing: f32,
}

impl Paired {
    /// The target's tokens that are told: all but the start.
    fn told(&self) -> impl Iterator<Item = usize> + '_ {
        self.pairs.iter().map(|pair| pair.target.len() - 1)
    }
}

impl Drawn for Paired {
    fn places(&self) -> Vec<&str> {
        self.pairs.iter().map(|pair| pair.place.as_str()).collect()
    }

    fn tokens(&self) -> usize {
        self.pairs.iter().map(|pair| pair.source.len() + pair.target.len() - 1).sum()
    }

    fn terms(&self) -> usize {
        self.told().sum()
    }

    fn run(&self, pass: &mut Pass<'_>) -> Result<f64, TrainError> {
        let learner = pass.learner;
        let Some(decoder) = learner.model.decoder() else {
            return Err(TrainError::value("model", "a decoder", "a model without one"));
        };
        let sources: Vec<Tokens> = self.pairs.iter().map(|pair| pair.source.clone()).collect();
        let source = learner.batch(&sources)?;
        let read = |pair: &Pair| pair.target[..pair.target.len() - 1].to_vec();
        let ids: Arc<[u32]> = self.pairs.iter().flat_map(read).collect();
        let targets: Arc<[u32]> =
            self.pairs.iter().flat_map(|pair| &pair.target[1..]).copied().collect();
        let batch = decoder.batch(ids, Segments::from_lengths(self.told()))?;
        let mut s = pass.session();
        let memory = learner.model.tokens(&mut s, &source);
        let rows = decoder.forward(&mut s, &batch, &memory, source.segments());
        drop(memory);
        // Without learning, smoothing would only blur what is measured.
        let smoothing = if pass.learns() { self.smoothing } else { 0.0 };
        let scale = pass.scale();
        let terms = targets.len();
        let losses = decoder.loss(&mut s, &rows, targets, smoothing, scale);
        let sum = losses.rows().as_slice().iter().map(|loss| f64::from(*loss)).sum();
        pass.backward(&mut s, vec![(&losses, Rows::new(vec![scale; terms], 1))]);
        Ok(sum)
    }

    fn outputs(
        &self,
        pass: &mut Pass<'_>,
        most: usize,
    ) -> Result<Vec<(String, String)>, TrainError> {
        let learner = pass.learner;
        let Some(decoder) = learner.model.decoder() else { return Ok(Vec::new()) };
        let pairs = &self.pairs[..self.pairs.len().min(most)];
        let sources: Vec<Tokens> = pairs.iter().map(|pair| pair.source.clone()).collect();
        let source = learner.batch(&sources)?;
        let longest: Vec<usize> =
            sources.iter().map(|source| longest_output(decoder, source.len())).collect();
        let mut s = pass.plain_session();
        let memory = learner.model.tokens(&mut s, &source);
        let texts = (&memory, source.segments());
        let found = decoder.search(&mut s, &learner.pool, texts, &longest, &Search::default())?;
        let mut outputs = Vec::with_capacity(pairs.len());
        for (pair, found) in pairs.iter().zip(found) {
            let ids = found.first().map(|output| output.ids.as_slice()).unwrap_or_default();
            outputs.push((learner.target.decode(ids, true)?, pair.reference.clone()));
        }
        Ok(outputs)
    }

    fn operations(&self, model: &Model) -> f64 {
        let lengths = self.pairs.iter().map(|pair| (pair.target.len() - 1, pair.source.len()));
        encoder_operations(model, self.pairs.iter().map(|pair| pair.source.len()))
            + decoder_operations(model, lengths)
    }
}

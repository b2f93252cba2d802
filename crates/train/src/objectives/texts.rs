//! What objectives on whole texts share: rows in batches, and texts cut to a length, counted.

use std::sync::Arc;

use contexture_model::architectures::Batch;
use contexture_nn::{Session, Value};
use contexture_text::{Overflow, Piece, Tokenizer};

use super::{Drawn, Learner, Objective, Pass};
use crate::TrainError;
use crate::data::{Row, RowStream, StreamState, Tokens};
use crate::random::Random;

/// What an objective makes of a batch of rows.
pub(super) trait OnTexts: Send {
    /// Turns rows, one at least, into something to learn from.
    fn make(&self, rows: Vec<Row>, texts: &mut Texts) -> Result<Box<dyn Drawn>, TrainError>;
}

/// An objective on whole texts.
pub(super) struct TextObjective<K> {
    pub(super) kind: K,
    pub(super) texts: Texts,
}

impl<K: OnTexts> Objective for TextObjective<K> {
    fn name(&self) -> &str {
        &self.texts.name
    }

    fn draw(&mut self, _: &mut Random) -> Result<Option<Box<dyn Drawn>>, TrainError> {
        let rows = self.texts.rows()?;
        match rows.is_empty() {
            true => Ok(None),
            false => self.kind.make(rows, &mut self.texts).map(Some),
        }
    }

    fn state(&self) -> serde_json::Value {
        serde_json::to_value(self.texts.rows.state()).expect("a state is plain data")
    }

    fn restore(&mut self, state: &serde_json::Value) -> Result<(), TrainError> {
        let state: StreamState = super::table::read_state(&self.texts.name, state)?;
        self.texts.rows.restore(&state)
    }

    fn epochs(&self) -> u64 {
        self.texts.rows.epochs()
    }

    fn truncated(&self) -> u64 {
        self.texts.truncated
    }
}

/// Rows in batches, and their texts as tokens.
pub(super) struct Texts {
    name: String,
    rows: RowStream,
    tokenizer: Arc<Tokenizer>,
    length: usize,
    batch: usize,
    truncated: u64,
}

impl Texts {
    pub(super) fn new(
        name: &str,
        rows: RowStream,
        tokenizer: Arc<Tokenizer>,
        (length, batch): (usize, usize),
    ) -> Self {
        Self { name: name.into(), rows, tokenizer, length, batch, truncated: 0 }
    }

    /// Up to a batch of rows; empty where held-out rows have ended.
    fn rows(&mut self) -> Result<Vec<Row>, TrainError> {
        let mut rows = Vec::with_capacity(self.batch);
        while rows.len() < self.batch
            && let Some(row) = self.rows.next_row()?
        {
            rows.push(row);
        }
        Ok(rows)
    }

    /// A text, cut to the length where it is longer.
    pub(super) fn piece(&mut self, text: &str) -> Result<Piece, TrainError> {
        let mut pieces = self.tokenizer.fit("", text, self.length, Overflow::Truncate)?;
        let piece = pieces.pop().unwrap_or_default();
        self.truncated += u64::from(piece.truncated);
        Ok(piece)
    }

    /// The first field of all rows, then the second, up to `fields` of them.
    pub(super) fn fields(
        &mut self,
        rows: &[Row],
        fields: usize,
    ) -> Result<Vec<Tokens>, TrainError> {
        let mut ids = Vec::with_capacity(fields * rows.len());
        for field in 0..fields {
            for row in rows {
                ids.push(self.ids(row, field)?);
            }
        }
        Ok(ids)
    }

    /// A text that must have a token, as a sequence.
    pub(super) fn ids(&mut self, row: &Row, field: usize) -> Result<Tokens, TrainError> {
        let tokens = Tokens::from(self.piece(&row.fields[field])?);
        match tokens.is_empty() {
            false => Ok(tokens),
            true => {
                let (expected, found) = ("a text with a token".into(), "none".into());
                Err(TrainError::Row { place: row.place.clone(), expected, found })
            }
        }
    }
}

/// A field as a number.
pub(super) fn number(row: &Row, field: usize, what: &str) -> Result<f64, TrainError> {
    let text = row.fields[field].trim();
    let found = text.parse::<f64>().ok().filter(|number| number.is_finite());
    found.ok_or_else(|| {
        let (expected, found) = (format!("a number as {what}"), format!("`{text}`"));
        TrainError::Row { place: row.place.clone(), expected, found }
    })
}

/// Sentence vectors of sequences, `[sequences, dimensions]`.
pub(super) fn embed(
    learner: &Learner,
    s: &mut Session,
    ids: &[Tokens],
) -> Result<(Batch, Value), TrainError> {
    let batch = learner.batch(ids)?;
    let hidden = learner.model.tokens(s, &batch);
    let vectors = learner.model.sentences(s, &hidden, &batch, &Arc::from([]));
    Ok((batch, vectors))
}

/// Multiplies gradients with the weight of each row's loss in the step.
pub(super) fn scaled(mut rows: contexture_nn::Rows, pass: &Pass<'_>) -> contexture_nn::Rows {
    let scale = pass.scale();
    rows.as_mut_slice().iter_mut().for_each(|value| *value *= scale);
    rows
}

//! Pieces through the model: batches by a budget of tokens, then rows to records.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};

use contexture_model::Model;
use contexture_nn::ops::Mix;
use contexture_nn::{Segments, Session, Value};
use contexture_text::{Piece, Tokenizer};

use crate::assemble::{self, Subject};
use crate::plan::{Layers, Plan};
use crate::{EngineError, Record, Vector};

/// One piece of a text on its way.
pub(crate) struct Work<'a> {
    /// The text's number in the call.
    pub(crate) index: usize,
    pub(crate) subject: Subject<'a>,
    pub(crate) piece: Piece,
}

/// Model, tokenizer and request: what a forward needs besides a session.
#[derive(Clone, Copy)]
pub(crate) struct Forward<'a> {
    pub(crate) model: &'a Model,
    pub(crate) tokenizer: &'a Tokenizer,
    pub(crate) plan: &'a Plan,
}

impl Forward<'_> {
    /// The record of each piece with its text's number, in order, in batches of at most the
    /// budget's tokens. A batch that fails gives its error to the first of its texts and an
    /// internal error that names it to the others.
    pub(crate) fn run(
        &self,
        session: &mut Session,
        work: &[Work<'_>],
    ) -> Vec<(usize, Result<Record, EngineError>)> {
        let mut records = Vec::with_capacity(work.len());
        let mut begin = 0;
        while begin < work.len() {
            let mut tokens = work[begin].piece.ids.len();
            let mut end = begin + 1;
            while end < work.len() && tokens + work[end].piece.ids.len() <= self.plan.budget_tokens
            {
                tokens += work[end].piece.ids.len();
                end += 1;
            }
            if self.plan.state.is_some() {
                end = begin + 1;
            }
            let batch = &work[begin..end];
            let numbers = batch.iter().map(|work| work.index);
            records.extend(numbers.zip(self.batch(session, batch)));
            begin = end;
        }
        records
    }

    /// One batch. A fault of ours is caught here: the other batches go on.
    fn batch(&self, session: &mut Session, work: &[Work<'_>]) -> Vec<Result<Record, EngineError>> {
        let index = work[0].index;
        let outcome = catch_unwind(AssertUnwindSafe(|| self.compute(session, work)));
        let failure = |panic: Box<dyn std::any::Any + Send>| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            EngineError::Internal { index, what: text.unwrap_or("unknown").into() }
        };
        match outcome.unwrap_or_else(|panic| Err(failure(panic))) {
            Ok(records) => records,
            Err(error) => {
                let what = error.to_string();
                let others = work[1..].iter().map(|work| {
                    Err(EngineError::Internal { index: work.index, what: what.clone() })
                });
                std::iter::once(Err(error)).chain(others).collect()
            }
        }
    }

    fn compute(
        &self,
        session: &mut Session,
        work: &[Work<'_>],
    ) -> Result<Vec<Result<Record, EngineError>>, EngineError> {
        if work.iter().any(|w| w.piece.ids.is_empty()) {
            return self.around_empty(session, work);
        }
        let segments = Segments::from_lengths(work.iter().map(|w| w.piece.ids.len()));
        let ids: Arc<[u32]> = work.iter().flat_map(|w| w.piece.ids.iter().copied()).collect();
        let batch =
            self.model.batch_with(ids, type_ids(work), characters(work), segments.clone())?;
        let hidden = self.hidden(session, &batch);
        let sentences = self.plan.levels.sentence.then(|| {
            let skip: Arc<[usize]> = if self.model.head().skips_prompts() {
                work.iter().map(|w| w.piece.prompt_tokens).collect()
            } else {
                Arc::from([])
            };
            self.model.head().forward_pooled(session, &hidden, &segments, &skip, self.plan.pooling)
        });
        Ok(work
            .iter()
            .enumerate()
            .map(|(at, work)| self.record(work, at, segments.range(at).start, &hidden, &sentences))
            .collect())
    }

    /// A text without any token has a vector of zeros and nothing finer; the model does not see
    /// it. The others go on in runs.
    fn around_empty(
        &self,
        session: &mut Session,
        work: &[Work<'_>],
    ) -> Result<Vec<Result<Record, EngineError>>, EngineError> {
        let mut records = Vec::with_capacity(work.len());
        for run in work.chunk_by(|a, b| a.piece.ids.is_empty() == b.piece.ids.is_empty()) {
            match run[0].piece.ids.is_empty() {
                true => records.extend(run.iter().map(|work| Ok(self.empty(work)))),
                false => records.extend(self.compute(session, run)?),
            }
        }
        Ok(records)
    }

    fn empty(&self, work: &Work<'_>) -> Record {
        let levels = self.plan.levels;
        let mut record = assemble::record(&work.piece);
        let zeros = || Vector::F32(vec![0.0; self.plan.sentence.dimensions]);
        record.embedding = levels.sentence.then(zeros);
        record.words = levels.words.then(Vec::new);
        record.tokens_detail = levels.tokens.then(Vec::new);
        record
    }

    fn hidden(
        &self,
        session: &mut Session,
        batch: &contexture_model::architectures::Batch,
    ) -> Value {
        let encoder = self.model.encoder();
        let state = self.plan.state.as_ref();
        let mut state = state.map(|state| state.lock().unwrap_or_else(PoisonError::into_inner));
        let mut run = |session: &mut Session, wanted: &dyn Fn(usize) -> bool| {
            encoder.forward_from(session, batch, wanted, state.as_deref_mut())
        };
        match &self.plan.layers {
            Layers::Last => run(session, &|_| false).0,
            Layers::One(wanted) => {
                let (last, mut kept) = run(session, &|k| k == *wanted);
                kept.pop().map_or(last, |(_, value)| value)
            }
            Layers::Mix(weights) => {
                let (_, kept) = run(session, &|_| true);
                let values: Vec<&Value> = kept.iter().map(|(_, value)| value).collect();
                session.apply(Mix { weights: weights.as_slice().into() }, &values, batch.segments())
            }
        }
    }

    fn record(
        &self,
        work: &Work<'_>,
        at: usize,
        first: usize,
        hidden: &Value,
        sentences: &Option<Value>,
    ) -> Result<Record, EngineError> {
        let Work { index, subject, piece } = work;
        let mut record = assemble::record(piece);
        let finite = |values: &[f32]| {
            // A sum is NaN or infinite as soon as one term is (finite rows are far from overflow).
            let sum: f32 = values.iter().map(|v| v * 0.0).sum();
            if sum == 0.0 { Ok(()) } else { Err(EngineError::NotFinite { index: *index }) }
        };
        if let Some(sentences) = sentences {
            let vector = sentences.rows().row(at);
            finite(vector)?;
            record.embedding = Some(assemble::sentence(vector, self.plan.sentence));
        }
        let levels = self.plan.levels;
        if levels.words || levels.tokens {
            let rows = hidden.rows();
            (first..first + piece.ids.len()).try_for_each(|row| finite(rows.row(row)))?;
            if levels.words {
                record.words = Some(assemble::word_units(piece, *subject, rows, first, self.plan));
            }
            if levels.tokens {
                let units = assemble::token_units(
                    piece,
                    subject.text,
                    self.tokenizer,
                    rows,
                    first,
                    self.plan.units,
                );
                record.tokens_detail = Some(units);
            }
        }
        Ok(record)
    }
}

/// The characters of a batch's words, `[tokens, most]`; `None` where words are not spelled out.
fn characters(work: &[Work<'_>]) -> Option<Arc<[u16]>> {
    let spelled = work.iter().any(|w| !w.piece.characters.is_empty());
    spelled.then(|| work.iter().flat_map(|w| w.piece.characters.iter().copied()).collect())
}

/// Token types of a batch; `None` where all are zero, as is usual.
fn type_ids(work: &[Work<'_>]) -> Option<Arc<[u32]>> {
    work.iter().any(|w| !w.piece.type_ids.is_empty()).then(|| {
        let mut types = Vec::new();
        for w in work {
            types.extend_from_slice(&w.piece.type_ids);
            types.resize(types.len() + w.piece.ids.len() - w.piece.type_ids.len(), 0);
        }
        types.into()
    })
}

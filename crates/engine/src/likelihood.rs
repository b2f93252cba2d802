//! How likely a model with a language head finds tokens: what masked and causal models were trained
//! to say, as plain data.
//!
//! - Causal: `log p(token_t | token_0 .. token_(t-1))`, all places of a sequence in one forward.
//! - Masked: `log p(token_t | the sequence with the asked places masked)`. Asking for one place at
//!   a time gives the terms of the pseudo-log-likelihood (Salazar et al. 2020, eq. 1); asking for
//!   several masks them together.

use std::ops::{ControlFlow, Deref};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use contexture_kernels::Pool;
use contexture_model::Model;
use contexture_model::folder::Folder;
use contexture_model::heads::LanguageHead;
use contexture_nn::ops::Gather;
use contexture_nn::{Segments, Session};
use contexture_text::{Overflow, Tokenizer};

use crate::opened::{self, Opened, find};
use crate::stream::run_ordered;
use crate::{EngineError, OpenOptions, Span};

/// What a token's likelihood is conditioned on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objective {
    /// The whole sequence, the asked places masked.
    Masked,
    /// The tokens before it: what a causal model tells, and of a bidirectional language model the
    /// direction that reads forward.
    Causal,
}

/// A text as the model reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequence {
    /// Token ids, special tokens included.
    pub ids: Vec<u32>,
    /// Token types; empty where all are zero.
    pub type_ids: Vec<u32>,
    /// Each token's bytes in the text; `None` for special tokens.
    pub spans: Vec<Option<Span>>,
    /// Tokens of the whole text, special tokens counted.
    pub tokens: usize,
    /// Whether the text was longer than the limit and was cut.
    pub truncated: bool,
}

/// Some places of a sequence.
#[derive(Debug, Clone)]
pub struct Ask<'s> {
    /// The sequence.
    pub sequence: &'s Sequence,
    /// The places that are asked for, from 0; masked together where the model is a masked one.
    pub positions: Vec<usize>,
}

/// Something owned, or somebody else's.
enum Held<'a, T> {
    Own(Box<T>),
    Lent(&'a T),
}

impl<T> Deref for Held<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            Self::Own(value) => value,
            Self::Lent(value) => value,
        }
    }
}

/// A model with a language head, and its tokenizer.
pub struct Likelihood<'a> {
    model: Held<'a, Model>,
    tokenizer: Held<'a, Tokenizer>,
    threads: usize,
    max_length: usize,
    objective: Objective,
    mask: u32,
    sessions: Mutex<Vec<Session>>,
}

/// Tokens of one forward.
const BATCH_TOKENS: usize = 1024;

impl Likelihood<'static> {
    /// Opens a model by name, folder or archive, with its language head.
    ///
    /// # Errors
    /// As [`crate::Embedder::open`]; [`EngineError::NoLanguageHead`] where the checkpoint has none.
    pub fn open(model: impl AsRef<str>, options: &OpenOptions) -> Result<Self, EngineError> {
        Self::open_in(find(model.as_ref(), options)?, options)
    }

    /// Opens a model's folder with its language head.
    ///
    /// # Errors
    /// As [`Likelihood::open`].
    pub fn open_folder(folder: &Path, options: &OpenOptions) -> Result<Self, EngineError> {
        Self::open_in(Folder::open(folder)?, options)
    }

    /// Opens a model's folder that [`locate`](crate::locate()) found, with its language head.
    ///
    /// # Errors
    /// As [`Likelihood::open`].
    pub fn open_in(folder: Folder, options: &OpenOptions) -> Result<Self, EngineError> {
        let place = folder.path().display().to_string();
        let Opened { model, tokenizer, threads } = opened::open(folder, options, true)?;
        Self::new(Held::Own(Box::new(model)), Held::Own(Box::new(tokenizer)), threads, &place)
    }
}

impl<'a> Likelihood<'a> {
    /// Of a model and a tokenizer that somebody else holds: a trainer between two steps.
    ///
    /// # Errors
    /// [`EngineError::NoLanguageHead`]; a masked model whose tokenizer has no mask token.
    pub fn of(
        model: &'a Model,
        tokenizer: &'a Tokenizer,
        threads: usize,
    ) -> Result<Self, EngineError> {
        Self::new(Held::Lent(model), Held::Lent(tokenizer), threads.max(1), "the model")
    }

    fn new(
        model: Held<'a, Model>,
        tokenizer: Held<'a, Tokenizer>,
        threads: usize,
        place: &str,
    ) -> Result<Self, EngineError> {
        if model.language().is_none() {
            return Err(EngineError::NoLanguageHead { model: place.to_owned() });
        }
        let settings = model.encoder().settings();
        if settings.characters.is_some() {
            return Err(EngineError::Setting {
                setting: "model",
                found: "one that spells words out".into(),
                supported: "models of tokens from a vocabulary".into(),
            });
        }
        let causal = model.language().is_some_and(|head| head.tells_next(settings));
        let objective = if causal { Objective::Causal } else { Objective::Masked };
        let mask = match (tokenizer.special().mask, objective) {
            (Some(mask), _) => mask,
            // A causal model is never shown it.
            (None, Objective::Causal) => 0,
            (None, Objective::Masked) => {
                return Err(EngineError::NoMask { model: place.to_owned() });
            }
        };
        let max_length = opened::max_length(&model, &tokenizer);
        let sessions = Mutex::default();
        Ok(Self { model, tokenizer, threads, max_length, objective, mask, sessions })
    }

    /// What its likelihoods are conditioned on.
    pub fn objective(&self) -> Objective {
        self.objective
    }

    /// Tokens of a text that are used, special tokens counted.
    pub fn max_length(&self) -> usize {
        self.max_length
    }

    /// The threads that it computes with.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// A text as the model reads it, cut at the model's limit.
    ///
    /// # Errors
    /// Where the tokenizer cannot take the text.
    pub fn sequence(&self, text: &str) -> Result<Sequence, EngineError> {
        let mut pieces = self.tokenizer.fit("", text, self.max_length, Overflow::Truncate)?;
        let piece = pieces.swap_remove(0);
        Ok(Sequence {
            ids: piece.ids,
            type_ids: piece.type_ids,
            spans: piece.spans,
            tokens: piece.tokens,
            truncated: piece.truncated,
        })
    }

    /// The places that can be asked for: tokens of the text itself, and, of a causal model, only
    /// those that something stands before.
    pub fn places(&self, sequence: &Sequence) -> Vec<usize> {
        let first = usize::from(self.objective == Objective::Causal);
        (first..sequence.ids.len()).filter(|at| sequence.spans[*at].is_some()).collect()
    }

    /// The natural logarithm of the probability of each token asked for, in the order of `asks` and
    /// of their positions. Batched, on all threads; an answer does not depend on the batch.
    ///
    /// # Errors
    /// A position that the sequence does not have, or a causal model's first; a token beyond the
    /// vocabulary; a probability that is not finite.
    pub fn log_probabilities(&self, asks: &[Ask<'_>]) -> Result<Vec<Vec<f64>>, EngineError> {
        for (index, ask) in asks.iter().enumerate() {
            let first = usize::from(self.objective == Objective::Causal);
            let most = ask.sequence.ids.len();
            if let Some(at) = ask.positions.iter().find(|at| !(first..most).contains(at)) {
                let last = most.saturating_sub(1);
                return Err(EngineError::Place { index, found: *at, first, last });
            }
        }
        let mut begin = 0;
        let next = || {
            let mut end = begin;
            let mut tokens = 0;
            while end < asks.len() && (end == begin || tokens + length(&asks[end]) <= BATCH_TOKENS)
            {
                tokens += length(&asks[end]);
                end += 1;
            }
            let range = begin..end;
            begin = end;
            (!range.is_empty()).then_some(range)
        };
        let work = |session: &mut Session, range: std::ops::Range<usize>| {
            self.batch(session, range.start, &asks[range])
        };
        let mut answers = Vec::with_capacity(asks.len());
        let mut failure = None;
        let emit = |result: Result<Vec<Vec<f64>>, EngineError>| match result {
            Ok(found) => {
                answers.extend(found);
                ControlFlow::Continue(())
            }
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        };
        let sessions = run_ordered(self.take_sessions(), next, work, emit);
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).extend(sessions);
        failure.map_or(Ok(answers), Err)
    }

    fn take_sessions(&self) -> Vec<Session> {
        let mut kept = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sessions: Vec<Session> = kept.drain(..).collect();
        let weights = self.model.weights();
        sessions
            .resize_with(self.threads, || Session::infer(weights.clone(), Arc::new(Pool::new(1))));
        sessions
    }

    /// One forward; `first` is the number of its first ask.
    fn batch(
        &self,
        session: &mut Session,
        first: usize,
        asks: &[Ask<'_>],
    ) -> Result<Vec<Vec<f64>>, EngineError> {
        let head: &LanguageHead = match self.model.language() {
            Some(head) => head,
            None => return Err(EngineError::NoLanguageHead { model: "the model".to_owned() }),
        };
        let (mut ids, mut rows, mut targets) = (Vec::new(), Vec::new(), Vec::new());
        for ask in asks {
            let begin = ids.len();
            ids.extend_from_slice(&ask.sequence.ids);
            for at in &ask.positions {
                targets.push(ask.sequence.ids[*at]);
                match self.objective {
                    Objective::Causal => rows.push((begin + at - 1) as u32),
                    Objective::Masked => {
                        rows.push((begin + at) as u32);
                        ids[begin + at] = self.mask;
                    }
                }
            }
        }
        if rows.is_empty() {
            return Ok(vec![Vec::new(); asks.len()]);
        }
        let segments = Segments::from_lengths(asks.iter().map(|ask| ask.sequence.ids.len()));
        let batch = self.model.batch(ids.into(), type_ids(asks), segments.clone())?;
        let hidden = match head.settings().per_direction {
            // Directions tell words from the last layer, not from a mix of layers.
            true => self.model.encoder().forward_framed(session, &batch).0,
            false => self.model.tokens(session, &batch),
        };
        let chosen = session.apply(Gather { rows: rows.into() }, &[&hidden], &segments);
        let chosen = head.side(session, &chosen, 0);
        let count = Segments::single(targets.len());
        let transformed = head.transform(session, &chosen, &count);
        let losses = head.loss(session, &transformed, targets.into(), 0.0, 0.0);
        let mut values = losses.rows().as_slice().iter().map(|loss| -f64::from(*loss));
        let mut answers = Vec::with_capacity(asks.len());
        for (at, ask) in asks.iter().enumerate() {
            let found: Vec<f64> = values.by_ref().take(ask.positions.len()).collect();
            if found.iter().any(|value| !value.is_finite()) {
                return Err(EngineError::NotFinite { index: first + at });
            }
            answers.push(found);
        }
        Ok(answers)
    }
}

fn length(ask: &Ask<'_>) -> usize {
    ask.sequence.ids.len()
}

/// Token types of a batch; `None` where all are zero, as is usual.
fn type_ids(asks: &[Ask<'_>]) -> Option<Arc<[u32]>> {
    asks.iter().any(|ask| !ask.sequence.type_ids.is_empty()).then(|| {
        let mut types = Vec::new();
        for ask in asks {
            let end = types.len() + ask.sequence.ids.len();
            types.extend_from_slice(&ask.sequence.type_ids);
            types.resize(end, 0);
        }
        types.into()
    })
}

impl std::fmt::Debug for Likelihood<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Likelihood")
            .field("objective", &self.objective)
            .field("max_length", &self.max_length)
            .finish_non_exhaustive()
    }
}

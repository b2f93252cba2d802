//! A model with a decoder and its tokenizers, opened.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use contexture_kernels::Pool;
use contexture_model::Model;
use contexture_model::architectures::Decoder;
use contexture_model::folder::Folder;
use contexture_nn::Session;
use contexture_text::Tokenizer;

use super::{TranslateOptions, Translation};
use crate::locate::holds_tokenizer;
use crate::opened::{self, BYTES_PER_TOKEN, Opened, find, max_length};
use crate::stream::run_ordered;
use crate::{Embedder, EngineError, Input, Next, OpenOptions};

/// A model that translates. `Send` and `Sync`.
pub struct Translator {
    model: Model,
    source: Tokenizer,
    target: Option<Tokenizer>,
    threads: usize,
    sessions: Mutex<Vec<Session>>,
}

/// The most tokens of an output, where nobody says otherwise.
pub fn longest_output(decoder: &Decoder, source: usize) -> usize {
    let most = decoder.settings().longest.unwrap_or(2 * source + 50);
    most.min(decoder.longest())
}

impl Translator {
    /// Opens a model by name, folder or archive.
    ///
    /// # Errors
    /// As [`Embedder::open`]; [`EngineError::NoDecoder`] where it is an encoder only.
    pub fn open(model: impl AsRef<str>, options: &OpenOptions) -> Result<Self, EngineError> {
        Self::open_in(find(model.as_ref(), options)?, options)
    }

    /// Opens a model's folder that [`locate`](crate::locate()) found.
    ///
    /// # Errors
    /// As [`Translator::open`].
    pub fn open_in(folder: Folder, options: &OpenOptions) -> Result<Self, EngineError> {
        let place = folder.path().display().to_string();
        let opened = opened::open(folder.clone(), options, true)?;
        let Opened { model, tokenizer: source, threads } = opened;
        let own = model.encoder_folder().filter(|_| !holds_tokenizer(&folder)).unwrap_or(&folder);
        let target = Embedder::open_target_tokenizer(own)?;
        let Some(decoder) = model.decoder() else {
            return Err(EngineError::NoDecoder { model: place });
        };
        fits(&source, model.encoder().settings().vocabulary)?;
        fits(target.as_ref().unwrap_or(&source), decoder.settings().layers.vocabulary)?;
        Ok(Self { model, source, target, threads, sessions: Mutex::default() })
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The tokenizer of what is read.
    pub fn source(&self) -> &Tokenizer {
        &self.source
    }

    /// The tokenizer of what is written.
    pub fn target(&self) -> &Tokenizer {
        self.target.as_ref().unwrap_or(&self.source)
    }

    /// The token that ends an output.
    pub fn end(&self) -> u32 {
        self.decoder().settings().end
    }

    /// The threads that it computes with.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// The most tokens of a source, by the model and its tokenizer.
    pub fn max_length(&self) -> usize {
        max_length(&self.model, &self.source)
    }

    /// The counterparts of `texts`, in their order. A text's do not depend on the others or on the
    /// number of threads.
    ///
    /// # Errors
    /// Settings that the model cannot honour; the first text's that failed.
    pub fn translate<S: AsRef<str> + Sync>(
        &self,
        texts: &[S],
        options: &TranslateOptions,
    ) -> Result<Vec<Translation>, EngineError> {
        let mut rest = texts.iter();
        let next = |_| match rest.next() {
            Some(text) => {
                Next::Text(Input { text: text.as_ref().to_owned(), words: None, tag: () })
            }
            None => Next::End,
        };
        let mut found = Vec::with_capacity(texts.len());
        let mut failure = None;
        self.translate_stream(options, next, |(), result| match result {
            Ok(translation) => {
                found.push(translation);
                ControlFlow::Continue(())
            }
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        })?;
        failure.map_or(Ok(found), Err)
    }

    /// Translates an unbounded stream: `next` is drained, `emit` gets each text's tag and
    /// counterparts in the order of the texts, and ends everything by breaking. Memory stays flat.
    /// Neither is ever called from two threads at once.
    ///
    /// `next(true)` waits for a text; `next(false)` may answer [`Next::NotYet`], and what has come
    /// so far is then translated at once: somebody who writes one text and waits gets its answer.
    /// A source that never keeps one waiting need not look at the argument.
    ///
    /// # Errors
    /// Settings that the model cannot honour; errors of single texts go to `emit`.
    pub fn translate_stream<T: Send>(
        &self,
        options: &TranslateOptions,
        mut next: impl FnMut(bool) -> Next<T> + Send,
        mut emit: impl FnMut(T, Result<Translation, EngineError>) -> ControlFlow<()> + Send,
    ) -> Result<(), EngineError> {
        options.check(self)?;
        let cost = |input: &Input<T>| (input.text.len() / BYTES_PER_TOKEN + 2) * options.beam;
        let mut most = options.batch_tokens;
        // Looking a little ahead tells a short stream, which is divided among the threads.
        let (mut ahead, mut seen) = (VecDeque::new(), 0);
        while seen < self.threads * most {
            match next(ahead.is_empty()) {
                Next::Text(input) => {
                    seen += cost(&input);
                    ahead.push_back(input);
                }
                Next::NotYet => break,
                Next::End => {
                    most = most.min(seen.div_ceil(self.threads));
                    break;
                }
            }
        }
        let mut number = 0;
        let draw = || {
            let (mut inputs, mut taken): (Vec<Input<T>>, usize) = (Vec::new(), 0);
            while taken < most {
                let input = match ahead.pop_front() {
                    Some(input) => input,
                    None => match next(inputs.is_empty()) {
                        Next::Text(input) => input,
                        Next::NotYet | Next::End => break,
                    },
                };
                taken += cost(&input);
                if !inputs.is_empty() && taken > most {
                    ahead.push_front(input);
                    break;
                }
                inputs.push(input);
            }
            let first = number;
            number += inputs.len();
            (!inputs.is_empty()).then_some((first, inputs))
        };
        let work = |session: &mut Session, (first, inputs): (usize, Vec<Input<T>>)| {
            let texts = inputs.iter().map(|input| input.text.as_str());
            let results = self.batch(session, first, texts, options);
            inputs.into_iter().map(|input| input.tag).zip(results).collect::<Vec<_>>()
        };
        let hand_on = |results: Vec<_>| {
            for (tag, result) in results {
                emit(tag, result)?;
            }
            ControlFlow::Continue(())
        };
        self.keep(run_ordered(self.take_sessions(), draw, work, hand_on));
        Ok(())
    }

    fn take_sessions(&self) -> Vec<Session> {
        let mut kept = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let from = kept.len().saturating_sub(self.threads);
        let mut sessions: Vec<Session> = kept.drain(from..).collect();
        let weights = self.model.weights();
        sessions
            .resize_with(self.threads, || Session::infer(weights.clone(), Arc::new(Pool::new(1))));
        sessions
    }

    /// Keeps sessions, whose memory is warm, for the next call.
    fn keep(&self, sessions: Vec<Session>) {
        let mut kept = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(sessions);
        kept.truncate(2 * self.threads);
    }

    pub(super) fn decoder(&self) -> &Decoder {
        self.model.decoder().expect("a translator is opened with a decoder only")
    }
}

fn fits(tokenizer: &Tokenizer, vocabulary: usize) -> Result<(), EngineError> {
    match tokenizer.vocabulary_size() {
        size if size > vocabulary => {
            Err(EngineError::Vocabulary { id: size as u32 - 1, vocabulary })
        }
        _ => Ok(()),
    }
}

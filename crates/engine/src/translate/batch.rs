//! Texts through the model, a batch at once: tokens, the encoder's rows, a search, text again.

use std::panic::{AssertUnwindSafe, catch_unwind};

use contexture_kernels::Pool;
use contexture_model::architectures::{Output as Found, Search};
use contexture_nn::{Segments, Session};
use contexture_text::{Piece, TextError};

use super::{Output, TranslateOptions, Translation, Translator, longest_output};
use crate::EngineError;

/// A text's pieces, with its number in the call.
struct Cut {
    index: usize,
    pieces: Vec<Piece>,
}

impl Translator {
    /// What becomes of the texts of a batch, whose first one has the number `first`, in their order.
    pub(super) fn batch<'a>(
        &self,
        session: &mut Session,
        first: usize,
        texts: impl Iterator<Item = &'a str>,
        options: &TranslateOptions,
    ) -> Vec<Result<Translation, EngineError>> {
        let mut refused = Vec::new();
        let mut cut = Vec::new();
        for (at, text) in texts.enumerate() {
            let index = first + at;
            match self.pieces(text, index, options) {
                Ok(pieces) => cut.push(Cut { index, pieces }),
                Err(error) => refused.push((at, error)),
            }
        }
        let mut results = self.cut(session, &cut, options);
        // Rising: each falls on its own place.
        for (at, error) in refused {
            results.insert(at, Err(error));
        }
        results
    }

    /// The batch of texts that can be read. A fault of ours is caught here: other batches go on. The
    /// first text has the error, the others an internal one that names it.
    fn cut(
        &self,
        session: &mut Session,
        texts: &[Cut],
        options: &TranslateOptions,
    ) -> Vec<Result<Translation, EngineError>> {
        let Some(first) = texts.first() else { return Vec::new() };
        let outcome = catch_unwind(AssertUnwindSafe(|| self.search(session, texts, options)));
        let fault = |panic: Box<dyn std::any::Any + Send>| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            EngineError::Internal { index: first.index, what: text.unwrap_or("unknown").into() }
        };
        match outcome.unwrap_or_else(|panic| Err(fault(panic))) {
            Ok(found) => {
                let mut found = found.into_iter();
                let own = |text: &Cut| found.by_ref().take(text.pieces.len()).collect();
                let own: Vec<Vec<Vec<Found>>> = texts.iter().map(own).collect();
                texts.iter().zip(own).map(|(text, found)| self.assemble(text, found)).collect()
            }
            Err(error) => {
                let what = error.to_string();
                let others = texts[1..].iter().map(|text| {
                    Err(EngineError::Internal { index: text.index, what: what.clone() })
                });
                std::iter::once(Err(error)).chain(others).collect()
            }
        }
    }

    /// A text's tokens, in one piece or several; none where there is nothing to read.
    pub(super) fn pieces(
        &self,
        text: &str,
        index: usize,
        options: &TranslateOptions,
    ) -> Result<Vec<Piece>, EngineError> {
        if text.trim().is_empty() {
            return Ok(Vec::new());
        }
        let limit = options.max_length.unwrap_or_else(|| self.max_length());
        match self.source().fit("", text, limit, options.overflow) {
            // Characters that no tokenizer sees, such as a zero-width blank.
            Ok(pieces) if pieces[0].tokens <= self.source().added_tokens() => Ok(Vec::new()),
            Ok(pieces) => Ok(pieces),
            Err(TextError::TooLong { tokens, .. }) => {
                Err(EngineError::TooLong { index, tokens, limit })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The outputs of every piece of every text.
    fn search(
        &self,
        session: &mut Session,
        texts: &[Cut],
        options: &TranslateOptions,
    ) -> Result<Vec<Vec<Found>>, EngineError> {
        let sources: Vec<&[u32]> =
            texts.iter().flat_map(|text| &text.pieces).map(|piece| piece.ids.as_slice()).collect();
        if sources.is_empty() {
            return Ok(Vec::new());
        }
        let decoder = self.decoder();
        let longest: Vec<usize> = sources
            .iter()
            .map(|source| options.longest.unwrap_or_else(|| longest_output(decoder, source.len())))
            .collect();
        let search = Search {
            beam: options.beam,
            length_penalty: options.length_penalty,
            best: options.best,
        };
        let segments = Segments::from_lengths(sources.iter().map(|source| source.len()));
        let batch = self.model().batch(sources.concat().into(), None, segments.clone())?;
        let memory = self.model().tokens(session, &batch);
        let pool = Pool::new(1);
        Ok(decoder.search(session, &pool, (&memory, &segments), &longest, &search)?)
    }

    fn assemble(&self, text: &Cut, found: Vec<Vec<Found>>) -> Result<Translation, EngineError> {
        let unknown = self.source().special().unk;
        let pieces = &text.pieces;
        let mut parts: Vec<Vec<Output>> = Vec::with_capacity(found.len());
        for outputs in found {
            let outputs = outputs.into_iter().map(|output| self.output(text.index, output));
            parts.push(outputs.collect::<Result<_, _>>()?);
        }
        let outputs = match parts.len() {
            1 => parts.remove(0),
            _ => vec![Output::joined(
                parts.into_iter().flat_map(|part| part.into_iter().next()).collect(),
            )],
        };
        let is_unknown = |id: &&u32| unknown == Some(**id);
        Ok(Translation {
            outputs,
            tokens: pieces.first().map_or(0, |piece| piece.tokens),
            tokens_used: pieces.iter().map(|piece| piece.tokens_used).sum(),
            truncated: pieces.iter().any(|piece| piece.truncated),
            unknown: pieces.iter().flat_map(|piece| &piece.ids).filter(is_unknown).count(),
            pieces: pieces.len(),
        })
    }

    fn output(&self, index: usize, found: Found) -> Result<Output, EngineError> {
        let Found { ids, log_probabilities, score, ended } = found;
        if !score.is_finite() {
            return Err(EngineError::NotFinite { index });
        }
        let text = self.target().decode(&ids, true)?;
        Ok(Output { text, ids, log_probabilities, score, ended })
    }
}

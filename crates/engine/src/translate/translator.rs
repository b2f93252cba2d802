//! A model with a decoder and its tokenizers, opened.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use contexture_hub as hub;
use contexture_kernels::{Pool, isa::Isa};
use contexture_model::Model;
use contexture_model::architectures::{Decoder, Output as Found, Search};
use contexture_model::folder::Folder;
use contexture_nn::{Segments, Session};
use contexture_text::{Overflow, Piece, TextError, Tokenizer};

use crate::locate::{holds_tokenizer, locate, open_tokenizer};
use crate::stream::run_ordered;
use crate::{Embedder, EngineError, OpenOptions, Positions};

/// How to translate.
#[derive(Debug, Clone, PartialEq)]
pub struct TranslateOptions {
    /// Outputs that are followed at once; 1: the likeliest token after token.
    pub beam: usize,
    /// The exponent of an output's length by which its log-probability is divided; 0: not at all.
    pub length_penalty: f32,
    /// Outputs of a text, at most as many as the beam is wide.
    pub best: usize,
    /// What becomes of a text that is longer than the model takes.
    pub overflow: Overflow,
    /// The most tokens of a source; `None`: as many as the model takes.
    pub max_length: Option<usize>,
    /// The most tokens of an output; `None`: twice the source's and 50 more.
    pub longest: Option<usize>,
    /// Source tokens that are worked on at once, times the beam.
    pub batch_tokens: usize,
}

impl Default for TranslateOptions {
    fn default() -> Self {
        Self {
            beam: 1,
            length_penalty: 1.0,
            best: 1,
            overflow: Overflow::Truncate,
            max_length: None,
            longest: None,
            batch_tokens: 2048,
        }
    }
}

/// One counterpart of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// The text.
    pub text: String,
    /// Its tokens.
    pub ids: Vec<u32>,
    /// Each token's log-probability, the end's last where it came to one.
    pub log_probabilities: Vec<f32>,
    /// Their sum over the length, by the penalty; what outputs are ranked by.
    pub score: f32,
    /// Whether it came to its end; else it is as long as it may be.
    pub ended: bool,
}

/// A text and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Translation {
    /// Likeliest first; an empty text has an empty one.
    pub outputs: Vec<Output>,
    /// Tokens of the text, special ones counted.
    pub tokens: usize,
    /// Tokens that were read.
    pub tokens_used: usize,
    /// Whether the rest was left out.
    pub truncated: bool,
    /// Tokens that the source's vocabulary does not know.
    pub unknown: usize,
    /// Pieces that were translated on their own, because the whole was too long.
    pub pieces: usize,
}

/// A model that translates. `Send` and `Sync`.
pub struct Translator {
    pub(super) model: Model,
    pub(super) source: Tokenizer,
    pub(super) target: Option<Tokenizer>,
    threads: usize,
    sessions: Mutex<Vec<Session>>,
}

/// Where nothing limits a source, something must.
const UNLIMITED: usize = 8192;

/// The most tokens of an output, where nobody says otherwise.
pub fn longest_output(decoder: &Decoder, source: usize) -> usize {
    let most = decoder.settings().longest.unwrap_or(2 * source + 50);
    most.min(decoder.settings().layers.maximum_tokens.unwrap_or(usize::MAX))
}

impl Translator {
    /// Opens a model by name, folder or archive.
    ///
    /// # Errors
    /// As [`Embedder::open`]; [`EngineError::NoDecoder`] where it is an encoder only.
    pub fn open(model: impl AsRef<str>, options: &OpenOptions) -> Result<Self, EngineError> {
        let settings = hub::Options { offline: !options.pull, ..hub::Options::default() };
        let mut quiet = |_: hub::Progress<'_>| {};
        let pull = options.pull.then_some(&mut quiet as &mut dyn FnMut(hub::Progress<'_>));
        Self::open_in(locate(model.as_ref(), &settings, pull)?.folder, options)
    }

    /// Opens a model's folder that [`locate`] found.
    ///
    /// # Errors
    /// As [`Translator::open`].
    pub fn open_in(folder: Folder, options: &OpenOptions) -> Result<Self, EngineError> {
        Isa::from_environment().map_err(EngineError::Instructions)?;
        let threads = match options.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let settings = contexture_model::OpenOptions {
            threads,
            without_positions: options.positions == Positions::None,
            weights: options.weights,
            heads: true,
            ..contexture_model::OpenOptions::default()
        };
        let model = Model::open_in(folder.clone(), &settings)?;
        let encoder = model.encoder_folder().filter(|_| !holds_tokenizer(&folder));
        let own = encoder.unwrap_or(&folder);
        let source = open_tokenizer(own)?;
        let target = Embedder::open_target_tokenizer(own)?;
        let Some(decoder) = model.decoder() else {
            return Err(EngineError::NoDecoder { model: folder.path().display().to_string() });
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

    /// The threads that it computes with.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// The most tokens of a source, by the model and its tokenizer.
    pub fn max_length(&self) -> usize {
        self.model.maximum_tokens(self.source.max_length()).unwrap_or(UNLIMITED)
    }

    /// The counterparts of `texts`, in their order. A text's do not depend on the others or on the
    /// number of threads.
    ///
    /// # Errors
    /// Settings that the model cannot honour; a text that is too long where that is an error.
    pub fn translate<S: AsRef<str> + Sync>(
        &self,
        texts: &[S],
        options: &TranslateOptions,
    ) -> Result<Vec<Translation>, EngineError> {
        let mut rest = texts.iter();
        let mut found = Vec::with_capacity(texts.len());
        self.translate_stream(
            || rest.next().map(|text| text.as_ref().to_owned()),
            options,
            |translation| {
                found.push(translation);
                ControlFlow::Continue(())
            },
        )?;
        Ok(found)
    }

    /// As [`Translator::translate`] of whatever `next` gives, each handed to `emit` in order as soon as
    /// it and those before it are there.
    ///
    /// # Errors
    /// As [`Translator::translate`]; whatever came before the text that failed was emitted.
    pub fn translate_stream(
        &self,
        mut next: impl FnMut() -> Option<String> + Send,
        options: &TranslateOptions,
        mut emit: impl FnMut(Translation) -> ControlFlow<()> + Send,
    ) -> Result<(), EngineError> {
        self.check(options)?;
        let mut number = 0;
        let mut ahead: Option<String> = None;
        let most = options.batch_tokens;
        // A token is some four bytes; only the size of batches depends on it.
        let draw = || {
            let (mut batch, mut bytes) = (Vec::new(), 0);
            while let Some(text) = ahead.take().or_else(&mut next) {
                let more = (text.len() / 4 + 2) * options.beam;
                if !batch.is_empty() && bytes + more > most {
                    ahead = Some(text);
                    break;
                }
                bytes += more;
                batch.push(text);
            }
            let first = number;
            number += batch.len();
            (!batch.is_empty()).then_some((first, batch))
        };
        let mut failure = None;
        let hand_on = |results: Vec<Result<Translation, EngineError>>| {
            for result in results {
                match result {
                    Ok(translation) => emit(translation)?,
                    Err(error) => {
                        failure = Some(error);
                        return ControlFlow::Break(());
                    }
                }
            }
            ControlFlow::Continue(())
        };
        let work = |session: &mut Session, (first, texts): (usize, Vec<String>)| {
            self.batch(session, first, &texts, options)
        };
        let sessions = run_ordered(self.take_sessions(), draw, work, hand_on);
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).extend(sessions);
        failure.map_or(Ok(()), Err)
    }

    fn check(&self, options: &TranslateOptions) -> Result<(), EngineError> {
        let refused = |setting, found: String, supported: String| {
            Err(EngineError::Setting { setting, found, supported })
        };
        if !(1..=MOST_BEAMS).contains(&options.beam) {
            return refused("beam", options.beam.to_string(), format!("1 to {MOST_BEAMS}"));
        }
        if !(1..=options.beam).contains(&options.best) {
            let supported = format!("1 to the beam's width ({})", options.beam);
            return refused("n-best", options.best.to_string(), supported);
        }
        if !options.length_penalty.is_finite() {
            let found = options.length_penalty.to_string();
            return refused("length penalty", found, "a finite number".into());
        }
        if options.overflow == Overflow::Chunk && options.best > 1 {
            let supported = "1 where texts that are too long are split into pieces";
            return refused("n-best", options.best.to_string(), supported.into());
        }
        let most = self.max_length();
        match options.max_length {
            Some(length) if !(1..=most).contains(&length) => {
                refused("max length", length.to_string(), format!("1 to {most}"))
            }
            _ => Ok(()),
        }
    }

    fn take_sessions(&self) -> Vec<Session> {
        let mut kept = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sessions: Vec<Session> = kept.drain(..).collect();
        let weights = self.model.weights();
        sessions
            .resize_with(self.threads, || Session::infer(weights.clone(), Arc::new(Pool::new(1))));
        sessions
    }

    /// The texts of a batch, up to the first that fails.
    fn batch(
        &self,
        session: &mut Session,
        first: usize,
        texts: &[String],
        options: &TranslateOptions,
    ) -> Vec<Result<Translation, EngineError>> {
        let mut cut = Vec::with_capacity(texts.len());
        let mut failure = None;
        for (index, text) in texts.iter().enumerate() {
            match self.pieces(text, first + index, options) {
                Ok(pieces) => cut.push(pieces),
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
        }
        let sources: Vec<&[u32]> = cut.iter().flatten().map(|piece| piece.ids.as_slice()).collect();
        let found = match self.search(session, &sources, options) {
            Ok(found) => found,
            Err(error) => return vec![Err(error)],
        };
        let mut found = found.into_iter();
        let mut results: Vec<Result<Translation, EngineError>> = cut
            .iter()
            .map(|pieces| {
                let own: Vec<Vec<Found>> = found.by_ref().take(pieces.len()).collect();
                self.assemble(pieces, own)
            })
            .collect();
        results.extend(failure.map(Err));
        results
    }

    /// A text's tokens, in one piece or several; none where there is nothing to read.
    fn pieces(
        &self,
        text: &str,
        index: usize,
        options: &TranslateOptions,
    ) -> Result<Vec<Piece>, EngineError> {
        if text.trim().is_empty() {
            return Ok(Vec::new());
        }
        let limit = options.max_length.unwrap_or_else(|| self.max_length());
        match self.source.fit("", text, limit, options.overflow) {
            Ok(pieces) => Ok(pieces),
            Err(TextError::TooLong { tokens, .. }) => {
                Err(EngineError::TooLong { index, tokens, limit })
            }
            Err(error) => Err(error.into()),
        }
    }

    fn search(
        &self,
        session: &mut Session,
        sources: &[&[u32]],
        options: &TranslateOptions,
    ) -> Result<Vec<Vec<Found>>, EngineError> {
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
        let batch = self.model.batch(sources.concat().into(), None, segments.clone())?;
        let memory = self.model.tokens(session, &batch);
        let pool = Pool::new(1);
        Ok(decoder.search(session, &pool, (&memory, &segments), &longest, &search)?)
    }

    pub(super) fn decoder(&self) -> &Decoder {
        self.model.decoder().expect("a translator is opened with a decoder only")
    }

    fn assemble(
        &self,
        pieces: &[Piece],
        found: Vec<Vec<Found>>,
    ) -> Result<Translation, EngineError> {
        let unknown = self.source.special().unk;
        let mut parts = Vec::with_capacity(found.len());
        for outputs in found {
            let texts = outputs.into_iter().map(|output| self.output(output));
            parts.push(texts.collect::<Result<Vec<Output>, _>>()?);
        }
        let tokens_used = pieces.iter().map(|piece| piece.tokens_used).sum();
        let is_unknown = |id: &&u32| unknown == Some(**id);
        Ok(Translation {
            outputs: joined(parts),
            tokens: pieces.first().map_or(0, |piece| piece.tokens),
            tokens_used,
            truncated: pieces.iter().any(|piece| piece.truncated),
            unknown: pieces.iter().flat_map(|piece| &piece.ids).filter(is_unknown).count(),
            pieces: pieces.len(),
        })
    }

    fn output(&self, found: Found) -> Result<Output, EngineError> {
        let text = self.target().decode(&found.ids, true)?;
        let Found { ids, log_probabilities, score, ended } = found;
        Ok(Output { text, ids, log_probabilities, score, ended })
    }
}

/// More than this are of no use, and cost as many decoders.
const MOST_BEAMS: usize = 256;

/// The outputs of a text; those of several pieces one after the other.
fn joined(mut parts: Vec<Vec<Output>>) -> Vec<Output> {
    if parts.len() == 1 {
        return parts.remove(0);
    }
    let mut whole = Output {
        text: String::new(),
        ids: Vec::new(),
        log_probabilities: Vec::new(),
        score: 0.0,
        ended: true,
    };
    let count = parts.len().max(1) as f32;
    for part in parts.into_iter().filter_map(|outputs| outputs.into_iter().next()) {
        if !whole.text.is_empty() {
            whole.text.push(' ');
        }
        whole.text.push_str(&part.text);
        whole.ids.extend(part.ids);
        whole.log_probabilities.extend(part.log_probabilities);
        whole.score += part.score / count;
        whole.ended &= part.ended;
    }
    vec![whole]
}

fn fits(tokenizer: &Tokenizer, vocabulary: usize) -> Result<(), EngineError> {
    match tokenizer.vocabulary_size() {
        size if size > vocabulary => {
            Err(EngineError::Vocabulary { id: size as u32 - 1, vocabulary })
        }
        _ => Ok(()),
    }
}

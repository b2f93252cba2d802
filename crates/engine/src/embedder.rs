//! A model and its tokenizer, opened: texts in, records out.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use contexture_hub as hub;
use contexture_kernels::{Pool, isa::Isa};
use contexture_model::folder::Folder;
use contexture_model::{Model, WeightType};
use contexture_nn::Session;
use contexture_text::{TextError, Tokenizer};

use crate::assemble::Subject;
use crate::forward::{Forward, Work};
use crate::locate::{BUILT_IN, card, locate, open_tokenizer};
use crate::opened::{self, BYTES_PER_TOKEN, Opened};
use crate::plan::Plan;
use crate::stream::run_ordered;
use crate::{EmbedOptions, EngineError, Info, Record, Span};

/// Whether the model may know where a token stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Positions {
    /// As the model was trained.
    #[default]
    Keep,
    /// Not at all: attention then sees a bag of words. For study, not for use.
    None,
}

/// How a model is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenOptions {
    /// Threads to compute with; 0: as many as this process may use.
    pub threads: usize,
    /// Whether a model that is not cached is fetched.
    pub pull: bool,
    /// Whether the model may know where a token stands.
    pub positions: Positions,
    /// The numbers to compute products with; `None`: as the model stores them.
    pub weights: Option<WeightType>,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { threads: 0, pull: true, positions: Positions::default(), weights: None }
    }
}

/// One text for [`Embedder::embed_stream`].
#[derive(Debug, Clone)]
pub struct Input<T> {
    /// The text itself.
    pub text: String,
    /// Byte ranges of the user's own words; `None`: runs without white space.
    pub words: Option<Vec<Span>>,
    /// Whatever the caller wants back with the records.
    pub tag: T,
}

/// What a stream of texts answers when it is asked for the next one.
#[derive(Debug, Clone)]
pub enum Next<T> {
    /// The next text.
    Text(Input<T>),
    /// None has come yet, and the question was not to wait for one.
    NotYet,
    /// There will be no more.
    End,
}

/// A model and its tokenizer, opened. Cheap to clone; `Send` and `Sync`.
#[derive(Clone)]
pub struct Embedder {
    shared: Arc<Shared>,
}

struct Shared {
    tokenizer: Tokenizer,
    model: Model,
    threads: usize,
    /// The threads of sessions that divide their ops.
    pool: Arc<Pool>,
    /// Sessions that run on one thread, kept with their warm memory.
    single: Mutex<Vec<Session>>,
    /// Sessions that run on the pool.
    joint: Mutex<Vec<Session>>,
}

/// Below this many tokens a thread, dividing each op beats dividing the texts.
const JOINT_TOKENS_PER_THREAD: usize = 192;

impl Embedder {
    /// Opens the model inside the program: no file is read, no network used.
    ///
    /// # Errors
    /// [`EngineError::NotBuiltIn`] where the program was compiled without it.
    pub fn built_in() -> Result<Self, EngineError> {
        Self::open(BUILT_IN)
    }

    /// Opens a model by name, folder or archive; fetches it where it is not cached. [`BUILT_IN`] is
    /// the name of the model inside the program.
    ///
    /// # Errors
    /// [`EngineError`] with the place, what was found, and what to do.
    pub fn open(model: impl AsRef<str>) -> Result<Self, EngineError> {
        Self::open_with(model, &OpenOptions::default())
    }

    /// As [`Embedder::open`], with options.
    ///
    /// # Errors
    /// As [`Embedder::open`].
    pub fn open_with(model: impl AsRef<str>, options: &OpenOptions) -> Result<Self, EngineError> {
        let mut tell = |progress: hub::Progress<'_>| {
            if progress.stage == hub::Stage::Announce {
                tracing::info!("{}", progress.text);
            }
        };
        let pull = options.pull.then_some(&mut tell as &mut dyn FnMut(hub::Progress<'_>));
        let located = locate(model.as_ref(), &hub::Options::default(), pull)?;
        Self::open_in(located.folder, options)
    }

    /// Opens a model's folder.
    ///
    /// # Errors
    /// As [`Embedder::open`].
    pub fn open_folder(folder: &Path, options: &OpenOptions) -> Result<Self, EngineError> {
        Self::open_in(Folder::open(folder)?, options)
    }

    /// Opens a model's folder that [`locate`] found.
    ///
    /// # Errors
    /// As [`Embedder::open`].
    pub fn open_in(folder: Folder, options: &OpenOptions) -> Result<Self, EngineError> {
        let Opened { model, tokenizer, threads } = opened::open(folder, options, false)?;
        check_vocabulary(&tokenizer, &model)?;
        let shared = Shared {
            tokenizer,
            model,
            threads,
            pool: Arc::new(Pool::new(threads)),
            single: Mutex::default(),
            joint: Mutex::default(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Opens only the tokenizer of a model's folder.
    ///
    /// # Errors
    /// Where tokenizer files are absent or malformed.
    pub fn open_tokenizer(folder: &Folder) -> Result<Tokenizer, EngineError> {
        open_tokenizer(folder)
    }

    /// The tokenizer of a translation's target, where the folder has one besides the source's.
    ///
    /// # Errors
    /// As [`Embedder::open_tokenizer`].
    pub fn open_target_tokenizer(folder: &Folder) -> Result<Option<Tokenizer>, EngineError> {
        // Folders in memory are of encoders.
        match folder.files() {
            Some(_) => Ok(None),
            None => Ok(Tokenizer::open_target(folder.path())?),
        }
    }

    /// Sentence vectors of `texts`, in their order, as the model's folder says.
    ///
    /// # Errors
    /// As [`Embedder::embed_with`].
    pub fn embed<S: AsRef<str> + Sync>(&self, texts: &[S]) -> Result<Vec<Record>, EngineError> {
        self.embed_with(texts, &EmbedOptions::default())
    }

    /// Records of `texts`, in their order; with [`crate::Overflow::Chunk`] a text may give several,
    /// numbered from 0 by [`Record::chunk`].
    ///
    /// # Errors
    /// The first text's that failed; a setting that the model cannot honour.
    pub fn embed_with<S: AsRef<str> + Sync>(
        &self,
        texts: &[S],
        options: &EmbedOptions,
    ) -> Result<Vec<Record>, EngineError> {
        let plan = self.plan(options)?;
        let bytes: usize = texts.iter().map(|text| text.as_ref().len() + BYTES_PER_TOKEN).sum();
        let jobs = self.shared.jobs(bytes, &plan);
        let mut cursor = 0;
        let mut left = bytes;
        let next = || {
            let begin = cursor;
            let mut taken = 0;
            let share = jobs.bytes.min(left / (2 * jobs.sessions)).max(jobs.least);
            while cursor < texts.len() && (taken == 0 || taken < share) {
                taken += texts[cursor].as_ref().len() + BYTES_PER_TOKEN;
                cursor += 1;
            }
            left = left.saturating_sub(taken);
            (begin < cursor).then_some(begin..cursor)
        };
        let work = |session: &mut Session, range: std::ops::Range<usize>| {
            let subjects = texts[range.clone()]
                .iter()
                .map(|text| Subject { text: text.as_ref(), words: None });
            self.shared.job(session, &plan, range.start, subjects)
        };
        let mut records = Vec::with_capacity(texts.len());
        let mut failure = None;
        let emit = |results: Vec<Result<Vec<Record>, EngineError>>| {
            for result in results {
                match result {
                    Ok(found) => records.extend(found),
                    Err(error) => {
                        failure = Some(error);
                        return ControlFlow::Break(());
                    }
                }
            }
            ControlFlow::Continue(())
        };
        self.shared.with_sessions(&jobs, |sessions| run_ordered(sessions, next, work, emit));
        failure.map_or(Ok(records), Err)
    }

    /// Embeds an unbounded stream: `next` is drained, `emit` gets each text's tag and records in
    /// the order of the texts, and ends everything by breaking. Memory stays flat. Neither is ever
    /// called from two threads at once.
    ///
    /// `next(true)` waits for a text; `next(false)` may answer [`Next::NotYet`], and what has come
    /// so far is then embedded at once: somebody who writes one text and waits for its vector gets
    /// it. A source that never keeps one waiting need not look at the argument.
    ///
    /// # Errors
    /// A setting that the model cannot honour; errors of single texts go to `emit`.
    pub fn embed_stream<T: Send>(
        &self,
        options: &EmbedOptions,
        mut next: impl FnMut(bool) -> Next<T> + Send,
        mut emit: impl FnMut(T, Result<Vec<Record>, EngineError>) -> ControlFlow<()> + Send,
    ) -> Result<(), EngineError> {
        let plan = self.plan(options)?;
        // Looking a little ahead tells a short stream, whose ops are better divided.
        let mut ahead = VecDeque::new();
        let mut bytes = 0;
        while bytes < self.shared.joint_bytes() {
            let Next::Text(input) = next(ahead.is_empty()) else { break };
            bytes += input.text.len() + BYTES_PER_TOKEN;
            ahead.push_back(input);
        }
        let jobs = self.shared.jobs(bytes, &plan);
        let mut number = 0;
        let draw = || {
            let mut inputs: Vec<Input<T>> = Vec::new();
            let mut taken = 0;
            while taken < jobs.bytes {
                let input = match ahead.pop_front() {
                    Some(input) => input,
                    None => match next(inputs.is_empty()) {
                        Next::Text(input) => input,
                        Next::NotYet | Next::End => break,
                    },
                };
                taken += input.text.len() + BYTES_PER_TOKEN;
                inputs.push(input);
            }
            let first = number;
            number += inputs.len();
            (!inputs.is_empty()).then_some((first, inputs))
        };
        let work = |session: &mut Session, (first, inputs): (usize, Vec<Input<T>>)| {
            let subjects =
                inputs.iter().map(|i| Subject { text: &i.text, words: i.words.as_deref() });
            let results = self.shared.job(session, &plan, first, subjects);
            inputs.into_iter().map(|input| input.tag).zip(results).collect::<Vec<_>>()
        };
        let hand_on = |results: Vec<_>| {
            for (tag, result) in results {
                emit(tag, result)?;
            }
            ControlFlow::Continue(())
        };
        self.shared.with_sessions(&jobs, |sessions| run_ordered(sessions, draw, work, hand_on));
        Ok(())
    }

    /// Where the time of an embedding goes: seconds by op, and `tokenize`, summed over threads.
    ///
    /// # Errors
    /// As [`Embedder::embed_with`].
    pub fn profile<S: AsRef<str>>(
        &self,
        texts: &[S],
        options: &EmbedOptions,
    ) -> Result<BTreeMap<&'static str, Duration>, EngineError> {
        let plan = self.plan(options)?;
        let mut session = self.shared.session(1);
        session.time_ops(true);
        let mut tokenize = Duration::ZERO;
        let mut first = 0;
        for group in texts.chunks(16) {
            let begun = Instant::now();
            let subjects: Vec<_> =
                group.iter().map(|text| Subject { text: text.as_ref(), words: None }).collect();
            for subject in &subjects {
                self.shared.pieces(&plan, first, *subject)?;
            }
            tokenize += begun.elapsed();
            for result in self.shared.job(&mut session, &plan, first, subjects.into_iter()) {
                result?;
            }
            first += group.len();
        }
        let mut stages = session.timings();
        stages.insert("tokenize", tokenize);
        Ok(stages)
    }

    /// Width of a sentence vector by default.
    pub fn dimensions(&self) -> usize {
        self.shared.model.dimensions()
    }

    /// Width of a sentence vector with these options.
    ///
    /// # Errors
    /// A setting that the model cannot honour.
    pub fn dimensions_with(&self, options: &EmbedOptions) -> Result<usize, EngineError> {
        Ok(self.plan(options)?.sentence.dimensions)
    }

    /// Tokens of a text that are used by default, special tokens counted.
    pub fn max_length(&self) -> usize {
        self.plan(&EmbedOptions::default()).map_or(0, |plan| plan.max_length)
    }

    /// Tokens of a text that are used with these options.
    ///
    /// # Errors
    /// A setting that the model cannot honour.
    pub fn max_length_with(&self, options: &EmbedOptions) -> Result<usize, EngineError> {
        Ok(self.plan(options)?.max_length)
    }

    /// The threads that it computes with.
    pub fn threads(&self) -> usize {
        self.shared.threads
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.shared.tokenizer
    }

    /// The model's description; with `digests`, the weight files are read whole for them.
    ///
    /// # Errors
    /// Where a weight file cannot be read.
    pub fn info(&self, digests: bool) -> Result<Info, EngineError> {
        let Shared { model, tokenizer, .. } = &*self.shared;
        let sha256 = if digests { model.digests()? } else { Vec::new() };
        Ok(Info {
            model: model.info().clone(),
            max_length: self.max_length(),
            tokenizer: tokenizer.kind(),
            tokens_known: tokenizer.vocabulary_size(),
            weights: numbers(model),
            instructions: Isa::current().name(),
            sha256: sha256.into_iter().map(|(_, digest)| digest).collect(),
        })
    }

    /// The text of the model's card (README.md beside the weights), without the settings at its head;
    /// `None` where there is none.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn card(&self) -> Result<Option<String>, EngineError> {
        self.shared.model.folder().map_or(Ok(None), card)
    }

    fn plan(&self, options: &EmbedOptions) -> Result<Plan, EngineError> {
        Plan::new(&self.shared.model, &self.shared.tokenizer, options)
    }
}

/// The numbers that a model computes with, in words.
fn numbers(model: &Model) -> String {
    let (bytes, floats) = model.weights().count_by_type();
    if bytes == 0 {
        return WeightType::F32.name().into();
    }
    let share = 100.0 * bytes as f64 / model.info().parameters.max(1) as f64;
    let exact = match model.info().lstm.is_some() || model.info().characters.is_some() {
        true => "recurrences, convolutions, norms, biases, columns of outliers",
        false => "norms, biases, columns of outliers",
    };
    format!(
        "{} ({share:.1} % of the parameters); f32: {floats} values ({exact})",
        WeightType::Int8.name()
    )
}

impl std::fmt::Debug for Embedder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let folder = &self.shared.model.info().folder;
        f.debug_struct("Embedder").field("folder", folder).finish_non_exhaustive()
    }
}

/// How the texts of one call are divided.
struct Jobs {
    /// Sessions that work side by side.
    sessions: usize,
    /// Threads of each.
    threads: usize,
    /// Bytes of text that a session takes at once.
    bytes: usize,
    /// The least that it takes, so that products stay long.
    least: usize,
}

impl Shared {
    /// From this many bytes of text on, every thread has texts enough of its own.
    fn joint_bytes(&self) -> usize {
        self.threads * JOINT_TOKENS_PER_THREAD * BYTES_PER_TOKEN
    }

    fn jobs(&self, bytes: usize, plan: &Plan) -> Jobs {
        // A state goes from text to text: one session takes them all, in their order.
        let few = bytes < self.joint_bytes() || plan.state.is_some();
        let (sessions, threads) = if few { (1, self.threads) } else { (self.threads, 1) };
        let bytes = plan.budget_tokens.saturating_mul(BYTES_PER_TOKEN);
        Jobs { sessions, threads, bytes, least: bytes.min(64 * BYTES_PER_TOKEN) }
    }

    fn session(&self, threads: usize) -> Session {
        let pool = if threads == 1 { Arc::new(Pool::new(1)) } else { self.pool.clone() };
        Session::infer(self.model.weights().clone(), pool)
    }

    /// Runs with sessions whose memory is warm, and keeps them for the next call.
    fn with_sessions(&self, jobs: &Jobs, run: impl FnOnce(Vec<Session>) -> Vec<Session>) {
        let kept = if jobs.threads == 1 { &self.single } else { &self.joint };
        let lock = || kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sessions: Vec<Session> = {
            let mut kept = lock();
            let from = kept.len().saturating_sub(jobs.sessions);
            kept.drain(from..).collect()
        };
        sessions.resize_with(jobs.sessions, || self.session(jobs.threads));
        let sessions = run(sessions);
        let mut kept = lock();
        kept.extend(sessions);
        kept.truncate(2 * self.threads);
    }

    /// The records of one job's texts, in order.
    fn job<'a>(
        &self,
        session: &mut Session,
        plan: &Plan,
        first: usize,
        subjects: impl Iterator<Item = Subject<'a>>,
    ) -> Vec<Result<Vec<Record>, EngineError>> {
        let mut results = Vec::new();
        let mut work = Vec::new();
        for (at, subject) in subjects.enumerate() {
            let index = first + at;
            match self.pieces(plan, index, subject) {
                Ok(pieces) => {
                    work.extend(pieces.into_iter().map(|piece| Work { index, subject, piece }));
                    results.push(Ok(Vec::new()));
                }
                Err(error) => results.push(Err(error)),
            }
        }
        let forward = Forward { model: &self.model, tokenizer: &self.tokenizer, plan };
        for (index, outcome) in forward.run(session, &work) {
            let slot = &mut results[index - first];
            match (outcome, &mut *slot) {
                (Ok(record), Ok(records)) => records.push(record),
                (Err(error), Ok(_)) => *slot = Err(error),
                (_, Err(_)) => {}
            }
        }
        results
    }

    fn pieces(
        &self,
        plan: &Plan,
        index: usize,
        subject: Subject<'_>,
    ) -> Result<Vec<contexture_text::Piece>, EngineError> {
        let Plan { prompt, max_length, overflow, .. } = plan;
        match self.tokenizer.fit(prompt, subject.text, *max_length, *overflow) {
            Err(TextError::TooLong { tokens, max_length }) => {
                Err(EngineError::TooLong { index, tokens, limit: max_length })
            }
            other => Ok(other?),
        }
    }
}

/// Said at opening, where it can be said once, instead of at the first text that shows it.
fn check_vocabulary(tokenizer: &Tokenizer, model: &Model) -> Result<(), EngineError> {
    let vocabulary = model.info().vocabulary;
    let special = tokenizer.special().all.iter().copied().max().unwrap_or(0);
    if special as usize >= vocabulary {
        return Err(EngineError::Vocabulary { id: special, vocabulary });
    }
    let model = model.encoder().settings().characters.as_ref().map(|c| c.most);
    let tokenizer = tokenizer.characters().map(|c| c.most);
    match model {
        Some(_) if model != tokenizer => Err(EngineError::Spelling { model, tokenizer }),
        _ => Ok(()),
    }
}

//! One pass of a batch through the model, with or without learning.

use std::sync::Arc;

use contexture_kernels::Pool;
use contexture_model::Model;
use contexture_model::architectures::{Batch, EncoderSettings, LstmSettings};
use contexture_nn::{Gradients, Recycler, Rows, Segments, Session, Value, Weights};
use contexture_text::Tokenizer;

use crate::TrainError;
use crate::data::Tokens;

/// What is trained, and the threads it is trained on. The weights stand beside it, since the
/// optimiser changes them.
pub struct Learner {
    /// The model; its own weights are not used.
    pub model: Model,
    /// Its tokenizer; of a translation, the source's.
    pub tokenizer: Arc<Tokenizer>,
    /// The tokenizer of a translation's target: the same one where it has none of its own.
    pub target: Arc<Tokenizer>,
    /// The threads.
    pub pool: Arc<Pool>,
}

/// A step's tape holds about fifteen rows a layer, and their gradients.
const KEPT_BUFFERS: usize = 1024;

/// Memory that passes hand to each other.
#[derive(Debug, Clone)]
pub struct Memory {
    recycler: Recycler,
}

impl Default for Memory {
    fn default() -> Self {
        Self { recycler: Recycler::keeping(KEPT_BUFFERS) }
    }
}

/// One pass.
pub struct Pass<'a> {
    /// What is trained.
    pub learner: &'a Learner,
    weights: Arc<Weights>,
    memory: Memory,
    gradients: Option<&'a mut Gradients>,
    scale: f32,
    noise: u64,
    passes: u64,
}

impl<'a> Pass<'a> {
    /// A pass that adds the gradients of `scale` times its loss to `gradients`; `noise` decides
    /// what dropout drops.
    pub fn learn(
        learner: &'a Learner,
        weights: Arc<Weights>,
        memory: &Memory,
        gradients: &'a mut Gradients,
        scale: f32,
        noise: u64,
    ) -> Self {
        let (memory, gradients) = (memory.clone(), Some(gradients));
        Self { learner, weights, memory, gradients, scale, noise, passes: 0 }
    }

    /// A pass that only computes its loss.
    pub fn judge(learner: &'a Learner, weights: Arc<Weights>, memory: &Memory) -> Self {
        let memory = memory.clone();
        Self { learner, weights, memory, gradients: None, scale: 1.0, noise: 0, passes: 0 }
    }

    /// The weight of each term's loss in the gradients.
    pub fn scale(&self) -> f32 {
        self.scale
    }

    /// Whether gradients are wanted.
    pub fn learns(&self) -> bool {
        self.gradients.is_some()
    }

    /// A session for the forward: with a tape and noise where it learns. Each has noise of its own.
    pub fn session(&mut self) -> Session {
        self.passes += 1;
        self.session_again(self.passes)
    }

    /// The session that [`Pass::session`] gave as number `pass`, from 1, with the same noise: for
    /// a forward that is computed twice.
    pub fn session_again(&self, pass: u64) -> Session {
        let (weights, pool) = (self.weights.clone(), self.learner.pool.clone());
        match self.gradients.is_some() {
            true => Session::train_with(weights, pool, self.memory.recycler.clone())
                .with_noise(self.noise ^ pass.wrapping_mul(0xa076_1d64_78bd_642f)),
            false => Session::infer_with(weights, pool, self.memory.recycler.clone()),
        }
    }

    /// A session without a tape or noise, whatever the pass is for.
    pub fn plain_session(&self) -> Session {
        let (weights, pool) = (self.weights.clone(), self.learner.pool.clone());
        Session::infer_with(weights, pool, self.memory.recycler.clone())
    }

    /// Adds the gradients of what `seeds` begin; nothing where the pass does not learn.
    pub fn backward(&mut self, session: &mut Session, seeds: Vec<(&Value, Rows)>) {
        if let Some(gradients) = &mut self.gradients {
            session.backward_into(seeds, gradients);
        }
    }
}

impl Learner {
    /// Sequences end to end, checked against the model's tables.
    ///
    /// # Errors
    /// Token numbers outside the vocabulary, sequences that are too long.
    pub fn batch(&self, sequences: &[Tokens]) -> Result<Batch, TrainError> {
        let segments = Segments::from_lengths(sequences.iter().map(Tokens::len));
        let ids = sequences.iter().flat_map(|tokens| &tokens.ids).copied().collect();
        let characters = sequences.iter().flat_map(|tokens| &tokens.characters).copied().collect();
        Ok(self.model.batch_with(ids, None, Some(characters), segments)?)
    }
}

/// Operations of a training step over sequences of these lengths through the encoder: 2 for each
/// multiply-add, and the backward twice the forward.
pub fn encoder_operations(model: &Model, lengths: impl Iterator<Item = usize>) -> f64 {
    let e = model.encoder().settings();
    if let Some(lstm) = &e.lstm {
        let weights: f64 = (0..e.layers.len()).map(|layer| recurrent_weights(e, lstm, layer)).sum();
        return 6.0 * weights * lengths.sum::<usize>() as f64;
    }
    let (hidden, width) = (e.hidden as f64, (e.heads * e.head_width) as f64);
    let inner = e.inner as f64 * if e.gated { 3.0 } else { 2.0 };
    let layers = e.layers.len() as f64;
    let weights = hidden * 4.0 * width + hidden * inner;
    let of = |length: usize| {
        let length = length as f64;
        length * (2.0 * weights + 4.0 * length * width)
    };
    3.0 * layers * lengths.map(of).sum::<f64>()
}

/// Operations of a training step over outputs and the texts that they attend to, `(tokens, keys)` of
/// each, through the decoder, and of telling every token.
pub(super) fn decoder_operations(
    model: &Model,
    lengths: impl Iterator<Item = (usize, usize)> + Clone,
) -> f64 {
    let Some(decoder) = model.decoder() else { return 0.0 };
    let (d, memory) = (&decoder.settings().layers, model.hidden() as f64);
    let (hidden, layers) = (d.hidden as f64, d.layers.len() as f64);
    let outputs: f64 = lengths.clone().map(|(tokens, _)| tokens as f64).sum();
    let words = 2.0 * outputs * hidden * d.vocabulary as f64;
    if let Some(lstm) = &d.lstm {
        let weights: f64 = (0..d.layers.len()).map(|layer| recurrent_weights(d, lstm, layer)).sum();
        let attends = 2.0 * hidden * memory + hidden * hidden;
        let across: f64 = lengths.map(|(n, m)| 4.0 * (n * m) as f64 * memory).sum();
        return 3.0 * (2.0 * (weights + attends) * outputs + across + words);
    }
    let width = (d.heads * d.head_width) as f64;
    let inner = d.inner as f64 * if d.gated { 3.0 } else { 2.0 };
    let of = |(tokens, keys): (usize, usize)| {
        let (n, m) = (tokens as f64, keys as f64);
        let own = n * (2.0 * (hidden * 4.0 * width + hidden * inner) + 4.0 * n * width);
        own + 4.0 * n * hidden * width + 4.0 * m * memory * width + 4.0 * n * m * width
    };
    3.0 * (layers * lengths.map(of).sum::<f64>() + words)
}

/// Multiply-adds of a recurrent layer for a token: all gates from the row below and from the last
/// output, and the projection.
fn recurrent_weights(e: &EncoderSettings, lstm: &LstmSettings, layer: usize) -> f64 {
    let outputs = e.word_width();
    let inputs = if layer > 0 && lstm.joint { e.hidden } else { outputs };
    let projection = if lstm.projection { lstm.cells * outputs } else { 0 };
    (e.directions() * (4 * lstm.cells * (inputs + outputs) + projection)) as f64
}

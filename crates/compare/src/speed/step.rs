//! One step of one model on random tokens, timed.
//!
//! Inference is a forward with packed weights, as `embed` does it. Training is a forward with a
//! tape and its backward, gradients of all weights included, without the optimiser. The loss is a
//! stand-in, the mean of the hidden rows' values with signs that change from value to value: a head
//! over a vocabulary would be the same work for every model and hide what differs. (Without the
//! signs a last norm would make all gradients 0.) Nothing is dropped.

use std::sync::Arc;
use std::time::Instant;

use contexture_kernels::Pool;
use contexture_model::Model;
use contexture_model::architectures::{Batch, EncoderSettings};
use contexture_nn::{Gradients, Recycler, Rows, Segments, Session, Weights};
use contexture_train::random::Random;
use contexture_train::{Config as RunConfig, new_model};

use crate::CompareError;
use crate::report::Mode;

/// As training keeps them: a tape holds many rows.
const KEPT_BUFFERS: usize = 1024;
const SEED: u64 = 1;

/// A model, ready to be timed in both modes.
pub(crate) struct Prepared {
    model: Model,
    plain: Arc<Weights>,
    packed: Arc<Weights>,
    recycler: Recycler,
    gradients: Gradients,
}

/// Sequences of random tokens, and a training step's seed.
pub(crate) struct Work {
    batch: Batch,
    seed: Vec<f32>,
    tokens: usize,
}

impl Prepared {
    /// The model of a run, with room for sequences of `length` tokens.
    pub(crate) fn new(run: &RunConfig, length: usize) -> Result<Self, CompareError> {
        let mut run = run.clone();
        run.model.maximum_tokens = run.model.maximum_tokens.max(length);
        let vocabulary = run.tokenizer.vocabulary;
        let new = new_model(&run, vocabulary)?;
        let packed = Model::create(&new, SEED)?.take_weights();
        let mut model = Model::create(&new, SEED)?;
        let plain = model.take_weights();
        let packed = match Arc::try_unwrap(packed) {
            Ok(weights) => Arc::new(weights.packed()),
            Err(shared) => shared,
        };
        let recycler = Recycler::keeping(KEPT_BUFFERS);
        Ok(Self { model, plain, packed, recycler, gradients: Gradients::default() })
    }

    /// What the model of a run is made of.
    pub(crate) fn settings_of(run: &RunConfig) -> Result<EncoderSettings, CompareError> {
        Ok(new_model(run, run.tokenizer.vocabulary)?.settings)
    }

    /// What the model is made of.
    pub(crate) fn settings(&self) -> &EncoderSettings {
        self.model.encoder().settings()
    }

    /// About how many bytes a training step holds.
    pub(crate) fn bytes(&self, tokens: usize) -> u64 {
        contexture_train::step_bytes(&self.model, tokens)
    }

    /// Operations of a sequence that wait for each other (Vaswani et al. 2017, table 1, of all
    /// layers): a recurrent layer's each token, another layer's one.
    pub(crate) fn sequential(&self, length: usize) -> usize {
        let e = self.settings();
        e.layers.len() * if e.lstm.is_some() { length } else { 1 }
    }

    /// So many sequences of `length` tokens.
    pub(crate) fn work(&self, sequences: usize, length: usize) -> Result<Work, CompareError> {
        let (tokens, e) = (sequences * length, self.settings());
        let mut random = Random::of(&[SEED, length as u64]);
        let ids: Vec<u32> = (0..tokens).map(|_| random.below(e.vocabulary) as u32).collect();
        let segments = Segments::from_lengths(vec![length; sequences]);
        let batch = self.model.batch(ids.into(), None, segments)?;
        let values = tokens * e.hidden;
        let each = 1.0 / values as f32;
        let sign = |_| if random.bits() & 1 == 0 { each } else { -each };
        Ok(Work { batch, seed: (0..values).map(sign).collect(), tokens })
    }

    /// Seconds of one step.
    pub(crate) fn seconds(&mut self, mode: Mode, work: &Work, pool: &Arc<Pool>) -> f64 {
        // Copying the seed is no part of a step.
        let seed = (mode == Mode::Train).then(|| work.seed.clone());
        let begun = Instant::now();
        match seed {
            None => {
                let memory = self.recycler.clone();
                let mut s = Session::infer_with(self.packed.clone(), pool.clone(), memory);
                std::hint::black_box(self.model.tokens(&mut s, &work.batch).rows());
            }
            Some(seed) => {
                self.gradients.clear();
                let memory = self.recycler.clone();
                let mut s = Session::train_with(self.plain.clone(), pool.clone(), memory);
                let hidden = self.model.tokens(&mut s, &work.batch);
                let seed = Rows::new(seed, hidden.rows().width());
                s.backward_into(vec![(&hidden, seed)], &mut self.gradients);
            }
        }
        begun.elapsed().as_secs_f64()
    }
}

impl Work {
    /// Tokens of a step.
    pub(crate) fn tokens(&self) -> usize {
        self.tokens
    }
}

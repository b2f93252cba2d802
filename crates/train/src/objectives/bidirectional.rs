//! The bidirectional language model (Peters et al. 2018, section 3.1): the forward layers tell each
//! token from those before it, the backward layers from those after it, with one head.
//!
//! ```text
//! loss = - mean over tokens and directions of
//!        log p(t_k | t_1 .. t_(k-1))  and  log p(t_k | t_(k+1) .. t_n)
//! ```
//!
//! The markers at both ends are told too, each by the direction that comes to it last. A model that
//! only reads forward learns the forward half.

use std::sync::Arc;

use super::language::Sequences;
use super::pass::encoder_operations;
use super::{Drawn, Learner, Objective, Pass};
use crate::TrainError;
use crate::config::BidirectionalSettings;
use crate::data::{TokenStream, Tokens};
use crate::random::Random;
use contexture_nn::ops::{Candidates, Gather, sample_log_uniform};
use contexture_nn::{Rows, Segments};

pub(super) struct Bidirectional {
    settings: BidirectionalSettings,
    sequences: Sequences,
    /// The numbers of the markers that the encoder adds, where it adds any.
    markers: Option<[u32; 2]>,
    directions: usize,
    vocabulary: usize,
}

impl Bidirectional {
    pub(super) fn new(
        name: &str,
        settings: &BidirectionalSettings,
        stream: TokenStream,
        learner: &Learner,
    ) -> Result<Self, TrainError> {
        let e = learner.model.encoder().settings();
        if !(e.keeps_sides_apart() || e.is_causal()) {
            let expected = "a model whose directions each see one side of a token";
            return Err(TrainError::value("objective.kind", expected, "one that sees both"));
        }
        let markers = match e.framing() {
            0 => None,
            _ => Some(markers(learner)?),
        };
        if settings.samples >= e.vocabulary {
            let key = format!("objective.samples ({name})");
            let expected = format!("fewer than the {} words, or 0 for all of them", e.vocabulary);
            return Err(TrainError::value(key, expected, settings.samples));
        }
        Ok(Self {
            settings: settings.clone(),
            sequences: Sequences::new(name, stream),
            markers,
            directions: e.directions(),
            vocabulary: e.vocabulary,
        })
    }
}

fn markers(learner: &Learner) -> Result<[u32; 2], TrainError> {
    let special = learner.tokenizer.special();
    match (special.cls, special.sep) {
        (Some(begin), Some(end)) => Ok([begin, end]),
        _ => {
            let expected = "a list of words with what begins and ends a sentence (<S> and </S>, or \
                            <bos> and <eos>), so that they can be told";
            Err(TrainError::value("tokenizer", expected, "a list without them, or none"))
        }
    }
}

impl Objective for Bidirectional {
    fn name(&self) -> &str {
        self.sequences.name()
    }

    fn draw(&mut self, random: &mut Random) -> Result<Option<Box<dyn Drawn>>, TrainError> {
        let batch = self.sequences.batch(self.settings.batch_tokens)?;
        if batch.is_empty() {
            return Ok(None);
        }
        let mut sides = vec![Side::default(); self.directions];
        let (mut tokens, mut places) = (Vec::new(), Vec::new());
        let mut first = 0;
        for sequence in batch {
            let mut ids = sequence.tokens.ids.clone();
            if let Some([begin, end]) = self.markers {
                ids.insert(0, begin);
                ids.push(end);
            }
            for (direction, side) in sides.iter_mut().enumerate() {
                side.add(&ids, first, direction == 1);
            }
            first += ids.len();
            tokens.push(sequence.tokens);
            places.push(sequence.place);
        }
        let samples = match self.settings.samples {
            0 => None,
            count => Some(sample_log_uniform(self.vocabulary, count, random.bits())),
        };
        let smoothing = self.settings.smoothing as f32;
        Ok(Some(Box::new(Told { tokens, places, sides, samples, smoothing })))
    }

    fn state(&self) -> serde_json::Value {
        self.sequences.state()
    }

    fn restore(&mut self, state: &serde_json::Value) -> Result<(), TrainError> {
        self.sequences.restore(state)
    }

    fn epochs(&self) -> u64 {
        self.sequences.epochs()
    }
}

/// What one direction tells: the rows it tells from, and the tokens that stand next to them.
#[derive(Debug, Clone, Default)]
struct Side {
    rows: Vec<u32>,
    targets: Vec<u32>,
}

impl Side {
    /// A sequence whose rows begin at `first`.
    fn add(&mut self, ids: &[u32], first: usize, backward: bool) {
        let steps = ids.len().saturating_sub(1);
        let from = first + usize::from(backward);
        self.rows.extend((from..from + steps).map(|row| row as u32));
        let targets = if backward { &ids[..steps] } else { &ids[ids.len() - steps..] };
        self.targets.extend(targets);
    }
}

/// A batch to be told from both sides.
struct Told {
    tokens: Vec<Tokens>,
    places: Vec<String>,
    sides: Vec<Side>,
    samples: Option<Candidates>,
    smoothing: f32,
}

impl Drawn for Told {
    fn places(&self) -> Vec<&str> {
        self.places.iter().map(String::as_str).collect()
    }

    fn tokens(&self) -> usize {
        self.tokens.iter().map(Tokens::len).sum()
    }

    fn terms(&self) -> usize {
        self.sides.iter().map(|side| side.targets.len()).sum()
    }

    fn run(&self, pass: &mut Pass<'_>) -> Result<f64, TrainError> {
        if self.terms() == 0 {
            return Ok(0.0);
        }
        let learner = pass.learner;
        let Some(head) = learner.model.language() else {
            let found = "a model without a language head";
            return Err(TrainError::value("model", "a language head", found));
        };
        let batch = learner.batch(&self.tokens)?;
        let mut s = pass.session();
        let (hidden, _) = learner.model.encoder().forward_framed(&mut s, &batch);
        // Without learning, smoothing and sampling would only blur what is measured.
        let samples = self.samples.as_ref().filter(|_| pass.learns());
        let smoothing = if pass.learns() { self.smoothing } else { 0.0 };
        let scale = pass.scale();
        let mut losses = Vec::new();
        for (direction, side) in self.sides.iter().enumerate() {
            let told = Segments::single(side.rows.len());
            let targets: Arc<[u32]> = side.targets.as_slice().into();
            let gather = Gather { rows: side.rows.as_slice().into() };
            let rows = s.apply(gather, &[&hidden], &told);
            let rows = head.side(&mut s, &rows, direction);
            let rows = head.transform(&mut s, &rows, &told);
            losses.push(match samples {
                Some(samples) => head.sampled_loss(&mut s, &rows, targets, samples, scale),
                None => head.loss(&mut s, &rows, targets, smoothing, scale),
            });
        }
        drop(hidden);
        let values = losses.iter().flat_map(|losses| losses.rows().as_slice());
        let sum = values.map(|loss| f64::from(*loss)).sum();
        let seed = |rows: usize| Rows::new(vec![scale; rows], 1);
        let seeds = losses.iter().map(|losses| (losses, seed(losses.rows().rows()))).collect();
        pass.backward(&mut s, seeds);
        Ok(sum)
    }

    fn operations(&self, model: &contexture_model::Model) -> f64 {
        let e = model.encoder().settings();
        let words = self.samples.as_ref().map_or(e.vocabulary, |samples| samples.classes.len());
        let head = (self.terms() * e.word_width() * words) as f64;
        let lengths = self.tokens.iter().map(|tokens| tokens.len() + e.framing());
        encoder_operations(model, lengths) + 6.0 * head
    }
}

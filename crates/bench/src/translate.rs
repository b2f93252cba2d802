//! The workers of `bench/translate.py` and `bench/seq2seq_train.py`: outputs of an opened model, and
//! training steps of a new one. The requests stand in `bench/README.md`.

use std::sync::Arc;
use std::time::Instant;

use contexture::{Folder, OpenOptions, TranslateOptions, Translator};
use contexture_kernels::{Pool, isa::Isa};
use contexture_model::architectures::{DecoderSettings, EncoderSettings, NormPlace, Sizes};
use contexture_model::positions::{Divisor, Layout, PositionSettings};
use contexture_model::{Model, NewModel};
use contexture_nn::{Gradients, Recycler, Rows, Segments, Session, Weights};
use contexture_train::config::OptimiserSettings;
use contexture_train::optimiser::Optimiser;
use serde_json::{Value, json};

use crate::{Reply, peak};

/// Outputs of an opened model.
#[derive(Default)]
pub(crate) struct TranslateWorker {
    translator: Option<Translator>,
    texts: Vec<String>,
    /// The likeliest of each text in the last run.
    outputs: Vec<String>,
}

impl TranslateWorker {
    pub(crate) fn answer(&mut self, request: &Value) -> Reply {
        match request["cmd"].as_str() {
            Some("version") => Ok(version()),
            Some("load") => {
                let begun = Instant::now();
                let folder = request["model"].as_str().ok_or("load needs \"model\"")?;
                let threads = request["threads"].as_u64().unwrap_or(0) as usize;
                let options = OpenOptions { threads, ..OpenOptions::default() };
                let folder = Folder::open(folder.as_ref())?;
                self.translator = Some(Translator::open_in(folder, &options)?);
                Ok(json!({ "ok": true, "seconds": begun.elapsed().as_secs_f64() }))
            }
            Some("set") => {
                self.texts = serde_json::from_value(request["texts"].clone())?;
                Ok(json!({ "ok": true, "texts": self.texts.len() }))
            }
            Some("run") => {
                let translator = self.translator.as_ref().ok_or("no model is loaded")?;
                let number = |key: &str, absent: u64| request[key].as_u64().unwrap_or(absent);
                let options = TranslateOptions {
                    beam: number("beam", 1) as usize,
                    batch_tokens: number("batch_tokens", 2048) as usize,
                    ..TranslateOptions::default()
                };
                let begun = Instant::now();
                let found = translator.translate(&self.texts, &options)?;
                let seconds = begun.elapsed().as_secs_f64();
                let tokens: usize =
                    found.iter().flat_map(|t| t.outputs.first()).map(|o| o.ids.len() + 1).sum();
                let likeliest = found.into_iter().map(|t| t.outputs.into_iter().next());
                self.outputs = likeliest.map(|o| o.map_or(String::new(), |o| o.text)).collect();
                Ok(json!({ "ok": true, "seconds": seconds, "tokens": tokens }))
            }
            Some("outputs") => Ok(json!({ "ok": true, "texts": self.outputs })),
            Some("peak") => Ok(peak(request)),
            Some("exit") => Ok(json!({ "ok": true })),
            _ => Err(format!("unknown command in {request}").into()),
        }
    }
}

fn version() -> Value {
    json!({
        "ok": true, "name": "Contexture", "version": env!("CARGO_PKG_VERSION"),
        "details": { "isa": Isa::current().name() },
    })
}

/// Training steps of a new encoder-decoder on batches of given lengths.
#[derive(Default)]
pub(crate) struct Seq2SeqWorker {
    problem: Option<Problem>,
}

struct Problem {
    model: Model,
    weights: Arc<Weights>,
    optimiser: Optimiser,
    gradients: Gradients,
    recycler: Recycler,
    pool: Arc<Pool>,
    vocabulary: usize,
    smoothing: f32,
    step: u64,
}

impl Seq2SeqWorker {
    pub(crate) fn answer(&mut self, request: &Value) -> Reply {
        match request["cmd"].as_str() {
            Some("version") => Ok(version()),
            Some("load") => {
                self.problem = Some(Problem::new(request)?);
                Ok(json!({ "ok": true }))
            }
            Some("run") => {
                let problem = self.problem.as_mut().ok_or("nothing is loaded")?;
                let batches: Vec<Vec<(usize, usize)>> =
                    serde_json::from_value(request["batches"].clone())?;
                let begun = Instant::now();
                let losses: Vec<f64> = batches.iter().map(|pairs| problem.step(pairs)).collect();
                let seconds = begun.elapsed().as_secs_f64();
                Ok(json!({ "ok": true, "seconds": seconds, "losses": losses }))
            }
            Some("ops") => {
                let problem = self.problem.as_mut().ok_or("nothing is loaded")?;
                let pairs: Vec<(usize, usize)> = serde_json::from_value(request["batch"].clone())?;
                Ok(problem.ops(&pairs))
            }
            Some("peak") => Ok(peak(request)),
            Some("exit") => Ok(json!({ "ok": true })),
            _ => Err(format!("unknown command in {request}").into()),
        }
    }
}

impl Problem {
    fn new(request: &Value) -> Result<Self, Box<dyn std::error::Error>> {
        let sizes = &request["sizes"];
        let mut model = Model::create(&new_model(sizes), 1)?;
        let weights = model.take_weights();
        let settings = OptimiserSettings { weight_decay: 0.0, ..Default::default() };
        let threads = request["threads"].as_u64().unwrap_or(1) as usize;
        Ok(Self {
            optimiser: Optimiser::new(&settings, weights.declaration())?,
            vocabulary: sizes["vocabulary"].as_u64().unwrap_or(0) as usize,
            smoothing: request["smoothing"].as_f64().unwrap_or(0.0) as f32,
            gradients: Gradients::default(),
            recycler: Recycler::keeping(1024),
            pool: Arc::new(Pool::new(threads)),
            model,
            weights,
            step: 0,
        })
    }

    /// Tokens that differ from step to step: which ones does not matter to the time.
    fn ids(&self, count: usize, salt: u64) -> Arc<[u32]> {
        let mut state = (self.step * 31 + salt) | 1;
        (0..count)
            .map(|_| {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                ((state >> 33) as usize % self.vocabulary) as u32
            })
            .collect()
    }

    /// The mean loss before the step, over pairs of a source's and a target's length.
    fn step(&mut self, pairs: &[(usize, usize)]) -> f64 {
        self.gradients.clear();
        let (weights, pool) = (self.weights.clone(), self.pool.clone());
        let s = Session::train_with(weights, pool, self.recycler.clone());
        let mut s = s.with_noise(self.step + 1);
        let loss = self.pass(&mut s, pairs);
        drop(s);
        let norm = self.optimiser.norm(&self.pool, self.weights.declaration(), &self.gradients);
        let scale = (1.0 / (norm + 1e-6)).min(1.0);
        let weights = Arc::get_mut(&mut self.weights).expect("the session is gone");
        self.optimiser.step(&self.pool, weights, &self.gradients, 1e-4, scale);
        self.step += 1;
        loss
    }

    fn pass(&mut self, s: &mut Session, pairs: &[(usize, usize)]) -> f64 {
        let sources = Segments::from_lengths(pairs.iter().map(|pair| pair.0));
        let targets = Segments::from_lengths(pairs.iter().map(|pair| pair.1));
        let count = targets.rows();
        let batch = self.model.batch(self.ids(sources.rows(), 1), None, sources.clone());
        let memory = self.model.tokens(s, &batch.expect("lengths fit"));
        let decoder = self.model.decoder().expect("it was asked for");
        let batch = decoder.batch(self.ids(count, 2), targets).expect("lengths fit");
        let rows = decoder.forward(s, &batch, &memory, &sources);
        drop(memory);
        let seed = 1.0 / count as f32;
        let losses = decoder.loss(s, &rows, self.ids(count, 3), self.smoothing, seed);
        let sum: f64 = losses.rows().as_slice().iter().map(|loss| f64::from(*loss)).sum();
        s.backward_into(vec![(&losses, Rows::new(vec![seed; count], 1))], &mut self.gradients);
        sum / count as f64
    }

    /// Milliseconds of each op, forward and backward.
    fn ops(&mut self, pairs: &[(usize, usize)]) -> Value {
        self.gradients.clear();
        let (weights, pool) = (self.weights.clone(), self.pool.clone());
        let mut s = Session::train_with(weights, pool, self.recycler.clone()).with_noise(1);
        s.time_ops(true);
        self.pass(&mut s, pairs);
        let named = |times: std::collections::BTreeMap<&'static str, std::time::Duration>| {
            let ms = times.into_iter().map(|(op, time)| (op, time.as_secs_f64() * 1e3));
            ms.collect::<std::collections::BTreeMap<_, _>>()
        };
        let (forward, backward) = (named(s.timings()), named(s.backward_timings()));
        json!({ "ok": true, "forward_ms": forward, "backward_ms": backward })
    }
}

/// The Transformer of the paper, norms before, with sinusoids and one table of words for everything.
fn new_model(sizes: &Value) -> NewModel {
    let number = |key: &str| sizes[key].as_u64().unwrap_or(0) as usize;
    let mut e = EncoderSettings::plain(Sizes {
        hidden: number("hidden"),
        heads: number("heads"),
        inner: number("inner"),
        vocabulary: number("vocabulary"),
        layers: number("layers"),
    });
    let (layout, divisor) = (Layout::Interleaved, Divisor::Paper);
    e.positions = vec![PositionSettings::Sinusoidal { layout, divisor, offset: 0 }];
    e.maximum_tokens = Some(512);
    (e.norm, e.final_norm, e.embedding_norm) = (NormPlace::Before, true, false);
    e.activation = contexture_kernels::Activation::Relu;
    e.dropout = sizes["dropout"].as_f64().unwrap_or(0.0) as f32;
    e.embedding_scale = (e.hidden as f32).sqrt();
    e.initial_deviation = 1.0 / e.embedding_scale;
    let mut layers = e.clone();
    layers.layers.iter_mut().for_each(|layer| layer.reach = contexture_kernels::Reach::CAUSAL);
    let decoder = DecoderSettings {
        shared_words: true,
        tied: true,
        bias: false,
        output_scale: 1.0,
        start: 0,
        end: 1,
        never: Vec::new(),
        longest: None,
        layers,
    };
    NewModel {
        settings: e,
        head: Vec::new(),
        language: None,
        classifier: None,
        decoder: Some(decoder),
        sentence: Default::default(),
    }
}

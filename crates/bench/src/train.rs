//! The worker of `bench/train.py`: the same encoder, head, batch and optimiser as its peers, on
//! Contexture's own parts. The requests stand in `bench/README.md`.

use std::sync::Arc;
use std::time::Instant;

use contexture_kernels::{Pool, isa::Isa};
use contexture_model::architectures::{EncoderSettings, Sizes};
use contexture_model::heads::LanguageHeadSettings;
use contexture_model::positions::PositionSettings;
use contexture_model::{Model, NewModel};
use contexture_nn::ops::Gather;
use contexture_nn::{Gradients, Recycler, Rows, Segments, Session, Stored, Value as Node, Weights};
use contexture_train::config::OptimiserSettings;
use contexture_train::optimiser::Optimiser;
use safetensors::SafeTensors;
use serde_json::{Value, json};

use crate::{Reply, peak, rss};

/// Which rows the head sees, with their targets; no rows: all of them.
struct Targets {
    rows: Option<Arc<[u32]>>,
    targets: Arc<[u32]>,
}

struct Problem {
    model: Model,
    weights: Arc<Weights>,
    optimiser: Optimiser,
    gradients: Gradients,
    recycler: Recycler,
    pool: Arc<Pool>,
    ids: Arc<[u32]>,
    segments: Segments,
    all: Targets,
    masked: Targets,
    rate: f64,
    clip: f64,
    rest: Value,
}

#[derive(Default)]
pub(crate) struct TrainWorker {
    problem: Option<Problem>,
}

impl TrainWorker {
    pub(crate) fn answer(&mut self, request: &Value) -> Reply {
        let problem = self.problem.as_mut().ok_or("nothing is loaded");
        match request["cmd"].as_str() {
            Some("version") => Ok(json!({
                "ok": true, "name": "Contexture", "version": env!("CARGO_PKG_VERSION"),
                "details": { "isa": Isa::current().name() },
            })),
            Some("load") => {
                let begun = Instant::now();
                self.problem = Some(Problem::load(request)?);
                Ok(json!({ "ok": true, "seconds": begun.elapsed().as_secs_f64() }))
            }
            Some("loss") => Ok(json!({ "ok": true, "loss": problem?.loss(masked(request)) })),
            Some("run") => Ok(problem?.run(request)),
            Some("ops") => Ok(problem?.ops(masked(request))),
            Some("peak") => Ok(peak(request)),
            Some("exit") => Ok(json!({ "ok": true })),
            _ => Err(format!("unknown command in {request}").into()),
        }
    }
}

fn masked(request: &Value) -> bool {
    request["head"] == "masked"
}

impl Problem {
    fn load(request: &Value) -> Result<Self, Box<dyn std::error::Error>> {
        let path = request["file"].as_str().ok_or("load needs \"file\"")?;
        let bytes = std::fs::read(path)?;
        let file = SafeTensors::deserialize(&bytes)?;
        let numbers = |name: &str| -> Result<Arc<[u32]>, safetensors::SafeTensorError> {
            Ok(words(file.tensor(name)?.data(), u32::from_le_bytes).into())
        };
        let mut model = Model::create(&new_model(&request["sizes"]), 1)?;
        let declaration = model.take_weights().declaration().clone();
        let mut stored = Vec::new();
        for declared in &declaration.params {
            stored.push(Stored::Plain(words(
                file.tensor(&declared.name)?.data(),
                f32::from_le_bytes,
            )));
        }
        let recipe = &request["recipe"];
        let number = |key: &str| recipe[key].as_f64().unwrap_or(0.0);
        let settings =
            OptimiserSettings { weight_decay: number("weight_decay"), ..Default::default() };
        let (ids, length) = (numbers("batch.ids")?, file.tensor("batch.ids")?.shape()[1]);
        let optimiser = Optimiser::new(&settings, &declaration)?;
        let all = Targets { rows: None, targets: numbers("batch.all")? };
        let masked =
            Targets { rows: Some(numbers("batch.rows")?), targets: numbers("batch.targets")? };
        let threads = request["threads"].as_u64().unwrap_or(1) as usize;
        drop(bytes);
        Ok(Self {
            model,
            weights: Arc::new(Weights::new(declaration, stored)),
            optimiser,
            gradients: Gradients::default(),
            recycler: Recycler::default(),
            pool: Arc::new(Pool::new(threads)),
            segments: Segments::from_lengths(vec![length; ids.len() / length]),
            ids,
            all,
            masked,
            rate: number("rate"),
            clip: number("clip"),
            rest: rss()["rss_bytes"].clone(),
        })
    }

    /// The losses' rows `[n, 1]`, of a session that trains or infers.
    fn forward(&self, s: &mut Session, masked: bool) -> Node {
        let batch = self.model.batch(self.ids.clone(), None, self.segments.clone());
        let batch = batch.expect("the driver's numbers fit its sizes");
        let mut x = self.model.tokens(s, &batch);
        let Targets { rows, targets } = if masked { &self.masked } else { &self.all };
        if let Some(rows) = rows {
            x = s.apply(Gather { rows: rows.clone() }, &[&x], &self.segments);
        }
        let language = self.model.language().expect("it was asked for");
        let rows = Segments::single(targets.len());
        let x = language.transform(s, &x, &rows);
        language.loss(s, &x, targets.clone(), 0.0, 1.0 / targets.len() as f32)
    }

    fn loss(&self, masked: bool) -> f64 {
        let mut s = Session::infer(self.weights.clone(), self.pool.clone());
        mean(&self.forward(&mut s, masked))
    }

    /// Milliseconds of forward, backward and optimiser, and the loss before the step.
    fn step(&mut self, masked: bool) -> [f64; 4] {
        let mut times = [Instant::now(); 4];
        self.gradients.clear();
        let (weights, pool) = (self.weights.clone(), self.pool.clone());
        let mut s = Session::train_with(weights, pool, self.recycler.clone());
        let losses = self.forward(&mut s, masked);
        let loss = mean(&losses);
        times[1] = Instant::now();
        let count = losses.rows().rows();
        let seed = Rows::new(vec![1.0 / count as f32; count], 1);
        s.backward_into(vec![(&losses, seed)], &mut self.gradients);
        drop((s, losses));
        times[2] = Instant::now();
        let norm = self.optimiser.norm(&self.pool, self.weights.declaration(), &self.gradients);
        let scale = if self.clip > 0.0 { (self.clip / (norm + 1e-6)).min(1.0) } else { 1.0 };
        let weights = Arc::get_mut(&mut self.weights).expect("the session is gone");
        self.optimiser.step(&self.pool, weights, &self.gradients, self.rate, scale);
        times[3] = Instant::now();
        let part = |k: usize| (times[k + 1] - times[k]).as_secs_f64() * 1e3;
        [part(0), part(1), part(2), loss]
    }

    fn run(&mut self, request: &Value) -> Value {
        let count = request["n"].as_u64().unwrap_or(1);
        let steps: Vec<_> = (0..count).map(|_| self.step(masked(request))).collect();
        let now = rss();
        json!({
            "ok": true, "steps": steps, "rest_bytes": self.rest,
            "rss_bytes": now["rss_bytes"], "peak_rss_bytes": now["peak_rss_bytes"],
        })
    }

    /// Milliseconds of each op's forward, as the session sums them.
    fn ops(&self, masked: bool) -> Value {
        let (weights, pool) = (self.weights.clone(), self.pool.clone());
        let mut s = Session::train_with(weights, pool, self.recycler.clone());
        s.time_ops(true);
        self.forward(&mut s, masked);
        let timings = s.timings();
        let named = timings.into_iter().map(|(op, time)| (op, time.as_secs_f64() * 1e3));
        json!({ "ok": true, "forward_ms": named.collect::<std::collections::BTreeMap<_, _>>() })
    }
}

fn new_model(sizes: &Value) -> NewModel {
    let number = |key: &str| sizes[key].as_u64().unwrap_or(0) as usize;
    let mut settings = EncoderSettings::plain(Sizes {
        hidden: number("hidden"),
        heads: number("heads"),
        inner: number("inner"),
        vocabulary: number("vocabulary"),
        layers: number("layers"),
    });
    let entries = number("positions");
    settings.maximum_tokens = Some(entries);
    settings.positions = vec![PositionSettings::Learned { entries, offset: 0, skips: None }];
    let language = Some(LanguageHeadSettings::bert(&settings));
    let (head, classifier, sentence) = (Vec::new(), None, Default::default());
    NewModel { settings, head, language, classifier, decoder: None, sentence }
}

fn mean(losses: &Node) -> f64 {
    let values = losses.rows().as_slice();
    values.iter().map(|loss| f64::from(*loss)).sum::<f64>() / values.len() as f64
}

fn words<T>(data: &[u8], value: impl Fn([u8; 4]) -> T) -> Vec<T> {
    data.chunks_exact(4).map(|word| value(word.try_into().expect("four bytes"))).collect()
}

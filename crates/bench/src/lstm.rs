//! The worker of `bench/lstm.py`: layers of an LSTM with both directions, on the weights, rows and
//! gradient of a file that its peer reads too.

use std::sync::Arc;
use std::time::Instant;

use contexture_kernels::{Pool, isa::Isa, measure};
use contexture_nn::ops::{Lstm, LstmDirection, Reads};
use contexture_nn::{
    Builder, Declaration, Gradients, Initial, Param, Recycler, Rows, Segments, Session, Stored,
    Value as Node, Weights,
};
use safetensors::SafeTensors;
use serde_json::{Value, json};

use crate::Reply;

type Failure = Box<dyn std::error::Error>;

/// Everything of one run.
struct Problem {
    layers: Vec<Vec<LstmDirection>>,
    declaration: Declaration,
    plain: Arc<Weights>,
    packed: Arc<Weights>,
    pool: Arc<Pool>,
    recycler: Recycler,
    gradients: Gradients,
    segments: Segments,
    x: Rows,
    seed: Rows,
}

#[derive(Default)]
pub(crate) struct LstmWorker {
    problem: Option<Problem>,
}

impl LstmWorker {
    pub(crate) fn answer(&mut self, request: &Value) -> Reply {
        let problem = self.problem.as_mut().ok_or("nothing is loaded");
        match request["cmd"].as_str() {
            Some("version") => Ok(json!({
                "ok": true, "name": "Contexture", "version": env!("CARGO_PKG_VERSION"),
                "details": { "isa": Isa::current().name() },
            })),
            Some("load") => {
                self.problem = Some(Problem::load(request)?);
                Ok(json!({ "ok": true }))
            }
            Some("run") => Ok(problem?.run(request)),
            Some("ops") => Ok(problem?.ops()),
            Some("check") => Ok(problem?.check()),
            Some("peak") => {
                let rate = measure::peak_gflops(threads(request));
                Ok(json!({ "ok": true, "gflops": rate }))
            }
            Some("exit") => Ok(json!({ "ok": true })),
            _ => Err(format!("unknown command in {request}").into()),
        }
    }
}

fn threads(request: &Value) -> usize {
    request["threads"].as_u64().unwrap_or(1) as usize
}

/// The tensors of one direction, as PyTorch names them.
fn suffix(layer: usize, reversed: bool) -> String {
    format!("l{layer}{}", if reversed { "_reverse" } else { "" })
}

impl Problem {
    fn load(request: &Value) -> Result<Self, Failure> {
        let bytes = std::fs::read(request["file"].as_str().ok_or("load needs \"file\"")?)?;
        let file = SafeTensors::deserialize(&bytes)?;
        let read = |name: &str| -> Result<Vec<f32>, Failure> {
            let (values, _) = file.tensor(name)?.data().as_chunks::<4>();
            Ok(values.iter().map(|value| f32::from_le_bytes(*value)).collect())
        };
        let [sequences, length, inputs] = *file.tensor("x")?.shape() else {
            return Err("x is [sequences, length, inputs]".into());
        };
        let (mut builder, mut stored, mut layers) = (Builder::new(), Vec::new(), Vec::new());
        while file.tensor(&format!("weight_ih_l{}", layers.len())).is_ok() {
            let mut directions = Vec::new();
            for reversed in [false, true] {
                let suffix = suffix(layers.len(), reversed);
                let shape = |name: String| file.tensor(&name).map(|t| t.shape().to_vec());
                let (w, r) = (format!("weight_ih_{suffix}"), format!("weight_hh_{suffix}"));
                let (input, recurrent) = (shape(w.clone())?, shape(r.clone())?);
                let zeros = Initial::Zeros;
                directions.push(LstmDirection {
                    input: builder.matrix(&w, input[0], input[1], zeros),
                    recurrent: builder.matrix(&r, recurrent[0], recurrent[1], zeros),
                    bias: builder.vector(&format!("bias_{suffix}"), input[0], zeros),
                    projection: None,
                    reversed,
                });
                let (first, second) =
                    (read(&format!("bias_ih_{suffix}"))?, read(&format!("bias_hh_{suffix}"))?);
                let bias = first.iter().zip(&second).map(|(a, b)| a + b).collect();
                stored.extend([read(&w)?, read(&r)?, bias]);
            }
            layers.push(directions);
        }
        let declaration = builder.finish();
        let weights = || {
            let stored = stored.iter().cloned().map(Stored::Plain).collect();
            Weights::new(declaration.clone(), stored)
        };
        let (x, seed) = (read("x")?, read("g")?);
        let width = seed.len() / (sequences * length);
        Ok(Self {
            layers,
            plain: Arc::new(weights()),
            packed: Arc::new(weights().packed()),
            declaration,
            pool: Arc::new(Pool::new(threads(request))),
            recycler: Recycler::keeping(64),
            gradients: Gradients::default(),
            segments: Segments::from_lengths(vec![length; sequences]),
            x: Rows::new(x, inputs),
            seed: Rows::new(seed, width),
        })
    }

    fn session(&self, trains: bool) -> Session {
        let (pool, recycler) = (self.pool.clone(), self.recycler.clone());
        match trains {
            true => Session::train_with(self.plain.clone(), pool, recycler),
            false => Session::infer_with(self.packed.clone(), pool, recycler),
        }
    }

    fn forward(&self, session: &mut Session, x: &Node) -> Node {
        let mut y = x.clone();
        for directions in &self.layers {
            let layer = Lstm {
                directions: directions.clone(),
                reads: Reads::All,
                cell_clip: None,
                projection_clip: None,
                carry: None,
            };
            y = session.apply(layer, &[&y], &self.segments);
        }
        y
    }

    /// One forward, or one forward and backward; what it takes in milliseconds.
    fn once(&mut self, step: bool) -> f64 {
        let (mut session, x) = (self.session(step), self.x.clone());
        let seed = step.then(|| self.seed.clone());
        let x = session.input(x);
        let begun = Instant::now();
        let y = self.forward(&mut session, &x);
        if let Some(seed) = seed {
            self.gradients.clear();
            session.backward_into(vec![(&y, seed)], &mut self.gradients);
        }
        begun.elapsed().as_secs_f64() * 1e3
    }

    fn run(&mut self, request: &Value) -> Value {
        let (step, count) = (request["what"] == "step", request["n"].as_u64().unwrap_or(1));
        let times: Vec<f64> = (0..count).map(|_| self.once(step)).collect();
        json!({ "ok": true, "ms": times })
    }

    /// What each part of a step takes, in milliseconds.
    fn ops(&mut self) -> Value {
        let mut session = self.session(true);
        session.time_ops(true);
        let x = session.input(self.x.clone());
        let y = self.forward(&mut session, &x);
        session.backward_into(vec![(&y, self.seed.clone())], &mut self.gradients);
        let ms = |times: std::collections::BTreeMap<&'static str, std::time::Duration>| -> Value {
            times.iter().map(|(name, time)| (*name, time.as_secs_f64() * 1e3)).collect()
        };
        json!({ "ok": true, "forward": ms(session.timings()), "backward": ms(session.backward_timings()) })
    }

    /// Enough of the results to tell whether a peer's are the same: the first sequence's output,
    /// the sum of its squares for each sequence, and the sum of squares of each gradient.
    fn check(&mut self) -> Value {
        let squares = |values: &[f32]| -> f64 {
            values.iter().map(|value| f64::from(*value) * f64::from(*value)).sum()
        };
        let mut session = self.session(false);
        let x = session.input(self.x.clone());
        let y = self.forward(&mut session, &x);
        let rows: Vec<f64> = (self.segments.iter())
            .map(|range| range.map(|row| squares(y.rows().row(row))).sum())
            .collect();
        let first = y.rows().row(0).to_vec();
        let mut session = self.session(true);
        let x = session.input(self.x.clone());
        let y = self.forward(&mut session, &x);
        self.gradients.clear();
        session.backward_into(vec![(&y, self.seed.clone())], &mut self.gradients);
        let by = |param: Param| self.gradients.parameter(param).map_or(0.0, squares);
        let mut gradients: serde_json::Map<String, Value> = (self.declaration.params.iter())
            .map(|declared| (declared.name.clone(), by(declared.param).into()))
            .collect();
        let dx = self.gradients.value(&x).map_or(0.0, |dx| squares(dx.as_slice()));
        gradients.insert("x".into(), dx.into());
        json!({ "ok": true, "first": first, "rows": rows, "gradients": gradients })
    }
}

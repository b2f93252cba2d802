//! candle's worker for `bench/train.py`: the same encoder, head, batch and optimiser; JSON lines in,
//! JSON lines out. `layer_norm_slow` and `softmax` rather than the fused ones, which have no
//! gradient; AdamW is candle's own, one for matrices and one, without decay, for vectors.

use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::time::Instant;

use candle_core::{D, DType, Device, Result, Tensor, Var};
use candle_nn::optim::{AdamW, Optimizer, ParamsAdamW};
use serde_json::{Value, json};

struct Problem {
    vars: HashMap<String, Var>,
    matrices: AdamW,
    vectors: AdamW,
    ids: Tensor,
    places: Tensor,
    all: Tensor,
    rows: Tensor,
    targets: Tensor,
    layers: usize,
    heads: usize,
    clip: f64,
    rest: u64,
}

fn main() {
    let mut problem = None;
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        let request: Value = serde_json::from_str(&line).unwrap_or_default();
        if request["cmd"] == "exit" {
            break;
        }
        let reply = answer(&mut problem, &request)
            .unwrap_or_else(|error| json!({ "ok": false, "error": error.to_string() }));
        let mut out = std::io::stdout().lock();
        if writeln!(out, "{reply}").and_then(|()| out.flush()).is_err() {
            break;
        }
    }
}

fn answer(problem: &mut Option<Problem>, request: &Value) -> Result<Value> {
    let masked = request["head"] == "masked";
    match (request["cmd"].as_str(), problem) {
        (Some("version"), _) => Ok(json!({
            "ok": true, "name": "candle", "version": "0.11", "details": {},
        })),
        (Some("load"), problem) => {
            let begun = Instant::now();
            *problem = Some(Problem::load(request)?);
            Ok(json!({ "ok": true, "seconds": begun.elapsed().as_secs_f64() }))
        }
        (Some("loss"), Some(problem)) => {
            Ok(json!({ "ok": true, "loss": problem.loss(masked)?.to_scalar::<f32>()? }))
        }
        (Some("run"), Some(problem)) => {
            let count = request["n"].as_u64().unwrap_or(1);
            let steps = (0..count).map(|_| problem.step(masked)).collect::<Result<Vec<_>>>()?;
            Ok(json!({
                "ok": true, "steps": steps, "rest_bytes": problem.rest,
                "rss_bytes": status("VmRSS:"), "peak_rss_bytes": status("VmHWM:"),
            }))
        }
        _ => Ok(json!({ "ok": false, "error": "unknown command, or nothing is loaded" })),
    }
}

impl Problem {
    fn load(request: &Value) -> Result<Self> {
        let path = request["file"].as_str().unwrap_or_default();
        let mut tensors = candle_core::safetensors::load(path, &Device::Cpu)?;
        let mut batch = |name: &str| -> Result<Tensor> {
            let tensor = tensors.remove(&format!("batch.{name}"));
            tensor.expect("the driver writes it").to_dtype(DType::U32)
        };
        let [ids, all, rows, targets] =
            [batch("ids")?, batch("all")?, batch("rows")?, batch("targets")?];
        let vars = tensors.into_iter().map(|(name, t)| Ok((name, Var::from_tensor(&t)?)));
        let vars = vars.collect::<Result<HashMap<_, _>>>()?;
        let recipe = |key: &str| request["recipe"][key].as_f64().unwrap_or(0.0);
        let adamw = |matrices: bool| {
            let of = vars.values().filter(|var| (var.rank() > 1) == matrices);
            let weight_decay = if matrices { recipe("weight_decay") } else { 0.0 };
            let params = ParamsAdamW { lr: recipe("rate"), weight_decay, ..Default::default() };
            AdamW::new(of.cloned().collect(), params)
        };
        let size = |key: &str| request["sizes"][key].as_u64().unwrap_or(0) as usize;
        Ok(Self {
            matrices: adamw(true)?,
            vectors: adamw(false)?,
            places: Tensor::arange(0u32, ids.dim(1)? as u32, &Device::Cpu)?,
            vars,
            ids,
            all,
            rows,
            targets,
            layers: size("layers"),
            heads: size("heads"),
            clip: recipe("clip"),
            rest: status("VmRSS:"),
        })
    }

    fn var(&self, name: &str) -> &Tensor {
        &self.vars[name]
    }

    fn map(&self, name: &str, x: &Tensor) -> Result<Tensor> {
        let weight = self.var(&format!("{name}.weight"));
        x.matmul(&weight.t()?)?.broadcast_add(self.var(&format!("{name}.bias")))
    }

    fn norm(&self, name: &str, x: &Tensor) -> Result<Tensor> {
        let of = |part: &str| self.var(&format!("{name}.{part}"));
        candle_nn::ops::layer_norm_slow(x, of("weight"), of("bias"), 1e-12)
    }

    fn attention(&self, i: usize, x: &Tensor) -> Result<Tensor> {
        let (batch, length) = self.ids.dims2()?;
        let width = x.dim(1)? / self.heads;
        let qkv = self.map(&format!("layers.{i}.attention.qkv"), x)?;
        let qkv = qkv.reshape((batch, length, 3, self.heads, width))?;
        let part = |k: usize| -> Result<Tensor> {
            qkv.narrow(2, k, 1)?.squeeze(2)?.transpose(1, 2)?.contiguous()
        };
        let (q, k, v) = (part(0)?, part(1)?, part(2)?);
        let scores = (q.matmul(&k.t()?.contiguous()?)? * (1.0 / (width as f64).sqrt()))?;
        let mixed = candle_nn::ops::softmax(&scores, D::Minus1)?.matmul(&v)?;
        let mixed = mixed.transpose(1, 2)?.contiguous()?.reshape(x.shape())?;
        self.map(&format!("layers.{i}.attention.output"), &mixed)
    }

    fn loss(&self, masked: bool) -> Result<Tensor> {
        let words = self.var("embeddings.words.weight");
        let rows = words.embedding(&self.ids.flatten_all()?)?;
        let (batch, length) = self.ids.dims2()?;
        let rows = rows.reshape((batch, length, ()))?;
        let places = self.var("embeddings.positions.weight").embedding(&self.places)?;
        let x = rows.broadcast_add(&places)?.flatten(0, 1)?;
        let mut x = self.norm("embeddings.norm", &x)?;
        for i in 0..self.layers {
            let sum = (&x + self.attention(i, &x)?)?;
            x = self.norm(&format!("layers.{i}.attention.norm"), &sum)?;
            let inner = self.map(&format!("layers.{i}.feed_forward.first"), &x)?.gelu_erf()?;
            let sum = (&x + self.map(&format!("layers.{i}.feed_forward.second"), &inner)?)?;
            x = self.norm(&format!("layers.{i}.feed_forward.norm"), &sum)?;
        }
        if masked {
            x = x.index_select(&self.rows, 0)?;
        }
        let x = self.norm("language.norm", &self.map("language.dense", &x)?.gelu_erf()?)?;
        let logits = x.matmul(&words.t()?)?.broadcast_add(self.var("language.bias"))?;
        candle_nn::loss::cross_entropy(&logits, if masked { &self.targets } else { &self.all })
    }

    /// Milliseconds of forward, backward and optimiser, and the loss before the step.
    fn step(&mut self, masked: bool) -> Result<[f64; 4]> {
        let begun = Instant::now();
        let loss = self.loss(masked)?;
        let forward = begun.elapsed();
        let mut gradients = loss.backward()?;
        let backward = begun.elapsed();
        if self.clip > 0.0 {
            let mut sum = 0.0;
            for var in self.vars.values() {
                if let Some(g) = gradients.get(var) {
                    sum += f64::from(g.sqr()?.sum_all()?.to_scalar::<f32>()?);
                }
            }
            let scale = (self.clip / (sum.sqrt() + 1e-6)).min(1.0);
            if scale < 1.0 {
                for var in self.vars.values() {
                    if let Some(g) = gradients.get(var) {
                        let scaled = (g * scale)?;
                        gradients.insert(var, scaled);
                    }
                }
            }
        }
        self.matrices.step(&gradients)?;
        self.vectors.step(&gradients)?;
        let whole = begun.elapsed();
        let ms = |time: std::time::Duration| time.as_secs_f64() * 1e3;
        let value = f64::from(loss.to_scalar::<f32>()?);
        Ok([ms(forward), ms(backward - forward), ms(whole - backward), value])
    }
}

fn status(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(key));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

//! Contexture's workers for `bench/run.py`, `bench/train.py`, `bench/lstm.py` and those of translation: JSON lines in,
//! JSON lines out, as `bench/README.md` sets out.
#![forbid(unsafe_code)]

mod lstm;
mod train;
mod translate;

use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use contexture::{EmbedOptions, Embedder, OpenOptions, Record, WeightType};
use contexture_kernels::{isa::Isa, measure};
use serde_json::{Value, json};

struct Set {
    texts: Vec<String>,
    options: EmbedOptions,
    vectors: Vec<Record>,
}

#[derive(Default)]
struct Worker {
    embedder: Option<Embedder>,
    sets: HashMap<String, Set>,
}

type Reply = Result<Value, Box<dyn std::error::Error>>;

fn main() {
    let (mut worker, mut learner) = (Worker::default(), train::TrainWorker::default());
    let mut layers = lstm::LstmWorker::default();
    match std::env::args().nth(1).as_deref() {
        Some("worker") => serve(|request| worker.answer(request)),
        Some("train-step") => serve(|request| learner.answer(request)),
        Some("translate") => {
            let mut outputs = translate::TranslateWorker::default();
            serve(|request| outputs.answer(request));
        }
        Some("seq2seq-step") => {
            let mut pairs = translate::Seq2SeqWorker::default();
            serve(|request| pairs.answer(request));
        }
        Some("lstm") => serve(|request| layers.answer(request)),
        _ => {
            eprintln!(
                "usage: contexture-bench worker|train-step|lstm|translate|seq2seq-step   (see bench/README.md)"
            );
            std::process::exit(2);
        }
    }
}

fn serve(mut answer: impl FnMut(&Value) -> Reply) {
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        let reply = serde_json::from_str(&line)
            .map_err(Into::into)
            .and_then(|request: Value| answer(&request))
            .unwrap_or_else(|error| json!({ "ok": false, "error": error.to_string() }));
        let mut out = std::io::stdout().lock();
        if writeln!(out, "{reply}").and_then(|()| out.flush()).is_err() {
            break;
        }
        if line.contains("\"exit\"") {
            break;
        }
    }
}

impl Worker {
    fn answer(&mut self, request: &Value) -> Reply {
        match request["cmd"].as_str() {
            Some("version") => Ok(json!({
                "ok": true, "name": "contexture", "version": env!("CARGO_PKG_VERSION"),
                "details": { "isa": Isa::current().name() },
            })),
            Some("load") => self.load(request),
            Some("set") => self.keep(request),
            Some("run") => self.run(request),
            Some("vectors") => self.vectors(request),
            Some("latency") => self.latency(request),
            Some("profile") => self.profile(request),
            Some("rss") => Ok(rss()),
            Some("peak") => Ok(peak(request)),
            Some("exit") => Ok(json!({ "ok": true })),
            _ => Err(format!("unknown command in {request}").into()),
        }
    }

    fn load(&mut self, request: &Value) -> Reply {
        let begun = Instant::now();
        let folder = request["model"].as_str().ok_or("load needs \"model\"")?;
        let threads = request["threads"].as_u64().unwrap_or(0) as usize;
        let weights = match request["options"]["weights"].as_str() {
            None => None,
            Some("f32") => Some(WeightType::F32),
            Some("int8") => Some(WeightType::Int8),
            Some(other) => return Err(format!("weights {other}: f32 or int8").into()),
        };
        let options = OpenOptions { threads, weights, ..OpenOptions::default() };
        // By its name the model inside: no file is read.
        self.embedder = Some(match folder == contexture::BUILT_IN {
            true => Embedder::open_with(folder, &options)?,
            false => Embedder::open_folder(Path::new(folder), &options)?,
        });
        Ok(json!({ "ok": true, "seconds": begun.elapsed().as_secs_f64() }))
    }

    fn embedder(&self) -> Result<&Embedder, &'static str> {
        self.embedder.as_ref().ok_or("no model is loaded")
    }

    fn keep(&mut self, request: &Value) -> Reply {
        let name = request["name"].as_str().ok_or("set needs \"name\"")?;
        let texts: Vec<String> = serde_json::from_value(request["texts"].clone())?;
        let count = texts.len();
        let options = limited(request);
        self.sets.insert(name.into(), Set { texts, options, vectors: Vec::new() });
        Ok(json!({ "ok": true, "texts": count }))
    }

    fn run(&mut self, request: &Value) -> Reply {
        let embedder = self.embedder.as_ref().ok_or("no model is loaded")?;
        let name = request["set"].as_str().ok_or("run needs \"set\"")?;
        let set = self.sets.get_mut(name).ok_or("no such set")?;
        let mut options = set.options.clone();
        if let Some(budget) = request["options"]["budget_tokens"].as_u64() {
            options.budget_tokens = budget as usize;
        }
        let begun = Instant::now();
        set.vectors = embedder.embed_with(&set.texts, &options)?;
        Ok(json!({ "ok": true, "seconds": begun.elapsed().as_secs_f64() }))
    }

    fn vectors(&self, request: &Value) -> Reply {
        let name = request["set"].as_str().ok_or("vectors needs \"set\"")?;
        let set = self.sets.get(name).ok_or("no such set")?;
        let count = request["n"].as_u64().unwrap_or(8) as usize;
        let vectors: Vec<_> = set.vectors.iter().take(count).map(Record::vector).collect();
        Ok(json!({ "ok": true, "vectors": vectors }))
    }

    fn latency(&self, request: &Value) -> Reply {
        let embedder = self.embedder()?;
        let text = request["text"].as_str().ok_or("latency needs \"text\"")?;
        let count = request["n"].as_u64().unwrap_or(100) as usize;
        let options = limited(request);
        let once = || -> Result<Duration, contexture::EngineError> {
            let begun = Instant::now();
            let records = embedder.embed_with(&[text], &options)?;
            std::hint::black_box(&records);
            Ok(begun.elapsed())
        };
        for _ in 0..5 {
            once()?;
        }
        let figures = (0..count)
            .map(|_| Ok(once()?.as_secs_f64() * 1e3))
            .collect::<Result<Vec<_>, contexture::EngineError>>()?;
        Ok(json!({ "ok": true, "milliseconds": figures }))
    }

    fn profile(&self, request: &Value) -> Reply {
        let name = request["set"].as_str().ok_or("profile needs \"set\"")?;
        let set = self.sets.get(name).ok_or("no such set")?;
        let begun = Instant::now();
        let stages = self.embedder()?.profile(&set.texts, &set.options)?;
        let seconds = begun.elapsed().as_secs_f64();
        let stages: HashMap<_, _> =
            stages.into_iter().map(|(stage, time)| (stage, time.as_secs_f64())).collect();
        Ok(json!({ "ok": true, "seconds": seconds, "stages": stages }))
    }
}

fn limited(request: &Value) -> EmbedOptions {
    let max_length = request["max_length"].as_u64().map(|length| length as usize);
    EmbedOptions { max_length, ..EmbedOptions::default() }
}

fn peak(request: &Value) -> Value {
    let threads = request["threads"].as_u64().unwrap_or(1) as usize;
    json!({
        "ok": true,
        "gflops": measure::peak_gflops(threads),
        "what": format!("fused multiply-adds on registers, {}", Isa::current().name()),
    })
}

/// From the kernel's accounting; null where there is none.
fn rss() -> Value {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let bytes = |key: &str| {
        let line = status.lines().find(|line| line.starts_with(key))?;
        Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
    };
    json!({ "ok": true, "rss_bytes": bytes("VmRSS:"), "peak_rss_bytes": bytes("VmHWM:") })
}

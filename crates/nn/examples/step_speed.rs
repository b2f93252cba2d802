//! A training step of a masked language model, part by part and op by op: 4 layers, hidden 256, 4
//! heads, inner 1024, a tied head over 8192 words, 32 texts of 64 tokens, AdamW.
//!
//! `cargo run --release -p contexture-nn --example step_speed [threads] [masked]`; `masked` puts
//! the head at 15 % of the places only.

use std::sync::Arc;
use std::time::{Duration, Instant};

use contexture_kernels::optimise::{AdamStep, adam};
use contexture_kernels::{Activation, Pool, Reach, measure};
use contexture_nn::ops::{
    Add, Attention, CrossEntropy, FeedForward, Gather, LayerNorm, Linear, Lookup, ScoreBias,
};
use contexture_nn::{
    Builder, Declaration, Gradients, Initial, Param, Recycler, Rows, Segments, Session, Value,
    Weights,
};

const LAYERS: usize = 4;
const HIDDEN: usize = 256;
const HEADS: usize = 4;
const INNER: usize = 1024;
const WORDS: usize = 8192;
const TEXTS: usize = 32;
const LENGTH: usize = 64;

struct Layer {
    qkv: Linear,
    output: Linear,
    first_norm: LayerNorm,
    feed_forward: FeedForward,
    second_norm: LayerNorm,
}

struct Model {
    words: Param,
    places: Param,
    norm: LayerNorm,
    layers: Vec<Layer>,
    transform: Linear,
    head_norm: LayerNorm,
    head_bias: Param,
}

fn norm(b: &mut Builder) -> LayerNorm {
    let weight = b.vector("weight", HIDDEN, Initial::Ones);
    let bias = Some(b.vector("bias", HIDDEN, Initial::Zeros));
    LayerNorm { weight, bias, epsilon: 1e-12, centred: true }
}

fn linear(b: &mut Builder, outputs: usize, inputs: usize, activation: Activation) -> Linear {
    let weight = b.matrix("weight", outputs, inputs, Initial::Normal(0.02));
    let bias = Some(b.vector("bias", outputs, Initial::Zeros));
    Linear { weight, bias, activation }
}

fn layer(b: &mut Builder) -> Layer {
    let qkv = b.within("qkv", |b| linear(b, 3 * HIDDEN, HIDDEN, Activation::Identity));
    let output = b.within("output", |b| linear(b, HIDDEN, HIDDEN, Activation::Identity));
    let first_norm = b.within("first_norm", norm);
    let first = b.within("first", |b| linear(b, INNER, HIDDEN, Activation::Gelu));
    let second = b.within("second", |b| linear(b, HIDDEN, INNER, Activation::Identity));
    let feed_forward = FeedForward {
        first: first.weight,
        first_bias: first.bias,
        activation: Activation::Gelu,
        gated: false,
        second: second.weight,
        second_bias: second.bias,
    };
    let second_norm = b.within("second_norm", norm);
    Layer { qkv, output, first_norm, feed_forward, second_norm }
}

fn model() -> (Model, Declaration) {
    let mut b = Builder::new();
    let model = Model {
        words: b.table("words", WORDS, HIDDEN, Initial::Normal(0.02)),
        places: b.table("places", 512, HIDDEN, Initial::Normal(0.02)),
        norm: b.within("norm", norm),
        layers: (0..LAYERS).map(|index| b.within(index, layer)).collect(),
        transform: b.within("transform", |b| linear(b, HIDDEN, HIDDEN, Activation::Gelu)),
        head_norm: b.within("head_norm", norm),
        head_bias: b.vector("head_bias", WORDS, Initial::Zeros),
    };
    (model, b.finish())
}

struct Batch {
    ids: Arc<[u32]>,
    places: Arc<[u32]>,
    chosen: Option<Arc<[u32]>>,
    targets: Arc<[u32]>,
    segments: Segments,
}

fn batch(masked: bool) -> Batch {
    let tokens = TEXTS * LENGTH;
    let ids: Arc<[u32]> = (0..tokens).map(|i| (i * 7919 % WORDS) as u32).collect();
    let chosen: Vec<u32> = (0..tokens as u32).filter(|i| !masked || i * 37 % 100 < 15).collect();
    let targets = chosen.iter().map(|i| ids[*i as usize]).collect();
    let places = (0..tokens).map(|i| (i % LENGTH) as u32).collect();
    let segments = Segments::from_lengths(vec![LENGTH; TEXTS]);
    Batch { ids, places, chosen: masked.then(|| chosen.into()), targets, segments }
}

fn forward(model: &Model, s: &mut Session, batch: &Batch) -> Value {
    let segments = &batch.segments;
    let words = s.apply(Lookup { table: model.words, ids: batch.ids.clone() }, &[], segments);
    let places = s.apply(Lookup { table: model.places, ids: batch.places.clone() }, &[], segments);
    let sum = s.apply(Add, &[&words, &places], segments);
    let mut x = s.apply(model.norm, &[&sum], segments);
    for layer in &model.layers {
        let qkv = s.apply(layer.qkv, &[&x], segments);
        let attention = Attention {
            heads: HEADS,
            head_width: HIDDEN / HEADS,
            scale: 1.0 / ((HIDDEN / HEADS) as f32).sqrt(),
            reach: Reach::ALL,
            bias: ScoreBias::None,
            carry: None,
        };
        let mixed = s.apply(attention, &[&qkv], segments);
        let sum = s.apply(layer.output, &[&mixed, &x], segments);
        x = s.apply(layer.first_norm, &[&sum], segments);
        let sum = s.apply(layer.feed_forward, &[&x, &x], segments);
        x = s.apply(layer.second_norm, &[&sum], segments);
    }
    if let Some(rows) = &batch.chosen {
        x = s.apply(Gather { rows: rows.clone() }, &[&x], segments);
    }
    let rows = Segments::single(batch.targets.len());
    let x = s.apply(model.transform, &[&x], &rows);
    let x = s.apply(model.head_norm, &[&x], &rows);
    let loss = CrossEntropy {
        weight: model.words,
        bias: Some(model.head_bias),
        targets: batch.targets.clone(),
        smoothing: 0.0,
        seed: 1.0 / batch.targets.len() as f32,
    };
    s.apply(loss, &[&x], &rows)
}

/// Multiply-adds of a step's matrix products and attention, each counted as two operations.
fn operations(batch: &Batch) -> f64 {
    let tokens = (TEXTS * LENGTH) as f64;
    let layer = (4 * HIDDEN * HIDDEN + 2 * HIDDEN * INNER) as f64;
    let head = (HIDDEN * HIDDEN + HIDDEN * WORDS) as f64 * batch.targets.len() as f64;
    let attention = (LAYERS * 4 * LENGTH * HIDDEN) as f64 * tokens;
    6.0 * (LAYERS as f64 * layer * tokens + head) + 3.5 * attention
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let threads = arguments.iter().find_map(|a| a.parse().ok()).unwrap_or(2);
    let batch = batch(arguments.iter().any(|a| a == "masked"));
    let (model, declaration) = model();
    let pool = Arc::new(Pool::new(threads));
    let mut weights = Arc::new(Weights::initial(declaration, 1));
    let params: Vec<Param> =
        weights.declaration().params.iter().map(|declared| declared.param).collect();
    let mut moments: Vec<_> =
        params.iter().map(|p| (vec![0.0; p.len()], vec![0.0; p.len()])).collect();
    let (recycler, mut gradients) = (Recycler::keeping(256), Gradients::default());
    let mut best = [Duration::MAX; 4];
    let (mut ops, mut loss) = (Default::default(), 0.0);
    for number in 1..=12 {
        let begin = Instant::now();
        let mut s = Session::train_with(weights.clone(), pool.clone(), recycler.clone());
        s.time_ops(true);
        let losses = forward(&model, &mut s, &batch);
        let forward = begin.elapsed();
        let n = batch.targets.len();
        let seed = Rows::new(vec![1.0 / n as f32; n], 1);
        loss = losses.rows().as_slice().iter().map(|l| f64::from(*l)).sum::<f64>() / n as f64;
        gradients.clear();
        s.backward_into(vec![(&losses, seed)], &mut gradients);
        let backward = begin.elapsed() - forward;
        let timings = (s.timings(), s.backward_timings());
        drop((losses, s));
        let owned = Arc::get_mut(&mut weights).expect("the session is gone");
        let step = AdamStep {
            decoupled: true,
            learning_rate: 1e-3,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.01,
            bias_correction1: 1.0 - 0.9f64.powi(number),
            bias_correction2: 1.0 - 0.999f64.powi(number),
            gradient_scale: 1.0,
        };
        for (param, (m, v)) in params.iter().zip(&mut moments) {
            if let Some(gradient) = gradients.parameter(*param) {
                adam(&pool, &step, owned.plain_mut(*param), gradient, m, v);
            }
        }
        let all = begin.elapsed();
        if all < best[3] {
            best = [forward, backward, all - forward - backward, all];
            ops = timings;
        }
    }
    let ms = |d: Duration| d.as_secs_f64() * 1e3;
    let peak = measure::peak_gflops(threads);
    let floor = operations(&batch) / peak / 1e9;
    println!("{threads} threads, peak {peak:.0} GFLOP/s, loss {loss:.4} after 12 steps");
    let [forward, backward, optimiser, all] = best.map(ms);
    println!("forward {forward:.1} ms, backward {backward:.1}, optimiser {optimiser:.1}");
    println!("step {all:.1} ms; floor {:.1}: {:.0} % of peak", floor * 1e3, floor * 1e5 / all);
    println!("{:>16} {:>9} {:>9}", "op", "forward", "backward");
    for (name, forward) in &ops.0 {
        let backward = ops.1.get(name).copied().unwrap_or_default();
        println!("{name:>16} {:>9.2} {:>9.2}", ms(*forward), ms(backward));
    }
}

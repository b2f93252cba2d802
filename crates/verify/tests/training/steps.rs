//! Ten steps of each optimiser: losses, gradient norms, and where the weights went.

use std::collections::BTreeMap;
use std::sync::Arc;

use contexture_kernels::Pool;
use contexture_nn::{Gradients, Weights};
use contexture_train::config::{OptimiserKind, OptimiserSettings};
use contexture_train::optimiser::Optimiser;
use serde::Deserialize;

use crate::problem::{self, Words};

const LOSS_TOLERANCE: f64 = 1e-5;
const NORM_TOLERANCE: f64 = 1e-4;
/// Of a parameter's way over ten steps, in units of its longest value's; PyTorch's own float32
/// is up to 3e-4 away from its float64: a step's length hardly depends on a gradient's.
const MOVE_TOLERANCE: f64 = 2e-3;

#[derive(Deserialize)]
struct Golden {
    batches: Vec<Words>,
    rates: Vec<f64>,
    weight_decay: f64,
    clip: f64,
    runs: BTreeMap<String, Run>,
}

#[derive(Deserialize)]
struct Run {
    smoothing: f32,
    losses: Vec<f64>,
    norms: Vec<f64>,
    moved: BTreeMap<String, Move>,
}

/// How far a parameter went: the length, and eight of its values.
#[derive(Deserialize)]
struct Move {
    norm: f64,
    values: [f64; 8],
}

fn kind(name: &str) -> OptimiserKind {
    match name {
        "adamw" | "adamw_smoothed" => OptimiserKind::AdamW,
        "adam" => OptimiserKind::Adam,
        "adafactor" => OptimiserKind::Adafactor,
        other => panic!("no optimiser {other}"),
    }
}

#[test]
fn ten_steps_are_the_librarys() {
    let golden: Golden = problem::json("bert.json");
    assert_eq!(golden.runs.len(), 4);
    for (name, run) in &golden.runs {
        let worst = train(&golden, name, run);
        println!("{name}: losses, norms, moves off by {worst:?}");
        let most = [LOSS_TOLERANCE, NORM_TOLERANCE, MOVE_TOLERANCE];
        assert!(worst.iter().zip(most).all(|(found, most)| *found <= most), "{name}: {worst:?}");
    }
}

/// The worst relative difference of losses, norms and moves.
fn train(golden: &Golden, name: &str, run: &Run) -> [f64; 3] {
    let model = problem::bert();
    let pool = Arc::new(Pool::new(2));
    let declaration = model.weights().declaration().clone();
    let settings = OptimiserSettings {
        kind: kind(name),
        weight_decay: golden.weight_decay,
        ..OptimiserSettings::default()
    };
    let mut optimiser = Optimiser::new(&settings, &declaration).expect("settings that fit");
    let mut weights = Arc::new(copy(model.weights()));
    let mut gradients = Gradients::default();
    let mut worst = [0.0f64; 3];
    for (step, batch) in golden.batches.iter().enumerate() {
        gradients.clear();
        let loss = problem::learn(&model, &weights, batch, run.smoothing, &pool, &mut gradients);
        let norm = optimiser.norm(&pool, &declaration, &gradients);
        worst[0] = worst[0].max((loss / run.losses[step] - 1.0).abs());
        worst[1] = worst[1].max((norm / run.norms[step] - 1.0).abs());
        let scale = (golden.clip / (norm + 1e-6)).min(1.0);
        let own = Arc::get_mut(&mut weights).expect("the session is gone");
        optimiser.step(&pool, own, &gradients, golden.rates[step], scale);
    }
    worst[2] = moves(model.weights(), &weights, &run.moved);
    worst
}

fn copy(weights: &Weights) -> Weights {
    let params = &weights.declaration().params;
    let stored = params
        .iter()
        .map(|declared| contexture_nn::Stored::Plain(weights.plain(declared.param).to_vec()));
    Weights::new(weights.declaration().clone(), stored.collect())
}

fn moves(begin: &Weights, end: &Weights, expected: &BTreeMap<String, Move>) -> f64 {
    let params = &begin.declaration().params;
    assert_eq!(params.len(), expected.len());
    let distances = params.iter().map(|declared| {
        let (from, to) = (begin.plain(declared.param), end.plain(declared.param));
        let mut moved: Vec<f64> = from.iter().zip(to).map(|(a, b)| f64::from(b - a)).collect();
        if declared.name.ends_with("qkv.bias") {
            // Keys' biases: what they do is rounding.
            moved.drain(moved.len() / 3..moved.len() / 3 * 2);
        }
        let expected = &expected[&declared.name];
        let norm = moved.iter().map(|v| v * v).sum::<f64>().sqrt();
        let typical = expected.norm / (moved.len() as f64).sqrt();
        let values = expected.values.iter().enumerate();
        let worst = values.map(|(i, e)| (moved[moved.len() * i / 8] - e).abs() / typical);
        worst.fold((norm / expected.norm - 1.0).abs(), f64::max)
    });
    distances.fold(0.0, f64::max)
}

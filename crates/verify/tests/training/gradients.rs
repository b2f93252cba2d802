//! Whole models: the loss, and its gradient by every parameter.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use contexture_kernels::Pool;
use contexture_nn::{Gradients, Weights};
use contexture_verify::{Tensor, largest_difference, tensors};
use serde::Deserialize;

use crate::problem::{self, Variant, Words};

/// Of a gradient, in units of its parameter's largest value. PyTorch's own float32 is within 3e-6
/// of its float64.
const TOLERANCE: f32 = 2e-5;
const LOSS_TOLERANCE: f64 = 1e-6;
/// A gradient that is 0 but for rounding is compared with this instead of with itself.
const LEAST: f32 = 1e-3;

#[derive(Deserialize)]
struct Bert {
    batches: Vec<Words>,
    losses: BTreeMap<String, f64>,
}

/// The farthest of all parameters, and its name.
pub(crate) fn farthest(
    name: &str,
    weights: &Weights,
    found: &Gradients,
    expected: &HashMap<String, Tensor>,
) -> (f32, String) {
    let params = &weights.declaration().params;
    assert_eq!(params.len(), expected.len(), "{name}: declared against stored gradients");
    let distance = |declared: &contexture_nn::Declared| {
        let expected = &expected[&declared.name].values;
        let zeros = vec![0.0; expected.len()];
        let found = found.parameter(declared.param).unwrap_or(&zeros);
        let largest = expected.iter().fold(LEAST, |most, value| most.max(value.abs()));
        (largest_difference(found, expected) / largest, declared.name.clone())
    };
    params.iter().map(distance).max_by(|a, b| a.0.total_cmp(&b.0)).expect("parameters")
}

pub(crate) fn check(name: &str, loss: (f64, f64), (distance, parameter): (f32, String)) {
    let (found, expected) = loss;
    let off = (found - expected).abs() / expected;
    println!("{name}: loss off by {off:.1e}, gradients by {distance:.1e} ({parameter})");
    assert!(off <= LOSS_TOLERANCE, "{name}: loss {found}, expected {expected}");
    assert!(distance <= TOLERANCE, "{name}: {parameter} is off by {distance:e} of its largest");
}

#[test]
fn gradients_of_bert_are_the_librarys() {
    let golden: Bert = problem::json("bert.json");
    let stored = tensors(&problem::file("bert-gradients.safetensors"));
    let model = problem::bert();
    for threads in [1, 2] {
        let pool = Arc::new(Pool::new(threads));
        for (kind, smoothing) in [("plain", 0.0), ("smoothed", 0.1)] {
            let of = |key: &str| key.strip_prefix(kind)?.strip_prefix('.').map(str::to_owned);
            let named = stored.iter().filter_map(|(key, t)| Some((of(key)?, t.clone())));
            let expected: HashMap<_, _> = named.collect();
            let (weights, mut gradients) = (model.weights(), Gradients::default());
            let batch = &golden.batches[0];
            let loss = problem::learn(&model, weights, batch, smoothing, &pool, &mut gradients);
            let distance = farthest(kind, weights, &gradients, &expected);
            check(&format!("bert, {kind}, {threads}"), (loss, golden.losses[kind]), distance);
        }
    }
}

#[test]
fn gradients_of_every_variant_are_the_references() {
    let variants: BTreeMap<String, Variant> = problem::json("variants.json");
    assert_eq!(variants.len(), 10);
    let pool = Arc::new(Pool::new(2));
    for (name, golden) in &variants {
        let (model, weights, expected) = problem::variant(name, golden);
        let mut gradients = Gradients::default();
        let loss = problem::learn(&model, &weights, &golden.batch, 0.0, &pool, &mut gradients);
        check(name, (loss, golden.loss), farthest(name, &weights, &gradients, &expected));
    }
}

/// Two batches after each other add up to what they are apart.
#[test]
fn gradients_accumulate() {
    let golden: Bert = problem::json("bert.json");
    let model = problem::bert();
    let pool = Arc::new(Pool::new(1));
    let learn = |batch: &Words, into: &mut Gradients| {
        problem::learn(&model, model.weights(), batch, 0.0, &pool, into);
    };
    let [mut first, mut second, mut both] = [(); 3].map(|()| Gradients::default());
    learn(&golden.batches[0], &mut first);
    learn(&golden.batches[1], &mut second);
    learn(&golden.batches[0], &mut both);
    learn(&golden.batches[1], &mut both);
    for declared in &model.weights().declaration().params {
        let of = |gradients: &Gradients| gradients.parameter(declared.param).map(<[f32]>::to_vec);
        let (Some(a), Some(b), Some(sum)) = (of(&first), of(&second), of(&both)) else {
            panic!("{} has no gradient", declared.name)
        };
        let added: Vec<f32> = a.iter().zip(&b).map(|(a, b)| a + b).collect();
        let largest = added.iter().fold(LEAST, |most, value| most.max(value.abs()));
        let off = largest_difference(&added, &sum) / largest;
        assert!(off < 2e-6, "{}: {off:e}", declared.name);
    }
}

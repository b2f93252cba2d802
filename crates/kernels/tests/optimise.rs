//! An optimiser's step against double precision, and its independence of threads.

use contexture_kernels::Pool;
use contexture_kernels::isa::Isa;
use contexture_kernels::optimise::{AdamStep, adam_on, sum_of_squares_on};

fn wave(len: usize, k: f32) -> Vec<f32> {
    (0..len).map(|i| (i as f32 * k).sin()).collect()
}

fn step(decoupled: bool, t: i32) -> AdamStep {
    AdamStep {
        decoupled,
        learning_rate: 1e-2,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weight_decay: 0.1,
        bias_correction1: 1.0 - 0.9f64.powi(t),
        bias_correction2: 1.0 - 0.999f64.powi(t),
        gradient_scale: 0.5,
    }
}

/// Ten steps in double precision.
fn twin(decoupled: bool, weights: &[f32]) -> Vec<f64> {
    let mut w: Vec<f64> = weights.iter().map(|w| f64::from(*w)).collect();
    let (mut m, mut v) = (vec![0.0; w.len()], vec![0.0; w.len()]);
    for t in 1..=10 {
        let AdamStep { learning_rate, weight_decay, epsilon, .. } = step(decoupled, t);
        let gradient = wave(w.len(), 0.31 + t as f32 * 0.01);
        for i in 0..w.len() {
            let mut g = 0.5 * f64::from(gradient[i]);
            if decoupled {
                w[i] -= learning_rate * weight_decay * w[i];
            } else {
                g += weight_decay * w[i];
            }
            m[i] = 0.9 * m[i] + 0.1 * g;
            v[i] = 0.999 * v[i] + 0.001 * g * g;
            let first = m[i] / (1.0 - 0.9f64.powi(t));
            let second: f64 = v[i] / (1.0 - 0.999f64.powi(t));
            w[i] -= learning_rate * first / (second.sqrt() + epsilon);
        }
    }
    w
}

#[test]
fn ten_steps_equal_their_twin_on_any_threads() {
    for len in [0, 1, 15, 33, 1000, 40_000] {
        let weights = wave(len, 0.77);
        for decoupled in [true, false] {
            let expected = twin(decoupled, &weights);
            for isa in Isa::supported() {
                let mut first: Option<Vec<f32>> = None;
                for threads in [1, 2, 3, 8] {
                    let pool = Pool::new(threads);
                    let (mut w, mut m, mut v) = (weights.clone(), vec![0.0; len], vec![0.0; len]);
                    for t in 1..=10 {
                        let gradient = wave(len, 0.31 + t as f32 * 0.01);
                        let step = step(decoupled, t);
                        adam_on(isa, &pool, &step, &mut w, &gradient, &mut m, &mut v);
                    }
                    for (found, expected) in w.iter().zip(&expected) {
                        let error = (f64::from(*found) - expected).abs();
                        assert!(error < 2e-6, "{isa}, {len}: {found} is not {expected}");
                    }
                    assert_eq!(&w, first.get_or_insert_with(|| w.clone()), "{isa}, {threads}");
                }
            }
        }
    }
}

#[test]
fn squares_equal_their_twin_on_any_threads() {
    for len in [0, 1, 17, 511, 512, 513, 200_003] {
        let values = wave(len, 0.13);
        let expected: f64 = values.iter().map(|v| f64::from(*v).powi(2)).sum();
        for isa in Isa::supported() {
            let found = [1, 2, 3, 8]
                .map(|threads| sum_of_squares_on(isa, &Pool::new(threads), &values).to_bits());
            assert!(found.iter().all(|other| *other == found[0]), "{isa}, {len}");
            let found = f64::from_bits(found[0]);
            assert!((found - expected).abs() <= 1e-6 * expected, "{found} is not {expected}");
        }
    }
}

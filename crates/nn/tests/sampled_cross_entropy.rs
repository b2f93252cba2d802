//! The sampled cross entropy against its definition in double precision, whose values the script of
//! the same name writes.

use std::sync::Arc;

use contexture_kernels::Pool;
use contexture_nn::ops::SampledCrossEntropy;
use contexture_nn::{Builder, Initial, Rows, Segments, Session, Stored, Weights};

const ROWS: usize = 12;
const HIDDEN: usize = 10;
const CLASSES: usize = 50;
const SAMPLES: [u32; 10] = [0, 4, 1, 17, 2, 49, 8, 3, 30, 6];

fn wave(count: usize, step: f64) -> Vec<f32> {
    (0..count).map(|index| (index as f64 * step).sin() as f32).collect()
}

#[test]
fn losses_and_gradients_equal_the_definition() {
    let mut builder = Builder::new();
    let weight = builder.matrix("weight", CLASSES, HIDDEN, Initial::Zeros);
    let bias = builder.vector("bias", CLASSES, Initial::Zeros);
    let stored = [wave(CLASSES * HIDDEN, 0.71), wave(CLASSES, 1.3)].map(Stored::Plain);
    let weights = Arc::new(Weights::new(builder.finish(), stored.into()));
    let mut session = Session::train(weights, Arc::new(Pool::new(2)));
    let seed = 1.0 / ROWS as f32;
    let op = SampledCrossEntropy {
        weight,
        bias: Some(bias),
        targets: (0..ROWS).map(|row| (row * 7 % CLASSES) as u32).collect(),
        samples: SAMPLES.into(),
        tries: 23,
        seed,
    };
    let x = session.input(Rows::new(wave(ROWS * HIDDEN, 0.37), HIDDEN));
    let y = session.apply(op, &[&x], &Segments::single(ROWS));
    let losses = y.rows().as_slice().to_vec();
    let gradients = session.backward(&y, Rows::new(vec![seed; ROWS], 1));
    let of = |param| gradients.parameter(param).unwrap().to_vec();
    let dx = gradients.value(&x).unwrap().as_slice().to_vec();
    let found = [losses, dx, of(weight), of(bias)];

    let expected = include_str!("sampled_cross_entropy.txt");
    assert_eq!(expected.lines().count(), found.len());
    for (index, (found, line)) in found.iter().zip(expected.lines()).enumerate() {
        let line: Vec<f64> = line.split(' ').map(|value| value.parse().unwrap()).collect();
        assert_eq!(found.len(), line.len());
        for (at, (a, b)) in found.iter().zip(&line).enumerate() {
            let near = (f64::from(*a) - b).abs() < 2e-6 * (1.0 + b.abs());
            assert!(near, "line {index}, value {at}: {a} against {b}");
        }
    }
}

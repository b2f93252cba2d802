//! Whole arrays through activations, gates and dropout: equal to the functions themselves, on any
//! number of threads and every instruction set.

use contexture_kernels::activated::{
    activate_adjoint, activate_both_on, activate_to, gate, gate_both,
};
use contexture_kernels::activation::{Activation, activate, activate_backward};
use contexture_kernels::dropout::dropout_on;
use contexture_kernels::isa::Isa;
use contexture_kernels::pointwise::{accumulate, add_columns, concatenate};
use contexture_kernels::{Pool, Store};

fn wave(len: usize, k: f32) -> Vec<f32> {
    (0..len).map(|i| 4.0 * (i as f32 * k).sin()).collect()
}

fn close(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() <= 1e-5 * (1.0 + b.abs()), "{what}: {a} is not {b}");
    }
}

const LENGTHS: [usize; 6] = [0, 1, 17, 64, 513, 20_001];

#[test]
fn activations_over_arrays_equal_the_functions() {
    for (len, activation) in LENGTHS.into_iter().flat_map(|l| Activation::ALL.map(|a| (l, a))) {
        let (z, g, start) = (wave(len, 0.7), wave(len, 0.3), wave(len, 0.9));
        let (mut u, mut dz) = (z.clone(), g.clone());
        activate(activation, &mut u);
        activate_backward(activation, &z, &mut dz);
        for threads in [1, 2, 3] {
            let pool = Pool::new(threads);
            let mut out = vec![f32::NAN; len];
            activate_to(&pool, activation, &z, &mut out);
            assert_eq!(out, u);
            activate_adjoint(&pool, activation, &z, &g, Store::Over, &mut out);
            assert_eq!(out, dz);
            let mut out = start.clone();
            activate_adjoint(&pool, activation, &z, &g, Store::Add, &mut out);
            let sum: Vec<f32> = start.iter().zip(&dz).map(|(a, b)| a + b).collect();
            close(&out, &sum, "added");
            for isa in Isa::supported() {
                let (mut by_z, mut value) = (g.clone(), vec![f32::NAN; len]);
                activate_both_on(isa, &pool, activation, &z, &mut by_z, &mut value);
                close(&value, &u, &format!("{isa} {activation:?}"));
                close(&by_z, &dz, &format!("{isa} {activation:?}"));
            }
        }
    }
}

#[test]
fn gates_equal_their_definition() {
    for (rows, width) in [(0, 3), (1, 1), (5, 19), (300, 70)] {
        let (z, g) = (wave(rows * 2 * width, 0.7), wave(rows * width, 0.3));
        let half = |second: usize| -> Vec<f32> {
            z.chunks(2 * width).flat_map(|z| z[second * width..][..width].to_vec()).collect()
        };
        let (a, b) = (half(0), half(1));
        let mut value = a.clone();
        activate(Activation::Silu, &mut value);
        let mut by_a: Vec<f32> = g.iter().zip(&b).map(|(g, b)| g * b).collect();
        activate_backward(Activation::Silu, &a, &mut by_a);
        let by_b: Vec<f32> = g.iter().zip(&value).map(|(g, v)| g * v).collect();
        let expected: Vec<f32> = value.iter().zip(&b).map(|(v, b)| v * b).collect();
        for threads in [1, 3] {
            let pool = Pool::new(threads);
            let (mut u, mut again) = (vec![f32::NAN; g.len()], vec![f32::NAN; g.len()]);
            let (mut du, mut dz) = (g.clone(), vec![f32::NAN; z.len()]);
            gate(&pool, Activation::Silu, width, &z, &mut u);
            close(&u, &expected, "gate");
            gate_both(&pool, Activation::Silu, width, &z, &mut du, &mut again, &mut dz);
            assert_eq!(u, again);
            for (row, dz) in dz.chunks(2 * width).enumerate() {
                close(&dz[..width], &by_a[row * width..][..width], "dz_a");
                close(&dz[width..], &by_b[row * width..][..width], "dz_b");
            }
        }
    }
}

/// The mask of value number `index`, one at a time.
fn factor(rate: f32, seed: u64, index: usize) -> f32 {
    let mut z = seed.wrapping_add((index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let uniform = ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 24) as f32;
    if uniform < rate { 0.0 } else { 1.0 / (1.0 - rate) }
}

#[test]
fn a_mask_is_a_function_of_seed_and_number() {
    for len in LENGTHS {
        let x = wave(len, 0.7);
        for rate in [0.0, 0.1, 0.9] {
            let expected: Vec<f32> =
                x.iter().enumerate().map(|(i, x)| x * factor(rate, 99, i)).collect();
            for (isa, threads) in Isa::supported().into_iter().flat_map(|i| [(i, 1), (i, 3)]) {
                let pool = Pool::new(threads);
                let mut out = vec![f32::NAN; len];
                dropout_on(isa, &pool, rate, 99, &x, Store::Over, &mut out);
                assert_eq!(out, expected, "{isa}, rate {rate}");
                dropout_on(isa, &pool, rate, 99, &x, Store::Add, &mut out);
                let twice: Vec<f32> = expected.iter().map(|y| y + y).collect();
                assert_eq!(out, twice, "{isa}, rate {rate}");
            }
        }
    }
}

#[test]
fn sums_and_rows_side_by_side() {
    let pool = Pool::new(3);
    for len in LENGTHS {
        let (x, start) = (wave(len, 0.7), wave(len, 0.9));
        let mut out = start.clone();
        accumulate(&pool, 0.5, &x, Store::Add, &mut out);
        let sum: Vec<f32> = x.iter().zip(&start).map(|(x, s)| 0.5 * x + s).collect();
        close(&out, &sum, "sum");
        accumulate(&pool, 1.0, &x, Store::Over, &mut out);
        assert_eq!(out, x);
    }
    let (a, b) = (wave(700 * 3, 0.1), wave(700 * 20, 0.2));
    let mut both = vec![f32::NAN; 700 * 23];
    concatenate(&pool, &[(&a, 3), (&b, 20)], &mut both);
    assert!(both.chunks(23).zip(a.chunks(3)).all(|(row, a)| row[..3] == *a));
    assert!(both.chunks(23).zip(b.chunks(20)).all(|(row, b)| row[3..] == *b));
    let mut back = vec![0.0; b.len()];
    add_columns(&pool, (&both, 23), 3, 20, &mut back);
    assert_eq!(back, b);
}

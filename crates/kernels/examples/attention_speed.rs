//! What attention, norms and activations reach of the machine's measured peak, on one thread.
//!
//! `cargo run --release -p contexture-kernels --example attention_speed`

use std::time::Instant;

use contexture_kernels::activation::{Activation, activate, exponential};
use contexture_kernels::attention::{AttentionShape, Reach, attend};
use contexture_kernels::measure::peak_gflops;
use contexture_kernels::norm::{Norm, layer_norm};
use contexture_kernels::{Pool, isa::Isa};

/// The best of many runs: other programs share the machine.
fn best_seconds(mut f: impl FnMut()) -> f64 {
    let begin = Instant::now();
    let mut best = f64::INFINITY;
    let mut runs = 0;
    while begin.elapsed().as_secs_f64() < 0.4 || runs < 10 {
        let start = Instant::now();
        f();
        best = best.min(start.elapsed().as_secs_f64());
        runs += 1;
    }
    best
}

fn noise(len: usize) -> Vec<f32> {
    let mut state = 1u64;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        })
        .collect()
}

fn main() {
    let pool = Pool::new(1);
    let peak = peak_gflops(1);
    println!("{}, peak {peak:.0} GFLOP/s on one thread", Isa::current());
    for head_width in [32, 64] {
        for length in [8usize, 16, 64, 128, 512] {
            let heads = 12;
            let sequences = (512 / length).max(1);
            let offsets: Vec<usize> = (0..=sequences).map(|index| index * length).collect();
            let (rows, hidden) = (sequences * length, heads * head_width);
            let qkv = noise(rows * 3 * hidden);
            let mut out = vec![0.0; rows * hidden];
            let shape = AttentionShape {
                heads,
                head_width,
                scale: 1.0 / (head_width as f32).sqrt(),
                reach: Reach::ALL,
                bias: None,
                offsets: &offsets,
            };
            let seconds = best_seconds(|| attend(&pool, &shape, &qkv, &mut out));
            let gflops = (4 * rows * length * hidden) as f64 / seconds / 1e9;
            println!(
                "attention, 12 x {head_width}, {sequences} x {length} tokens: {:.0} us, {gflops:.1} GFLOP/s, {:.0} % of peak, {:.0} ns a sequence and head",
                seconds * 1e6,
                100.0 * gflops / peak,
                seconds * 1e9 / (sequences * heads) as f64
            );
        }
    }
    // Small enough for the second-level cache: the work, not the memory.
    let (rows, width) = (128, 384);
    let x = noise(rows * width);
    let mut y = x.clone();
    let per_value = |seconds: f64| seconds * 1e9 / (rows * width) as f64;
    let norm = Norm {
        weight: &x[..width],
        bias: Some(&x[width..2 * width]),
        epsilon: 1e-12,
        centred: true,
    };
    let seconds = best_seconds(|| layer_norm(&pool, &norm, &x, &mut y));
    println!("layer norm: {:.3} ns a value", per_value(seconds));
    for activation in Activation::ALL {
        let seconds = best_seconds(|| {
            y.copy_from_slice(&x);
            activate(activation, &mut y);
        });
        println!("{activation:?} and a copy: {:.3} ns a value", per_value(seconds));
    }
    let seconds = best_seconds(|| {
        y.copy_from_slice(&x);
        exponential(&mut y);
    });
    println!("exp and a copy: {:.3} ns a value", per_value(seconds));
}

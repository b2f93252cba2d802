//! Share of the measured peak of byte products that quantised products and feed-forward networks
//! reach, quantisation of their inputs counted, and how many times as fast as f32 they are.
//!
//! `cargo run --release -p contexture-kernels --example quantised_speed [threads]...`

use std::time::Instant;

use contexture_kernels::activation::Activation;
use contexture_kernels::gemm::{self, Epilogue, PackedMatrix};
use contexture_kernels::isa::ByteIsa;
use contexture_kernels::quantised::{self, QuantisedMatrix, quantise_rows};
use contexture_kernels::{Pool, measure};

const SHAPES: [(usize, usize); 6] =
    [(384, 1152), (384, 384), (384, 1536), (1536, 384), (768, 3072), (3072, 768)];
const ROWS: [usize; 6] = [1, 14, 32, 64, 128, 512];

fn noise(len: usize) -> Vec<f32> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    (0..len).map(|_| next()).collect()
}

/// The shortest of many short runs: other programs on the machine can only lengthen one.
fn best(mut run: impl FnMut()) -> f64 {
    let begin = Instant::now();
    run();
    let once = begin.elapsed().as_secs_f64().max(1e-7);
    let repeats = (2e-4 / once).clamp(1.0, 50.0) as usize;
    let mut best = f64::INFINITY;
    let mut samples = 0;
    while samples < 10 || (begin.elapsed().as_secs_f64() < 0.06 && samples < 400) {
        let begin = Instant::now();
        (0..repeats).for_each(|_| run());
        best = best.min(begin.elapsed().as_secs_f64() / repeats as f64);
        samples += 1;
    }
    best
}

fn both(weights: &[f32], outputs: usize, inputs: usize) -> (PackedMatrix, QuantisedMatrix) {
    let (bytes, scales) = quantise_rows(weights, outputs, inputs);
    let quantised = QuantisedMatrix::pack(&bytes, &scales, outputs, inputs);
    (PackedMatrix::pack(weights, outputs, inputs), quantised)
}

fn heading(what: &str) {
    println!("{what}, share of the peak of bytes (times as fast as f32)");
    print!("{:>12}", "");
    ROWS.iter().for_each(|rows| print!("{rows:>14}"));
    println!();
}

fn cell(operations: usize, peak: f64, quantised: f64, plain: f64) {
    let share = 100.0 * operations as f64 / quantised / 1e9 / peak;
    print!("{:>14}", format!("{share:.0} % ({:.2})", plain / quantised));
}

fn products(pool: &Pool, peak: f64) {
    heading("linear");
    for (inputs, outputs) in SHAPES {
        print!("{:>12}", format!("{inputs}, {outputs}"));
        let (plain, quantised) = both(&noise(inputs * outputs), outputs, inputs);
        let bias = noise(outputs);
        for rows in ROWS {
            let (x, mut out) = (noise(rows * inputs), vec![0.0; rows * outputs]);
            let epilogue = Epilogue { bias: Some(&bias), ..Epilogue::default() };
            let ours = best(|| quantised::linear(pool, &x, rows, &quantised, &epilogue, &mut out));
            let f32s = best(|| gemm::linear(pool, &x, rows, &plain, &epilogue, &mut out));
            cell(2 * rows * inputs * outputs, peak, ours, f32s);
        }
        println!();
    }
}

fn networks(pool: &Pool, peak: f64, activation: Activation) {
    heading(&format!("feed-forward, {activation:?}"));
    for (hidden, inner) in [(384, 1536), (768, 3072)] {
        print!("{:>12}", format!("{hidden}, {inner}"));
        let first = both(&noise(inner * hidden), inner, hidden);
        let second = both(&noise(inner * hidden), hidden, inner);
        let bias = noise(inner);
        for rows in ROWS {
            let (x, mut out) = (noise(rows * hidden), vec![0.0; rows * hidden]);
            let quantised = quantised::FeedForward {
                first: &first.1,
                first_bias: Some(&bias),
                activation,
                gated: false,
                second: &second.1,
                second_bias: Some(&bias[..hidden]),
            };
            let plain = gemm::FeedForward {
                first: &first.0,
                first_bias: Some(&bias),
                activation,
                gated: false,
                second: &second.0,
                second_bias: Some(&bias[..hidden]),
            };
            let ours =
                best(|| quantised::feed_forward(pool, &x, rows, &quantised, Some(&x), &mut out));
            let f32s = best(|| gemm::feed_forward(pool, &x, rows, &plain, Some(&x), &mut out));
            cell(4 * rows * hidden * inner, peak, ours, f32s);
        }
        println!();
    }
}

fn main() {
    let asked: Vec<usize> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    for threads in if asked.is_empty() { vec![1, 2] } else { asked } {
        let set = ByteIsa::current();
        let peak = measure::peak_byte_gops_on(set, threads);
        let f32s = measure::peak_gflops(threads);
        println!(
            "\n{threads} threads, {set}: peak {peak:.0} GOP/s on bytes, {f32s:.0} GFLOP/s f32"
        );
        let pool = Pool::new(threads);
        products(&pool, peak);
        networks(&pool, peak, Activation::Identity);
        networks(&pool, peak, Activation::Gelu);
    }
}

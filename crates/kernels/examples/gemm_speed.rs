//! Share of the measured peak that the packed product reaches, next to the one that packs on the
//! way.
//!
//! `cargo run --release -p contexture-kernels --example gemm_speed [threads]...`

use std::time::Instant;

use contexture_kernels::Pool;
use contexture_kernels::activation::Activation;
use contexture_kernels::gemm::{
    Epilogue, FeedForward, PackedMatrix, feed_forward, linear, linear_plain,
};
use contexture_kernels::isa::Isa;
use contexture_kernels::measure;

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

fn products(threads: usize, peak: f64) {
    let pool = Pool::new(threads);
    println!("linear, share of peak (weights not packed)");
    print!("{:>12}", "K, N");
    ROWS.iter().for_each(|rows| print!("{rows:>14}"));
    println!();
    for (inputs, outputs) in SHAPES {
        print!("{:>12}", format!("{inputs}, {outputs}"));
        let weights = noise(inputs * outputs);
        let packed = PackedMatrix::pack(&weights, outputs, inputs);
        let bias = noise(outputs);
        for rows in ROWS {
            let x = noise(rows * inputs);
            let mut out = vec![0.0; rows * outputs];
            let epilogue = Epilogue { bias: Some(&bias), ..Epilogue::default() };
            let ours = best(|| linear(&pool, &x, rows, &packed, &epilogue, &mut out));
            let plain = (&weights[..], outputs, inputs);
            let plain_seconds = best(|| linear_plain(&pool, &x, rows, plain, &epilogue, &mut out));
            let operations = (2 * rows * inputs * outputs) as f64;
            let share = |seconds: f64| 100.0 * operations / seconds / 1e9 / peak;
            print!("{:>14}", format!("{:.0} % ({:.0})", share(ours), share(plain_seconds)));
        }
        println!();
    }
}

fn networks(threads: usize, peak: f64) {
    let pool = Pool::new(threads);
    println!("feed-forward, share of peak: identity, GELU, GELU gated");
    print!("{:>12}", "hidden");
    ROWS.iter().for_each(|rows| print!("{rows:>14}"));
    println!();
    for (hidden, inner) in [(384, 1536), (768, 3072), (768, 1152)] {
        print!("{:>12}", format!("{hidden}, {inner}"));
        let weights = noise(2 * inner * hidden);
        let first = PackedMatrix::pack(&weights[..inner * hidden], inner, hidden);
        let gated = PackedMatrix::pack(&weights, 2 * inner, hidden);
        let second = PackedMatrix::pack(&weights[..inner * hidden], hidden, inner);
        let bias = noise(2 * inner);
        for rows in ROWS {
            let x = noise(rows * hidden);
            let mut out = vec![0.0; rows * hidden];
            let kinds = [
                (Activation::Identity, false),
                (Activation::Gelu, false),
                (Activation::Gelu, true),
            ];
            let shares = kinds.map(|(activation, is_gated)| {
                let network = FeedForward {
                    first: if is_gated { &gated } else { &first },
                    first_bias: Some(&bias[..if is_gated { 2 * inner } else { inner }]),
                    activation,
                    gated: is_gated,
                    second: &second,
                    second_bias: Some(&bias[..hidden]),
                };
                let seconds = best(|| feed_forward(&pool, &x, rows, &network, Some(&x), &mut out));
                let maps = if is_gated { 3 } else { 2 };
                let operations = (maps * 2 * rows * hidden * inner) as f64;
                format!("{:.0}", 100.0 * operations / seconds / 1e9 / peak)
            });
            print!("{:>14}", shares.join(" "));
        }
        println!();
    }
}

fn packing(threads: usize) {
    let pool = Pool::new(threads);
    let weights = noise(384 * 1536);
    let mut matrices = Vec::new();
    for _ in 0..6 {
        matrices.extend([
            (&weights[..384 * 1152], 1152, 384),
            (&weights[..384 * 384], 384, 384),
            (&weights[..], 1536, 384),
            (&weights[..], 384, 1536),
        ]);
    }
    let seconds = best(|| {
        std::hint::black_box(PackedMatrix::pack_all(&pool, &matrices));
    });
    let bytes: usize = matrices.iter().map(|(w, ..)| w.len() * 4).sum();
    println!("packing {:.1} MB: {:.2} ms", bytes as f64 / 1e6, seconds * 1e3);
}

fn main() {
    let asked: Vec<usize> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    for threads in if asked.is_empty() { vec![1, 2] } else { asked } {
        let peak = measure::peak_gflops(threads);
        println!("\n{} threads, {}: peak {peak:.0} GFLOP/s", threads, Isa::current());
        packing(threads);
        products(threads, peak);
        networks(threads, peak);
    }
}

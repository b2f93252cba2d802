//! Share of the measured peak that the products of a training step reach.
//!
//! `cargo run --release -p contexture-kernels --example training_products [threads]...`

use std::time::Instant;

use contexture_kernels::Pool;
use contexture_kernels::gemm::{
    Epilogue, Operand, Output, Store, linear_plain_strided, matmul, weight_gradient,
};
use contexture_kernels::measure;

/// Rows, inputs, outputs.
const SHAPES: [(usize, usize, usize); 5] =
    [(2048, 256, 768), (2048, 256, 256), (2048, 256, 1024), (2048, 1024, 256), (256, 256, 8192)];

fn best(mut run: impl FnMut()) -> f64 {
    let begin = Instant::now();
    let mut best = f64::INFINITY;
    while begin.elapsed().as_secs_f64() < 0.15 {
        let begin = Instant::now();
        run();
        best = best.min(begin.elapsed().as_secs_f64());
    }
    best
}

fn main() {
    let asked: Vec<usize> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    for threads in if asked.is_empty() { vec![1, 2] } else { asked } {
        let (pool, peak) = (Pool::new(threads), measure::peak_gflops(threads));
        println!(
            "\n{threads} threads, peak {peak:.0} GFLOP/s: y = x W^T + b, dx += dz W, dW += dz^T x"
        );
        for (rows, inputs, outputs) in SHAPES {
            let pad = if inputs.is_multiple_of(1024) { inputs + 16 } else { inputs };
            let stride = if outputs.is_multiple_of(1024) { outputs + 16 } else { outputs };
            let noise = |n: usize| (0..n).map(|i| (i as f32 * 0.37).sin()).collect::<Vec<_>>();
            let (x, w, mut dz) = (noise(rows * pad), noise(outputs * inputs), noise(rows * stride));
            let (bias, mut dx, mut dw) = (noise(outputs), x.clone(), w.clone());
            let mut db = bias.clone();
            let epilogue = Epilogue { bias: Some(&bias), ..Epilogue::default() };
            let y = best(|| {
                let w = (&w[..], outputs, inputs);
                linear_plain_strided(
                    &pool,
                    Operand::new(&x, pad),
                    rows,
                    w,
                    &epilogue,
                    (&mut dz, stride),
                );
            });
            let by_x = best(|| {
                let (dz, w) = (Operand::new(&dz, stride), Operand::new(&w, inputs));
                let dx = Output { values: &mut dx, stride: pad, store: Store::Add };
                matmul(&pool, (rows, outputs, inputs), dz, w, dx);
            });
            let by_w = best(|| {
                let (dz, x) = (Operand::new(&dz, stride), Operand::new(&x, pad));
                weight_gradient(
                    &pool,
                    (rows, inputs, outputs),
                    dz,
                    x,
                    (&mut dw, Store::Add),
                    Some(&mut db),
                );
            });
            let operations = (2 * rows * inputs * outputs) as f64;
            print!("{:>20}", format!("{rows} x {inputs} x {outputs}"));
            for seconds in [y, by_x, by_w] {
                let share = 100.0 * operations / seconds / 1e9 / peak;
                print!("{:>16}", format!("{:.2} ms {share:.0} %", seconds * 1e3));
            }
            println!();
        }
    }
}

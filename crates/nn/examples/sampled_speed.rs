//! A step's loss over many words, forward and backward: all classes against a sample of them.
//!
//! `cargo run --release -p contexture-nn --example sampled_speed -- [THREADS] [CLASSES] [SAMPLES]`

use std::sync::Arc;
use std::time::Instant;

use contexture_kernels::Pool;
use contexture_kernels::measure::peak_gflops;
use contexture_nn::ops::{CrossEntropy, SampledCrossEntropy, sample_log_uniform};
use contexture_nn::{Builder, Gradients, Initial, Op, Recycler, Rows, Segments, Session, Weights};

const ROWS: usize = 2048;
const HIDDEN: usize = 256;

/// The shortest of some runs, in seconds: other programs can only lengthen one.
fn best(weights: &Arc<Weights>, pool: &Arc<Pool>, op: impl Fn(u64) -> Box<dyn Run>) -> f64 {
    let (recycler, mut gradients) = (Recycler::keeping(64), Gradients::default());
    let mut best = f64::INFINITY;
    for round in 0..5 {
        let begun = Instant::now();
        let mut session = Session::train_with(weights.clone(), pool.clone(), recycler.clone());
        gradients.clear();
        op(round).run(&mut session, &mut gradients);
        best = best.min(begun.elapsed().as_secs_f64());
    }
    best
}

trait Run {
    fn run(self: Box<Self>, session: &mut Session, gradients: &mut Gradients);
}

impl<O: Op> Run for O {
    fn run(self: Box<Self>, session: &mut Session, gradients: &mut Gradients) {
        let values = (0..ROWS * HIDDEN).map(|i| (i as f32 * 0.37).sin()).collect();
        let x = session.input(Rows::new(values, HIDDEN));
        let y = session.apply(*self, &[&x], &Segments::single(ROWS));
        let seed = Rows::new(vec![1.0 / ROWS as f32; ROWS], 1);
        session.backward_into(vec![(&y, seed)], gradients);
    }
}

fn main() {
    let mut numbers = std::env::args().skip(1).map(|n| n.parse::<usize>().expect("a number"));
    let threads = numbers.next().unwrap_or(1);
    let classes = numbers.next().unwrap_or(50_000);
    let samples = numbers.next().unwrap_or(4096);
    let mut builder = Builder::new();
    let weight = builder.matrix("weight", classes, HIDDEN, Initial::Normal(0.05));
    let bias = Some(builder.vector("bias", classes, Initial::Zeros));
    let weights = Arc::new(Weights::initial(builder.finish(), 1));
    let pool = Arc::new(Pool::new(threads));
    let seed = 1.0 / ROWS as f32;
    let draw = |count, seed| sample_log_uniform(classes, count, seed);
    let targets: Arc<[u32]> = (0..ROWS as u64).map(|row| draw(1, row).classes[0]).collect();
    let full = best(&weights, &pool, |_| {
        let targets = targets.clone();
        Box::new(CrossEntropy { weight, bias, targets, smoothing: 0.0, seed })
    });
    let sampled = best(&weights, &pool, |round| {
        let (targets, drawn) = (targets.clone(), draw(samples, round));
        let (samples, tries) = (drawn.classes, drawn.tries);
        Box::new(SampledCrossEntropy { weight, bias, targets, samples, tries, seed })
    });
    let peak = peak_gflops(threads) * 1e9;
    // Logits, and twice as much for both gradients.
    let floor = |classes: usize| 1e3 * (6 * ROWS * HIDDEN * classes) as f64 / peak;
    println!("{ROWS} rows of {HIDDEN}, {threads} threads, peak {:.0} GFLOP/s", peak / 1e9);
    println!("{classes} classes: {:.1} ms, floor {:.1}", 1e3 * full, floor(classes));
    println!("{samples} sampled: {:.1} ms, floor {:.1}", 1e3 * sampled, floor(samples));
}

//! Cross entropy over a sample of the classes: with `z_t = x . W_t + b_t - log Q(t)` for the target and
//! `z_s` alike for each sampled class,
//!
//! ```text
//! y_i = log(exp z_t + sum_s exp z_s) - z_t
//! ```
//!
//! Jean et al. 2015, section 3.2; the language model of Peters et al. 2018 was trained with it. Q(c)
//! is how often class c is expected among the samples, `1 - (1 - p_c)^tries`, p log-uniform: `p_c =
//! log((c + 2) / (c + 1)) / log(classes + 1)`, so classes stand in order of their frequency. Sampled
//! classes that are a row's target count only once, as its target. x `[n, hidden]`, W `[classes,
//! hidden]`, b `[classes]`, samples `[samples]` for all rows, y `[n, 1]`. As in `CrossEntropy` chunks
//! of rows pass one after the other, and the gradients are computed meanwhile, for one seed that
//! all rows share. Kept: `dx [n, hidden]`, those of the sampled rows of W and b, and what each
//! target's logit got, `[n, 1]`. Cost: `2 * n * hidden * samples` operations, with a tape three times
//! that.
//!
//! Adjoint, with `s` the seed, p the softmax of `[z_s, z_t]`: `dz = s (p - onehot(t))`, then as for
//! a linear map whose weight is the rows of W that take part. The loss tends to that of all
//! classes as samples grow; with fewer it is not comparable with it.

use std::collections::HashMap;
use std::sync::Arc;

use contexture_kernels::gemm::{self, Epilogue, Operand, Output, Store};
use contexture_kernels::lookup::{add_looked_up, add_rows, lookup, row_products};
use contexture_kernels::pointwise::clear;
use contexture_kernels::softmax::{Smoothed, cross_entropy};

use crate::{Backward, Forward, Op, Param, Rows};

/// Classes drawn without repetition, and how many draws that took.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidates {
    /// In the order in which they first came.
    pub classes: Arc<[u32]>,
    /// Draws with the repeated ones.
    pub tries: u64,
}

/// Draws `count` different ones of `classes` classes, class c with a probability of `log((c + 2) /
/// (c + 1)) / log(classes + 1)` a draw. The same seed gives the same classes.
///
/// # Panics
/// Where there are fewer classes than are asked for.
pub fn sample_log_uniform(classes: usize, count: usize, seed: u64) -> Candidates {
    assert!(count <= classes, "{count} different classes of {classes}");
    assert!(u32::try_from(classes).is_ok(), "{classes} classes");
    let range = (classes as f64).ln_1p();
    let mut taken = vec![false; classes];
    let (mut drawn, mut tries, mut state) = (Vec::with_capacity(count), 0, seed);
    while drawn.len() < count {
        tries += 1;
        let class = ((uniform(&mut state) * range).exp() as usize).saturating_sub(1);
        let class = class.min(classes - 1);
        if !std::mem::replace(&mut taken[class], true) {
            drawn.push(class as u32);
        }
    }
    Candidates { classes: drawn.into(), tries }
}

/// In [0, 1), by Steele, Lea and Flood 2014.
fn uniform(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// `log Q(class)`: of how often the class is expected among those that `tries` draws gave.
fn log_expected(class: u32, classes: usize, tries: u64) -> f64 {
    let p = (1.0 / (f64::from(class) + 1.0)).ln_1p() / (classes as f64).ln_1p();
    (-(tries as f64 * (-p).ln_1p()).exp_m1()).ln()
}

/// Negative log-likelihood of each row's target among sampled classes.
#[derive(Debug, Clone)]
pub struct SampledCrossEntropy {
    /// `[classes, hidden]`, the most frequent class first.
    pub weight: Param,
    /// `[classes]`
    pub bias: Option<Param>,
    /// Each row's class.
    pub targets: Arc<[u32]>,
    /// Different classes, from [`sample_log_uniform`].
    pub samples: Arc<[u32]>,
    /// How many draws the samples took.
    pub tries: u64,
    /// What backward will be seeded with, for every row: `1 / n` for the mean of the losses.
    /// Another seed is right too, as long as it is the same for all rows.
    pub seed: f32,
}

/// Values of a chunk of logits: what a last-level cache keeps.
const CHUNK_VALUES: usize = 4 << 20;
/// Rows of a chunk, at least: the sampled weights and their gradient pass once for each chunk.
const LEAST_ROWS: usize = 128;
/// The logit of a sample that is the row's target: nothing is left of its exponential.
const NEVER: f32 = -1e30;

/// The sampled rows of the weights, and what else their logits are made of.
struct Sampled {
    /// `[samples, hidden]`
    weight: Rows,
    /// `[samples]`: biases less the logarithms of the expected counts.
    offsets: Vec<f32>,
    /// The sample that a class is.
    places: HashMap<u32, usize>,
}

/// Gradients that are found on the way.
struct Found {
    dx: Rows,
    dw: Rows,
    db: Rows,
    by_targets: Rows,
}

/// Rows of a chunk with their logits, rows of `stride`: the samples' and then the target's.
struct Chunk<'a> {
    begin: usize,
    rows: usize,
    x: &'a [f32],
    targets: &'a [u32],
    stride: usize,
}

impl SampledCrossEntropy {
    fn check(&self, x: &Rows) {
        let classes = self.weight.rows;
        assert_eq!(x.rows(), self.targets.len(), "rows against targets of a cross entropy");
        assert_eq!(x.width(), self.weight.width, "rows against the classes' of a cross entropy");
        for (row, target) in self.targets.iter().enumerate() {
            assert!((*target as usize) < classes, "row {row}: target {target} of {classes}");
        }
        let none = self.samples.iter().find(|class| **class as usize >= classes);
        assert!(none.is_none(), "sample {none:?} of {classes}");
    }

    /// A class's bias less the logarithm of its expected count.
    fn offset(&self, bias: Option<&[f32]>, class: u32) -> f32 {
        let bias = bias.map_or(0.0, |bias| f64::from(bias[class as usize]));
        (bias - log_expected(class, self.weight.rows, self.tries)) as f32
    }

    fn sampled(&self, cx: &Forward<'_>, bias: Option<&[f32]>) -> Sampled {
        let mut weight = cx.rows(self.samples.len(), self.weight.width);
        let table = cx.weights.plain(self.weight);
        lookup(cx.pool, self.weight.width, table, &self.samples, weight.as_mut_slice());
        let offsets = self.samples.iter().map(|class| self.offset(bias, *class)).collect();
        let places: HashMap<u32, usize> =
            self.samples.iter().enumerate().map(|(place, class)| (*class, place)).collect();
        assert_eq!(places.len(), self.samples.len(), "different classes of a sample");
        Sampled { weight, offsets, places }
    }

    /// Fills in a chunk's logits.
    fn logits(
        &self,
        cx: &Forward<'_>,
        bias: Option<&[f32]>,
        sampled: &Sampled,
        chunk: &Chunk<'_>,
        z: &mut [f32],
    ) {
        let (samples, hidden) = (self.samples.len(), self.weight.width);
        let epilogue = Epilogue { bias: Some(&sampled.offsets), ..Epilogue::default() };
        let w = (sampled.weight.as_slice(), samples, hidden);
        let from = Operand::new(chunk.x, hidden);
        gemm::linear_plain_strided(cx.pool, from, chunk.rows, w, &epilogue, (z, chunk.stride));
        for (z, target) in z.chunks_exact_mut(chunk.stride).zip(chunk.targets) {
            z[samples] = self.offset(bias, *target);
            if let Some(place) = sampled.places.get(target) {
                z[*place] = NEVER;
            }
        }
        let table = (cx.weights.plain(self.weight), chunk.targets);
        row_products(cx.pool, hidden, chunk.x, table, (z, chunk.stride, samples));
    }

    /// Adds a chunk's share to the gradients, from those by its logits.
    fn accumulate(
        &self,
        cx: &Forward<'_>,
        sampled: &Sampled,
        chunk: &Chunk<'_>,
        z: &mut [f32],
        found: &mut Found,
    ) {
        let (pool, samples, hidden) = (cx.pool, self.samples.len(), self.weight.width);
        let (rows, stride) = (chunk.rows, chunk.stride);
        for (z, target) in z.chunks_exact_mut(stride).zip(chunk.targets) {
            if let Some(place) = sampled.places.get(target) {
                z[*place] = 0.0;
            }
        }
        let own = chunk.begin * hidden..(chunk.begin + rows) * hidden;
        let dx = &mut found.dx.as_mut_slice()[own];
        let (dz, w) = (Operand::new(z, stride), Operand::new(sampled.weight.as_slice(), hidden));
        let out = Output { values: &mut *dx, stride: hidden, store: Store::Over };
        gemm::matmul(pool, (rows, samples, hidden), dz, w, out);
        let table = (cx.weights.plain(self.weight), chunk.targets);
        add_looked_up(pool, hidden, table, (z, stride, samples), dx);
        let dw = (found.dw.as_mut_slice(), Store::Add);
        let (x, db) = (Operand::new(chunk.x, hidden), Some(found.db.as_mut_slice()));
        gemm::weight_gradient(pool, (rows, hidden, samples), dz, x, dw, db);
        let by_targets = &mut found.by_targets.as_mut_slice()[chunk.begin..chunk.begin + rows];
        for (z, to) in z.chunks_exact(stride).zip(by_targets) {
            *to = z[samples];
        }
    }

    fn found(&self, cx: &Forward<'_>) -> Found {
        let (rows, samples, hidden) = (self.targets.len(), self.samples.len(), self.weight.width);
        let mut dw = cx.rows(samples, hidden);
        clear(cx.pool, dw.as_mut_slice());
        let mut db = cx.rows(1, samples);
        db.as_mut_slice().fill(0.0);
        let mut dx = cx.rows(rows, hidden);
        if samples == 0 {
            dx.as_mut_slice().fill(0.0);
        }
        Found { dx, dw, db, by_targets: cx.rows(rows, 1) }
    }
}

impl Op for SampledCrossEntropy {
    fn name(&self) -> &'static str {
        "sampled_cross_entropy"
    }

    fn forward(&self, cx: &mut Forward<'_>) -> Rows {
        let x = cx.input(0);
        self.check(x);
        let (samples, hidden) = (self.samples.len(), self.weight.width);
        let bias = self.bias.map(|bias| cx.weights.plain(bias));
        let sampled = self.sampled(cx, bias);
        let mut found = cx.keeps().then(|| self.found(cx));
        let mut losses = cx.rows(x.rows(), 1);
        let step = (CHUNK_VALUES / (samples + 1)).max(LEAST_ROWS).min(x.rows().max(1));
        // Rows a power of two apart would compete for the same few places of the caches.
        let stride = (samples + 1).next_multiple_of(16) + 16;
        let mut logits = cx.rows(step, stride);
        let labels = vec![samples as u32; step];
        for begin in (0..x.rows()).step_by(step) {
            let rows = (x.rows() - begin).min(step);
            let own = &x.as_slice()[begin * hidden..(begin + rows) * hidden];
            let targets = &self.targets[begin..begin + rows];
            let chunk = Chunk { begin, rows, x: own, targets, stride };
            let z = &mut logits.as_mut_slice()[..rows * stride];
            self.logits(cx, bias, &sampled, &chunk, z);
            let smoothed = Smoothed {
                classes: samples + 1,
                stride,
                targets: &labels[..rows],
                smoothing: 0.0,
                seed: found.is_some().then_some(self.seed),
            };
            let losses = &mut losses.as_mut_slice()[begin..begin + rows];
            cross_entropy(cx.pool, &smoothed, z, losses);
            if let Some(found) = &mut found {
                self.accumulate(cx, &sampled, &chunk, z, found);
            }
        }
        cx.give_back(logits);
        cx.give_back(sampled.weight);
        if let Some(Found { dx, dw, db, by_targets }) = found {
            [dx, dw, db, by_targets].into_iter().for_each(|rows| cx.keep(rows));
        }
        losses
    }

    fn backward(&self, cx: &mut Backward<'_>) {
        let (pool, kept, x, gradient) = (cx.pool, cx.kept, cx.input(0), cx.gradient.as_slice());
        let Some(&seed) = gradient.first() else { return };
        assert!(
            gradient.iter().all(|other| *other == seed),
            "a cross entropy's rows must all be seeded alike"
        );
        let (factor, hidden) = (seed / self.seed, self.weight.width);
        let [dx, dw, db, by_targets] = &kept.rows[..] else {
            panic!("{} kept rows of a sampled cross entropy", kept.rows.len())
        };
        cx.add_input_gradient(0, factor, dx);
        let of_samples = vec![factor; self.samples.len()];
        let of_targets: Vec<f32> = by_targets.as_slice().iter().map(|by| factor * by).collect();
        let weight = cx.parameter_gradient(self.weight);
        add_rows(pool, hidden, (dw.as_slice(), &of_samples), &self.samples, weight);
        add_rows(pool, hidden, (x.as_slice(), &of_targets), &self.targets, weight);
        if let Some(bias) = self.bias {
            let sums = cx.parameter_gradient(bias);
            for (class, by) in self.samples.iter().zip(db.as_slice()) {
                sums[*class as usize] += factor * by;
            }
            for (class, by) in self.targets.iter().zip(&of_targets) {
                sums[*class as usize] += by;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use contexture_kernels::Pool;

    use super::*;
    use crate::{Builder, Initial, Segments, Session, Stored, Weights, check_gradients};

    fn declare(b: &mut Builder, classes: usize, hidden: usize) -> (Param, Param) {
        let weight = b.matrix("weight", classes, hidden, Initial::Normal(0.5));
        (weight, b.vector("bias", classes, Initial::Normal(0.5)))
    }

    /// One row: every seed is the same for all rows. With a hit, without, and with no sample left.
    #[test]
    fn gradients_of_one_row_agree_with_finite_differences() {
        for (samples, bias, target) in
            [(&[0, 3, 1, 7][..], true, 2), (&[0, 3, 1, 7], false, 3), (&[5], true, 5)]
        {
            let check = check_gradients(
                |b| declare(b, 9, 5),
                |(weight, vector)| SampledCrossEntropy {
                    weight: *weight,
                    bias: bias.then_some(*vector),
                    targets: Arc::from([target]),
                    samples: samples.into(),
                    tries: 6,
                    seed: 0.25,
                },
                &[(1, 5)],
                &[1],
                43,
            );
            assert!(check.worst < 1e-2 && check.checked == 9 * 6 + 5, "{check:?}");
        }
    }

    fn wave(n: usize, k: f32) -> Vec<f32> {
        (0..n).map(|i| (i as f32 * k).sin()).collect()
    }

    fn run(n: usize, samples: &[u32], seed: f32, given: f32, threads: usize) -> [Vec<f32>; 4] {
        let mut builder = Builder::new();
        let (weight, bias) = declare(&mut builder, 11, 6);
        let stored = vec![Stored::Plain(wave(66, 0.7)), Stored::Plain(wave(11, 1.3))];
        let weights = Arc::new(Weights::new(builder.finish(), stored));
        let targets: Arc<[u32]> = (0..n).map(|i| (i * 7 % 11) as u32).collect();
        let samples = samples.into();
        let op = SampledCrossEntropy { weight, bias: Some(bias), targets, samples, tries: 9, seed };
        let pool = Arc::new(Pool::new(threads));
        let mut untaped = Session::infer(weights.clone(), pool.clone());
        let x = untaped.input(Rows::new(wave(n * 6, 0.37), 6));
        let alone = untaped.apply(op.clone(), &[&x], &Segments::single(n));
        let mut session = Session::train(weights, pool);
        let x = session.input(Rows::new(wave(n * 6, 0.37), 6));
        let y = session.apply(op, &[&x], &Segments::single(n));
        assert_eq!(alone.rows(), y.rows());
        let losses = y.rows().as_slice().to_vec();
        let gradients = session.backward(&y, Rows::new(vec![given; n], 1));
        let of = |param| gradients.parameter(param).unwrap().to_vec();
        [losses, gradients.value(&x).unwrap().as_slice().to_vec(), of(weight), of(bias)]
    }

    #[test]
    fn another_seed_scales_and_threads_change_nothing() {
        let samples = [0, 4, 2, 9, 1];
        let one = run(700, &samples, 0.25, 0.25, 1);
        for threads in 2..=4 {
            assert_eq!(one, run(700, &samples, 0.25, 0.25, threads));
        }
        let twice = run(700, &samples, 0.25, 0.5, 2);
        assert_eq!(one[0], twice[0]);
        for (a, c) in one[1..].iter().zip(&twice[1..]) {
            assert!(a.iter().zip(c).all(|(a, c)| (2.0 * a - c).abs() <= 1e-5 * (1.0 + c.abs())));
        }
        // A row's loss does not depend on the rows beside it.
        assert_eq!(run(13, &samples, 0.25, 0.25, 2)[0], one[0][..13]);
        // Only rows of classes that took part have a gradient.
        let few = run(2, &samples, 0.25, 0.25, 2);
        for class in 0..11 {
            let some = few[2][class * 6..(class + 1) * 6].iter().any(|g| *g != 0.0);
            assert_eq!(some, [0, 7, 4, 2, 9, 1].contains(&class), "class {class}");
        }
    }

    #[test]
    fn no_samples_leave_nothing_to_learn() {
        let [losses, gradients @ ..] = run(3, &[], 1.0, 1.0, 2);
        assert_eq!(losses, [0.0; 3]);
        assert!(gradients.iter().flatten().all(|g| g.abs() < 1e-30));
    }

    #[test]
    fn draws_are_different_repeatable_and_log_uniform() {
        let (classes, count, rounds) = (1000, 20, 20_000);
        let mut found = vec![0usize; classes];
        let mut tries: HashMap<u64, f64> = HashMap::new();
        for seed in 0..rounds {
            let drawn = sample_log_uniform(classes, count, seed);
            assert_eq!(drawn.classes.len(), count);
            *tries.entry(drawn.tries).or_default() += 1.0 / rounds as f64;
            let mut seen = drawn.classes.to_vec();
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen.len(), count);
            drawn.classes.iter().for_each(|class| found[*class as usize] += 1);
        }
        assert_eq!(sample_log_uniform(classes, count, 7), sample_log_uniform(classes, count, 7));
        // The expected counts are those of a fixed number of draws, and it is not fixed: they are near.
        for group in [0..1, 1..2, 2..4, 4..10, 10..100, 100..500, 500..1000] {
            let of = |tries: u64| -> f64 {
                group.clone().map(|class| log_expected(class as u32, classes, tries).exp()).sum()
            };
            let expected: f64 = tries.iter().map(|(tries, share)| share * of(*tries)).sum();
            let found = found[group.clone()].iter().sum::<usize>() as f64 / rounds as f64;
            let near = (found / expected - 1.0).abs() < 0.03;
            assert!(near, "{group:?}: {found} against {expected}");
        }
        assert_eq!(sample_log_uniform(5, 5, 3).classes.iter().sum::<u32>(), 10);
    }

    #[test]
    fn first_draws_follow_the_distribution() {
        let rounds = 200_000;
        let mut found = [0f64; 10];
        for seed in 0..rounds {
            found[sample_log_uniform(10, 1, seed).classes[0] as usize] += 1.0;
        }
        for (class, found) in found.iter().enumerate() {
            let p = ((class as f64 + 2.0) / (class as f64 + 1.0)).ln() / 11f64.ln();
            // Five standard deviations of a binomial share.
            let spread = 5.0 * (p * (1.0 - p) / rounds as f64).sqrt();
            let found = found / rounds as f64;
            assert!((found - p).abs() < spread, "{class}: {found} against {p}");
        }
    }
}

//! Cross entropy of a linear classifier: with `z = x W^T + b`, `p = softmax(z)` and
//! `q = (1 - e) onehot(target) + e / classes`,
//!
//! ```text
//! y_i = - sum_c q_ic log p_ic = log sum_c exp(z_ic) - (1 - e) z_i,target - e mean_c z_ic
//! ```
//!
//! Label smoothing `e`: Szegedy et al. 2016, section 7. x `[n, hidden]`, W `[classes, hidden]`, b
//! `[classes]`, y `[n, 1]`. Logits `[n, classes]` are never held whole: chunks of rows pass one
//! after the other. With a tape, the gradients are computed while a chunk is there, for one seed
//! that all rows share; they are what is kept: `dx [n, hidden]`, `dW [classes, hidden]`, `db [1,
//! classes]`. Cost: `2 * n * hidden * classes` operations; with a tape three times that, and
//! nothing more in the backward.
//!
//! Adjoint, with `s` the seed: `dz = s (p - q)`, `dx = dz W`, `dW = dz^T x`, `db` the sum of dz's
//! rows.

use std::sync::Arc;

use contexture_kernels::gemm::{self, Epilogue, Operand, Output, Store};
use contexture_kernels::pointwise::clear;
use contexture_kernels::softmax::{Smoothed, cross_entropy};

use crate::{Backward, Forward, Op, Param, Rows};

/// Negative log-likelihood of each row's target, label-smoothed.
#[derive(Debug, Clone)]
pub struct CrossEntropy {
    /// `[classes, hidden]`
    pub weight: Param,
    /// `[classes]`
    pub bias: Option<Param>,
    /// Each row's class.
    pub targets: Arc<[u32]>,
    /// The share of the likelihood that is spread over all classes.
    pub smoothing: f32,
    /// What backward will be seeded with, for every row: `1 / n` for the mean of the losses.
    /// Another seed is right too, as long as it is the same for all rows.
    pub seed: f32,
}

/// Values of a chunk of logits: what a last-level cache keeps.
const CHUNK_VALUES: usize = 4 << 20;
/// Rows of a chunk, at least: the weights and their gradient pass once for each chunk.
const LEAST_ROWS: usize = 128;

impl CrossEntropy {
    fn check(&self, x: &Rows) {
        let classes = self.weight.rows;
        assert_eq!(x.rows(), self.targets.len(), "rows against targets of a cross entropy");
        assert_eq!(x.width(), self.weight.width, "rows against the classes' of a cross entropy");
        for (row, target) in self.targets.iter().enumerate() {
            assert!((*target as usize) < classes, "row {row}: target {target} of {classes}");
        }
    }
}

impl Op for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn forward(&self, cx: &mut Forward<'_>) -> Rows {
        let x = cx.input(0);
        self.check(x);
        let (classes, hidden) = (self.weight.rows, self.weight.width);
        let weight = cx.weights.plain(self.weight);
        let epilogue =
            Epilogue { bias: self.bias.map(|bias| cx.weights.plain(bias)), ..Epilogue::default() };
        let step = (CHUNK_VALUES / classes.max(1)).max(LEAST_ROWS).min(x.rows().max(1));
        let mut losses = cx.rows(x.rows(), 1);
        let mut gradients = cx.keeps().then(|| {
            let mut dw = cx.rows(classes, hidden);
            clear(cx.pool, dw.as_mut_slice());
            let mut db = cx.rows(1, classes);
            db.as_mut_slice().fill(0.0);
            (cx.rows(x.rows(), hidden), dw, db)
        });
        // Rows a power of two apart would compete for the same few places of the caches.
        let stride = classes.next_multiple_of(16) + 16;
        let mut logits = cx.rows(step, stride);
        for begin in (0..x.rows()).step_by(step) {
            let end = (begin + step).min(x.rows());
            let rows = end - begin;
            let own = &x.as_slice()[begin * hidden..end * hidden];
            let z = &mut logits.as_mut_slice()[..rows * stride];
            let w = (weight, classes, hidden);
            let from = Operand::new(own, hidden);
            gemm::linear_plain_strided(cx.pool, from, rows, w, &epilogue, (z, stride));
            let smoothed = Smoothed {
                classes,
                stride,
                targets: &self.targets[begin..end],
                smoothing: self.smoothing,
                seed: gradients.is_some().then_some(self.seed),
            };
            cross_entropy(cx.pool, &smoothed, z, &mut losses.as_mut_slice()[begin..end]);
            if let Some((dx, dw, db)) = &mut gradients {
                let dx = &mut dx.as_mut_slice()[begin * hidden..end * hidden];
                let (dz, w) = (Operand::new(z, stride), Operand::new(weight, hidden));
                let dx = Output { values: dx, stride: hidden, store: Store::Over };
                gemm::matmul(cx.pool, (rows, classes, hidden), dz, w, dx);
                let dw = (dw.as_mut_slice(), Store::Add);
                let db = Some(db.as_mut_slice());
                let own = Operand::new(own, hidden);
                gemm::weight_gradient(cx.pool, (rows, hidden, classes), dz, own, dw, db);
            }
        }
        cx.give_back(logits);
        if let Some((dx, dw, db)) = gradients {
            [dx, dw, db].into_iter().for_each(|rows| cx.keep(rows));
        }
        losses
    }

    fn backward(&self, cx: &mut Backward<'_>) {
        let (kept, gradient) = (cx.kept, cx.gradient.as_slice());
        let Some(&seed) = gradient.first() else { return };
        assert!(
            gradient.iter().all(|other| *other == seed),
            "a cross entropy's rows must all be seeded alike"
        );
        // A seed of zero has nothing to scale.
        let factor = if seed == self.seed { 1.0 } else { seed / self.seed };
        assert!(factor.is_finite(), "a cross entropy made for seed {} got {seed}", self.seed);
        let [dx, dw, db] = &kept.rows[..] else { panic!("a cross entropy keeps three arrays") };
        cx.add_input_gradient(0, factor, dx);
        cx.add_parameter_gradient(self.weight, factor, dw.as_slice());
        if let Some(bias) = self.bias {
            cx.add_parameter_gradient(bias, factor, db.as_slice());
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

    /// One row: every seed is the same for all rows.
    #[test]
    fn gradients_of_one_row_agree_with_finite_differences() {
        for (smoothing, bias, target) in [(0.0, true, 2), (0.1, true, 0), (0.3, false, 18)] {
            let check = check_gradients(
                |b| declare(b, 19, 5),
                |(weight, vector)| CrossEntropy {
                    weight: *weight,
                    bias: bias.then_some(*vector),
                    targets: Arc::from([target]),
                    smoothing,
                    seed: 0.25,
                },
                &[(1, 5)],
                &[1],
                43,
            );
            assert!(check.worst < 1e-2 && check.checked == 19 * 6 + 5, "{check:?}");
        }
    }

    fn wave(n: usize, k: f32) -> Vec<f32> {
        (0..n).map(|i| (i as f32 * k).sin()).collect()
    }

    struct Outcome {
        losses: Vec<f32>,
        gradients: [Vec<f32>; 3],
    }

    /// Rows `[n, 6]` over 11 classes; seeded with `given`, made for `seed`.
    fn run(n: usize, smoothing: f32, seed: f32, given: f32, threads: usize) -> Outcome {
        let mut builder = Builder::new();
        let (weight, bias) = declare(&mut builder, 11, 6);
        let stored = vec![Stored::Plain(wave(66, 0.7)), Stored::Plain(wave(11, 1.3))];
        let weights = Arc::new(Weights::new(builder.finish(), stored));
        let targets: Arc<[u32]> = (0..n).map(|i| (i * 7 % 11) as u32).collect();
        let op = CrossEntropy { weight, bias: Some(bias), targets, smoothing, seed };
        let mut session = Session::train(weights, Arc::new(Pool::new(threads)));
        let x = session.input(Rows::new(wave(n * 6, 0.37), 6));
        let y = session.apply(op, &[&x], &Segments::single(n));
        let losses = y.rows().as_slice().to_vec();
        let gradients = session.backward(&y, Rows::new(vec![given; n], 1));
        let of = |param| gradients.parameter(param).unwrap().to_vec();
        let dx = gradients.value(&x).unwrap().as_slice().to_vec();
        Outcome { losses, gradients: [dx, of(weight), of(bias)] }
    }

    #[test]
    fn many_rows_equal_the_definition_in_double_precision() {
        let n = 5;
        for smoothing in [0.0, 0.1] {
            let found = run(n, smoothing, 0.5, 0.5, 2);
            let (x, w, b) = (wave(n * 6, 0.37), wave(66, 0.7), wave(11, 1.3));
            let mut expected = [vec![0.0f64; n * 6], vec![0.0; 66], vec![0.0; 11]];
            for i in 0..n {
                let z: Vec<f64> = (0..11)
                    .map(|c| {
                        let dot = (0..6).map(|k| f64::from(x[i * 6 + k]) * f64::from(w[c * 6 + k]));
                        f64::from(b[c]) + dot.sum::<f64>()
                    })
                    .collect();
                let sum = z.iter().map(|z| z.exp()).sum::<f64>();
                let e = f64::from(smoothing);
                let q = |c: usize| e / 11.0 + if c == i * 7 % 11 { 1.0 - e } else { 0.0 };
                let loss: f64 = (0..11).map(|c| -q(c) * (z[c] - sum.ln())).sum();
                assert!((f64::from(found.losses[i]) - loss).abs() < 1e-5, "row {i}");
                for c in 0..11 {
                    let dz = 0.5 * (z[c].exp() / sum - q(c));
                    expected[2][c] += dz;
                    for k in 0..6 {
                        expected[0][i * 6 + k] += dz * f64::from(w[c * 6 + k]);
                        expected[1][c * 6 + k] += dz * f64::from(x[i * 6 + k]);
                    }
                }
            }
            for (found, expected) in found.gradients.iter().zip(&expected) {
                for (a, b) in found.iter().zip(expected) {
                    assert!((f64::from(*a) - b).abs() < 1e-6, "{a} against {b}");
                }
            }
        }
    }

    #[test]
    fn another_seed_scales_and_threads_change_nothing() {
        let (a, b) = (run(700, 0.1, 0.25, 0.25, 1), run(700, 0.1, 0.25, 0.25, 3));
        let c = run(700, 0.1, 0.25, 0.5, 2);
        assert_eq!(a.losses, b.losses);
        for ((a, b), c) in a.gradients.iter().zip(&b.gradients).zip(&c.gradients) {
            assert_eq!(a, b);
            assert!(a.iter().zip(c).all(|(a, c)| (2.0 * a - c).abs() <= 1e-6 * c.abs()));
        }
    }

    #[test]
    fn without_a_tape_only_the_losses_are_computed() {
        let mut builder = Builder::new();
        let (weight, bias) = declare(&mut builder, 11, 6);
        let stored = vec![Stored::Plain(wave(66, 0.7)), Stored::Plain(wave(11, 1.3))];
        let weights = Arc::new(Weights::new(builder.finish(), stored));
        let targets: Arc<[u32]> = (0..9).map(|i| (i * 7 % 11) as u32).collect();
        let op = CrossEntropy { weight, bias: Some(bias), targets, smoothing: 0.1, seed: 1.0 };
        let mut session = Session::infer(weights, Arc::new(Pool::new(2)));
        let x = session.input(Rows::new(wave(54, 0.37), 6));
        let y = session.apply(op, &[&x], &Segments::single(9));
        for (a, b) in y.rows().as_slice().iter().zip(&run(9, 0.1, 1.0, 1.0, 1).losses) {
            assert!((a - b).abs() < 1e-6, "{a} against {b}");
        }
    }

    #[test]
    #[should_panic(expected = "row 0: target 19 of 19")]
    fn a_target_that_is_no_class_is_refused() {
        check_gradients(
            |b| declare(b, 19, 5).0,
            |weight| CrossEntropy {
                weight: *weight,
                bias: None,
                targets: Arc::from([19]),
                smoothing: 0.0,
                seed: 1.0,
            },
            &[(1, 5)],
            &[1],
            43,
        );
    }
}

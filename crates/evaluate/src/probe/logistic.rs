//! Multinomial logistic regression with an L2 penalty: the linear probe.
//!
//! Of weights W `[classes, width]` and biases b, with p_i = softmax(W x_i + b):
//!   f(W, b) = 1/n sum_i -log p_i[gold_i] + 1/(2 C n) |W|^2,
//! which is `sklearn.linear_model.LogisticRegression(C, penalty="l2", solver="lbfgs")` divided by n;
//! of two classes one row of W is learnt and p = sigmoid, as there. Biases are not penalised. The
//! function is strictly convex in W, so that the optimum, and with it every prediction, does not
//! depend on the way to it.
//!
//! Computed in f64 over blocks of rows, whose sums are added in order: the result does not depend on
//! the number of threads. Preconditioned by the bound H <= c/n X^T X + 1/(C n) (Boehning 1992),
//! which takes correlated dimensions out. Cost of a step: 4 n width classes operations.

use std::sync::{Mutex, PoisonError};

use contexture_kernels::Pool;
use ndarray::{Array2, ArrayView2};

use super::cholesky::Cholesky;
use super::lbfgs::minimise;
use super::samples::{BLOCK_ROWS, Samples};
use crate::{EvaluateError, Setup};

/// How a probe is fitted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogisticSettings {
    /// Inverse strength of the penalty.
    pub c: f64,
    /// The gradient's largest entry at the end, of the loss per row.
    pub tolerance: f64,
    /// The most steps.
    pub steps: usize,
}

impl Default for LogisticSettings {
    fn default() -> Self {
        Self { c: 1.0, tolerance: 1e-7, steps: 1000 }
    }
}

/// A fitted probe.
#[derive(Debug, Clone)]
pub struct Logistic {
    classes: usize,
    width: usize,
    /// `[width + 1, outputs]`, the biases last; one output where there are two classes.
    weights: Array2<f64>,
    /// Steps taken.
    pub steps: usize,
    /// Whether the gradient came below the tolerance.
    pub converged: bool,
}

/// Memory for vectors in f64.
const WIDENED_BYTES: usize = 256 << 20;
/// Rows at most that the preconditioner is made of.
const PRECONDITIONER_ROWS: usize = 1 << 16;

impl Logistic {
    /// Learns `gold`, classes from 0, from `samples`.
    ///
    /// # Errors
    /// Unequal lengths, fewer than two classes, or a temporary file that cannot be read.
    pub fn fit(
        samples: &Samples,
        gold: &[usize],
        settings: &LogisticSettings,
        setup: &Setup<'_>,
    ) -> Result<Self, EvaluateError> {
        let classes = check(samples, gold)?;
        let problem = Problem {
            samples,
            widened: widened(samples)?,
            gold,
            outputs: if classes == 2 { 1 } else { classes },
            penalty: 1.0 / (settings.c * samples.rows() as f64),
            pool: Pool::new(setup.bootstrap.threads.max(1)),
        };
        let (rows, outputs) = (samples.width() + 1, problem.outputs);
        let factor = problem.preconditioner()?;
        // `point` is `[outputs, width + 1]`, so that a class's direction is solved in one piece.
        let outcome = minimise(
            |point| problem.value(point),
            |gradient| gradient.chunks_exact_mut(rows).for_each(|part| factor.solve(part)),
            vec![0.0; rows * outputs],
            settings.tolerance,
            settings.steps,
            |step| setup.say("probe, steps", step, settings.steps),
        )?;
        Ok(Self {
            classes,
            width: samples.width(),
            weights: Array2::from_shape_fn((rows, outputs), |(row, output)| {
                outcome.point[output * rows + row]
            }),
            steps: outcome.iterations,
            converged: outcome.gradient <= settings.tolerance,
        })
    }

    /// Classes that were learnt.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The class of each row of `[rows, width]`.
    ///
    /// # Panics
    /// Where the length is no multiple of the width.
    pub fn predict(&self, rows: &[f32]) -> Vec<usize> {
        assert_eq!(rows.len() % self.width, 0, "whole rows of {}", self.width);
        let mut found = Vec::with_capacity(rows.len() / self.width);
        for block in rows.chunks(BLOCK_ROWS * self.width) {
            let logits = logits(&block_of(block, self.width), self.weights.view());
            found.extend(logits.rows().into_iter().map(|row| match row.len() {
                1 => usize::from(row[0] > 0.0),
                _ => first_largest(row.iter().copied()),
            }));
        }
        found
    }

    /// The class of every sample.
    ///
    /// # Errors
    /// Where a temporary file cannot be read.
    pub fn predict_all(&self, samples: &Samples) -> Result<Vec<usize>, EvaluateError> {
        let mut found = Vec::with_capacity(samples.rows());
        for block in 0..samples.blocks() {
            found.extend(samples.block(block, |rows| self.predict(rows))?);
        }
        Ok(found)
    }
}

fn check(samples: &Samples, gold: &[usize]) -> Result<usize, EvaluateError> {
    if samples.rows() != gold.len() {
        return Err(EvaluateError::Lengths {
            left_name: "vectors",
            right_name: "labels",
            left: samples.rows(),
            right: gold.len(),
        });
    }
    let classes = gold.iter().max().map_or(0, |most| most + 1);
    let first = gold.first().copied().unwrap_or(0);
    if gold.iter().all(|class| *class == first) {
        let place = "the training labels".to_owned();
        return Err(EvaluateError::OneClass { place, class: format!("class {first}") });
    }
    Ok(classes)
}

fn first_largest(values: impl Iterator<Item = f64>) -> usize {
    let mut best = (0, f64::NEG_INFINITY);
    for (at, value) in values.enumerate() {
        if value > best.1 {
            best = (at, value);
        }
    }
    best.0
}

fn block_of(rows: &[f32], width: usize) -> Array2<f64> {
    let mut block = Array2::ones((rows.len() / width, width + 1));
    for (mut to, from) in block.rows_mut().into_iter().zip(rows.chunks_exact(width)) {
        to.iter_mut().zip(from).for_each(|(to, from)| *to = f64::from(*from));
    }
    block
}

/// Every block in f64, where that takes little memory; else they are widened whenever they pass.
fn widened(samples: &Samples) -> Result<Option<Vec<Array2<f64>>>, EvaluateError> {
    let width = samples.width();
    if samples.rows().saturating_mul(8 * (width + 1)) > WIDENED_BYTES {
        return Ok(None);
    }
    let block = |block| samples.block(block, |rows| block_of(rows, width));
    (0..samples.blocks()).map(block).collect::<Result<_, _>>().map(Some)
}

fn logits(block: &Array2<f64>, weights: ArrayView2<'_, f64>) -> Array2<f64> {
    block.dot(&weights)
}

/// Samples, labels and penalty: the function that is minimised.
struct Problem<'a> {
    samples: &'a Samples,
    widened: Option<Vec<Array2<f64>>>,
    gold: &'a [usize],
    outputs: usize,
    penalty: f64,
    pool: Pool,
}

impl Problem<'_> {
    /// One result a block, in the order of the blocks.
    fn blocks<R: Send>(
        &self,
        step: usize,
        visit: impl Fn(usize, &Array2<f64>) -> R + Sync,
    ) -> Result<Vec<R>, EvaluateError> {
        let width = self.samples.width();
        let numbers: Vec<usize> = (0..self.samples.blocks()).step_by(step).collect();
        let found: Vec<Mutex<Option<Result<R, EvaluateError>>>> =
            numbers.iter().map(|_| Mutex::new(None)).collect();
        self.pool.run(numbers.len(), &|task| {
            let block = numbers[task];
            let result = match &self.widened {
                Some(blocks) => Ok(visit(block, &blocks[block])),
                None => self.samples.block(block, |rows| visit(block, &block_of(rows, width))),
            };
            *found[task].lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        });
        found
            .into_iter()
            .filter_map(|slot| slot.into_inner().unwrap_or_else(PoisonError::into_inner))
            .collect()
    }

    /// f and its gradient, `[outputs, width + 1]`.
    fn value(&self, point: &[f64]) -> Result<(f64, Vec<f64>), EvaluateError> {
        let (n, rows) = (self.gold.len() as f64, self.samples.width() + 1);
        let weights = ArrayView2::from_shape((self.outputs, rows), point)
            .map_err(|_| self.wrong_shape(point.len()))?;
        let parts = self.blocks(1, |block, x| {
            let mut logits = logits(x, weights.t());
            let loss = self.residuals(block, &mut logits);
            (loss, logits.t().dot(x))
        })?;
        let mut loss = 0.0;
        let mut gradient: Array2<f64> = Array2::zeros((self.outputs, rows));
        for (part, sum) in parts {
            loss += part;
            gradient += &sum;
        }
        let mut gradient: Vec<f64> = gradient.iter().map(|g| g / n).collect();
        let mut square = 0.0;
        for (at, (g, w)) in gradient.iter_mut().zip(point).enumerate() {
            if at % rows + 1 < rows {
                *g += self.penalty * w;
                square += w * w;
            }
        }
        Ok((loss / n + 0.5 * self.penalty * square, gradient))
    }

    fn wrong_shape(&self, found: usize) -> EvaluateError {
        let right = self.outputs * (self.samples.width() + 1);
        let (left_name, right_name) = ("parameters", "weights and biases");
        EvaluateError::Lengths { left_name, right_name, left: found, right }
    }

    /// Logits become p - gold; returns the block's loss.
    fn residuals(&self, block: usize, logits: &mut Array2<f64>) -> f64 {
        let mut loss = 0.0;
        for (at, mut row) in logits.rows_mut().into_iter().enumerate() {
            let gold = self.gold[block * BLOCK_ROWS + at];
            if row.len() == 1 {
                let (z, y) = (row[0], gold as f64);
                // log(1 + exp(z)) - y z, without overflow.
                loss += z.max(0.0) + (-z.abs()).exp().ln_1p() - y * z;
                row[0] = 1.0 / (1.0 + (-z).exp()) - y;
                continue;
            }
            let most = row.iter().fold(f64::NEG_INFINITY, |most, z| most.max(*z));
            loss += most - row[gold];
            let mut sum = 0.0;
            for z in &mut row {
                *z = (*z - most).exp();
                sum += *z;
            }
            row.iter_mut().for_each(|z| *z /= sum);
            row[gold] -= 1.0;
            loss += sum.ln();
        }
        loss
    }

    /// c/n X^T X + penalty over a fixed part of the rows, factored.
    fn preconditioner(&self) -> Result<Cholesky, EvaluateError> {
        let rows = self.samples.width() + 1;
        let step = self.samples.blocks().div_ceil(PRECONDITIONER_ROWS / BLOCK_ROWS).max(1);
        let parts = self.blocks(step, |_, x| (x.nrows(), x.t().dot(x)))?;
        let mut count = 0;
        let mut sum: Array2<f64> = Array2::zeros((rows, rows));
        for (rows, part) in parts {
            count += rows;
            sum += &part;
        }
        let bound = if self.outputs == 1 { 0.25 } else { 0.5 };
        sum.mapv_inplace(|value| value * bound / count as f64);
        for at in 0..rows - 1 {
            sum[[at, at]] += self.penalty;
        }
        Ok(Cholesky::new(sum.into_raw_vec_and_offset().0, rows))
    }
}

//! One step of Adam (Kingma and Ba 2015, algorithm 1) or AdamW (Loshchilov and Hutter 2019,
//! algorithm 2), and the squares that a gradient's norm is made of.
//!
//! With g the scaled gradient (Adam: `g + decay w`), element by element:
//!
//! ```text
//! m = beta1 m + (1 - beta1) g
//! v = beta2 v + (1 - beta2) g^2
//! w = (1 - rate decay) w - rate / correction1 * m / (sqrt(v / correction2) + epsilon)
//! ```
//!
//! where Adam leaves out the first product. All arrays of one length. Cost: one pass over four
//! arrays, bound by memory.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::Pool;
use crate::blocks::Places;
use crate::isa::{Isa, Kernel, Simd, dispatch_on};

/// The numbers of one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    /// Whether the decay shrinks the weights themselves (AdamW) or is added to the gradient (Adam).
    pub decoupled: bool,
    /// The step's size.
    pub learning_rate: f64,
    /// How much of the first moment stays.
    pub beta1: f64,
    /// How much of the second moment stays.
    pub beta2: f64,
    /// Added to the root of the corrected second moment.
    pub epsilon: f64,
    /// How fast weights decay.
    pub weight_decay: f64,
    /// `1 - beta1^t` at step t, from 1.
    pub bias_correction1: f64,
    /// `1 - beta2^t`
    pub bias_correction2: f64,
    /// What gradients are multiplied with first.
    pub gradient_scale: f64,
}

/// Values of one task.
const BLOCK: usize = 16 << 10;

/// One step: changes `weights`, `m` and `v`, all as long as `gradient`.
///
/// # Panics
/// Where lengths differ.
pub fn adam(
    pool: &Pool,
    step: &AdamStep,
    weights: &mut [f32],
    gradient: &[f32],
    m: &mut [f32],
    v: &mut [f32],
) {
    adam_on(Isa::current(), pool, step, weights, gradient, m, v);
}

/// [`adam`] on a given instruction set, for tests and comparisons.
///
/// # Panics
/// Where lengths differ, or this machine cannot run `isa`.
pub fn adam_on(
    isa: Isa,
    pool: &Pool,
    step: &AdamStep,
    weights: &mut [f32],
    gradient: &[f32],
    m: &mut [f32],
    v: &mut [f32],
) {
    let len = weights.len();
    assert_eq!(gradient.len(), len, "gradient against weights of an optimiser's step");
    assert_eq!((m.len(), v.len()), (len, len), "moments against weights of an optimiser's step");
    let places = [weights, m, v].map(Places::new);
    pool.run(len.div_ceil(BLOCK), &|block| {
        let range = block * BLOCK..((block + 1) * BLOCK).min(len);
        // SAFETY: blocks are disjoint and within all arrays.
        let [weights, m, v] = [0, 1, 2].map(|array| unsafe { places[array].slice(range.clone()) });
        dispatch_on(isa, Adam { step, weights, gradient: &gradient[range], m, v });
    });
}

struct Adam<'a> {
    step: &'a AdamStep,
    weights: &'a mut [f32],
    gradient: &'a [f32],
    m: &'a mut [f32],
    v: &'a mut [f32],
}

impl Kernel for Adam<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { step, weights, gradient, m, v } = self;
        let shrink = if step.decoupled { step.learning_rate * step.weight_decay } else { 0.0 };
        let pull = s.splat(if step.decoupled { 0.0 } else { step.weight_decay as f32 });
        let kept = s.splat((1.0 - shrink) as f32);
        let scale = s.splat(step.gradient_scale as f32);
        let (beta1, rest1) = (s.splat(step.beta1 as f32), s.splat((1.0 - step.beta1) as f32));
        let (beta2, rest2) = (s.splat(step.beta2 as f32), s.splat((1.0 - step.beta2) as f32));
        let size = s.splat((step.learning_rate / step.bias_correction1) as f32);
        let root = s.splat((1.0 / step.bias_correction2.sqrt()) as f32);
        let epsilon = s.splat(step.epsilon as f32);
        let moments = m.chunks_mut(S::LANES).zip(v.chunks_mut(S::LANES));
        let values = weights.chunks_mut(S::LANES).zip(gradient.chunks(S::LANES));
        for ((w, g), (m, v)) in values.zip(moments) {
            let old = s.load_tail(w);
            let g = s.fma(pull, old, s.mul(s.load_tail(g), scale));
            let first = s.fma(beta1, s.load_tail(m), s.mul(rest1, g));
            let second = s.fma(beta2, s.load_tail(v), s.mul(s.mul(rest2, g), g));
            s.store_tail(first, m);
            s.store_tail(second, v);
            let divisor = s.fma(s.sqrt(second), root, epsilon);
            let change = s.div(s.mul(size, first), divisor);
            s.store_tail(s.sub(s.mul(kept, old), change), w);
        }
    }
}

/// Values whose squares are summed in single precision, by lanes, before doubles take over.
const RUN: usize = 512;

/// The sum of all values' squares, the same to the bit on any number of threads.
pub fn sum_of_squares(pool: &Pool, values: &[f32]) -> f64 {
    sum_of_squares_on(Isa::current(), pool, values)
}

/// [`sum_of_squares`] on a given instruction set, for tests and comparisons.
///
/// # Panics
/// Where this machine cannot run `isa`.
pub fn sum_of_squares_on(isa: Isa, pool: &Pool, values: &[f32]) -> f64 {
    let parts: Vec<&[f32]> = values.chunks(4 * BLOCK).collect();
    let sums: Vec<AtomicU64> = parts.iter().map(|_| AtomicU64::new(0)).collect();
    pool.run(parts.len(), &|part| {
        let sum = dispatch_on(isa, Squares(parts[part]));
        sums[part].store(sum.to_bits(), Ordering::Relaxed);
    });
    sums.into_iter().map(|sum| f64::from_bits(sum.into_inner())).sum()
}

struct Squares<'a>(&'a [f32]);

impl Kernel for Squares<'_> {
    type Output = f64;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f64 {
        let mut total = 0.0;
        for run in self.0.chunks(RUN) {
            let (mut even, mut odd) = (s.splat(0.0), s.splat(0.0));
            for pair in run.chunks(2 * S::LANES) {
                let (a, b) = pair.split_at(pair.len().min(S::LANES));
                let (a, b) = (s.load_tail(a), s.load_tail(b));
                even = s.fma(a, a, even);
                odd = s.fma(b, b, odd);
            }
            total += f64::from(s.sum(s.add(even, odd)));
        }
        total
    }
}

//! Softmax of rows in place: `p_j = exp(x_j - max x) / sum_k exp(x_k - max x)`.
//!
//! x `[rows, width]`. Backward needs p. A row of minus infinities gives zeros. Cost: three passes
//! over a row, an exponential for each value.

use crate::Pool;
use crate::activation::exp2_nonpositive;
use crate::blocks::{each_block, each_block_of_two};
use crate::isa::{Isa, Kernel, Simd, dispatch_on};

/// Softmax of each row of `x`, `[rows, width]`, in place.
///
/// # Panics
/// Where the values do not fill whole rows.
pub fn softmax(pool: &Pool, width: usize, x: &mut [f32]) {
    softmax_on(Isa::current(), pool, width, x);
}

/// [`softmax`] on a given instruction set, for tests and comparisons.
///
/// # Panics
/// Where the values do not fill whole rows, or this machine cannot run `isa`.
pub fn softmax_on(isa: Isa, pool: &Pool, width: usize, x: &mut [f32]) {
    each_block(pool, width, x, |_, x| dispatch_on(isa, Forward { width, x }));
}

/// `gradient = p (gradient - sum_k gradient_k p_k)`: from the one by the output to the one by the
/// input.
///
/// # Panics
/// Where the lengths differ or do not fill whole rows.
pub fn softmax_backward(pool: &Pool, width: usize, p: &[f32], gradient: &mut [f32]) {
    assert_eq!(p.len(), gradient.len(), "output against gradient of a softmax");
    each_block(pool, width, gradient, |rows, gradient| {
        let p = &p[rows.start * width..rows.end * width];
        dispatch_on(Isa::current(), Adjoint { width, p, gradient });
    });
}

/// Targets of a cross entropy over rows of logits.
#[derive(Clone, Copy, Debug)]
pub struct Smoothed<'a> {
    /// Logits that count in a row.
    pub classes: usize,
    /// From one row to the next.
    pub stride: usize,
    /// Each row's class.
    pub targets: &'a [u32],
    /// The share `e` of `q = (1 - e) onehot(target) + e / classes`.
    pub smoothing: f32,
    /// Where given, logits become `seed * (softmax(z) - q)`; else they are left as they are.
    pub seed: Option<f32>,
}

/// `losses_i = - sum_c q_ic log softmax(z_i)_c` of rows of logits, `stride` apart; where a seed
/// is given the logits become their own gradient.
///
/// # Panics
/// Where a length does not fit the shapes, or a target is no class.
pub fn cross_entropy(pool: &Pool, smoothed: &Smoothed<'_>, z: &mut [f32], losses: &mut [f32]) {
    cross_entropy_on(Isa::current(), pool, smoothed, z, losses);
}

/// [`cross_entropy`] on a given instruction set, for tests and comparisons.
///
/// # Panics
/// As [`cross_entropy`], or where this machine cannot run `isa`.
pub fn cross_entropy_on(
    isa: Isa,
    pool: &Pool,
    smoothed: &Smoothed<'_>,
    z: &mut [f32],
    losses: &mut [f32],
) {
    let Smoothed { classes, stride, .. } = *smoothed;
    let rows = smoothed.targets.len();
    assert!(classes <= stride, "{classes} logits in rows of {stride}");
    assert_eq!(z.len(), rows * stride, "logits of [{rows}, {stride}]");
    assert_eq!(losses.len(), rows, "losses of {rows} rows");
    let none = smoothed.targets.iter().find(|target| **target as usize >= classes);
    assert!(none.is_none(), "target {none:?} of {classes} classes");
    each_block_of_two(pool, 1, (stride, 1), (z, losses), |rows, z, loss| {
        let z = &mut z[..classes];
        let target = smoothed.targets[rows.start] as usize;
        loss[0] = dispatch_on(isa, CrossEntropy { smoothed, target, z });
    });
}

struct CrossEntropy<'a> {
    smoothed: &'a Smoothed<'a>,
    target: usize,
    z: &'a mut [f32],
}

impl Kernel for CrossEntropy<'_> {
    type Output = f32;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        let Self { smoothed, target, z } = self;
        let of_target = z[target];
        let unit = s.splat(std::f32::consts::LOG2_E);
        let (mut most, mut all) = (s.splat(f32::NEG_INFINITY), s.splat(0.0));
        for part in z.chunks(S::LANES) {
            let x = s.load_tail(part);
            all = s.add(all, x);
            most = s.max(s.select(s.first(part.len()), x, s.splat(f32::NEG_INFINITY)), most);
        }
        // The comparison of `max` drops a NaN; the sum keeps it.
        let (most, all) = (s.maximum(most), s.sum(all));
        let gradient = smoothed.seed.is_some();
        let largest = s.splat(most);
        let mut sum = s.splat(0.0);
        for part in z.chunks_mut(S::LANES) {
            let p = exp2_nonpositive(s, s.mul(s.sub(s.load_tail(part), largest), unit));
            sum = s.add(sum, s.select(s.first(part.len()), p, s.splat(0.0)));
            if gradient {
                s.store_tail(p, part);
            }
        }
        let sum = s.sum(sum);
        let e = smoothed.smoothing;
        if let Some(seed) = smoothed.seed {
            let factor = s.splat(seed / sum);
            let share = s.splat(-seed * e / smoothed.classes as f32);
            for part in z.chunks_mut(S::LANES) {
                s.store_tail(s.fma(s.load_tail(part), factor, share), part);
            }
            z[target] -= seed * (1.0 - e);
        }
        // Differences to the largest logit first: what is left is small.
        let of_target = of_target - most;
        let mean = all / smoothed.classes as f32 - most;
        sum.ln() - (1.0 - e) * of_target - e * mean
    }
}

struct Forward<'a> {
    width: usize,
    x: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let unit = s.splat(std::f32::consts::LOG2_E);
        for row in self.x.chunks_exact_mut(self.width) {
            let mut most = s.splat(f32::NEG_INFINITY);
            for part in row.chunks(S::LANES) {
                let x = s.load_tail(part);
                let x = s.select(s.first(part.len()), x, s.splat(f32::NEG_INFINITY));
                most = s.max(x, most);
            }
            let most = s.maximum(most);
            if most == f32::NEG_INFINITY && row.iter().all(|x| !x.is_nan()) {
                row.fill(0.0);
                continue;
            }
            let most = s.splat(most);
            let mut sum = s.splat(0.0);
            for part in row.chunks_mut(S::LANES) {
                let x = s.mul(s.sub(s.load_tail(part), most), unit);
                let p = exp2_nonpositive(s, x);
                sum = s.add(sum, s.select(s.first(part.len()), p, s.splat(0.0)));
                s.store_tail(p, part);
            }
            let inverse = s.splat(1.0 / s.sum(sum));
            for part in row.chunks_mut(S::LANES) {
                s.store_tail(s.mul(s.load_tail(part), inverse), part);
            }
        }
    }
}

struct Adjoint<'a> {
    width: usize,
    p: &'a [f32],
    gradient: &'a mut [f32],
}

impl Kernel for Adjoint<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let rows = self.p.chunks_exact(self.width);
        for (p, g) in rows.zip(self.gradient.chunks_exact_mut(self.width)) {
            let mut sum = s.splat(0.0);
            for (p, g) in p.chunks(S::LANES).zip(g.chunks(S::LANES)) {
                sum = s.fma(s.load_tail(p), s.load_tail(g), sum);
            }
            let sum = s.splat(s.sum(sum));
            for (p, g) in p.chunks(S::LANES).zip(g.chunks_mut(S::LANES)) {
                let d = s.mul(s.load_tail(p), s.sub(s.load_tail(g), sum));
                s.store_tail(d, g);
            }
        }
    }
}

//! Sums and multiples of whole arrays, and rows of unit length.
//!
//! `y = a + b`, `y = f x`, `y = w_1 x_1 + ... + w_n x_n` (Peters et al. 2018, eq. 1, the weights
//! given), `y = x / max(|x|, epsilon)`. All `[rows, width]`. Cost: one pass, bound by memory.

use crate::Pool;
use crate::blocks::each_block;
use crate::isa::{Isa, Kernel, Simd, dispatch, dispatch_on};

/// Values in a row of a flat array's division among threads.
const FLAT: usize = 64;

/// `out = sum_i weights_i * inputs_i`; one input at least.
///
/// # Panics
/// Where lengths differ or there is no input.
pub fn weighted_sum(pool: &Pool, inputs: &[(f32, &[f32])], out: &mut [f32]) {
    assert!(!inputs.is_empty(), "a sum of no inputs");
    for (_, input) in inputs {
        assert_eq!(input.len(), out.len(), "input against output of a sum");
    }
    let whole = out.len() - out.len() % FLAT;
    let (head, tail) = out.split_at_mut(whole);
    each_block(pool, FLAT, head, |rows, out| {
        dispatch(Sum { inputs, from: rows.start * FLAT, out });
    });
    dispatch(Sum { inputs, from: whole, out: tail });
}

/// `out = a + b`
///
/// # Panics
/// Where lengths differ.
pub fn add(pool: &Pool, a: &[f32], b: &[f32], out: &mut [f32]) {
    weighted_sum(pool, &[(1.0, a), (1.0, b)], out);
}

/// `sum += factor * x`
///
/// # Panics
/// Where lengths differ.
pub fn add_scaled(factor: f32, x: &[f32], sum: &mut [f32]) {
    assert_eq!(x.len(), sum.len(), "addend against sum");
    dispatch(AddScaled { factor, x, sum });
}

/// `out = x / max(|x|, epsilon)` row by row; a zero row stays zero.
///
/// # Panics
/// Where lengths differ or do not fill whole rows.
pub fn normalize(pool: &Pool, width: usize, epsilon: f32, x: &[f32], out: &mut [f32]) {
    assert_eq!(x.len(), out.len(), "input against output of a normalisation");
    each_block(pool, width, out, |rows, out| {
        let x = &x[rows.start * width..rows.end * width];
        dispatch_on(Isa::current(), Normalize { width, epsilon, x, out });
    });
}

/// Adds the gradient by x of [`normalize`], from x and the gradient by its output.
///
/// # Panics
/// Where lengths differ or do not fill whole rows.
pub fn normalize_backward(
    pool: &Pool,
    width: usize,
    epsilon: f32,
    x: &[f32],
    gradient: &[f32],
    x_gradient: &mut [f32],
) {
    assert_eq!(x.len(), gradient.len(), "input against gradient of a normalisation");
    assert_eq!(x.len(), x_gradient.len(), "input against its gradient in a normalisation");
    each_block(pool, width, x_gradient, |rows, dx| {
        let range = rows.start * width..rows.end * width;
        let (x, gradient) = (&x[range.clone()], &gradient[range]);
        dispatch(NormalizeAdjoint { width, epsilon, x, gradient, dx });
    });
}

struct Sum<'a> {
    inputs: &'a [(f32, &'a [f32])],
    from: usize,
    out: &'a mut [f32],
}

impl Kernel for Sum<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { inputs, from, out } = self;
        for (index, part) in out.chunks_mut(S::LANES).enumerate() {
            let at = from + index * S::LANES;
            let range = at..at + part.len();
            let mut sum = s.splat(0.0);
            for (factor, input) in inputs {
                sum = s.fma(s.splat(*factor), s.load_tail(&input[range.clone()]), sum);
            }
            s.store_tail(sum, part);
        }
    }
}

struct AddScaled<'a> {
    factor: f32,
    x: &'a [f32],
    sum: &'a mut [f32],
}

impl Kernel for AddScaled<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let factor = s.splat(self.factor);
        for (x, sum) in self.x.chunks(S::LANES).zip(self.sum.chunks_mut(S::LANES)) {
            s.store_tail(s.fma(factor, s.load_tail(x), s.load_tail(sum)), sum);
        }
    }
}

/// `|x|`, its squares summed by lanes.
#[inline(always)]
fn length<S: Simd>(s: S, x: &[f32]) -> f32 {
    let mut sum = s.splat(0.0);
    for part in x.chunks(S::LANES) {
        let x = s.load_tail(part);
        sum = s.fma(x, x, sum);
    }
    s.sum(sum).sqrt()
}

struct Normalize<'a> {
    width: usize,
    epsilon: f32,
    x: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for Normalize<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let rows = self.x.chunks_exact(self.width);
        for (x, out) in rows.zip(self.out.chunks_exact_mut(self.width)) {
            let length = length(s, x);
            let divisor = s.splat(if length > self.epsilon { length } else { self.epsilon });
            for (x, out) in x.chunks(S::LANES).zip(out.chunks_mut(S::LANES)) {
                s.store_tail(s.div(s.load_tail(x), divisor), out);
            }
        }
    }
}

struct NormalizeAdjoint<'a> {
    width: usize,
    epsilon: f32,
    x: &'a [f32],
    gradient: &'a [f32],
    dx: &'a mut [f32],
}

impl Kernel for NormalizeAdjoint<'_> {
    type Output = ();
    /// `dx = (g - y (y . g)) / |x|` for `y = x / |x|`; `g / epsilon` where x is shorter.
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { width, epsilon, x, gradient, dx } = self;
        let rows = x.chunks_exact(width).zip(gradient.chunks_exact(width));
        for ((x, g), dx) in rows.zip(dx.chunks_exact_mut(width)) {
            let length = length(s, x);
            let mut dot = s.splat(0.0);
            for (x, g) in x.chunks(S::LANES).zip(g.chunks(S::LANES)) {
                dot = s.fma(s.load_tail(x), s.load_tail(g), dot);
            }
            let long = length > epsilon;
            let inverse = if long { 1.0 / length } else { 1.0 / epsilon };
            let along = if long { s.sum(dot) * inverse * inverse } else { 0.0 };
            let (inverse, along) = (s.splat(inverse), s.splat(along));
            let parts = x.chunks(S::LANES).zip(g.chunks(S::LANES));
            for ((x, g), dx) in parts.zip(dx.chunks_mut(S::LANES)) {
                let d = s.neg_fma(s.load_tail(x), along, s.load_tail(g));
                s.store_tail(s.fma(d, inverse, s.load_tail(dx)), dx);
            }
        }
    }
}

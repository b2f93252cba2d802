//! Sums and multiples of whole arrays, and rows of unit length.
//!
//! `y = a + b`, `y = f x`, `y = w_1 x_1 + ... + w_n x_n` (Peters et al. 2018, eq. 1, the weights
//! given), `y = x / max(|x|, epsilon)`. All `[rows, width]`. Cost: one pass, bound by memory.

use crate::Pool;
use crate::blocks::{each_block, each_block_of, flat_blocks};
use crate::gemm::Store;
use crate::isa::{Isa, Kernel, Simd, dispatch, dispatch_on};

/// `out = sum_i weights_i * inputs_i`; one input at least.
///
/// # Panics
/// Where lengths differ or there is no input.
pub fn weighted_sum(pool: &Pool, inputs: &[(f32, &[f32])], out: &mut [f32]) {
    assert!(!inputs.is_empty(), "a sum of no inputs");
    for (_, input) in inputs {
        assert_eq!(input.len(), out.len(), "input against output of a sum");
    }
    flat_blocks(pool, out, |range, out| dispatch(Sum { inputs, from: range.start, out }));
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

/// `out = factor * x`, or that added to it, on all threads.
///
/// # Panics
/// Where lengths differ.
pub fn accumulate(pool: &Pool, factor: f32, x: &[f32], store: Store, out: &mut [f32]) {
    assert_eq!(x.len(), out.len(), "addend against sum");
    flat_blocks(pool, out, |range, out| {
        let x = &x[range];
        match store {
            Store::Over if factor == 1.0 => out.copy_from_slice(x),
            Store::Over => dispatch(Sum { inputs: &[(factor, x)], from: 0, out }),
            Store::Add => dispatch(AddScaled { factor, x, sum: out }),
        }
    });
}

/// Zeros, on all threads.
pub fn clear(pool: &Pool, out: &mut [f32]) {
    flat_blocks(pool, out, |_, out| out.fill(0.0));
}

/// Rows side by side: inputs `(values, width)` of as many rows; out `[rows, sum of widths]`.
///
/// # Panics
/// Where lengths do not fit the shapes.
pub fn concatenate(pool: &Pool, inputs: &[(&[f32], usize)], out: &mut [f32]) {
    let all: usize = inputs.iter().map(|(_, width)| width).sum();
    for (values, width) in inputs {
        let (found, expected) = (values.len() * all, out.len() * width);
        assert!(found == expected, "rows of {width} among rows of {all} side by side");
    }
    each_block(pool, all.max(1), out, |rows, out| {
        for (row, mut to) in rows.zip(out.chunks_exact_mut(all)) {
            for (values, width) in inputs {
                let (own, rest) = to.split_at_mut(*width);
                own.copy_from_slice(&values[row * width..(row + 1) * width]);
                to = rest;
            }
        }
    });
}

/// Adds columns `first..first + width` of `gradient`, rows of `all`, to `sum`, rows of `width`: the
/// adjoint of [`concatenate`] by one of its inputs.
///
/// # Panics
/// Where lengths do not fit the shapes.
pub fn add_columns(
    pool: &Pool,
    (gradient, all): (&[f32], usize),
    first: usize,
    width: usize,
    sum: &mut [f32],
) {
    assert!(first + width <= all, "columns {first} to {} of {all}", first + width);
    assert_eq!(gradient.len() * width, sum.len() * all, "gradient of rows side by side");
    let step = (8192 / all.max(1)).max(1);
    each_block_of(pool, step, width, sum, |rows, sum| {
        for (row, sum) in rows.zip(sum.chunks_exact_mut(width)) {
            add_scaled(1.0, &gradient[row * all + first..][..width], sum);
        }
    });
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

//! Layer norm: `y = (x - mean) / sqrt(variance + epsilon) * w + b`; where it is not centred, mean is
//! 0: `y = x / sqrt(mean of x^2 + epsilon) * w + b`.
//!
//! Ba, Kiros and Hinton 2016, eq. 4; without the mean: Zhang and Sennrich 2019, eq. 4. x, y `[tokens, hidden]`; w, b `[hidden]`. The variance is
//! taken about the mean in a second pass, as precise as the reference libraries. Backward needs x
//! alone and computes the statistics anew. Cost: three passes over a row that stays in L1.

use crate::Pool;
use crate::blocks::{block_rows, each_block, each_block_of_two};
use crate::isa::{Isa, Kernel, Simd, dispatch_on};

/// What a norm does after it has normed.
#[derive(Clone, Copy, Debug)]
pub struct Norm<'a> {
    /// `[hidden]`
    pub weight: &'a [f32],
    /// `[hidden]`
    pub bias: Option<&'a [f32]>,
    /// Added to the variance.
    pub epsilon: f32,
    /// Whether the mean is taken off.
    pub centred: bool,
}

/// `out = norm(x)`, both `[tokens, hidden]`.
///
/// # Panics
/// Where a length does not fit the shapes.
pub fn layer_norm(pool: &Pool, norm: &Norm<'_>, x: &[f32], out: &mut [f32]) {
    layer_norm_on(Isa::current(), pool, norm, x, out);
}

/// [`layer_norm`] on a given instruction set, for tests and comparisons.
///
/// # Panics
/// Where a length does not fit the shapes, or this machine cannot run `isa`.
pub fn layer_norm_on(isa: Isa, pool: &Pool, norm: &Norm<'_>, x: &[f32], out: &mut [f32]) {
    let width = norm.check(x.len(), out.len());
    each_block(pool, width, out, |rows, out| {
        let x = &x[rows.start * width..rows.end * width];
        dispatch_on(isa, Forward { norm, x, out });
    });
}

/// Adds the gradients by x `[tokens, hidden]`, the weight and the bias `[hidden]`; `gradient` is
/// the one by the output.
///
/// # Panics
/// Where a length does not fit the shapes.
pub fn layer_norm_backward(
    pool: &Pool,
    norm: &Norm<'_>,
    x: &[f32],
    gradient: &[f32],
    x_gradient: &mut [f32],
    weight_gradient: &mut [f32],
    bias_gradient: Option<&mut [f32]>,
) {
    let width = norm.check(x.len(), gradient.len());
    norm.check(x.len(), x_gradient.len());
    assert_eq!(weight_gradient.len(), width, "weight's gradient of a norm");
    let step = block_rows(width);
    let blocks = (x.len() / width).div_ceil(step);
    // Each block's sums, `[blocks, 2, hidden]`: added in the blocks' order below.
    let mut sums = vec![0.0; blocks * 2 * width];
    each_block_of_two(pool, step, (width, 2 * width), (x_gradient, &mut sums), |rows, dx, sums| {
        let range = rows.start * width..rows.end * width;
        let (by_weight, by_bias) = sums.split_at_mut(width);
        let (x, gradient) = (&x[range.clone()], &gradient[range]);
        dispatch_on(Isa::current(), Adjoint { norm, x, gradient, dx, by_weight, by_bias });
    });
    for sums in sums.chunks_exact(2 * width) {
        weight_gradient.iter_mut().zip(sums).for_each(|(sum, part)| *sum += part);
    }
    if let Some(bias_gradient) = bias_gradient {
        assert_eq!(bias_gradient.len(), width, "bias's gradient of a norm");
        for sums in sums.chunks_exact(2 * width) {
            bias_gradient.iter_mut().zip(&sums[width..]).for_each(|(sum, part)| *sum += part);
        }
    }
}

impl Norm<'_> {
    fn check(&self, x: usize, out: usize) -> usize {
        let width = self.weight.len();
        assert!(width > 0 && x.is_multiple_of(width), "{x} values in rows of {width}");
        assert_eq!(x, out, "input against output of a norm of {width}");
        if let Some(bias) = self.bias {
            assert_eq!(bias.len(), width, "bias of a norm");
        }
        width
    }
}

struct Forward<'a> {
    norm: &'a Norm<'a>,
    x: &'a [f32],
    out: &'a mut [f32],
}

/// `(mean, 1 / sqrt(variance + epsilon))` of a row, summed by lanes: two sums that alternate.
#[inline(always)]
fn statistics<S: Simd>(s: S, x: &[f32], norm: &Norm<'_>) -> (S::V, S::V) {
    let width = x.len() as f32;
    let zero = s.splat(0.0);
    let (mut even, mut odd) = (zero, zero);
    let mut pairs = x.chunks_exact(2 * S::LANES);
    for pair in &mut pairs {
        even = s.add(even, s.load(pair));
        odd = s.add(odd, s.load(&pair[S::LANES..]));
    }
    for rest in pairs.remainder().chunks(S::LANES) {
        even = s.add(even, s.load_tail(rest));
    }
    let mean = if norm.centred { s.sum(s.add(even, odd)) / width } else { 0.0 };
    let mean = s.splat(mean);
    (even, odd) = (zero, zero);
    let mut pairs = x.chunks_exact(2 * S::LANES);
    for pair in &mut pairs {
        let (a, b) = (s.sub(s.load(pair), mean), s.sub(s.load(&pair[S::LANES..]), mean));
        even = s.fma(a, a, even);
        odd = s.fma(b, b, odd);
    }
    for rest in pairs.remainder().chunks(S::LANES) {
        let a = s.select(s.first(rest.len()), s.sub(s.load_tail(rest), mean), zero);
        even = s.fma(a, a, even);
    }
    let variance = s.sum(s.add(even, odd)) / width;
    (mean, s.splat(1.0 / (variance + norm.epsilon).sqrt()))
}

impl Kernel for Forward<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Norm { weight, bias, .. } = *self.norm;
        let width = weight.len();
        let whole = width - width % S::LANES;
        for (x, out) in self.x.chunks_exact(width).zip(self.out.chunks_exact_mut(width)) {
            let (mean, inverse) = statistics(s, x, self.norm);
            // SAFETY: all slices hold `width` values.
            unsafe {
                let mut at = 0;
                while at < whole {
                    let x = s.mul(s.sub(s.load_ptr(x.as_ptr().add(at)), mean), inverse);
                    let w = s.load_ptr(weight.as_ptr().add(at));
                    let y = match bias {
                        Some(bias) => s.fma(x, w, s.load_ptr(bias.as_ptr().add(at))),
                        None => s.mul(x, w),
                    };
                    s.store_ptr(y, out.as_mut_ptr().add(at));
                    at += S::LANES;
                }
            }
            if whole < width {
                let x = s.mul(s.sub(s.load_tail(&x[whole..]), mean), inverse);
                let w = s.load_tail(&weight[whole..]);
                let b = bias.map_or(s.splat(0.0), |bias| s.load_tail(&bias[whole..]));
                s.store_tail(s.fma(x, w, b), &mut out[whole..]);
            }
        }
    }
}

struct Adjoint<'a> {
    norm: &'a Norm<'a>,
    x: &'a [f32],
    gradient: &'a [f32],
    dx: &'a mut [f32],
    by_weight: &'a mut [f32],
    by_bias: &'a mut [f32],
}

impl Kernel for Adjoint<'_> {
    type Output = ();
    /// With `n` the normed row and `g = gradient * w`:
    /// `dx = (g - mean(g) - n mean(g n)) / sqrt(variance + epsilon)`, without `mean(g)` where the norm
    /// is not centred.
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { norm, x, gradient, dx, by_weight, by_bias } = self;
        let width = norm.weight.len();
        let rows = x.chunks_exact(width).zip(gradient.chunks_exact(width));
        for ((x, dy), dx) in rows.zip(dx.chunks_exact_mut(width)) {
            let (mean, inverse) = statistics(s, x, norm);
            let (mut sum, mut product) = (s.splat(0.0), s.splat(0.0));
            for at in (0..width).step_by(S::LANES) {
                let n = s.mul(s.sub(s.load_tail(&x[at..]), mean), inverse);
                let dy = s.load_tail(&dy[at..]);
                // Zero beyond the row's end, as dy is.
                let g = s.mul(dy, s.load_tail(&norm.weight[at..]));
                sum = s.add(sum, g);
                product = s.fma(g, n, product);
                let w = s.fma(dy, n, s.load_tail(&by_weight[at..]));
                s.store_tail(w, &mut by_weight[at..]);
                let b = s.add(dy, s.load_tail(&by_bias[at..]));
                s.store_tail(b, &mut by_bias[at..]);
            }
            let sum = s.splat(if norm.centred { s.sum(sum) / width as f32 } else { 0.0 });
            let product = s.splat(s.sum(product) / width as f32);
            for at in (0..width).step_by(S::LANES) {
                let n = s.mul(s.sub(s.load_tail(&x[at..]), mean), inverse);
                let g = s.mul(s.load_tail(&dy[at..]), s.load_tail(&norm.weight[at..]));
                let d = s.mul(s.neg_fma(n, product, s.sub(g, sum)), inverse);
                s.store_tail(s.add(d, s.load_tail(&dx[at..])), &mut dx[at..]);
            }
        }
    }
}

//! Elementwise functions between two linear maps, as vector functions for fused epilogues and
//! over slices.
//!
//! - GELU `x Phi(x)` and its tanh form: Hendrycks and Gimpel 2016.
//! - SiLU `x / (1 + exp(-x))`: Elfwing, Uchibe and Doya 2018.
//!
//! `y = f(x)` for slices of any length. Backward needs `x` alone. Cost per vector: GELU 21
//! instructions of which one division, exp 12.
//!
//! All functions pass NaN on and are finite wherever their limit is.

use crate::isa::{Kernel, Simd, dispatch};

/// An elementwise function between two linear maps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Activation {
    /// `x`
    #[default]
    Identity,
    /// `max(x, 0)`
    Relu,
    /// `x (1 + erf(x / sqrt 2)) / 2`
    Gelu,
    /// GELU by its tanh approximation, `x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2`
    GeluTanh,
    /// `x / (1 + exp(-x))`
    Silu,
    /// `tanh x`
    Tanh,
    /// `1 / (1 + exp(-x))`
    Sigmoid,
}

impl Activation {
    /// All of them, for tests and tables.
    pub const ALL: [Activation; 7] = [
        Self::Identity,
        Self::Relu,
        Self::Gelu,
        Self::GeluTanh,
        Self::Silu,
        Self::Tanh,
        Self::Sigmoid,
    ];

    /// `f(x)`. The choice is made per call: hoist it out of hot loops.
    #[inline(always)]
    pub fn apply<S: Simd>(self, s: S, x: S::V) -> S::V {
        match self {
            Self::Identity => x,
            Self::Relu => relu(s, x),
            Self::Gelu => gelu(s, x),
            Self::GeluTanh => gelu_tanh(s, x),
            Self::Silu => silu(s, x),
            Self::Tanh => tanh(s, x),
            Self::Sigmoid => sigmoid(s, x),
        }
    }

    /// `f'(x)`.
    #[inline(always)]
    pub fn slope<S: Simd>(self, s: S, x: S::V) -> S::V {
        match self {
            Self::Identity => s.splat(1.0),
            Self::Relu => relu_slope(s, x),
            Self::Gelu => gelu_slope(s, x),
            Self::GeluTanh => gelu_tanh_slope(s, x),
            Self::Silu => silu_slope(s, x),
            Self::Tanh => tanh_slope(s, x),
            Self::Sigmoid => sigmoid_slope(s, x),
        }
    }
}

/// `c[0] + c[1] x + ...`, by Horner's rule.
#[inline(always)]
fn polynomial<S: Simd, const N: usize>(s: S, x: S::V, c: [f32; N]) -> S::V {
    let mut sum = s.splat(c[N - 1]);
    let mut i = N - 1;
    while i > 0 {
        i -= 1;
        sum = s.fma(sum, x, s.splat(c[i]));
    }
    sum
}

/// `2^r` for `|r| <= 1/2`: minimax in relative error, 9.2e-8.
// The second one is not ln 2: the error is spread over all of them.
#[allow(clippy::approx_constant)]
const EXP2: [f32; 6] =
    [1.0, 0.693_147, 0.240_222_42, 0.055_507_337, 0.009_671_513, 0.001_326_472_6];

/// `2 exp(r)` for `|r| <= ln 2 / 2`: minimax in relative error, 9.2e-8. Doubled so that the
/// exponent that remains fits its bits up to the largest finite result.
const TWICE_EXP: [f32; 6] = [
    2.0,
    2.0 * 0.999_999_7,
    2.0 * 0.499_991_5,
    2.0 * 0.166_676_37,
    2.0 * 0.041_897_975,
    2.0 * 0.008_290_305,
];

/// `exp(x)`: within 2 ULP; results below 2^-125 are 0, above the largest finite value infinite.
#[inline(always)]
pub fn exp<S: Simd>(s: S, x: S::V) -> S::V {
    const LOWEST: f32 = -86.64;
    let clamped = s.max(s.splat(LOWEST), s.min(s.splat(88.73), x));
    let n = s.round(s.mul(clamped, s.splat(std::f32::consts::LOG2_E)));
    // ln 2 in two parts; the first has few enough bits that n times it is exact.
    let r = s.neg_fma(n, s.splat(355.0 / 512.0), clamped);
    let r = s.neg_fma(n, s.splat(-2.121_944_4e-4), r);
    let y = s.ldexp(polynomial(s, r, TWICE_EXP), s.sub(n, s.splat(1.0)));
    s.select(s.lt(x, s.splat(LOWEST)), s.splat(0.0), y)
}

/// `2^x` for `x <= 0`: within 2 ULP; 2^-126 for anything smaller than that. The softmax's
/// exponential: what is added to its 1 is lost long before the end of its range.
#[inline(always)]
pub fn exp2_nonpositive<S: Simd>(s: S, x: S::V) -> S::V {
    let x = s.max(s.splat(-126.0), x);
    let n = s.round(x);
    s.ldexp(polynomial(s, s.sub(x, n), EXP2), n)
}

/// `max(x, 0)`
#[inline(always)]
pub fn relu<S: Simd>(s: S, x: S::V) -> S::V {
    // In this order NaN passes.
    s.max(s.splat(0.0), x)
}

/// 1 for positive x, else 0.
#[inline(always)]
pub fn relu_slope<S: Simd>(s: S, x: S::V) -> S::V {
    s.select(s.gt(x, s.splat(0.0)), s.splat(1.0), s.splat(0.0))
}

/// Beyond this magnitude GELU is `max(x, 0)` to 3e-10.
const GELU_END: f32 = 6.5;

/// `(2 Phi(-a))^(-1/8)` for `0 <= a <= 6.5`: a smooth, nearly straight function, so that the tail
/// of the normal distribution comes from its eighth power rather than from a difference. Minimax
/// in the absolute error of `a Phi(-a)`, 4.8e-8.
const GELU_TAIL: [f32; 9] = [
    1.0,
    0.099_732_496,
    0.044_788_8,
    0.008_591_631,
    0.000_980_663_2,
    0.000_111_350_27,
    9.758_241e-5,
    -1.674_725_9e-5,
    2.932_497_2e-6,
];

/// `1 / (2 Phi(-a))` for `0 <= a <= 6.5`.
#[inline(always)]
fn inverse_tail<S: Simd>(s: S, a: S::V) -> S::V {
    let p = polynomial(s, a, GELU_TAIL);
    let p = s.mul(p, p);
    let p = s.mul(p, p);
    s.mul(p, p)
}

/// `x Phi(x)`, exact form: absolute error within 2e-7 below 1, one part in 5e6 above.
#[inline(always)]
pub fn gelu<S: Simd>(s: S, x: S::V) -> S::V {
    // x Phi(x) = max(x, 0) - |x| Phi(-|x|): nothing large is ever subtracted.
    let a = s.min(s.splat(GELU_END), s.abs(x));
    let tail = s.div(s.mul(a, s.splat(0.5)), inverse_tail(s, a));
    s.sub(relu(s, x), tail)
}

/// Beyond this magnitude `|x| Phi(-|x|)` counts as what it is here, 2e-5.
const COARSE_END: f32 = 4.4;

/// `Phi(-a)` for `0 <= a <= 4.4` by powers of `a - 2.2`: minimax in the absolute error of `a Phi(-a)`,
/// 1.03e-5.
const COARSE_TAIL: [f32; 10] = [
    0.013_900_287,
    -0.035_454_616,
    0.039_058_886,
    -0.022_810_357,
    0.005_924_227_6,
    0.000_925_225_3,
    -0.001_058_186_6,
    0.000_161_110_95,
    5.138_929e-5,
    -1.402_232_3e-5,
];

/// [`gelu`] within 2e-5, for values that become bytes at once: without a division, at half the cost. A
/// byte's step is a hundred times that error even where no value is larger than 0.5.
#[inline(always)]
pub fn gelu_coarse<S: Simd>(s: S, x: S::V) -> S::V {
    let a = s.min(s.splat(COARSE_END), s.abs(x));
    let u = s.sub(a, s.splat(COARSE_END / 2.0));
    s.neg_fma(a, polynomial(s, u, COARSE_TAIL), relu(s, x))
}

/// `Phi(x) + x phi(x)`
#[inline(always)]
pub fn gelu_slope<S: Simd>(s: S, x: S::V) -> S::V {
    let a = s.min(s.splat(GELU_END), s.abs(x));
    let tail = s.div(s.splat(0.5), inverse_tail(s, a));
    let above = s.select(s.gt(x, s.splat(0.0)), s.sub(s.splat(1.0), tail), tail);
    // 1 / sqrt(2 pi)
    let density = s.mul(s.splat(0.398_942_3), exp(s, s.mul(s.mul(a, a), s.splat(-0.5))));
    s.fma(s.copysign(a, x), density, above)
}

/// [`gelu`], to an ULP, and [`gelu_slope`]: the costly part is the same for both.
#[inline(always)]
pub fn gelu_both<S: Simd>(s: S, x: S::V) -> (S::V, S::V) {
    let a = s.min(s.splat(GELU_END), s.abs(x));
    let tail = s.div(s.splat(0.5), inverse_tail(s, a));
    let above = s.select(s.gt(x, s.splat(0.0)), s.sub(s.splat(1.0), tail), tail);
    // 1 / sqrt(2 pi)
    let density = s.mul(s.splat(0.398_942_3), exp(s, s.mul(s.mul(a, a), s.splat(-0.5))));
    (s.neg_fma(a, tail, relu(s, x)), s.fma(s.copysign(a, x), density, above))
}

/// `1 / (1 + exp(-x))`
#[inline(always)]
pub fn sigmoid<S: Simd>(s: S, x: S::V) -> S::V {
    s.div(s.splat(1.0), s.add(s.splat(1.0), exp(s, s.neg(x))))
}

/// `y (1 - y)` for `y` the sigmoid of x.
#[inline(always)]
pub fn sigmoid_slope<S: Simd>(s: S, x: S::V) -> S::V {
    let y = sigmoid(s, x);
    s.mul(y, s.sub(s.splat(1.0), y))
}

/// `x / (1 + exp(-x))`
#[inline(always)]
pub fn silu<S: Simd>(s: S, x: S::V) -> S::V {
    sigmoid_gated(s, x, x)
}

/// `x / (1 + exp(-gate))`, 0 where x is minus infinity.
#[inline(always)]
fn sigmoid_gated<S: Simd>(s: S, x: S::V, gate: S::V) -> S::V {
    let x = s.max(s.splat(f32::MIN), x);
    s.div(x, s.add(s.splat(1.0), exp(s, s.neg(gate))))
}

/// `y + x y (1 - y)` for `y` the sigmoid of x.
#[inline(always)]
pub fn silu_slope<S: Simd>(s: S, x: S::V) -> S::V {
    // The slope is flat to the last bit long before 200, where x y (1 - y) is still finite.
    let x = s.max(s.splat(-200.0), s.min(s.splat(200.0), x));
    let y = sigmoid(s, x);
    s.fma(s.mul(x, y), s.sub(s.splat(1.0), y), y)
}

/// `sqrt(8 / pi)`: `(1 + tanh u) / 2` is the sigmoid of 2 u.
const TANH_GATE: f32 = 1.595_769;
const TANH_CUBE: f32 = 0.044_715;

/// GELU by its tanh approximation.
#[inline(always)]
pub fn gelu_tanh<S: Simd>(s: S, x: S::V) -> S::V {
    let scaled = s.mul(x, s.splat(TANH_GATE));
    let gate = s.mul(scaled, s.fma(s.mul(x, x), s.splat(TANH_CUBE), s.splat(1.0)));
    sigmoid_gated(s, x, gate)
}

/// The derivative of [`gelu_tanh`].
#[inline(always)]
pub fn gelu_tanh_slope<S: Simd>(s: S, x: S::V) -> S::V {
    let x = s.max(s.splat(-20.0), s.min(s.splat(20.0), x));
    let square = s.mul(x, x);
    let scaled = s.mul(x, s.splat(TANH_GATE));
    let y = sigmoid(s, s.mul(scaled, s.fma(square, s.splat(TANH_CUBE), s.splat(1.0))));
    let inner = s.mul(scaled, s.fma(square, s.splat(3.0 * TANH_CUBE), s.splat(1.0)));
    s.fma(s.mul(y, s.sub(s.splat(1.0), y)), inner, y)
}

/// `tanh x = x P(x^2) / Q(x^2)` for `|x| <= 9.02`, minimax in relative error, 2.1e-8.
const TANH_ABOVE: [f32; 5] = [1.0, 0.133_796_77, 0.003_493_984, 2.058_263_8e-5, 1.331_790_6e-8];
const TANH_BELOW: [f32; 5] = [1.0, 0.467_129_92, 0.025_870_882, 0.000_328_300_96, 7.761_541e-7];

/// `tanh x`: within 4 ULP.
#[inline(always)]
pub fn tanh<S: Simd>(s: S, x: S::V) -> S::V {
    let x = s.max(s.splat(-9.02), s.min(s.splat(9.02), x));
    let square = s.mul(x, x);
    let above = s.mul(x, polynomial(s, square, TANH_ABOVE));
    let y = s.div(above, polynomial(s, square, TANH_BELOW));
    s.max(s.splat(-1.0), s.min(s.splat(1.0), y))
}

/// `1 - y^2` for `y` the tanh of x.
#[inline(always)]
pub fn tanh_slope<S: Simd>(s: S, x: S::V) -> S::V {
    let y = tanh(s, x);
    s.neg_fma(y, y, s.splat(1.0))
}

/// `values = f(values)`
pub fn activate(activation: Activation, values: &mut [f32]) {
    dispatch(Activate { activation, values });
}

/// `gradient *= f'(x)`: the gradient by the output becomes the one by the input.
///
/// # Panics
/// Where the lengths differ.
pub fn activate_backward(activation: Activation, x: &[f32], gradient: &mut [f32]) {
    assert_eq!(x.len(), gradient.len(), "inputs against gradients of an activation");
    dispatch(ActivateBackward { activation, x, gradient });
}

/// `values = exp(values)`
pub fn exponential(values: &mut [f32]) {
    dispatch(Exponential { values });
}

pub(crate) struct Activate<'a> {
    pub(crate) activation: Activation,
    pub(crate) values: &'a mut [f32],
}

pub(crate) struct ActivateBackward<'a> {
    pub(crate) activation: Activation,
    pub(crate) x: &'a [f32],
    pub(crate) gradient: &'a mut [f32],
}

pub(crate) struct Exponential<'a> {
    pub(crate) values: &'a mut [f32],
}

/// `values[i] = to(values[i])`, a vector at a time.
macro_rules! each {
    ($s:ident, $values:expr, |$v:ident| $to:expr) => {{
        let mut chunks = $values.chunks_exact_mut(S::LANES);
        for chunk in &mut chunks {
            let $v = $s.load(chunk);
            $s.store($to, chunk);
        }
        let tail = chunks.into_remainder();
        let $v = $s.load_tail(tail);
        $s.store_tail($to, tail);
    }};
}

/// `gradient[i] *= slope(x[i])`, a vector at a time.
macro_rules! each_slope {
    ($s:ident, $x:expr, $gradient:expr, |$v:ident| $slope:expr) => {{
        let mut xs = $x.chunks_exact(S::LANES);
        let mut chunks = $gradient.chunks_exact_mut(S::LANES);
        for (x, chunk) in (&mut xs).zip(&mut chunks) {
            let $v = $s.load(x);
            $s.store($s.mul($s.load(chunk), $slope), chunk);
        }
        let tail = chunks.into_remainder();
        let $v = $s.load_tail(xs.remainder());
        $s.store_tail($s.mul($s.load_tail(tail), $slope), tail);
    }};
}

impl Kernel for Activate<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let values = self.values;
        match self.activation {
            Activation::Identity => {}
            Activation::Relu => each!(s, values, |v| relu(s, v)),
            Activation::Gelu => each!(s, values, |v| gelu(s, v)),
            Activation::GeluTanh => each!(s, values, |v| gelu_tanh(s, v)),
            Activation::Silu => each!(s, values, |v| silu(s, v)),
            Activation::Tanh => each!(s, values, |v| tanh(s, v)),
            Activation::Sigmoid => each!(s, values, |v| sigmoid(s, v)),
        }
    }
}

impl Kernel for ActivateBackward<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { activation, x, gradient } = self;
        match activation {
            Activation::Identity => {}
            Activation::Relu => each_slope!(s, x, gradient, |v| relu_slope(s, v)),
            Activation::Gelu => each_slope!(s, x, gradient, |v| gelu_slope(s, v)),
            Activation::GeluTanh => each_slope!(s, x, gradient, |v| gelu_tanh_slope(s, v)),
            Activation::Silu => each_slope!(s, x, gradient, |v| silu_slope(s, v)),
            Activation::Tanh => each_slope!(s, x, gradient, |v| tanh_slope(s, v)),
            Activation::Sigmoid => each_slope!(s, x, gradient, |v| sigmoid_slope(s, v)),
        }
    }
}

impl Kernel for Exponential<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let values = self.values;
        each!(s, values, |v| exp(s, v));
    }
}

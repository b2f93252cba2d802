//! What a highway does between its two linear maps and its output: `y = g f(t) + (1 - g) x` with
//! `g = sigmoid(s)` (Srivastava, Greff and Schmidhuber 2015, eq. 3).
//!
//! t (transform before its activation), s (gate before its sigmoid), x and y `[rows, width]`; all
//! flat here. Backward needs t, s and x. Cost: one pass.
//!
//! Adjoint, with `d` the gradient by y: `dt = d g f'(t)`, `ds = d (f(t) - x) g (1 - g)`,
//! `dx = d (1 - g)`.

use crate::Pool;
use crate::activation::{Activation, sigmoid};
use crate::blocks::{Places, flat_blocks};
use crate::gemm::Store;
use crate::isa::{Kernel, Simd, dispatch};

/// `y = g t + (1 - g) x` for a transform `t` and a gate `g` that are finished already.
///
/// # Panics
/// Where lengths differ.
pub fn carry(pool: &Pool, t: &[f32], g: &[f32], x: &[f32], y: &mut [f32]) {
    assert_eq!((t.len(), g.len(), x.len()), (y.len(), y.len(), y.len()), "inputs of a highway");
    flat_blocks(pool, y, |range, y| {
        let (t, g, x) = (&t[range.clone()], &g[range.clone()], &x[range]);
        dispatch(Carry { t, g, x, y });
    });
}

struct Carry<'a> {
    t: &'a [f32],
    g: &'a [f32],
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Carry<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { t, g, x, y } = self;
        let inputs = t.chunks(S::LANES).zip(g.chunks(S::LANES)).zip(x.chunks(S::LANES));
        for (((t, g), x), y) in inputs.zip(y.chunks_mut(S::LANES)) {
            let (t, g, x) = (s.load_tail(t), s.load_tail(g), s.load_tail(x));
            // x + g (t - x) would lose x where t is much larger and the gate is shut.
            let kept = s.mul(s.sub(s.splat(1.0), g), x);
            s.store_tail(s.fma(g, t, kept), y);
        }
    }
}

/// The adjoint: `t` and `s` before their activations become `dt` and `ds` in place, and `dx` is
/// written or added to.
///
/// # Panics
/// Where lengths differ.
pub fn carry_backward(
    pool: &Pool,
    activation: Activation,
    x: &[f32],
    gradient: &[f32],
    (t, s): (&mut [f32], &mut [f32]),
    (dx, store): (&mut [f32], Store),
) {
    let len = dx.len();
    assert_eq!((t.len(), s.len()), (len, len), "transform and gate of a highway");
    assert_eq!((x.len(), gradient.len()), (len, len), "input and gradient of a highway");
    let (t, s) = (Places::new(t), Places::new(s));
    flat_blocks(pool, dx, |range, dx| {
        // SAFETY: blocks are disjoint and within both arrays.
        let (t, s) = unsafe { (t.slice(range.clone()), s.slice(range.clone())) };
        let (x, gradient) = (&x[range.clone()], &gradient[range]);
        dispatch(Adjoint { activation, x, gradient, t, s, dx, store });
    });
}

struct Adjoint<'a> {
    activation: Activation,
    x: &'a [f32],
    gradient: &'a [f32],
    t: &'a mut [f32],
    s: &'a mut [f32],
    dx: &'a mut [f32],
    store: Store,
}

impl Kernel for Adjoint<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { activation, x, gradient, t, s: gates, dx, store } = self;
        let inputs = x.chunks(S::LANES).zip(gradient.chunks(S::LANES));
        let outputs = t.chunks_mut(S::LANES).zip(gates.chunks_mut(S::LANES));
        for (((x, d), (t, gate)), dx) in inputs.zip(outputs).zip(dx.chunks_mut(S::LANES)) {
            let (x, d, before) = (s.load_tail(x), s.load_tail(d), s.load_tail(t));
            let g = sigmoid(s, s.load_tail(gate));
            let (opened, shut) = (s.mul(d, g), s.sub(s.splat(1.0), g));
            let difference = s.sub(activation.apply(s, before), x);
            s.store_tail(s.mul(opened, activation.slope(s, before)), t);
            s.store_tail(s.mul(s.mul(opened, shut), difference), gate);
            let kept = s.mul(d, shut);
            let kept = if store == Store::Add { s.add(s.load_tail(dx), kept) } else { kept };
            s.store_tail(kept, dx);
        }
    }
}

//! Activations and gates over whole arrays, on all threads; the functions themselves are those of
//! [`activation`](crate::activation).
//!
//! `u = f(z)`, `dz = du * f'(z)`; gated, with `z = [a | b]` in each row: `u = f(a) * b`, `dz_a = du *
//! b * f'(a)`, `dz_b = du * f(a)` (Shazeer 2020, section 2). Cost: one pass.

use crate::Pool;
use crate::activation::gelu_both;
use crate::activation::{Activate, ActivateBackward, Activation, activate, activate_backward};
use crate::blocks::{FLAT, Places, each_block, each_block_of, flat_blocks};
use crate::gemm::Store;
use crate::isa::{Isa, Kernel, Simd, dispatch_on};
use crate::pointwise::add_scaled;

/// `out = f(x)`
///
/// # Panics
/// Where lengths differ.
pub fn activate_to(pool: &Pool, activation: Activation, x: &[f32], out: &mut [f32]) {
    assert_eq!(x.len(), out.len(), "input against output of an activation");
    flat_blocks(pool, out, |range, out| {
        out.copy_from_slice(&x[range]);
        activate(activation, out);
    });
}

/// `out = gradient * f'(x)`, or that added to it.
///
/// # Panics
/// Where lengths differ.
pub fn activate_adjoint(
    pool: &Pool,
    activation: Activation,
    x: &[f32],
    gradient: &[f32],
    store: Store,
    out: &mut [f32],
) {
    assert_eq!(x.len(), gradient.len(), "input against gradient of an activation");
    assert_eq!(x.len(), out.len(), "input against its gradient in an activation");
    flat_blocks(pool, out, |range, out| {
        let (x, gradient) = (&x[range.clone()], &gradient[range]);
        if store == Store::Over {
            out.copy_from_slice(gradient);
            return activate_backward(activation, x, out);
        }
        let mut scratch = [0.0; 8 * FLAT];
        let parts = x.chunks(scratch.len()).zip(gradient.chunks(scratch.len()));
        for ((x, gradient), out) in parts.zip(out.chunks_mut(8 * FLAT)) {
            let own = &mut scratch[..x.len()];
            own.copy_from_slice(gradient);
            activate_backward(activation, x, own);
            add_scaled(1.0, own, out);
        }
    });
}

/// `u = f(z)` and `du *= f'(z)` in one pass.
///
/// # Panics
/// Where lengths differ.
pub fn activate_both(
    pool: &Pool,
    activation: Activation,
    z: &[f32],
    du: &mut [f32],
    u: &mut [f32],
) {
    activate_both_on(Isa::current(), pool, activation, z, du, u);
}

/// [`activate_both`] on a given instruction set, for tests and comparisons.
///
/// # Panics
/// Where lengths differ, or this machine cannot run `isa`.
pub fn activate_both_on(
    isa: Isa,
    pool: &Pool,
    activation: Activation,
    z: &[f32],
    du: &mut [f32],
    u: &mut [f32],
) {
    assert_eq!((z.len(), z.len()), (du.len(), u.len()), "inputs against both outputs");
    let u = Places::new(u);
    flat_blocks(pool, du, |range, du| {
        // SAFETY: blocks are disjoint and within the output.
        let u = unsafe { u.slice(range.clone()) };
        dispatch_on(isa, Both { activation, z: &z[range], du, u });
    });
}

struct Both<'a> {
    activation: Activation,
    z: &'a [f32],
    du: &'a mut [f32],
    u: &'a mut [f32],
}

impl Kernel for Both<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { activation, z, du, u } = self;
        if activation != Activation::Gelu {
            u.copy_from_slice(z);
            Activate { activation, values: u }.run(s);
            return ActivateBackward { activation, x: z, gradient: du }.run(s);
        }
        let whole = z.len() - z.len() % S::LANES;
        for at in (0..whole).step_by(S::LANES) {
            let (value, slope) = gelu_both(s, s.load(&z[at..]));
            s.store(value, &mut u[at..]);
            let product = s.mul(s.load(&du[at..]), slope);
            s.store(product, &mut du[at..]);
        }
        let (value, slope) = gelu_both(s, s.load_tail(&z[whole..]));
        s.store_tail(value, &mut u[whole..]);
        let product = s.mul(s.load_tail(&du[whole..]), slope);
        s.store_tail(product, &mut du[whole..]);
    }
}

/// `u = f(a) * b` for rows `[a | b]` of z; u `[rows, width]`.
///
/// # Panics
/// Where lengths do not fit the shapes.
pub fn gate(pool: &Pool, activation: Activation, width: usize, z: &[f32], u: &mut [f32]) {
    assert_eq!(z.len(), 2 * u.len(), "both halves against the output of a gate");
    each_block(pool, width, u, |rows, u| {
        let z = &z[rows.start * 2 * width..rows.end * 2 * width];
        for (z, u) in z.chunks_exact(2 * width).zip(u.chunks_exact_mut(width)) {
            let (a, b) = z.split_at(width);
            u.copy_from_slice(a);
            activate(activation, u);
            u.iter_mut().zip(b).for_each(|(u, b)| *u *= b);
        }
    });
}

/// u of [`gate`] again, and dz `[rows, 2 * width]` from du `[rows, width]`, which is spent.
///
/// # Panics
/// Where lengths do not fit the shapes.
pub fn gate_both(
    pool: &Pool,
    activation: Activation,
    width: usize,
    z: &[f32],
    du: &mut [f32],
    u: &mut [f32],
    dz: &mut [f32],
) {
    assert_eq!((z.len(), dz.len()), (2 * u.len(), 2 * du.len()), "halves of a gate");
    assert_eq!(u.len(), du.len(), "output against its gradient in a gate");
    let rows = crate::blocks::block_rows(width);
    let (u, du) = (Places::new(u), Places::new(du));
    each_block_of(pool, rows, 2 * width, dz, |rows, dz| {
        let own = rows.start * width..rows.end * width;
        // SAFETY: blocks of rows are disjoint and within both arrays.
        let (u, du) = unsafe { (u.slice(own.clone()), du.slice(own)) };
        let z = &z[rows.start * 2 * width..rows.end * 2 * width];
        let halves = z.chunks_exact(2 * width).zip(dz.chunks_exact_mut(2 * width));
        for ((z, dz), (u, du)) in halves.zip(u.chunks_exact_mut(width).zip(du.chunks_exact(width)))
        {
            let ((a, b), (dz_a, dz_b)) = (z.split_at(width), dz.split_at_mut(width));
            u.copy_from_slice(a);
            activate(activation, u);
            for i in 0..width {
                dz_b[i] = du[i] * u[i];
                dz_a[i] = du[i] * b[i];
                u[i] *= b[i];
            }
            activate_backward(activation, a, dz_a);
        }
    });
}

//! Dropout: `y_i = m_i x_i / (1 - rate)`, `m_i` 0 with probability `rate`, else 1 (Srivastava et al.
//! 2014, section 4, scaled while training).
//!
//! `m_i` is a function of the seed and of i alone, by the mixing function of Steele, Lea and Flood
//! 2014 with the counter in place of the state. Nothing is kept; the adjoint is the same function.
//! Cost: one pass, two multiplications of 64 bits for each value.

use crate::Pool;
use crate::blocks::{FLAT, flat_blocks};
use crate::gemm::Store;
use crate::isa::{Isa, Kernel, Simd, dispatch_on};

/// `out = m x / (1 - rate)`, or that added to it.
///
/// # Panics
/// Where lengths differ or the rate is not in `0..1`.
pub fn dropout(pool: &Pool, rate: f32, seed: u64, x: &[f32], store: Store, out: &mut [f32]) {
    dropout_on(Isa::current(), pool, rate, seed, x, store, out);
}

/// [`dropout`] on a given instruction set, for tests and comparisons.
///
/// # Panics
/// As [`dropout`], or where this machine cannot run `isa`.
pub fn dropout_on(
    isa: Isa,
    pool: &Pool,
    rate: f32,
    seed: u64,
    x: &[f32],
    store: Store,
    out: &mut [f32],
) {
    assert_eq!(x.len(), out.len(), "input against output of a dropout");
    assert!((0.0..1.0).contains(&rate), "a dropout's rate of {rate}");
    flat_blocks(pool, out, |range, out| {
        let first = range.start as u64;
        dispatch_on(isa, Drop { rate, seed, first, store, x: &x[range], out });
    });
}

struct Drop<'a> {
    rate: f32,
    seed: u64,
    /// The number of the first value.
    first: u64,
    store: Store,
    x: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for Drop<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { rate, seed, first, store, x, out } = self;
        let kept = 1.0 / (1.0 - rate);
        let mut factors = [0.0f32; FLAT];
        for (part, (x, out)) in x.chunks(FLAT).zip(out.chunks_mut(FLAT)).enumerate() {
            let first = first + (part * FLAT) as u64;
            // Plain integers: the compiler has vectors for them on every instruction set.
            for (index, factor) in factors.iter_mut().enumerate() {
                let counter = first.wrapping_add(index as u64);
                let mut z = seed.wrapping_add(counter.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                let uniform = ((z ^ (z >> 31)) >> 40) as u32 as f32 * (1.0 / (1 << 24) as f32);
                *factor = if uniform < rate { 0.0 } else { kept };
            }
            let factors = factors.chunks(S::LANES);
            for ((x, out), factor) in x.chunks(S::LANES).zip(out.chunks_mut(S::LANES)).zip(factors)
            {
                let y = s.mul(s.load_tail(x), s.load(factor));
                let y = if store == Store::Add { s.add(s.load_tail(out), y) } else { y };
                s.store_tail(y, out);
            }
        }
    }
}

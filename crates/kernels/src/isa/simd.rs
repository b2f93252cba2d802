//! The vector operations that every kernel is written in.
//!
//! A kernel is arithmetic over `S: Simd`, written once. `S` is a zero-sized token that can only be
//! made where its instructions exist, so every operation on it is safe; only the operations on raw
//! pointers are not. Slices have safe forms (`load`, `store`, `load_tail`, `store_tail`).
//!
//! Fixed meanings, the same on every instruction set:
//! - `min`, `max` answer the SECOND operand when either is NaN (`a < b ? a : b`).
//! - comparisons with NaN are false.
//! - `sum` and `maximum` fold the upper half of the lanes onto the lower half until one is left.
//! - `fma` rounds once everywhere but on [`Plain`](super::Plain), which rounds twice: results may
//!   differ between instruction sets, never between runs, batches or thread counts on one.

use super::Isa;

/// Vector operations of one instruction set; the value itself is the proof that it may be used.
pub trait Simd: Copy + Send + Sync + 'static {
    /// A vector of `LANES` f32.
    type V: Copy;
    /// One truth value per lane.
    type M: Copy;
    /// Number of f32 in a vector.
    const LANES: usize;
    /// Which instruction set this is.
    const ISA: Isa;

    /// All lanes `x`.
    fn splat(self, x: f32) -> Self::V;
    /// `a + b`
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a - b`
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a * b`
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a / b`
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `c - a * b`
    fn neg_fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `a < b ? a : b`
    fn min(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a > b ? a : b`
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// Square root, correctly rounded.
    fn sqrt(self, a: Self::V) -> Self::V;
    /// Nearest integer, ties to even.
    fn round(self, a: Self::V) -> Self::V;
    /// `a * 2^n` for integer-valued `n` in -126..=127; outside that range the answer is
    /// unspecified (clamp before).
    fn ldexp(self, a: Self::V, n: Self::V) -> Self::V;
    /// The bits of both.
    fn and(self, a: Self::V, b: Self::V) -> Self::V;
    /// The bits of either.
    fn or(self, a: Self::V, b: Self::V) -> Self::V;
    /// The bits of exactly one.
    fn xor(self, a: Self::V, b: Self::V) -> Self::V;
    /// Exchanges neighbours: lanes 1, 0, 3, 2, ...
    fn swap_pairs(self, a: Self::V) -> Self::V;

    /// `a < b`
    fn lt(self, a: Self::V, b: Self::V) -> Self::M;
    /// `a <= b`
    fn le(self, a: Self::V, b: Self::V) -> Self::M;
    /// `a == b`
    fn eq(self, a: Self::V, b: Self::V) -> Self::M;
    /// True in the first `n` lanes (all of them for `n >= LANES`).
    fn first(self, n: usize) -> Self::M;
    /// `m ? a : b`
    fn select(self, m: Self::M, a: Self::V, b: Self::V) -> Self::V;
    /// Whether any lane is true.
    fn any(self, m: Self::M) -> bool;

    /// Sum of the lanes, folded by halves.
    fn sum(self, a: Self::V) -> f32;
    /// Largest lane, folded by halves with [`max`](Simd::max).
    fn maximum(self, a: Self::V) -> f32;

    /// Reads `LANES` values.
    ///
    /// # Safety
    /// `from` is valid for reading `LANES` values; no alignment is needed.
    unsafe fn load_ptr(self, from: *const f32) -> Self::V;
    /// Writes `LANES` values.
    ///
    /// # Safety
    /// `to` is valid for writing `LANES` values; no alignment is needed.
    unsafe fn store_ptr(self, a: Self::V, to: *mut f32);
    /// Reads the first `n` values and nothing beyond them; the other lanes are zero.
    ///
    /// # Safety
    /// `from` is valid for reading `min(n, LANES)` values.
    unsafe fn load_first(self, from: *const f32, n: usize) -> Self::V;
    /// Writes the first `n` lanes and nothing beyond them.
    ///
    /// # Safety
    /// `to` is valid for writing `min(n, LANES)` values.
    unsafe fn store_first(self, a: Self::V, to: *mut f32, n: usize);
    /// Transposes four columns of `LANES` rows: `to[c * to_stride + r] = from[r * from_stride + c]`
    /// for `c < 4`, `r < LANES`.
    ///
    /// # Safety
    /// `from` is valid for `LANES` rows of 4 values, `to` for 4 rows of `LANES` values.
    unsafe fn transpose4(
        self,
        from: *const f32,
        from_stride: usize,
        to: *mut f32,
        to_stride: usize,
    );

    /// Asks for the cache line at `at`, for the first level. Never faults.
    #[inline(always)]
    fn prefetch(self, at: *const f32) {
        let _ = at;
    }
    /// Asks for the cache line at `at`, for the second level. Never faults.
    #[inline(always)]
    fn prefetch_l2(self, at: *const f32) {
        let _ = at;
    }
    /// `|a|`
    #[inline(always)]
    fn abs(self, a: Self::V) -> Self::V {
        self.and(a, self.splat(f32::from_bits(0x7fff_ffff)))
    }
    /// `-a`
    #[inline(always)]
    fn neg(self, a: Self::V) -> Self::V {
        self.xor(a, self.splat(-0.0))
    }
    /// The magnitude of `a` with the sign of `sign`.
    #[inline(always)]
    fn copysign(self, a: Self::V, sign: Self::V) -> Self::V {
        self.or(self.abs(a), self.and(sign, self.splat(-0.0)))
    }
    /// `a > b`
    #[inline(always)]
    fn gt(self, a: Self::V, b: Self::V) -> Self::M {
        self.lt(b, a)
    }
    /// `a >= b`
    #[inline(always)]
    fn ge(self, a: Self::V, b: Self::V) -> Self::M {
        self.le(b, a)
    }
    /// Reads the first `LANES` values of a slice, which must hold as many.
    #[inline(always)]
    fn load(self, from: &[f32]) -> Self::V {
        assert!(from.len() >= Self::LANES);
        // SAFETY: the slice holds LANES values.
        unsafe { self.load_ptr(from.as_ptr()) }
    }
    /// Writes to the first `LANES` places of a slice, which must hold as many.
    #[inline(always)]
    fn store(self, a: Self::V, to: &mut [f32]) {
        assert!(to.len() >= Self::LANES);
        // SAFETY: the slice holds LANES values.
        unsafe { self.store_ptr(a, to.as_mut_ptr()) }
    }
    /// Reads a slice of at most `LANES` values (the first `LANES` of a longer one); the lanes that
    /// it does not fill are zero.
    #[inline(always)]
    fn load_tail(self, from: &[f32]) -> Self::V {
        // SAFETY: no more is read than the slice holds.
        unsafe { self.load_first(from.as_ptr(), from.len()) }
    }
    /// Writes the leading lanes to a slice of at most `LANES` values (the first `LANES` of a
    /// longer one).
    #[inline(always)]
    fn store_tail(self, a: Self::V, to: &mut [f32]) {
        let n = to.len();
        // SAFETY: no more is written than the slice holds.
        unsafe { self.store_first(a, to.as_mut_ptr(), n) }
    }
}

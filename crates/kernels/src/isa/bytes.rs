//! Sums of products of bytes: the few operations that products of quantised rows are written in.
//!
//! A lane holds four signed bytes of weights, each from -127 to 127; against it stand four unsigned
//! bytes of inputs, the same for all lanes. Sums are exact in i32, so that they are the same on every
//! instruction set. `B` is a token as `S: Simd` is one, and brings its `S` with it.
//!
//! | set | four products a lane |
//! |---|---|
//! | AVX-512 with VNNI | `vpdpbusd` |
//! | AVX-512, AVX2 | bytes widened to 16 bits, `vpmaddwd` twice: unlike `vpmaddubsw` it cannot saturate |
//! | NEON with dot products | `sdot` over inputs less 128 |
//! | NEON | `smull`, pairs added in 16 bits: at most 2 x 128 x 127 |
//! | plain | as written |

use super::{ByteIsa, Simd};

/// Operations on bytes of one instruction set; the value itself is the proof that it may be used.
pub trait Bytes: Copy + Send + Sync + 'static {
    /// The vectors of f32 beside them.
    type S: Simd;
    /// `S::LANES` sums of i32.
    type I: Copy;
    /// Four weights a lane, ready to be multiplied.
    type W: Copy;
    /// Four inputs, ready to be multiplied.
    type X: Copy;
    /// Which one this is.
    const ISA: ByteIsa;

    /// The token of the f32 operations.
    fn simd(self) -> Self::S;
    /// What a sum of products begins with, where `sums` are the weights' own sums over all inputs.
    ///
    /// # Safety
    /// `sums` is valid for reading `LANES` values.
    unsafe fn start(self, sums: *const i32) -> Self::I;
    /// Reads `LANES` groups of four weights.
    ///
    /// # Safety
    /// `from` is valid for reading `4 * LANES` bytes.
    unsafe fn weights(self, from: *const i8) -> Self::W;
    /// Reads four inputs.
    ///
    /// # Safety
    /// `from` is valid for reading 4 bytes.
    unsafe fn inputs(self, from: *const u8) -> Self::X;
    /// `sum + x . w` in each lane.
    fn dot(self, sum: Self::I, x: Self::X, w: Self::W) -> Self::I;
    /// The nearest f32, ties to even.
    fn float(self, sum: Self::I) -> <Self::S as Simd>::V;
    /// Rounds lanes, ties to even, and writes the first `n` as bytes. Lanes are within -0.5..=255.49
    /// or their bytes are unspecified.
    ///
    /// # Safety
    /// `to` is valid for writing `min(n, LANES)` bytes.
    unsafe fn store_bytes(self, v: <Self::S as Simd>::V, to: *mut u8, n: usize);
    /// Rounds lanes, ties to even, and writes the first `n` as signed bytes. Lanes are within
    /// -127.49..=127.49.
    ///
    /// # Safety
    /// `to` is valid for writing `min(n, LANES)` bytes.
    #[inline(always)]
    unsafe fn store_signed(self, v: <Self::S as Simd>::V, to: *mut i8, n: usize) {
        let s = self.simd();
        // SAFETY: promised by the caller.
        unsafe {
            // One above the other: rounded to a whole number before it is moved, so that ties stay.
            self.store_bytes(s.add(s.round(v), s.splat(128.0)), to.cast(), n);
            for at in 0..n.min(<Self::S as Simd>::LANES) {
                *to.add(at) ^= i8::MIN;
            }
        }
    }
    /// Reads the first `n` signed bytes as f32; the other lanes are zero.
    ///
    /// # Safety
    /// `from` is valid for reading `min(n, LANES)` bytes.
    unsafe fn load_signed(self, from: *const i8, n: usize) -> <Self::S as Simd>::V;
}

//! Bytes in portable Rust: eight lanes, as [`Plain`] has them.

use super::plain::Eight;
use super::{ByteIsa, Bytes, Plain};

impl Bytes for Plain {
    type S = Plain;
    type I = [i32; 8];
    /// Each lane's four weights in pairs, widened.
    type W = [[i16; 2]; 16];
    type X = [i16; 4];
    const ISA: ByteIsa = ByteIsa::Plain;

    #[inline(always)]
    fn simd(self) -> Plain {
        self
    }
    #[inline(always)]
    unsafe fn start(self, _sums: *const i32) -> [i32; 8] {
        [0; 8]
    }
    #[inline(always)]
    unsafe fn weights(self, from: *const i8) -> [[i16; 2]; 16] {
        // SAFETY: the caller promises 32 readable bytes.
        let bytes = unsafe { from.cast::<[[i8; 2]; 16]>().read_unaligned() };
        let mut out = [[0; 2]; 16];
        for (out, pair) in out.iter_mut().zip(bytes) {
            *out = [i16::from(pair[0]), i16::from(pair[1])];
        }
        out
    }
    #[inline(always)]
    unsafe fn inputs(self, from: *const u8) -> [i16; 4] {
        // SAFETY: the caller promises 4 readable bytes.
        unsafe { from.cast::<[u8; 4]>().read_unaligned() }.map(i16::from)
    }
    #[inline(always)]
    fn dot(self, mut sum: [i32; 8], x: [i16; 4], w: [[i16; 2]; 16]) -> [i32; 8] {
        let product = |a: i16, b: i16| i32::from(a) * i32::from(b);
        for (lane, sum) in sum.iter_mut().enumerate() {
            let (a, b) = (w[2 * lane], w[2 * lane + 1]);
            *sum += product(x[0], a[0]) + product(x[1], a[1]);
            *sum += product(x[2], b[0]) + product(x[3], b[1]);
        }
        sum
    }
    #[inline(always)]
    fn float(self, sum: [i32; 8]) -> Eight {
        Eight(sum.map(|v| v as f32))
    }
    #[inline(always)]
    unsafe fn store_bytes(self, v: Eight, to: *mut u8, n: usize) {
        // 1.5 * 2^23 leaves no room for a fraction, and adding rounds to even.
        let bytes = v.0.map(|v| (v + 12_582_912.0).to_bits() as u8);
        // SAFETY: the caller promises as many writable bytes.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, n.min(8)) }
    }
    #[inline(always)]
    unsafe fn load_signed(self, from: *const i8, n: usize) -> Eight {
        let mut bytes = [0i8; 8];
        // SAFETY: the caller promises as many readable bytes.
        unsafe { std::ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), n.min(8)) };
        Eight(bytes.map(f32::from))
    }
}

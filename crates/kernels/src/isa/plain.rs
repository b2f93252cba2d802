//! Portable Rust: arrays of 8 lanes, which compilers turn into whatever vectors the target has.
//!
//! `fma` multiplies and adds with two roundings: a fused one without hardware for it is a library
//! call of some fifty instructions.

use super::{Isa, Simd};

/// The instruction set that every machine has.
#[derive(Clone, Copy, Debug)]
pub struct Plain;

/// Eight lanes.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(32))]
pub struct Eight(pub(super) [f32; 8]);

/// Eight truth values, all bits set for true.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(32))]
pub struct EightTruths([u32; 8]);

#[inline(always)]
fn zip(a: Eight, b: Eight, f: impl Fn(f32, f32) -> f32) -> Eight {
    let mut out = a;
    for i in 0..8 {
        out.0[i] = f(a.0[i], b.0[i]);
    }
    out
}

#[inline(always)]
fn zip_bits(a: Eight, b: Eight, f: impl Fn(u32, u32) -> u32) -> Eight {
    zip(a, b, |a, b| f32::from_bits(f(a.to_bits(), b.to_bits())))
}

#[inline(always)]
fn compare(a: Eight, b: Eight, f: impl Fn(f32, f32) -> bool) -> EightTruths {
    let mut out = EightTruths([0; 8]);
    for i in 0..8 {
        out.0[i] = if f(a.0[i], b.0[i]) { !0 } else { 0 };
    }
    out
}

#[inline(always)]
fn fold(a: Eight, f: impl Fn(f32, f32) -> f32) -> f32 {
    let a = a.0;
    let four = [f(a[0], a[4]), f(a[1], a[5]), f(a[2], a[6]), f(a[3], a[7])];
    f(f(four[0], four[2]), f(four[1], four[3]))
}

impl Simd for Plain {
    type V = Eight;
    type M = EightTruths;
    const LANES: usize = 8;
    const ISA: Isa = Isa::Plain;

    #[inline(always)]
    fn splat(self, x: f32) -> Eight {
        Eight([x; 8])
    }
    #[inline(always)]
    fn add(self, a: Eight, b: Eight) -> Eight {
        zip(a, b, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, a: Eight, b: Eight) -> Eight {
        zip(a, b, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, a: Eight, b: Eight) -> Eight {
        zip(a, b, |a, b| a * b)
    }
    #[inline(always)]
    fn div(self, a: Eight, b: Eight) -> Eight {
        zip(a, b, |a, b| a / b)
    }
    #[inline(always)]
    fn fma(self, a: Eight, b: Eight, c: Eight) -> Eight {
        self.add(self.mul(a, b), c)
    }
    #[inline(always)]
    fn neg_fma(self, a: Eight, b: Eight, c: Eight) -> Eight {
        self.sub(c, self.mul(a, b))
    }
    #[inline(always)]
    fn min(self, a: Eight, b: Eight) -> Eight {
        zip(a, b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn max(self, a: Eight, b: Eight) -> Eight {
        zip(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn sqrt(self, a: Eight) -> Eight {
        zip(a, a, |a, _| a.sqrt())
    }
    #[inline(always)]
    fn round(self, a: Eight) -> Eight {
        // 1.5 * 2^23 leaves no room for a fraction, and adding rounds to even; larger values have
        // no fraction to begin with.
        const SHIFT: f32 = 12_582_912.0;
        zip(a, a, |a, _| if a.abs() < 4_194_304.0 { (a + SHIFT) - SHIFT } else { a })
    }
    #[inline(always)]
    fn ldexp(self, a: Eight, n: Eight) -> Eight {
        // The low bits of n + 1.5 * 2^23 are n itself, in two's complement.
        zip(a, n, |a, n| {
            let n = (n + 12_582_912.0).to_bits();
            a * f32::from_bits(n.wrapping_add(127) << 23)
        })
    }
    #[inline(always)]
    fn and(self, a: Eight, b: Eight) -> Eight {
        zip_bits(a, b, |a, b| a & b)
    }
    #[inline(always)]
    fn or(self, a: Eight, b: Eight) -> Eight {
        zip_bits(a, b, |a, b| a | b)
    }
    #[inline(always)]
    fn xor(self, a: Eight, b: Eight) -> Eight {
        zip_bits(a, b, |a, b| a ^ b)
    }
    #[inline(always)]
    fn swap_pairs(self, a: Eight) -> Eight {
        let a = a.0;
        Eight([a[1], a[0], a[3], a[2], a[5], a[4], a[7], a[6]])
    }
    #[inline(always)]
    fn lt(self, a: Eight, b: Eight) -> EightTruths {
        compare(a, b, |a, b| a < b)
    }
    #[inline(always)]
    fn le(self, a: Eight, b: Eight) -> EightTruths {
        compare(a, b, |a, b| a <= b)
    }
    #[inline(always)]
    fn eq(self, a: Eight, b: Eight) -> EightTruths {
        compare(a, b, |a, b| a == b)
    }
    #[inline(always)]
    fn first(self, n: usize) -> EightTruths {
        let mut out = EightTruths([0; 8]);
        for i in 0..8 {
            out.0[i] = if i < n { !0 } else { 0 };
        }
        out
    }
    #[inline(always)]
    fn select(self, m: EightTruths, a: Eight, b: Eight) -> Eight {
        let mut out = a;
        for i in 0..8 {
            let bits = (a.0[i].to_bits() & m.0[i]) | (b.0[i].to_bits() & !m.0[i]);
            out.0[i] = f32::from_bits(bits);
        }
        out
    }
    #[inline(always)]
    fn any(self, m: EightTruths) -> bool {
        m.0.iter().any(|&m| m != 0)
    }
    #[inline(always)]
    fn sum(self, a: Eight) -> f32 {
        fold(a, |a, b| a + b)
    }
    #[inline(always)]
    fn maximum(self, a: Eight) -> f32 {
        fold(a, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    unsafe fn load_ptr(self, from: *const f32) -> Eight {
        // SAFETY: the caller promises 8 readable values.
        Eight(unsafe { from.cast::<[f32; 8]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn store_ptr(self, a: Eight, to: *mut f32) {
        // SAFETY: the caller promises 8 writable values.
        unsafe { to.cast::<[f32; 8]>().write_unaligned(a.0) }
    }
    #[inline(always)]
    unsafe fn load_first(self, from: *const f32, n: usize) -> Eight {
        if n >= 8 {
            // SAFETY: the caller promises as many readable values.
            return unsafe { self.load_ptr(from) };
        }
        let mut out = Eight([0.0; 8]);
        for i in 0..n {
            // SAFETY: the caller promises n readable values.
            out.0[i] = unsafe { *from.add(i) };
        }
        out
    }
    #[inline(always)]
    unsafe fn store_first(self, a: Eight, to: *mut f32, n: usize) {
        if n >= 8 {
            // SAFETY: the caller promises as many writable values.
            return unsafe { self.store_ptr(a, to) };
        }
        for i in 0..n {
            // SAFETY: the caller promises n writable values.
            unsafe { *to.add(i) = a.0[i] }
        }
    }
    #[inline(always)]
    unsafe fn transpose4(self, from: *const f32, stride: usize, to: *mut f32, to_stride: usize) {
        for column in 0..4 {
            for row in 0..8 {
                // SAFETY: the caller promises 8 rows of 4 to read and 4 rows of 8 to write.
                unsafe { *to.add(column * to_stride + row) = *from.add(row * stride + column) }
            }
        }
    }
}

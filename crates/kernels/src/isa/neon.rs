//! NEON: 4 lanes.

use std::arch::aarch64::*;

use super::{Isa, Simd};

/// Proof that NEON may be used.
#[derive(Clone, Copy, Debug)]
pub struct Neon(());

impl Neon {
    /// # Safety
    /// The machine has NEON.
    #[inline(always)]
    pub unsafe fn new() -> Self {
        Neon(())
    }
}

/// One safety argument for all: a token exists only where the instructions do, and pointers are
/// what the caller of an unsafe operation has promised.
macro_rules! arm {
    ($($body:tt)*) => {
        // SAFETY: see the macro's description.
        unsafe { $($body)* }
    };
}

#[inline(always)]
fn bits(a: float32x4_t) -> uint32x4_t {
    arm!(vreinterpretq_u32_f32(a))
}

#[inline(always)]
fn floats(a: uint32x4_t) -> float32x4_t {
    arm!(vreinterpretq_f32_u32(a))
}

impl Simd for Neon {
    type V = float32x4_t;
    type M = uint32x4_t;
    const LANES: usize = 4;
    const ISA: Isa = Isa::Neon;

    #[inline(always)]
    fn splat(self, x: f32) -> float32x4_t {
        arm!(vdupq_n_f32(x))
    }
    #[inline(always)]
    fn add(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        arm!(vaddq_f32(a, b))
    }
    #[inline(always)]
    fn sub(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        arm!(vsubq_f32(a, b))
    }
    #[inline(always)]
    fn mul(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        arm!(vmulq_f32(a, b))
    }
    #[inline(always)]
    fn div(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        arm!(vdivq_f32(a, b))
    }
    #[inline(always)]
    fn fma(self, a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        arm!(vfmaq_f32(c, a, b))
    }
    #[inline(always)]
    fn neg_fma(self, a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        arm!(vfmsq_f32(c, a, b))
    }
    #[inline(always)]
    fn min(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // The instruction of this name would answer NaN for either operand.
        arm!(vbslq_f32(vcltq_f32(a, b), a, b))
    }
    #[inline(always)]
    fn max(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        arm!(vbslq_f32(vcgtq_f32(a, b), a, b))
    }
    #[inline(always)]
    fn sqrt(self, a: float32x4_t) -> float32x4_t {
        arm!(vsqrtq_f32(a))
    }
    #[inline(always)]
    fn round(self, a: float32x4_t) -> float32x4_t {
        arm!(vrndnq_f32(a))
    }
    #[inline(always)]
    fn ldexp(self, a: float32x4_t, n: float32x4_t) -> float32x4_t {
        arm! {
            let exponent = vaddq_s32(vcvtnq_s32_f32(n), vdupq_n_s32(127));
            vmulq_f32(a, vreinterpretq_f32_s32(vshlq_n_s32::<23>(exponent)))
        }
    }
    #[inline(always)]
    fn and(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        arm!(floats(vandq_u32(bits(a), bits(b))))
    }
    #[inline(always)]
    fn or(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        arm!(floats(vorrq_u32(bits(a), bits(b))))
    }
    #[inline(always)]
    fn xor(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        arm!(floats(veorq_u32(bits(a), bits(b))))
    }
    #[inline(always)]
    fn swap_pairs(self, a: float32x4_t) -> float32x4_t {
        arm!(vrev64q_f32(a))
    }
    #[inline(always)]
    fn lt(self, a: float32x4_t, b: float32x4_t) -> uint32x4_t {
        arm!(vcltq_f32(a, b))
    }
    #[inline(always)]
    fn le(self, a: float32x4_t, b: float32x4_t) -> uint32x4_t {
        arm!(vcleq_f32(a, b))
    }
    #[inline(always)]
    fn eq(self, a: float32x4_t, b: float32x4_t) -> uint32x4_t {
        arm!(vceqq_f32(a, b))
    }
    #[inline(always)]
    fn first(self, n: usize) -> uint32x4_t {
        const LANES: [u32; 4] = [0, 1, 2, 3];
        arm!(vcltq_u32(vld1q_u32(LANES.as_ptr()), vdupq_n_u32(if n >= 4 { 4 } else { n as u32 })))
    }
    #[inline(always)]
    fn select(self, m: uint32x4_t, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        arm!(vbslq_f32(m, a, b))
    }
    #[inline(always)]
    fn any(self, m: uint32x4_t) -> bool {
        arm!(vmaxvq_u32(m) != 0)
    }
    #[inline(always)]
    fn sum(self, a: float32x4_t) -> f32 {
        arm! {
            let a = vadd_f32(vget_low_f32(a), vget_high_f32(a));
            vget_lane_f32::<0>(a) + vget_lane_f32::<1>(a)
        }
    }
    #[inline(always)]
    fn maximum(self, a: float32x4_t) -> f32 {
        arm! {
            let (low, high) = (vget_low_f32(a), vget_high_f32(a));
            let a = vbsl_f32(vcgt_f32(low, high), low, high);
            let (x, y) = (vget_lane_f32::<0>(a), vget_lane_f32::<1>(a));
            if x > y { x } else { y }
        }
    }
    #[inline(always)]
    unsafe fn load_ptr(self, from: *const f32) -> float32x4_t {
        arm!(vld1q_f32(from))
    }
    #[inline(always)]
    unsafe fn store_ptr(self, a: float32x4_t, to: *mut f32) {
        arm!(vst1q_f32(to, a))
    }
    #[inline(always)]
    unsafe fn load_first(self, from: *const f32, n: usize) -> float32x4_t {
        // Most calls are for whole vectors, and those must not go element by element.
        if n >= 4 {
            return arm!(vld1q_f32(from));
        }
        arm! {
            let mut whole = [0.0f32; 4];
            for (i, whole) in whole.iter_mut().enumerate() {
                if i < n {
                    *whole = *from.add(i);
                }
            }
            vld1q_f32(whole.as_ptr())
        }
    }
    #[inline(always)]
    unsafe fn store_first(self, a: float32x4_t, to: *mut f32, n: usize) {
        if n >= 4 {
            return arm!(vst1q_f32(to, a));
        }
        arm! {
            let mut whole = [0.0f32; 4];
            vst1q_f32(whole.as_mut_ptr(), a);
            for (i, whole) in whole.iter().enumerate() {
                if i < n {
                    *to.add(i) = *whole;
                }
            }
        }
    }
    #[inline(always)]
    unsafe fn transpose4(self, from: *const f32, stride: usize, to: *mut f32, to_stride: usize) {
        arm! {
            let (r0, r1) = (vld1q_f32(from), vld1q_f32(from.add(stride)));
            let (r2, r3) = (vld1q_f32(from.add(2 * stride)), vld1q_f32(from.add(3 * stride)));
            let (a, b) = (vtrn1q_f32(r0, r1), vtrn2q_f32(r0, r1));
            let (c, d) = (vtrn1q_f32(r2, r3), vtrn2q_f32(r2, r3));
            let low = |x, y| vcombine_f32(vget_low_f32(x), vget_low_f32(y));
            let high = |x, y| vcombine_f32(vget_high_f32(x), vget_high_f32(y));
            vst1q_f32(to, low(a, c));
            vst1q_f32(to.add(to_stride), low(b, d));
            vst1q_f32(to.add(2 * to_stride), high(a, c));
            vst1q_f32(to.add(3 * to_stride), high(b, d));
        }
    }
}

//! Bytes on aarch64. Inputs are taken less 128, as signed bytes, because products of an unsigned and
//! a signed byte are rarer there; sums begin with what that takes away.

use std::arch::aarch64::*;
use std::arch::asm;

use super::{ByteIsa, Bytes, Neon};

/// Proof that NEON's dot products may be used.
#[derive(Clone, Copy, Debug)]
pub struct NeonDot(Neon);

impl NeonDot {
    /// # Safety
    /// The machine has NEON and its dot products.
    #[inline(always)]
    pub unsafe fn new() -> Self {
        // SAFETY: promised by the caller.
        NeonDot(unsafe { Neon::new() })
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

/// What both tokens share.
macro_rules! four_lanes {
    () => {
        type S = Neon;
        type I = int32x4_t;
        type W = int8x16_t;
        type X = int8x16_t;

        #[inline(always)]
        unsafe fn start(self, sums: *const i32) -> int32x4_t {
            arm!(vshlq_n_s32::<7>(vld1q_s32(sums)))
        }
        #[inline(always)]
        unsafe fn weights(self, from: *const i8) -> int8x16_t {
            arm!(vld1q_s8(from))
        }
        #[inline(always)]
        unsafe fn inputs(self, from: *const u8) -> int8x16_t {
            arm! {
                let x = vdupq_n_u32(from.cast::<u32>().read_unaligned());
                vreinterpretq_s8_u32(veorq_u32(x, vdupq_n_u32(0x8080_8080)))
            }
        }
        #[inline(always)]
        fn float(self, sum: int32x4_t) -> float32x4_t {
            arm!(vcvtq_f32_s32(sum))
        }
        #[inline(always)]
        unsafe fn store_bytes(self, v: float32x4_t, to: *mut u8, n: usize) {
            arm! {
                let v = vqmovn_u32(vcvtnq_u32_f32(v));
                let v = vreinterpret_u32_u8(vqmovn_u16(vcombine_u16(v, v)));
                let all = vget_lane_u32::<0>(v);
                if n >= 4 {
                    return to.cast::<u32>().write_unaligned(all);
                }
                std::ptr::copy_nonoverlapping(all.to_le_bytes().as_ptr(), to, n);
            }
        }
        #[inline(always)]
        unsafe fn load_signed(self, from: *const i8, n: usize) -> float32x4_t {
            arm! {
                let mut all = [0i8; 8];
                std::ptr::copy_nonoverlapping(from, all.as_mut_ptr(), if n < 4 { n } else { 4 });
                let v = vmovl_s8(vld1_s8(all.as_ptr()));
                vcvtq_f32_s32(vmovl_s16(vget_low_s16(v)))
            }
        }
    };
}

impl Bytes for Neon {
    const ISA: ByteIsa = ByteIsa::Neon;
    four_lanes!();

    #[inline(always)]
    fn simd(self) -> Neon {
        self
    }
    #[inline(always)]
    fn dot(self, sum: int32x4_t, x: int8x16_t, w: int8x16_t) -> int32x4_t {
        arm! {
            let low = vmull_s8(vget_low_s8(x), vget_low_s8(w));
            vpadalq_s16(sum, vpaddq_s16(low, vmull_high_s8(x, w)))
        }
    }
}

impl Bytes for NeonDot {
    const ISA: ByteIsa = ByteIsa::NeonDot;
    four_lanes!();

    #[inline(always)]
    fn simd(self) -> Neon {
        self.0
    }
    #[inline(always)]
    fn dot(self, mut sum: int32x4_t, x: int8x16_t, w: int8x16_t) -> int32x4_t {
        // The intrinsic is not stable yet.
        // SAFETY: registers only; the token stands for the instruction.
        unsafe {
            asm!(
                ".arch_extension dotprod",
                "sdot {sum:v}.4s, {x:v}.16b, {w:v}.16b",
                sum = inout(vreg) sum,
                x = in(vreg) x,
                w = in(vreg) w,
                options(pure, nomem, nostack, preserves_flags)
            );
        }
        sum
    }
}

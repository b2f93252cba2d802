//! AVX-512: 16 lanes, masks in their own registers.

use std::arch::x86_64::*;

use super::{Isa, Simd};

/// Proof that AVX-512 F, BW, DQ, VL, AVX2 and FMA may be used.
#[derive(Clone, Copy, Debug)]
pub struct Avx512(());

impl Avx512 {
    /// # Safety
    /// The machine has AVX-512 F, BW, DQ, VL, AVX2 and FMA.
    #[inline(always)]
    pub unsafe fn new() -> Self {
        Avx512(())
    }
}

/// One safety argument for all: a token exists only where the instructions do, and pointers are
/// what the caller of an unsafe operation has promised.
macro_rules! x86 {
    ($($body:tt)*) => {
        // SAFETY: see the macro's description.
        unsafe { $($body)* }
    };
}

#[inline(always)]
fn mask(n: usize) -> __mmask16 {
    if n >= 16 { !0 } else { (1u16 << n) - 1 }
}

impl Simd for Avx512 {
    type V = __m512;
    type M = __mmask16;
    const LANES: usize = 16;
    const ISA: Isa = Isa::Avx512;

    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        x86!(_mm512_set1_ps(x))
    }
    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        x86!(_mm512_add_ps(a, b))
    }
    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        x86!(_mm512_sub_ps(a, b))
    }
    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        x86!(_mm512_mul_ps(a, b))
    }
    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        x86!(_mm512_div_ps(a, b))
    }
    #[inline(always)]
    fn fma(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        x86!(_mm512_fmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn neg_fma(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        x86!(_mm512_fnmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn min(self, a: __m512, b: __m512) -> __m512 {
        x86!(_mm512_min_ps(a, b))
    }
    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        x86!(_mm512_max_ps(a, b))
    }
    #[inline(always)]
    fn sqrt(self, a: __m512) -> __m512 {
        x86!(_mm512_sqrt_ps(a))
    }
    #[inline(always)]
    fn round(self, a: __m512) -> __m512 {
        x86!(_mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a))
    }
    #[inline(always)]
    fn ldexp(self, a: __m512, n: __m512) -> __m512 {
        x86!(_mm512_scalef_ps(a, n))
    }
    #[inline(always)]
    fn and(self, a: __m512, b: __m512) -> __m512 {
        x86!(_mm512_and_ps(a, b))
    }
    #[inline(always)]
    fn or(self, a: __m512, b: __m512) -> __m512 {
        x86!(_mm512_or_ps(a, b))
    }
    #[inline(always)]
    fn xor(self, a: __m512, b: __m512) -> __m512 {
        x86!(_mm512_xor_ps(a, b))
    }
    #[inline(always)]
    fn swap_pairs(self, a: __m512) -> __m512 {
        x86!(_mm512_permute_ps::<0b10_11_00_01>(a))
    }
    #[inline(always)]
    fn lt(self, a: __m512, b: __m512) -> __mmask16 {
        x86!(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b))
    }
    #[inline(always)]
    fn le(self, a: __m512, b: __m512) -> __mmask16 {
        x86!(_mm512_cmp_ps_mask::<_CMP_LE_OQ>(a, b))
    }
    #[inline(always)]
    fn eq(self, a: __m512, b: __m512) -> __mmask16 {
        x86!(_mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b))
    }
    #[inline(always)]
    fn first(self, n: usize) -> __mmask16 {
        mask(n)
    }
    #[inline(always)]
    fn select(self, m: __mmask16, a: __m512, b: __m512) -> __m512 {
        x86!(_mm512_mask_blend_ps(m, b, a))
    }
    #[inline(always)]
    fn any(self, m: __mmask16) -> bool {
        m != 0
    }
    #[inline(always)]
    fn sum(self, a: __m512) -> f32 {
        x86! {
            let a = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps::<1>(a));
            let a = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
            let a = _mm_add_ps(a, _mm_movehl_ps(a, a));
            _mm_cvtss_f32(_mm_add_ss(a, _mm_shuffle_ps::<1>(a, a)))
        }
    }
    #[inline(always)]
    fn maximum(self, a: __m512) -> f32 {
        x86! {
            let a = _mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps::<1>(a));
            let a = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
            let a = _mm_max_ps(a, _mm_movehl_ps(a, a));
            _mm_cvtss_f32(_mm_max_ss(a, _mm_shuffle_ps::<1>(a, a)))
        }
    }
    #[inline(always)]
    unsafe fn load_ptr(self, from: *const f32) -> __m512 {
        x86!(_mm512_loadu_ps(from))
    }
    #[inline(always)]
    unsafe fn store_ptr(self, a: __m512, to: *mut f32) {
        x86!(_mm512_storeu_ps(to, a))
    }
    #[inline(always)]
    unsafe fn load_first(self, from: *const f32, n: usize) -> __m512 {
        x86!(_mm512_maskz_loadu_ps(mask(n), from))
    }
    #[inline(always)]
    unsafe fn store_first(self, a: __m512, to: *mut f32, n: usize) {
        x86!(_mm512_mask_storeu_ps(to, mask(n), a))
    }
    #[inline(always)]
    unsafe fn transpose4(self, from: *const f32, stride: usize, to: *mut f32, to_stride: usize) {
        x86! {
            let mut v = [_mm512_setzero_ps(); 4];
            for (j, v) in v.iter_mut().enumerate() {
                let p = from.add(j * stride);
                let a = _mm512_castps128_ps512(_mm_loadu_ps(p));
                let a = _mm512_insertf32x4::<1>(a, _mm_loadu_ps(p.add(4 * stride)));
                let a = _mm512_insertf32x4::<2>(a, _mm_loadu_ps(p.add(8 * stride)));
                *v = _mm512_insertf32x4::<3>(a, _mm_loadu_ps(p.add(12 * stride)));
            }
            let (a, b) = (_mm512_unpacklo_ps(v[0], v[1]), _mm512_unpackhi_ps(v[0], v[1]));
            let (c, d) = (_mm512_unpacklo_ps(v[2], v[3]), _mm512_unpackhi_ps(v[2], v[3]));
            _mm512_storeu_ps(to, _mm512_shuffle_ps::<0b01_00_01_00>(a, c));
            _mm512_storeu_ps(to.add(to_stride), _mm512_shuffle_ps::<0b11_10_11_10>(a, c));
            _mm512_storeu_ps(to.add(2 * to_stride), _mm512_shuffle_ps::<0b01_00_01_00>(b, d));
            _mm512_storeu_ps(to.add(3 * to_stride), _mm512_shuffle_ps::<0b11_10_11_10>(b, d));
        }
    }
    #[inline(always)]
    fn prefetch(self, at: *const f32) {
        x86!(_mm_prefetch::<_MM_HINT_T0>(at.cast()))
    }
    #[inline(always)]
    fn prefetch_l2(self, at: *const f32) {
        x86!(_mm_prefetch::<_MM_HINT_T1>(at.cast()))
    }
}

//! AVX2 and FMA: 8 lanes, masks as vectors.

use std::arch::x86_64::*;

use super::{Isa, Simd};

/// Proof that AVX2 and FMA may be used.
#[derive(Clone, Copy, Debug)]
pub struct Avx2(());

impl Avx2 {
    /// # Safety
    /// The machine has AVX2 and FMA.
    #[inline(always)]
    pub unsafe fn new() -> Self {
        Avx2(())
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
fn mask(n: usize) -> __m256i {
    x86! {
        let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        _mm256_cmpgt_epi32(_mm256_set1_epi32(if n >= 8 { 8 } else { n as i32 }), lanes)
    }
}

impl Simd for Avx2 {
    type V = __m256;
    type M = __m256;
    const LANES: usize = 8;
    const ISA: Isa = Isa::Avx2;

    #[inline(always)]
    fn splat(self, x: f32) -> __m256 {
        x86!(_mm256_set1_ps(x))
    }
    #[inline(always)]
    fn add(self, a: __m256, b: __m256) -> __m256 {
        x86!(_mm256_add_ps(a, b))
    }
    #[inline(always)]
    fn sub(self, a: __m256, b: __m256) -> __m256 {
        x86!(_mm256_sub_ps(a, b))
    }
    #[inline(always)]
    fn mul(self, a: __m256, b: __m256) -> __m256 {
        x86!(_mm256_mul_ps(a, b))
    }
    #[inline(always)]
    fn div(self, a: __m256, b: __m256) -> __m256 {
        x86!(_mm256_div_ps(a, b))
    }
    #[inline(always)]
    fn fma(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        x86!(_mm256_fmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn neg_fma(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        x86!(_mm256_fnmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn min(self, a: __m256, b: __m256) -> __m256 {
        x86!(_mm256_min_ps(a, b))
    }
    #[inline(always)]
    fn max(self, a: __m256, b: __m256) -> __m256 {
        x86!(_mm256_max_ps(a, b))
    }
    #[inline(always)]
    fn sqrt(self, a: __m256) -> __m256 {
        x86!(_mm256_sqrt_ps(a))
    }
    #[inline(always)]
    fn round(self, a: __m256) -> __m256 {
        x86!(_mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a))
    }
    #[inline(always)]
    fn ldexp(self, a: __m256, n: __m256) -> __m256 {
        x86! {
            let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
            _mm256_mul_ps(a, _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent)))
        }
    }
    #[inline(always)]
    fn and(self, a: __m256, b: __m256) -> __m256 {
        x86!(_mm256_and_ps(a, b))
    }
    #[inline(always)]
    fn or(self, a: __m256, b: __m256) -> __m256 {
        x86!(_mm256_or_ps(a, b))
    }
    #[inline(always)]
    fn xor(self, a: __m256, b: __m256) -> __m256 {
        x86!(_mm256_xor_ps(a, b))
    }
    #[inline(always)]
    fn swap_pairs(self, a: __m256) -> __m256 {
        x86!(_mm256_permute_ps::<0b10_11_00_01>(a))
    }
    #[inline(always)]
    fn lt(self, a: __m256, b: __m256) -> __m256 {
        x86!(_mm256_cmp_ps::<_CMP_LT_OQ>(a, b))
    }
    #[inline(always)]
    fn le(self, a: __m256, b: __m256) -> __m256 {
        x86!(_mm256_cmp_ps::<_CMP_LE_OQ>(a, b))
    }
    #[inline(always)]
    fn eq(self, a: __m256, b: __m256) -> __m256 {
        x86!(_mm256_cmp_ps::<_CMP_EQ_OQ>(a, b))
    }
    #[inline(always)]
    fn first(self, n: usize) -> __m256 {
        x86!(_mm256_castsi256_ps(mask(n)))
    }
    #[inline(always)]
    fn select(self, m: __m256, a: __m256, b: __m256) -> __m256 {
        x86!(_mm256_blendv_ps(b, a, m))
    }
    #[inline(always)]
    fn any(self, m: __m256) -> bool {
        x86!(_mm256_movemask_ps(m) != 0)
    }
    #[inline(always)]
    fn sum(self, a: __m256) -> f32 {
        x86! {
            let a = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
            let a = _mm_add_ps(a, _mm_movehl_ps(a, a));
            _mm_cvtss_f32(_mm_add_ss(a, _mm_shuffle_ps::<1>(a, a)))
        }
    }
    #[inline(always)]
    fn maximum(self, a: __m256) -> f32 {
        x86! {
            let a = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
            let a = _mm_max_ps(a, _mm_movehl_ps(a, a));
            _mm_cvtss_f32(_mm_max_ss(a, _mm_shuffle_ps::<1>(a, a)))
        }
    }
    #[inline(always)]
    unsafe fn load_ptr(self, from: *const f32) -> __m256 {
        x86!(_mm256_loadu_ps(from))
    }
    #[inline(always)]
    unsafe fn store_ptr(self, a: __m256, to: *mut f32) {
        x86!(_mm256_storeu_ps(to, a))
    }
    #[inline(always)]
    unsafe fn load_first(self, from: *const f32, n: usize) -> __m256 {
        // A masked store costs tens of instructions on some machines; most calls are whole.
        if n >= 8 {
            return x86!(_mm256_loadu_ps(from));
        }
        x86!(_mm256_maskload_ps(from, mask(n)))
    }
    #[inline(always)]
    unsafe fn store_first(self, a: __m256, to: *mut f32, n: usize) {
        if n >= 8 {
            return x86!(_mm256_storeu_ps(to, a));
        }
        x86!(_mm256_maskstore_ps(to, mask(n), a))
    }
    #[inline(always)]
    unsafe fn transpose4(self, from: *const f32, stride: usize, to: *mut f32, to_stride: usize) {
        x86! {
            let mut v = [_mm256_setzero_ps(); 4];
            for (j, v) in v.iter_mut().enumerate() {
                let p = from.add(j * stride);
                let a = _mm256_castps128_ps256(_mm_loadu_ps(p));
                *v = _mm256_insertf128_ps::<1>(a, _mm_loadu_ps(p.add(4 * stride)));
            }
            let (a, b) = (_mm256_unpacklo_ps(v[0], v[1]), _mm256_unpackhi_ps(v[0], v[1]));
            let (c, d) = (_mm256_unpacklo_ps(v[2], v[3]), _mm256_unpackhi_ps(v[2], v[3]));
            _mm256_storeu_ps(to, _mm256_shuffle_ps::<0b01_00_01_00>(a, c));
            _mm256_storeu_ps(to.add(to_stride), _mm256_shuffle_ps::<0b11_10_11_10>(a, c));
            _mm256_storeu_ps(to.add(2 * to_stride), _mm256_shuffle_ps::<0b01_00_01_00>(b, d));
            _mm256_storeu_ps(to.add(3 * to_stride), _mm256_shuffle_ps::<0b11_10_11_10>(b, d));
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

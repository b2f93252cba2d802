//! Bytes on x86-64.

use std::arch::x86_64::*;

use super::{Avx2, Avx512, ByteIsa, Bytes};

/// Proof that AVX-512 VNNI may be used beside what [`Avx512`] stands for.
#[derive(Clone, Copy, Debug)]
pub struct Vnni(Avx512);

impl Vnni {
    /// # Safety
    /// The machine has AVX-512 VNNI and what `Avx512` asks for.
    #[inline(always)]
    pub unsafe fn new() -> Self {
        // SAFETY: promised by the caller.
        Vnni(unsafe { Avx512::new() })
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

/// What both tokens of 16 lanes share.
macro_rules! sixteen_lanes {
    () => {
        type S = Avx512;
        type I = __m512i;

        #[inline(always)]
        unsafe fn start(self, _sums: *const i32) -> __m512i {
            x86!(_mm512_setzero_si512())
        }
        #[inline(always)]
        fn float(self, sum: __m512i) -> __m512 {
            x86!(_mm512_cvtepi32_ps(sum))
        }
        #[inline(always)]
        unsafe fn store_bytes(self, v: __m512, to: *mut u8, n: usize) {
            x86! {
                let v = _mm512_cvtps_epi32(v);
                match n >= 16 {
                    true => _mm_storeu_si128(to.cast(), _mm512_cvtepi32_epi8(v)),
                    false => _mm512_mask_cvtepi32_storeu_epi8(to.cast(), (1u16 << n) - 1, v),
                }
            }
        }
        #[inline(always)]
        unsafe fn load_signed(self, from: *const i8, n: usize) -> __m512 {
            x86! {
                let v = match n >= 16 {
                    true => _mm_loadu_si128(from.cast()),
                    false => _mm_maskz_loadu_epi8((1u16 << n) - 1, from),
                };
                _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(v))
            }
        }
    };
}

impl Bytes for Vnni {
    type W = __m512i;
    type X = __m512i;
    const ISA: ByteIsa = ByteIsa::Vnni;
    sixteen_lanes!();

    #[inline(always)]
    fn simd(self) -> Avx512 {
        self.0
    }
    #[inline(always)]
    unsafe fn weights(self, from: *const i8) -> __m512i {
        x86!(_mm512_loadu_si512(from.cast()))
    }
    #[inline(always)]
    unsafe fn inputs(self, from: *const u8) -> __m512i {
        x86!(_mm512_set1_epi32(from.cast::<i32>().read_unaligned()))
    }
    #[inline(always)]
    fn dot(self, sum: __m512i, x: __m512i, w: __m512i) -> __m512i {
        x86!(_mm512_dpbusd_epi32(sum, x, w))
    }
}

/// Four bytes a lane are split into those at even and those at odd places, each widened to 16 bits in
/// its place; inputs and weights alike, so that the order of the sum is the only thing that changes.
impl Bytes for Avx512 {
    type W = [__m512i; 2];
    type X = [__m512i; 2];
    const ISA: ByteIsa = ByteIsa::Avx512;
    sixteen_lanes!();

    #[inline(always)]
    fn simd(self) -> Avx512 {
        self
    }
    #[inline(always)]
    unsafe fn weights(self, from: *const i8) -> [__m512i; 2] {
        x86! {
            let w = _mm512_loadu_si512(from.cast());
            [_mm512_srai_epi16::<8>(_mm512_slli_epi16::<8>(w)), _mm512_srai_epi16::<8>(w)]
        }
    }
    #[inline(always)]
    unsafe fn inputs(self, from: *const u8) -> [__m512i; 2] {
        x86! {
            let x = _mm512_set1_epi32(from.cast::<i32>().read_unaligned());
            [_mm512_and_si512(x, _mm512_set1_epi16(0xff)), _mm512_srli_epi16::<8>(x)]
        }
    }
    #[inline(always)]
    fn dot(self, sum: __m512i, x: [__m512i; 2], w: [__m512i; 2]) -> __m512i {
        x86! {
            let (even, odd) = (_mm512_madd_epi16(x[0], w[0]), _mm512_madd_epi16(x[1], w[1]));
            _mm512_add_epi32(_mm512_add_epi32(sum, even), odd)
        }
    }
}

impl Bytes for Avx2 {
    type S = Avx2;
    type I = __m256i;
    type W = [__m256i; 2];
    type X = [__m256i; 2];
    const ISA: ByteIsa = ByteIsa::Avx2;

    #[inline(always)]
    fn simd(self) -> Avx2 {
        self
    }
    #[inline(always)]
    unsafe fn start(self, _sums: *const i32) -> __m256i {
        x86!(_mm256_setzero_si256())
    }
    #[inline(always)]
    unsafe fn weights(self, from: *const i8) -> [__m256i; 2] {
        x86! {
            let w = _mm256_loadu_si256(from.cast());
            [_mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(w)), _mm256_srai_epi16::<8>(w)]
        }
    }
    #[inline(always)]
    unsafe fn inputs(self, from: *const u8) -> [__m256i; 2] {
        x86! {
            let x = _mm256_set1_epi32(from.cast::<i32>().read_unaligned());
            [_mm256_and_si256(x, _mm256_set1_epi16(0xff)), _mm256_srli_epi16::<8>(x)]
        }
    }
    #[inline(always)]
    fn dot(self, sum: __m256i, x: [__m256i; 2], w: [__m256i; 2]) -> __m256i {
        x86! {
            let (even, odd) = (_mm256_madd_epi16(x[0], w[0]), _mm256_madd_epi16(x[1], w[1]));
            _mm256_add_epi32(_mm256_add_epi32(sum, even), odd)
        }
    }
    #[inline(always)]
    fn float(self, sum: __m256i) -> __m256 {
        x86!(_mm256_cvtepi32_ps(sum))
    }
    #[inline(always)]
    unsafe fn store_bytes(self, v: __m256, to: *mut u8, n: usize) {
        x86! {
            let v = _mm256_cvtps_epi32(v);
            let v = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v));
            let v = _mm_packus_epi16(v, v);
            if n >= 8 {
                return _mm_storel_epi64(to.cast(), v);
            }
            let all = _mm_cvtsi128_si64(v).to_le_bytes();
            std::ptr::copy_nonoverlapping(all.as_ptr(), to, n);
        }
    }
    #[inline(always)]
    unsafe fn load_signed(self, from: *const i8, n: usize) -> __m256 {
        x86! {
            let v = if n >= 8 {
                _mm_loadl_epi64(from.cast())
            } else {
                let mut all = [0u8; 8];
                std::ptr::copy_nonoverlapping(from.cast(), all.as_mut_ptr(), n);
                _mm_cvtsi64_si128(i64::from_le_bytes(all))
            };
            _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(v))
        }
    }
}

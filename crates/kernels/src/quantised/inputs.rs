//! Rows of inputs as unsigned bytes with a scale and an offset each: `x = scale q + offset`.
//!
//! `offset = min x`, `scale = (max x - min x) / 255`, `q = round((x - offset) / scale)`, ties to even
//! (asymmetric, Jacob et al. 2018, section 2.1, but with an offset that is a float, not a whole number of
//! steps). Each row by itself, from its own values alone, so that a batch is its texts to the bit. The
//! same bytes, scale and offset on every instruction set. A row of equal values has the scale 0; the
//! scale of a row with a value that is not finite is NaN, so that whatever is computed from it is NaN.
//!
//! x `[rows, width]`. Cost: two passes over a row that stays in L1.

use crate::gemm::{Scratch, with_scratch};
use crate::isa::{ByteIsa, ByteKernel, Bytes, Simd, dispatch_bytes};

/// Quantised rows in memory.
#[derive(Clone, Copy)]
pub(crate) struct Inputs {
    /// `[rows, stride]`
    pub(crate) bytes: *mut u8,
    pub(crate) stride: usize,
    /// `[rows, 2]`: scale and offset.
    pub(crate) scales: *mut f32,
}

// SAFETY: tasks write rows of their own, and read when all is written.
unsafe impl Send for Inputs {}
// SAFETY: as above.
unsafe impl Sync for Inputs {}

impl Inputs {
    /// Bytes from one row to the next: whole cache lines, an odd number of them, so that rows do not
    /// compete for the same few places of the caches.
    pub(crate) fn stride_of(width: usize) -> usize {
        (width.div_ceil(64) | 1) * 64
    }

    /// Calls `f` with memory for `rows` rows of `width` in this thread's scratch.
    pub(crate) fn with<T>(
        what: Scratch,
        rows: usize,
        width: usize,
        f: impl FnOnce(Inputs) -> T,
    ) -> T {
        let stride = Self::stride_of(width);
        let floats = stride / size_of::<f32>();
        with_scratch(what, rows * (floats + 2), |memory| {
            let (bytes, scales) = memory.split_at_mut(rows * floats);
            f(Inputs { bytes: bytes.as_mut_ptr().cast(), stride, scales: scales.as_mut_ptr() })
        })
    }

    /// From row `row` on.
    ///
    /// # Safety
    /// The row is one of the memory's.
    #[inline(always)]
    pub(crate) unsafe fn from(self, row: usize) -> Self {
        // SAFETY: promised by the caller.
        unsafe {
            let (bytes, scales) = (self.bytes.add(row * self.stride), self.scales.add(2 * row));
            Self { bytes, scales, ..self }
        }
    }
}

/// Quantises `rows` rows of `width` values.
///
/// # Safety
/// `x` is valid for the rows at its stride, `to` for as many, for this thread alone.
pub(crate) unsafe fn quantise(
    set: ByteIsa,
    x: (*const f32, usize),
    (rows, width): (usize, usize),
    to: Inputs,
) {
    dispatch_bytes(set, Quantise { x, rows, width, to });
}

struct Quantise {
    x: (*const f32, usize),
    rows: usize,
    width: usize,
    to: Inputs,
}

impl ByteKernel for Quantise {
    type Output = ();
    #[inline(always)]
    fn run<B: Bytes>(self, b: B) {
        for row in 0..self.rows {
            // SAFETY: promised by the caller of `quantise`.
            unsafe {
                let x = self.x.0.add(row * self.x.1);
                quantise_row(b, x, self.width, self.to.from(row));
            }
        }
    }
}

/// # Safety
/// `x` is valid for `width` values, `to` for a row of them.
#[inline(always)]
pub(crate) unsafe fn quantise_row<B: Bytes>(b: B, x: *const f32, width: usize, to: Inputs) {
    let s = b.simd();
    let whole = width - width % <B::S as Simd>::LANES;
    // SAFETY: inside the row; bytes are written up to a whole group.
    unsafe {
        let (scale, offset) = range(s, x, width);
        to.scales.write(scale);
        to.scales.add(1).write(offset);
        // Never a division by zero: a row of equal values has zeros for bytes.
        let inverse = s.splat(if scale > 0.0 { 1.0 / scale } else { 0.0 });
        let offset = s.splat(offset);
        let mut at = 0;
        while at < whole {
            let v = s.mul(s.sub(s.load_ptr(x.add(at)), offset), inverse);
            b.store_bytes(v, to.bytes.add(at), <B::S as Simd>::LANES);
            at += <B::S as Simd>::LANES;
        }
        if at < width {
            let v = s.mul(s.sub(s.load_first(x.add(at), width - at), offset), inverse);
            b.store_bytes(v, to.bytes.add(at), width - at);
        }
        for at in width..width.next_multiple_of(super::packed::GROUP) {
            to.bytes.add(at).write(0);
        }
    }
}

/// Scale and offset of a row.
///
/// # Safety
/// `x` is valid for `width` values.
#[inline(always)]
unsafe fn range<S: Simd>(s: S, x: *const f32, width: usize) -> (f32, f32) {
    if width == 0 {
        return (0.0, 0.0);
    }
    // SAFETY: inside the row.
    unsafe {
        let first = s.splat(*x);
        let (mut low, mut high, mut poison) = (first, first, s.splat(0.0));
        let mut at = 0;
        while at < width {
            let left = width - at;
            let v = match left >= S::LANES {
                true => s.load_ptr(x.add(at)),
                // What is not there must not widen the range.
                false => s.select(s.first(left), s.load_first(x.add(at), left), first),
            };
            low = s.min(low, v);
            high = s.max(high, v);
            // Zero times anything finite adds nothing; anything else makes it NaN.
            poison = s.fma(v, s.splat(0.0), poison);
            at += S::LANES;
        }
        let (low, high) = (-s.maximum(s.neg(low)), s.maximum(high));
        let scale = (high - low) / 255.0 + s.sum(poison);
        // So small a step has no reciprocal: the row counts as one of equal values.
        let scale = if scale < f32::MIN_POSITIVE { 0.0 } else { scale };
        (scale, low)
    }
}

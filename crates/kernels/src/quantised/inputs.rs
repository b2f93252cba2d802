//! Rows of inputs as unsigned bytes with a scale and an offset each: `x = scale q + offset`.
//!
//! `offset = min x`, `scale = (max x - min x) / 255`, `q = round((x - offset) / scale)`, ties to even
//! (asymmetric, Jacob et al. 2018, section 2.1, but with an offset that is a float, not a whole number of
//! steps). Each row by itself, from its own values alone, so that a batch is its texts to the bit. The
//! same bytes, scale and offset on every instruction set. A row of equal values has the scale 0; the
//! scale of a row with a value that is not finite is NaN, so that whatever is computed from it is NaN.
//!
//! Outliers of the weights' inputs (Dettmers et al. 2022, section 3.2) are left out of the range, count
//! as zeros, and are handed on as they are.
//!
//! x `[rows, width]`. Cost: two passes over a row that stays in L1.

use super::packed::QuantisedMatrix;
use crate::gemm::{Scratch, with_scratch};
use crate::isa::{ByteKernel, Bytes, Simd, dispatch_bytes};

/// Quantised rows in memory.
#[derive(Clone, Copy)]
pub(crate) struct Inputs {
    /// `[rows, stride]`
    pub(crate) bytes: *mut u8,
    pub(crate) stride: usize,
    /// `[rows, numbers_stride]`: scale, offset, and the values of outliers.
    pub(crate) numbers: *mut f32,
    pub(crate) numbers_stride: usize,
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

    /// Calls `f` with memory for `rows` rows of inputs of `weights` in this thread's scratch.
    pub(crate) fn with<T>(
        what: Scratch,
        rows: usize,
        weights: &QuantisedMatrix,
        f: impl FnOnce(Inputs) -> T,
    ) -> T {
        let stride = Self::stride_of(weights.inputs());
        let numbers_stride = 2 + weights.outliers().map_or(0, |outliers| outliers.columns.len());
        let floats = stride / size_of::<f32>();
        with_scratch(what, rows * (floats + numbers_stride), |memory| {
            let (bytes, numbers) = memory.split_at_mut(rows * floats);
            let (bytes, numbers) = (bytes.as_mut_ptr().cast(), numbers.as_mut_ptr());
            f(Inputs { bytes, stride, numbers, numbers_stride })
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
            let bytes = self.bytes.add(row * self.stride);
            Self { bytes, numbers: self.numbers.add(row * self.numbers_stride), ..self }
        }
    }
}

/// Quantises `rows` rows of inputs as `weights` want them.
///
/// # Safety
/// `x` is valid for the rows at its stride, `to` for as many, for this thread alone.
pub(crate) unsafe fn quantise(
    weights: &QuantisedMatrix,
    x: (*const f32, usize),
    rows: usize,
    to: Inputs,
) {
    dispatch_bytes(weights.set(), Quantise { weights, x, rows, to });
}

struct Quantise<'a> {
    weights: &'a QuantisedMatrix,
    x: (*const f32, usize),
    rows: usize,
    to: Inputs,
}

impl ByteKernel for Quantise<'_> {
    type Output = ();
    #[inline(always)]
    fn run<B: Bytes>(self, b: B) {
        let width = self.weights.inputs();
        for row in 0..self.rows {
            // SAFETY: promised by the caller of `quantise`; outliers are columns.
            unsafe {
                let x = self.x.0.add(row * self.x.1);
                let (to, outliers) = (self.to.from(row), self.weights.outliers());
                let mask = outliers.map_or(std::ptr::null(), |outliers| outliers.mask.as_ptr());
                quantise_row(b, Row { x, mask }, width, to);
                let columns = outliers.map_or(&[][..], |outliers| &outliers.columns);
                for (index, column) in columns.iter().enumerate() {
                    to.numbers.add(2 + index).write(*x.add(*column as usize));
                }
            }
        }
    }
}

/// A row of inputs with zeros for its outliers.
#[derive(Clone, Copy)]
struct Row {
    x: *const f32,
    /// All bits set where the value counts, none for an outlier; null where there is none.
    mask: *const f32,
}

impl Row {
    /// The first `n` values from `at` on; zeros beyond.
    ///
    /// # Safety
    /// The row has them.
    #[inline(always)]
    unsafe fn load<S: Simd>(self, s: S, at: usize, n: usize) -> S::V {
        // SAFETY: promised by the caller.
        unsafe {
            let load = |from: *const f32| match n >= S::LANES {
                true => s.load_ptr(from),
                false => s.load_first(from, n),
            };
            let x = load(self.x.add(at));
            if self.mask.is_null() { x } else { s.and(x, load(self.mask.add(at))) }
        }
    }
}

/// # Safety
/// `x` has `width` values, `to` is valid for a row of them.
#[inline(always)]
unsafe fn quantise_row<B: Bytes>(b: B, x: Row, width: usize, to: Inputs) {
    let s = b.simd();
    let whole = width - width % <B::S as Simd>::LANES;
    // SAFETY: inside the row; bytes are written up to a whole group.
    unsafe {
        let (scale, offset) = range(s, x, width);
        to.numbers.write(scale);
        to.numbers.add(1).write(offset);
        // Never a division by zero: a row of equal values has zeros for bytes.
        let inverse = s.splat(if scale > 0.0 { 1.0 / scale } else { 0.0 });
        let offset = s.splat(offset);
        let mut at = 0;
        while at < whole {
            let v = s.mul(s.sub(x.load(s, at, <B::S as Simd>::LANES), offset), inverse);
            b.store_bytes(v, to.bytes.add(at), <B::S as Simd>::LANES);
            at += <B::S as Simd>::LANES;
        }
        if at < width {
            let v = s.mul(s.sub(x.load(s, at, width - at), offset), inverse);
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
/// `x` has `width` values.
#[inline(always)]
unsafe fn range<S: Simd>(s: S, x: Row, width: usize) -> (f32, f32) {
    if width == 0 {
        return (0.0, 0.0);
    }
    // SAFETY: inside the row.
    unsafe {
        let (mut low, mut high) = (s.splat(f32::INFINITY), s.splat(f32::NEG_INFINITY));
        let mut poison = s.splat(0.0);
        let whole = width - width % S::LANES;
        let mut at = 0;
        while at < whole {
            let v = x.load(s, at, S::LANES);
            low = s.min(low, v);
            high = s.max(high, v);
            // Zero times anything finite adds nothing; anything else makes it NaN.
            poison = s.fma(v, s.splat(0.0), poison);
            at += S::LANES;
        }
        if whole < width {
            let (v, there) = (x.load(s, whole, width - whole), s.first(width - whole));
            low = s.select(there, s.min(low, v), low);
            high = s.select(there, s.max(high, v), high);
            poison = s.fma(v, s.splat(0.0), poison);
        }
        let (low, high) = (-s.maximum(s.neg(low)), s.maximum(high));
        let scale = (high - low) / 255.0 + s.sum(poison);
        // So small a step has no reciprocal: the row counts as one of equal values.
        let scale = if scale < f32::MIN_POSITIVE { 0.0 } else { scale };
        (scale, low)
    }
}

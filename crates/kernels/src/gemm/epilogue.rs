//! What happens to a product's elements before they are stored: `y = act(x W^T + b) + residual`.
//!
//! Fused so that the product is not written to memory and read again.

use super::packed::Target;
use crate::Pool;
use crate::activation::{self, Activation};
use crate::isa::{Kernel, Simd, dispatch};

/// Bias, activation and residual of a linear map.
#[derive(Clone, Copy, Debug, Default)]
pub struct Epilogue<'a> {
    /// `[outputs]`, added to each row before the activation.
    pub bias: Option<&'a [f32]>,
    /// Applied to each element.
    pub activation: Activation,
    /// `[rows, outputs]`, added after the activation.
    pub residual: Option<&'a [f32]>,
}

/// A rectangle of the output, in memory.
#[derive(Clone, Copy)]
pub(crate) struct Area {
    pub(crate) at: *mut f32,
    pub(crate) stride: usize,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

macro_rules! each {
    ($s:ident, $area:ident, |$v:ident| $to:expr) => {
        for row in 0..$area.rows {
            // SAFETY: the area is valid for its rows and columns.
            unsafe {
                let at = $area.at.add(row * $area.stride);
                let mut column = 0;
                while column < $area.columns {
                    let left = $area.columns - column;
                    let $v = $s.load_first(at.add(column), left);
                    $s.store_first($to, at.add(column), left);
                    column += S::LANES;
                }
            }
        }
    };
}

/// Applies an activation to an area in place.
///
/// # Safety
/// The area is valid for reading and writing, by this thread alone.
#[inline(always)]
pub(crate) unsafe fn activate<S: Simd>(s: S, function: Activation, area: Area) {
    // Chosen once an area: each arm is a loop without branches.
    match function {
        Activation::Identity => {}
        Activation::Relu => each!(s, area, |v| activation::relu(s, v)),
        Activation::Gelu => each!(s, area, |v| activation::gelu(s, v)),
        Activation::GeluTanh => each!(s, area, |v| activation::gelu_tanh(s, v)),
        Activation::Silu => each!(s, area, |v| activation::silu(s, v)),
        Activation::Tanh => each!(s, area, |v| activation::tanh(s, v)),
        Activation::Sigmoid => each!(s, area, |v| activation::sigmoid(s, v)),
    }
}

/// GELU of an area in place, for values that become bytes at once.
///
/// # Safety
/// As [`activate`].
#[inline(always)]
pub(crate) unsafe fn gelu_coarse<S: Simd>(s: S, area: Area) {
    each!(s, area, |v| activation::gelu_coarse(s, v));
}

/// `area += addend`, element by element.
///
/// # Safety
/// Both are valid for the area's rows and columns; the area belongs to this thread alone.
#[inline(always)]
pub(crate) unsafe fn add<S: Simd>(s: S, addend: *const f32, stride: usize, area: Area) {
    for row in 0..area.rows {
        // SAFETY: promised by the caller.
        unsafe {
            let (at, from) = (area.at.add(row * area.stride), addend.add(row * stride));
            let mut column = 0;
            while column < area.columns {
                let left = area.columns - column;
                let sum =
                    s.add(s.load_first(at.add(column), left), s.load_first(from.add(column), left));
                s.store_first(sum, at.add(column), left);
                column += S::LANES;
            }
        }
    }
}

/// `left *= right`, element by element.
///
/// # Safety
/// Both are valid for the area's rows and columns; the area belongs to this thread alone.
#[inline(always)]
pub(crate) unsafe fn multiply<S: Simd>(s: S, right: *const f32, stride: usize, area: Area) {
    for row in 0..area.rows {
        // SAFETY: promised by the caller.
        unsafe {
            let (at, from) = (area.at.add(row * area.stride), right.add(row * stride));
            let mut column = 0;
            while column < area.columns {
                let left = area.columns - column;
                let product =
                    s.mul(s.load_first(at.add(column), left), s.load_first(from.add(column), left));
                s.store_first(product, at.add(column), left);
                column += S::LANES;
            }
        }
    }
}

impl Epilogue<'_> {
    /// Applies it to a finished product, `[rows, outputs]`, in place.
    ///
    /// # Panics
    /// Where a length does not fit the shapes.
    pub fn apply(&self, pool: &Pool, rows: usize, outputs: usize, out: &mut [f32]) {
        assert_eq!(out.len(), rows * outputs, "[{rows}, {outputs}] of an epilogue");
        if let Some(bias) = self.bias {
            assert_eq!(bias.len(), outputs, "bias of [{rows}, {outputs}]");
        }
        if let Some(residual) = self.residual {
            assert_eq!(residual.len(), out.len(), "residual of [{rows}, {outputs}]");
        }
        let target = Target(out.as_mut_ptr());
        let blocks = rows.div_ceil(APPLY_ROWS);
        pool.run(blocks, &|block| {
            let row = block * APPLY_ROWS;
            let rows = (rows - row).min(APPLY_ROWS);
            // SAFETY: blocks of rows are disjoint.
            let at = unsafe { target.at(row * outputs) };
            let area = Area { at, stride: outputs, rows, columns: outputs };
            dispatch(Apply { epilogue: self, row, area });
        });
    }
}

/// Rows that one task finishes.
const APPLY_ROWS: usize = 16;

struct Apply<'a> {
    epilogue: &'a Epilogue<'a>,
    row: usize,
    area: Area,
}

impl Kernel for Apply<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { epilogue, row, area } = self;
        // SAFETY: `apply` checked the lengths and gave this task its own rows.
        unsafe {
            if let Some(bias) = epilogue.bias {
                // A stride of zero adds the same row to each.
                add(s, bias.as_ptr(), 0, area);
            }
            activate(s, epilogue.activation, area);
            if let Some(residual) = epilogue.residual {
                add(s, residual.as_ptr().add(row * area.columns), area.columns, area);
            }
        }
    }
}

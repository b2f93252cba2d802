//! One row from all rows of a sequence, and what sentence vectors go through after that.
//!
//! Pool: `[tokens, width]` to `[sequences, width]` (Reimers and Gurevych 2019, section 3).
//! Concatenate: inputs side by side. Normalize: `y = x / max(|x|, epsilon)`. Nothing is kept.
//! Cost: one pass each.

use std::sync::Arc;

use contexture_kernels::pointwise::{add_columns, concatenate, normalize, normalize_backward};
use contexture_kernels::pooling::{pool_rows, pool_rows_backward};

use crate::{Backward, Forward, Op, Rows};

pub use contexture_kernels::pooling::Pooling;

/// One row a sequence.
#[derive(Debug, Clone)]
pub struct Pool {
    /// How rows become one.
    pub pooling: Pooling,
    /// Tokens to leave out at the beginning of each sequence; empty means none.
    pub skip: Arc<[usize]>,
}

impl Op for Pool {
    fn name(&self) -> &'static str {
        "pool"
    }

    fn forward(&self, cx: &mut Forward<'_>) -> Rows {
        let x = cx.input(0);
        let mut out = cx.rows(cx.segments.len(), x.width());
        let offsets = cx.segments.offsets();
        let (from, to) = (x.as_slice(), out.as_mut_slice());
        pool_rows(cx.pool, self.pooling, x.width(), offsets, &self.skip, from, to);
        out
    }

    fn backward(&self, cx: &mut Backward<'_>) {
        let (pool, x, gradient, segments) = (cx.pool, cx.input(0), cx.gradient, cx.segments);
        pool_rows_backward(
            pool,
            self.pooling,
            x.width(),
            segments.offsets(),
            &self.skip,
            x.as_slice(),
            gradient.as_slice(),
            cx.input_gradient(0).as_mut_slice(),
        );
    }
}

/// Inputs side by side, `[n, sum of widths]`.
#[derive(Debug, Clone, Copy)]
pub struct Concatenate;

impl Op for Concatenate {
    fn name(&self) -> &'static str {
        "concatenate"
    }

    fn forward(&self, cx: &mut Forward<'_>) -> Rows {
        let inputs = cx.inputs();
        let rows = inputs[0].rows();
        let mut out = cx.rows(rows, inputs.iter().map(|input| input.width()).sum());
        for input in inputs {
            assert_eq!(input.rows(), rows, "rows of concatenated inputs");
        }
        let parts: Vec<_> = inputs.iter().map(|rows| (rows.as_slice(), rows.width())).collect();
        concatenate(cx.pool, &parts, out.as_mut_slice());
        out
    }

    fn backward(&self, cx: &mut Backward<'_>) {
        let (pool, gradient) = (cx.pool, (cx.gradient.as_slice(), cx.gradient.width()));
        let mut begin = 0;
        for index in 0..cx.input_count() {
            let sum = cx.input_gradient(index);
            let width = sum.width();
            add_columns(pool, gradient, begin, width, sum.as_mut_slice());
            begin += width;
        }
    }
}

/// Rows of unit length; a zero row stays zero.
#[derive(Debug, Clone, Copy)]
pub struct Normalize {
    /// The least length that is divided by.
    pub epsilon: f32,
}

impl Op for Normalize {
    fn name(&self) -> &'static str {
        "normalize"
    }

    fn forward(&self, cx: &mut Forward<'_>) -> Rows {
        let x = cx.input(0);
        let mut out = cx.rows(x.rows(), x.width());
        normalize(cx.pool, x.width(), self.epsilon, x.as_slice(), out.as_mut_slice());
        out
    }

    fn backward(&self, cx: &mut Backward<'_>) {
        let (pool, x, gradient) = (cx.pool, cx.input(0), cx.gradient);
        let (from, by) = (x.as_slice(), gradient.as_slice());
        let to = cx.input_gradient(0).as_mut_slice();
        normalize_backward(pool, x.width(), self.epsilon, from, by, to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check_gradients;

    #[test]
    fn gradients_of_all_poolings_agree_with_finite_differences() {
        use Pooling::{Cls, Last, Max, Mean, MeanSqrtLength, WeightedMean};
        for pooling in [Cls, Max, Mean, MeanSqrtLength, WeightedMean, Last] {
            for skip in [vec![], vec![1, 0, 1]] {
                let op = Pool { pooling, skip: skip.into() };
                let make = |(): &()| op.clone();
                let check = check_gradients(|_| (), make, &[(7, 19)], &[4, 0, 3], 17);
                assert!(check.worst < 1e-2 && check.checked == 7 * 19, "{op:?}: {check:?}");
            }
        }
    }

    #[test]
    fn gradients_of_concatenation_and_unit_length_agree_with_finite_differences() {
        let check = check_gradients(|_| (), |()| Concatenate, &[(3, 4), (3, 2)], &[3], 19);
        assert!(check.worst < 1e-2 && check.checked == 18, "{check:?}");
        let op = Normalize { epsilon: 1e-12 };
        let check = check_gradients(|_| (), |()| op, &[(3, 21)], &[3], 23);
        assert!(check.worst < 1e-2 && check.checked == 63, "{check:?}");
    }
}

//! Dropout: `y_i = m_i x_i / (1 - rate)`, `m_i` 0 with probability `rate`, else 1.
//!
//! Srivastava et al. 2014, section 4, scaled while training; the identity elsewhere. x, y
//! `[tokens, hidden]`. The mask is a function of the seed and the value's number, so that nothing
//! is kept and threads do not matter. Cost: one pass.

use contexture_kernels::Store;
use contexture_kernels::dropout::dropout;

use crate::{Backward, Forward, Op, Rows};

/// Zeros at random, while training only.
#[derive(Debug, Clone, Copy)]
pub struct Dropout {
    /// The probability of a zero, below 1.
    pub rate: f32,
    /// Decides the mask: a new one for each step and place.
    pub seed: u64,
}

impl Op for Dropout {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn forward(&self, cx: &mut Forward<'_>) -> Rows {
        let x = cx.input(0);
        let mut out = cx.rows(x.rows(), x.width());
        let rate = if cx.keeps() { self.rate } else { 0.0 };
        dropout(cx.pool, rate, self.seed, x.as_slice(), Store::Over, out.as_mut_slice());
        out
    }

    fn backward(&self, cx: &mut Backward<'_>) {
        let (pool, gradient) = (cx.pool, cx.gradient.as_slice());
        let (sum, store) = cx.open_input_gradient(0);
        dropout(pool, self.rate, self.seed, gradient, store, sum.as_mut_slice());
    }
}

#[cfg(test)]
mod tests {
    use contexture_kernels::Pool;

    use super::*;
    use crate::check_gradients;

    #[test]
    fn gradient_agrees_with_finite_differences() {
        let op = Dropout { rate: 0.4, seed: 5 };
        let check = check_gradients(|_| (), |()| op, &[(4, 9)], &[4], 29);
        assert!(check.worst < 1e-2 && check.checked == 36, "{check:?}");
    }

    #[test]
    fn the_rate_is_kept_and_the_mean_stays() {
        let n = 100_000;
        let mut out = vec![0.0; n];
        dropout(&Pool::new(2), 0.1, 77, &vec![1.0; n], Store::Over, &mut out);
        let zeros = out.iter().filter(|y| **y == 0.0).count();
        assert!((9_700..10_300).contains(&zeros), "{zeros}");
        let mean = out.iter().map(|y| f64::from(*y)).sum::<f64>() / n as f64;
        assert!((mean - 1.0).abs() < 5e-3, "{mean}");
    }
}

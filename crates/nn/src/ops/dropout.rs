//! Dropout: `y_i = m_i x_i / (1 - rate)`, `m_i` 0 with probability `rate`, else 1.
//!
//! Srivastava et al. 2014, section 4, scaled while training; the identity elsewhere. x, y
//! `[tokens, hidden]`. The mask is a function of the seed and the value's number, so that nothing
//! is kept and threads do not matter. Cost: one pass.

use crate::{Backward, Forward, Op, Rows};

/// Zeros at random, while training only.
#[derive(Debug, Clone, Copy)]
pub struct Dropout {
    /// The probability of a zero, below 1.
    pub rate: f32,
    /// Decides the mask: a new one for each step and place.
    pub seed: u64,
}

impl Dropout {
    /// What value number `index` is multiplied with.
    fn factor(&self, index: usize) -> f32 {
        // Steele, Lea and Flood 2014, with the counter in place of the state.
        let mut z = self.seed.wrapping_add((index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let uniform = ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 24) as f32;
        if uniform < self.rate { 0.0 } else { 1.0 / (1.0 - self.rate) }
    }
}

impl Op for Dropout {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn forward(&self, cx: &mut Forward<'_>) -> Rows {
        let x = cx.input(0);
        let mut out = cx.rows(x.rows(), x.width());
        if cx.keeps() {
            let values = out.as_mut_slice().iter_mut().zip(x.as_slice());
            values.enumerate().for_each(|(index, (y, x))| *y = x * self.factor(index));
        } else {
            out.as_mut_slice().copy_from_slice(x.as_slice());
        }
        out
    }

    fn backward(&self, cx: &mut Backward<'_>) {
        let gradient = cx.gradient.as_slice();
        let sum = cx.input_gradient(0).as_mut_slice();
        let values = sum.iter_mut().zip(gradient).enumerate();
        values.for_each(|(index, (sum, part))| *sum += part * self.factor(index));
    }
}

#[cfg(test)]
mod tests {
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
        let op = Dropout { rate: 0.1, seed: 77 };
        let n = 100_000;
        let zeros = (0..n).filter(|&index| op.factor(index) == 0.0).count();
        assert!((9_700..10_300).contains(&zeros), "{zeros}");
        let mean = (0..n).map(|index| f64::from(op.factor(index))).sum::<f64>() / n as f64;
        assert!((mean - 1.0).abs() < 5e-3, "{mean}");
    }
}

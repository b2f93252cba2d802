//! Attention with linear biases (Press et al. 2022), in its symmetric form (Günther et al. 2023):
//!
//! ```text
//! score_ij += -m_h |i - j|,    m_h = 2^(-8 h / heads),    h = 1 .. heads
//! ```
//!
//! Where `heads` is no power of two, the slopes are those of the power p below it, then every
//! second one of 2p.

use std::sync::Arc;

use contexture_nn::ops::ScoreBias;

use super::Position;

#[derive(Debug)]
pub(crate) struct Alibi {
    slopes: Arc<[f32]>,
}

impl Alibi {
    pub(crate) fn new(heads: usize) -> Self {
        Self { slopes: slopes(heads).into() }
    }
}

impl Position for Alibi {
    fn on_scores(&self) -> ScoreBias {
        ScoreBias::Slopes(self.slopes.clone())
    }
}

/// One for each head.
pub(super) fn slopes(heads: usize) -> Vec<f32> {
    let slope = |h: usize, of: usize| (-8.0 * h as f64 / of as f64).exp2() as f32;
    let below = if heads.is_power_of_two() { heads } else { heads.next_power_of_two() / 2 };
    let regular = (1..=below).map(|h| slope(h, below));
    let finer = (1..=2 * below).step_by(2).map(|h| slope(h, 2 * below));
    regular.chain(finer).take(heads).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_of_powers_and_of_others() {
        assert_eq!(slopes(4), [0.25, 0.0625, 0.015625, 0.00390625]);
        let [a, b, c, d, e, f] = slopes(6)[..] else { panic!("six") };
        assert_eq!([a, b, c, d], [0.25, 0.0625, 0.015625, 0.00390625]);
        assert_eq!([e, f], [0.5, 0.125]);
    }
}

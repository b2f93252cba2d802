//! Randomness as a function of where it is used: no generator's state outlives a step, so that
//! going on from a snapshot draws what the unbroken run would have drawn.

/// A stream of numbers that a key decides (Steele, Lea and Flood 2014).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The stream of `key`: the run's seed, then what it is for, then counters.
    pub fn of(key: &[u64]) -> Self {
        let mut state = 0x243f_6a88_85a3_08d3;
        for part in key {
            state = mix(state ^ part.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_add(*part);
        }
        Self(mix(state))
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// In [0, 1).
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// In `0 .. count`; `count` is not 0. By Lemire 2019's product, whose bias is below 2^-32 for
    /// any count that fits into memory.
    pub fn below(&mut self, count: usize) -> usize {
        ((u128::from(self.bits()) * count as u128) >> 64) as usize
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// What a stream is for.
pub mod purpose {
    /// Initial weights.
    pub const WEIGHTS: u64 = 1;
    /// The order of rows.
    pub const ORDER: u64 = 2;
    /// Masks and other choices of an objective.
    pub const CHOICES: u64 = 3;
    /// Dropout.
    pub const DROPOUT: u64 = 4;
    /// Choices on held-out rows.
    pub const HELD_OUT: u64 = 5;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_decide_and_spread() {
        let first = |key: &[u64]| Random::of(key).bits();
        assert_eq!(first(&[1, 2, 3]), first(&[1, 2, 3]));
        let all: std::collections::BTreeSet<u64> =
            (0..1000).flat_map(|a| [first(&[a]), first(&[0, a]), first(&[a, 1])]).collect();
        assert!(all.len() > 2990, "{}", all.len());
        let mut random = Random::of(&[7]);
        let mut counts = [0usize; 10];
        (0..100_000).for_each(|_| counts[random.below(10)] += 1);
        assert!(counts.iter().all(|n| (9_600..10_400).contains(n)), "{counts:?}");
    }
}

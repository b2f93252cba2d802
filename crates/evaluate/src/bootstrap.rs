//! How sure a figure is: percentile intervals over resampled items.
//!
//! Of `n` items, `n` are drawn with replacement and the figure is computed again; the 2.5th and
//! 97.5th percentiles of many such figures are the interval (Efron & Tibshirani 1993, section
//! 13.3). Resample `r` is drawn from the seed and `r` alone, so that an interval does not depend
//! on the number of threads.

use std::sync::atomic::{AtomicU64, Ordering};

use contexture_kernels::Pool;
use serde::Serialize;

/// How intervals are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bootstrap {
    /// Resamples; 0: no intervals.
    pub resamples: usize,
    /// The seed of all draws.
    pub seed: u64,
    /// Threads to draw with, at least 1.
    pub threads: usize,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { resamples: 1000, seed: 1, threads: 1 }
    }
}

/// A figure with its 95 % interval. Not a number where the figure is not defined (the cosines of a
/// model that gives every text one vector have no correlation); JSON then says `null`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The figure over all items.
    pub value: f64,
    /// The interval's ends; `None` where none was asked for or no resample gave a figure.
    pub interval: Option<[f64; 2]>,
}

impl Estimate {
    /// A figure without an interval.
    pub fn exact(value: f64) -> Self {
        Self { value, interval: None }
    }
}

/// SplitMix64 (Steele, Lea & Flood 2014): a small generator whose every seed is good.
#[derive(Debug, Clone)]
pub struct Draws(u64);

impl Draws {
    /// The draws of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `n`; `n` is at least 1.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.bits()) * n as u128) >> 64) as usize
    }
}

impl Bootstrap {
    /// The figure over items `0 .. items`, and its interval; `figure` is given the items' numbers,
    /// in a resample some of them several times.
    pub fn estimate(&self, items: usize, figure: impl Fn(&[usize]) -> f64 + Sync) -> Estimate {
        let all: Vec<usize> = (0..items).collect();
        let value = figure(&all);
        if self.resamples == 0 || items < 2 {
            return Estimate::exact(value);
        }
        let found: Vec<AtomicU64> = (0..self.resamples).map(|_| AtomicU64::new(0)).collect();
        Pool::new(self.threads.max(1)).run(self.resamples, &|resample| {
            // Neighbouring seeds of SplitMix64 give the same stream shifted: mix them apart.
            let own = Draws::new(self.seed ^ Draws::new(resample as u64).bits()).bits();
            let mut draws = Draws::new(own);
            let drawn: Vec<usize> = (0..items).map(|_| draws.below(items)).collect();
            found[resample].store(figure(&drawn).to_bits(), Ordering::Relaxed);
        });
        let mut figures: Vec<f64> = found
            .into_iter()
            .map(|bits| f64::from_bits(bits.into_inner()))
            .filter(|figure| figure.is_finite())
            .collect();
        figures.sort_by(f64::total_cmp);
        let ends = [percentile(&figures, 0.025), percentile(&figures, 0.975)];
        let interval = match ends {
            [Some(low), Some(high)] if value.is_finite() => Some([low, high]),
            _ => None,
        };
        Estimate { value, interval }
    }

    /// As [`Bootstrap::estimate`], of the mean of one value an item.
    pub fn mean(&self, values: &[f64]) -> Estimate {
        self.estimate(values.len(), |items| {
            items.iter().map(|item| values[*item]).sum::<f64>() / items.len() as f64
        })
    }
}

/// The value below which the share `at` of the sorted values lies, between neighbours linearly.
fn percentile(sorted: &[f64], at: f64) -> Option<f64> {
    let place = at * sorted.len().checked_sub(1)? as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    Some(sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_mean_is_two_standard_errors_wide() {
        let values: Vec<f64> = (0..400).map(|n| f64::from(n % 2)).collect();
        let estimate = Bootstrap { resamples: 2000, seed: 7, threads: 2 }.mean(&values);
        let [low, high] = estimate.interval.expect("an interval");
        assert_eq!(estimate.value, 0.5);
        assert!((low - 0.451).abs() < 0.006 && (high - 0.549).abs() < 0.006, "{low} {high}");
    }

    #[test]
    fn threads_change_nothing_and_seeds_do() {
        let values: Vec<f64> = (0..50).map(|n| f64::from(n * n % 17)).collect();
        let with = |seed, threads| Bootstrap { resamples: 300, seed, threads }.mean(&values);
        assert_eq!(with(3, 1), with(3, 4));
        assert_ne!(with(3, 1), with(4, 1));
    }

    #[test]
    fn undefined_figures_have_no_interval() {
        let setup = Bootstrap::default();
        assert_eq!(setup.estimate(9, |_| f64::NAN).interval, None);
        assert_eq!(Bootstrap { resamples: 0, ..setup }.mean(&[1.0, 2.0]), Estimate::exact(1.5));
        assert_eq!(setup.mean(&[4.0]), Estimate::exact(4.0));
    }
}

//! The averaged perceptron that word classes, heads and relations are chosen with.
//!
//! score(c) = sum over features f of w[f][c]; on a wrong choice, w[f][right] += 1 and
//! w[f][wrong] -= 1; the weights used are their mean over all steps (Collins 2002, algorithm 1 and
//! section 2.5).

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Features are hashes already.
#[derive(Default)]
struct Same(u64);

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("features are hashed as u64");
    }

    fn write_u64(&mut self, feature: u64) {
        self.0 = feature;
    }
}

#[derive(Clone)]
struct Row<const CLASSES: usize> {
    weights: [f32; CLASSES],
    totals: [f32; CLASSES],
    changed: [u32; CLASSES],
}

/// A linear choice among so many classes.
pub(crate) struct Perceptron<const CLASSES: usize> {
    rows: HashMap<u64, Row<CLASSES>, BuildHasherDefault<Same>>,
    step: u32,
}

impl<const CLASSES: usize> Perceptron<CLASSES> {
    /// One that knows nothing.
    pub(crate) fn new() -> Self {
        Self { rows: HashMap::default(), step: 0 }
    }

    /// The score of each class.
    pub(crate) fn scores(&self, features: &[u64]) -> [f32; CLASSES] {
        let mut scores = [0.0; CLASSES];
        for row in features.iter().filter_map(|feature| self.rows.get(feature)) {
            for (score, weight) in scores.iter_mut().zip(row.weights) {
                *score += weight;
            }
        }
        scores
    }

    /// The class of the highest score among those that are `allowed`.
    pub(crate) fn best(&self, features: &[u64], allowed: impl Fn(usize) -> bool) -> usize {
        let scores = self.scores(features);
        let allowed = (0..CLASSES).filter(|class| allowed(*class));
        allowed.max_by(|a, b| scores[*a].total_cmp(&scores[*b])).unwrap_or_default()
    }

    /// A step of training.
    pub(crate) fn learn(&mut self, features: &[u64], right: usize, found: usize) {
        self.step += 1;
        if right == found {
            return;
        }
        for feature in features {
            let row = self.rows.entry(*feature).or_insert_with(|| Row {
                weights: [0.0; CLASSES],
                totals: [0.0; CLASSES],
                changed: [0; CLASSES],
            });
            for (class, change) in [(right, 1.0), (found, -1.0)] {
                row.totals[class] += (self.step - row.changed[class]) as f32 * row.weights[class];
                row.weights[class] += change;
                row.changed[class] = self.step;
            }
        }
    }

    /// Puts the mean over all steps in place of the last weights.
    pub(crate) fn average(&mut self) {
        let step = self.step;
        for row in self.rows.values_mut() {
            for class in 0..CLASSES {
                let held = (step - row.changed[class]) as f32 * row.weights[class];
                row.weights[class] = (row.totals[class] + held) / step as f32;
            }
        }
    }
}

/// FNV-1a over a feature's kind and its parts, then mixed so that every bit depends on all.
pub(crate) fn feature(kind: usize, parts: &[&str]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ kind as u64;
    for part in parts {
        for byte in part.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash ^ (hash >> 29)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_the_mean_over_steps() {
        let mut p = Perceptron::<2>::new();
        p.learn(&[7], 1, 0);
        p.learn(&[7], 1, 1);
        p.learn(&[7], 0, 1);
        p.learn(&[7], 0, 0);
        // The weight of class 1 was 1 in steps 1 and 2 and 0 after: the totals count a weight from
        // the step after its change, so 2 of 4.
        p.average();
        assert_eq!(p.scores(&[7]), [-0.5, 0.5]);
        assert_eq!(p.best(&[7], |_| true), 1);
        assert_eq!(p.best(&[7], |class| class == 0), 0);
    }
}

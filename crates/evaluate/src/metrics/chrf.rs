//! chrF2 (Popović 2015, 2016) as sacreBLEU (Post 2018) has it by default.
//!
//! chrF2 = 100 (1 + 4) P R / (4 P + R): recall R weighs twice as much as precision P (beta = 2).
//! P, R = means over n = 1..6 of the n-grams of characters that hypothesis and reference share, each
//! as often as it occurs where it is rarer, divided by those of the hypotheses and by those of the
//! references; all counted over the whole corpus.
//!
//! - White space is taken out first, so that n-grams run across words; case counts; a character is a
//!   code point.
//! - The means are over the orders that both sides have (effective order). n-grams of a hypothesis
//!   whose reference is too short to have that order do not count.
//! - Of several references the one with the best chrF2 for the sentence is counted, of equal ones the
//!   first.

use std::iter::Sum;
use std::ops::AddAssign;

use serde::Serialize;

use super::ngrams::{Counts, matches, ngrams, total};
use super::tokens_13a::is_space;

/// The longest n-grams.
const ORDERS: usize = 6;
/// The square of beta.
const RECALL_WEIGHT: f64 = 4.0;

/// All that chrF needs of some sentences; those of a corpus are added up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ChrfCounts {
    /// n-grams that both sides have, n from 1.
    pub matches: [u64; ORDERS],
    /// n-grams of the hypotheses, where the reference has any of this order.
    pub hypothesis: [u64; ORDERS],
    /// n-grams of the references.
    pub reference: [u64; ORDERS],
}

impl ChrfCounts {
    /// Counts one sentence, given one translation or several that are right.
    ///
    /// # Panics
    /// Where there is no reference.
    pub fn of(hypothesis: &str, references: &[&str]) -> Self {
        let hypothesis = characters(hypothesis);
        let grams: Vec<Counts<'_, char>> = (1..=ORDERS).map(|n| ngrams(&hypothesis, n)).collect();
        let against = |reference: &&str| {
            let reference = characters(reference);
            let mut counts = Self::default();
            for n in 1..=ORDERS {
                let at = n - 1;
                counts.reference[at] = total(reference.len(), n);
                if counts.reference[at] > 0 {
                    counts.hypothesis[at] = total(hypothesis.len(), n);
                    counts.matches[at] = matches(&grams[at], &ngrams(&reference, n));
                }
            }
            counts
        };
        let better =
            |best: Self, other: Self| if other.score() > best.score() { other } else { best };
        references.iter().map(against).reduce(better).expect("a reference")
    }

    /// chrF2, of 100.
    pub fn score(&self) -> f64 {
        let (mut precision, mut recall, mut orders) = (0.0, 0.0, 0.0);
        for n in 0..ORDERS {
            if self.hypothesis[n] > 0 && self.reference[n] > 0 {
                precision += self.matches[n] as f64 / self.hypothesis[n] as f64;
                recall += self.matches[n] as f64 / self.reference[n] as f64;
                orders += 1.0;
            }
        }
        if precision + recall == 0.0 {
            return 0.0;
        }
        let (precision, recall) = (precision / orders, recall / orders);
        let both = (1.0 + RECALL_WEIGHT) * precision * recall;
        100.0 * (both / (RECALL_WEIGHT * precision + recall))
    }

    /// The settings as sacreBLEU spells them, of this many references a sentence, without a
    /// version: this is another program.
    pub fn signature(references: usize) -> String {
        format!("chrF2|nrefs:{references}|case:mixed|eff:yes|nc:6|nw:0|space:no")
    }
}

impl AddAssign for ChrfCounts {
    fn add_assign(&mut self, other: Self) {
        for n in 0..ORDERS {
            self.matches[n] += other.matches[n];
            self.hypothesis[n] += other.hypothesis[n];
            self.reference[n] += other.reference[n];
        }
    }
}

impl<'a> Sum<&'a ChrfCounts> for ChrfCounts {
    fn sum<I: Iterator<Item = &'a ChrfCounts>>(counts: I) -> Self {
        counts.fold(Self::default(), |mut sum, counts| {
            sum += *counts;
            sum
        })
    }
}

fn characters(text: &str) -> Vec<char> {
    text.chars().filter(|c| !is_space(*c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(hypothesis: &str, references: &[&str]) -> f64 {
        ChrfCounts::of(hypothesis, references).score()
    }

    #[test]
    fn white_space_is_not_seen_and_case_is() {
        assert_eq!(of("ein Haus", &[" einH aus\t"]), of("einHaus", &["einHaus"]));
        assert!((of("ein Haus", &["ein\u{a0}Haus"]) - 100.0).abs() < 1e-12);
        assert!(of("ein haus", &["ein Haus"]) < 100.0);
    }

    #[test]
    fn recall_weighs_more_than_precision() {
        assert!(of("abcdefgh", &["abcdefghijkl"]) < of("abcdefghijkl", &["abcdefgh"]));
    }

    #[test]
    fn orders_that_one_side_has_not_are_left_out() {
        let counts = ChrfCounts::of("abc", &["ab"]);
        assert_eq!(counts.hypothesis, [3, 2, 0, 0, 0, 0]);
        assert_eq!(counts.reference, [2, 1, 0, 0, 0, 0]);
        assert!((of("ab", &["ab"]) - 100.0).abs() < 1e-12);
        for (hypothesis, reference) in [("", "ab"), ("ab", ""), ("", ""), (" ", "\u{1f}")] {
            assert_eq!(of(hypothesis, &[reference]), 0.0);
        }
    }

    #[test]
    fn the_best_reference_counts_and_of_equal_ones_the_first() {
        assert_eq!(ChrfCounts::of("abc", &["xyz", "abc"]), ChrfCounts::of("abc", &["abc"]));
        assert_eq!(ChrfCounts::of("abc", &["x", "xyz"]), ChrfCounts::of("abc", &["x"]));
    }
}

//! BLEU (Papineni et al. 2002, section 2.3) as sacreBLEU (Post 2018) has it by default.
//!
//! BLEU = 100 BP exp(1/4 sum_(n=1..4) ln p_n)
//! p_n = n-grams of the hypotheses that a reference has too / n-grams of the hypotheses, counted
//! over the whole corpus; in a sentence an n-gram matches at most as often as the one reference has
//! it that has it most often.
//! BP = 1 where c >= r, else exp(1 - r / c), of c tokens of the hypotheses and r of the references:
//! of several, the length that is closest, of two that are as close the shorter.
//!
//! - Tokens are those of [`tokenize_13a`]; case counts.
//! - Smoothing (`exp`; Chen & Cherry 2014, method 3): the k-th order that has n-grams and no match
//!   is given 1 / 2^k of one. Where no order has a match, BLEU is 0.
//! - An order for which the hypotheses are too short has p_n = 0. For a corpus BLEU is then 0; for
//!   a sentence only the orders that the hypothesis has are counted (effective order).

use std::fmt;
use std::iter::Sum;
use std::ops::AddAssign;

use serde::Serialize;

use super::ngrams::{Counts, matches, ngrams, total};
use super::tokens_13a::{is_space, tokenize_13a};

/// The longest n-grams.
const ORDERS: usize = 4;

/// All that BLEU needs of some sentences; those of a corpus are added up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct BleuCounts {
    /// n-grams of the hypotheses that a reference has too, n from 1.
    pub matches: [u64; ORDERS],
    /// n-grams of the hypotheses.
    pub totals: [u64; ORDERS],
    /// Tokens of the hypotheses.
    pub hypothesis_length: u64,
    /// Tokens of the references, of several the closest in length.
    pub reference_length: u64,
}

impl BleuCounts {
    /// Counts one sentence, given one translation or several that are right.
    ///
    /// # Panics
    /// Where there is no reference.
    pub fn of(hypothesis: &str, references: &[&str]) -> Self {
        let texts: Vec<String> = references.iter().map(|text| line(text)).collect();
        let references: Vec<Vec<&str>> = texts.iter().map(|text| tokens(text)).collect();
        let text = line(hypothesis);
        let hypothesis = tokens(&text);
        let length = hypothesis.len();
        let closest = references.iter().map(Vec::len).min_by_key(|r| (r.abs_diff(length), *r));
        let mut counts = Self {
            hypothesis_length: length as u64,
            reference_length: closest.expect("a reference") as u64,
            ..Self::default()
        };
        for n in 1..=ORDERS {
            let mut allowed = Counts::new();
            for (gram, count) in references.iter().flat_map(|reference| ngrams(reference, n)) {
                let most = allowed.entry(gram).or_default();
                *most = count.max(*most);
            }
            counts.matches[n - 1] = matches(&ngrams(&hypothesis, n), &allowed);
            counts.totals[n - 1] = total(length, n);
        }
        counts
    }

    /// BLEU of a corpus.
    pub fn corpus(&self) -> Bleu {
        self.score(false)
    }

    /// BLEU of a single sentence, by effective order.
    pub fn sentence(&self) -> Bleu {
        self.score(true)
    }

    fn score(&self, effective_order: bool) -> Bleu {
        let (c, r) = (self.hypothesis_length as f64, self.reference_length as f64);
        let brevity_penalty = if self.hypothesis_length >= self.reference_length {
            1.0
        } else if self.hypothesis_length == 0 {
            0.0
        } else {
            (1.0 - r / c).exp()
        };
        let mut found = Bleu {
            score: 0.0,
            precisions: [0.0; ORDERS],
            brevity_penalty,
            effective_order,
            counts: *self,
        };
        if self.matches == [0; ORDERS] {
            return found;
        }
        let present = self.totals.iter().take_while(|total| **total > 0).count();
        let mut smoothing = 1.0;
        for n in 0..present {
            let total = self.totals[n] as f64;
            found.precisions[n] = if self.matches[n] > 0 {
                100.0 * self.matches[n] as f64 / total
            } else {
                smoothing *= 2.0;
                100.0 / (smoothing * total)
            };
        }
        let orders = if effective_order { present } else { ORDERS };
        let logarithms: f64 = found.precisions[..orders].iter().map(|p| p.ln()).sum();
        found.score = brevity_penalty * (logarithms / orders as f64).exp();
        found
    }
}

impl AddAssign for BleuCounts {
    fn add_assign(&mut self, other: Self) {
        for n in 0..ORDERS {
            self.matches[n] += other.matches[n];
            self.totals[n] += other.totals[n];
        }
        self.hypothesis_length += other.hypothesis_length;
        self.reference_length += other.reference_length;
    }
}

impl<'a> Sum<&'a BleuCounts> for BleuCounts {
    fn sum<I: Iterator<Item = &'a BleuCounts>>(counts: I) -> Self {
        counts.fold(Self::default(), |mut sum, counts| {
            sum += *counts;
            sum
        })
    }
}

/// BLEU and what it is made of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bleu {
    /// BLEU, of 100.
    pub score: f64,
    /// The precision of n-grams, n from 1, smoothed, of 100.
    pub precisions: [f64; ORDERS],
    /// What the score was multiplied by because the hypotheses are short; 1: they are not.
    pub brevity_penalty: f64,
    /// Only the orders that the hypothesis has were counted.
    pub effective_order: bool,
    /// What was counted.
    #[serde(flatten)]
    pub counts: BleuCounts,
}

impl Bleu {
    /// Tokens of the hypotheses for each of the references; 0 where these have none.
    pub fn length_ratio(&self) -> f64 {
        let BleuCounts { hypothesis_length, reference_length, .. } = self.counts;
        if reference_length == 0 { 0.0 } else { hypothesis_length as f64 / reference_length as f64 }
    }

    /// The settings as sacreBLEU spells them, of this many references a sentence, without a
    /// version: this is another program.
    pub fn signature(&self, references: usize) -> String {
        let order = if self.effective_order { "yes" } else { "no" };
        format!("BLEU|nrefs:{references}|case:mixed|eff:{order}|tok:13a|smooth:exp")
    }
}

/// As sacreBLEU shows it.
impl fmt::Display for Bleu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BleuCounts { hypothesis_length, reference_length, .. } = self.counts;
        let [one, two, three, four] = self.precisions;
        write!(f, "BLEU = {:.2} {one:.1}/{two:.1}/{three:.1}/{four:.1} ", self.score)?;
        write!(f, "(BP = {:.3} ratio = {:.3} ", self.brevity_penalty, self.length_ratio())?;
        write!(f, "hyp_len = {hypothesis_length} ref_len = {reference_length})")
    }
}

fn line(text: &str) -> String {
    tokenize_13a(text.trim_end_matches(is_space))
}

fn tokens(line: &str) -> Vec<&str> {
    line.split(' ').filter(|token| !token.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ngram_matches_as_often_as_one_reference_has_it() {
        // Papineni et al. 2002, section 2.1, example 2.
        let references = ["The cat is on the mat.", "There is a cat on the mat."];
        let counts = BleuCounts::of("the the the the the the the", &references);
        assert_eq!((counts.matches, counts.totals), ([1, 0, 0, 0], [7, 6, 5, 4]));
        let twice = BleuCounts::of("the cat the mat", &["the the", "the dog"]);
        assert_eq!(twice.matches[0], 2);
    }

    #[test]
    fn the_closest_reference_gives_the_length_and_the_shorter_of_two() {
        let length = |references: &[&str]| BleuCounts::of("a b c d", references).reference_length;
        assert_eq!(length(&["a b c d e f", "a b c"]), 3);
        assert_eq!(length(&["a b c d e", "a b c"]), 3);
        assert_eq!(length(&["a b c d e f g", "a"]), 1);
    }

    #[test]
    fn a_short_sentence_has_its_own_orders_only() {
        let counts = BleuCounts::of("Guten Tag", &["Guten Tag"]);
        assert!((counts.sentence().score - 100.0).abs() < 1e-12);
        assert_eq!(counts.corpus().score, 0.0);
        assert_eq!(counts.corpus().precisions, [100.0, 100.0, 0.0, 0.0]);
    }

    #[test]
    fn nothing_is_no_translation() {
        for (hypothesis, reference) in [("", "a b"), ("a b", ""), ("", ""), ("x y", "a b")] {
            let counts = BleuCounts::of(hypothesis, &[reference]);
            assert_eq!(counts.corpus().score, 0.0);
            assert_eq!(counts.sentence().score, 0.0);
        }
        assert_eq!(BleuCounts::of("", &["a b"]).corpus().brevity_penalty, 0.0);
        assert_eq!(BleuCounts::of("", &[""]).corpus().brevity_penalty, 1.0);
    }
}

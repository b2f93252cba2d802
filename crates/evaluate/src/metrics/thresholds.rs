//! Scores against yes or no.
//!
//! Average precision, as `sklearn.metrics.average_precision_score` has it: the scores, descending,
//! are cut at every distinct value n; AP = sum_n (R_n - R_(n-1)) P_n, with P_n and R_n precision
//! and recall of "score >= value n". Equal scores are one step, whatever their order.
//!
//! Best accuracy and best F1: over the same cuts, and "nothing is positive" for accuracy. The
//! threshold lies midway between the two scores that it parts.

use serde::Serialize;

/// The best that a threshold reaches.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Threshold {
    /// What was maximised, a share.
    pub value: f64,
    /// A score of at least this is called positive.
    pub threshold: f64,
}

/// Counts of "score >= cut", one entry a distinct score, descending.
struct Cut {
    score: f64,
    /// Positives at or above it.
    hits: usize,
    /// Items at or above it.
    called: usize,
}

fn cuts(scores: &[f64], gold: &[bool]) -> Vec<Cut> {
    assert_eq!(scores.len(), gold.len(), "scores and labels");
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    let (mut hits, mut called) = (0, 0);
    order
        .chunk_by(|a, b| scores[*a] == scores[*b])
        .map(|tied| {
            hits += tied.iter().filter(|at| gold[**at]).count();
            called += tied.len();
            Cut { score: scores[tied[0]], hits, called }
        })
        .collect()
}

/// Average precision; 0 where nothing is positive.
///
/// # Panics
/// Where the lists differ in length.
pub fn average_precision(scores: &[f64], gold: &[bool]) -> f64 {
    let positives = gold.iter().filter(|gold| **gold).count();
    if positives == 0 {
        return 0.0;
    }
    let mut before = 0;
    let mut sum = 0.0;
    for cut in cuts(scores, gold) {
        let precision = cut.hits as f64 / cut.called as f64;
        sum += (cut.hits - before) as f64 / positives as f64 * precision;
        before = cut.hits;
    }
    sum
}

/// The greatest share of items on the right side of a threshold; of equal ones the highest
/// threshold.
///
/// # Panics
/// Where the lists differ in length or are empty.
pub fn best_accuracy(scores: &[f64], gold: &[bool]) -> Threshold {
    let negatives = gold.iter().filter(|gold| !**gold).count();
    let right = |cut: &Cut| cut.hits + negatives - (cut.called - cut.hits);
    best(scores, gold, negatives as f64, |cut| right(cut) as f64, gold.len() as f64)
}

/// The greatest F1 of the positives, 2 P R / (P + R); of equal ones the highest threshold.
///
/// # Panics
/// Where the lists differ in length or are empty.
pub fn best_f1(scores: &[f64], gold: &[bool]) -> Threshold {
    let positives = gold.iter().filter(|gold| **gold).count();
    let f1 = |cut: &Cut| 2.0 * cut.hits as f64 / (cut.called + positives) as f64;
    best(scores, gold, 0.0, f1, 1.0)
}

fn best(
    scores: &[f64],
    gold: &[bool],
    without: f64,
    worth: impl Fn(&Cut) -> f64,
    whole: f64,
) -> Threshold {
    let cuts = cuts(scores, gold);
    let mut found = (without, cuts[0].score.next_up());
    for (at, cut) in cuts.iter().enumerate() {
        let worth = worth(cut);
        if worth > found.0 {
            let below = cuts.get(at + 1).map_or(cut.score, |next| next.score);
            // Midway, unless rounding takes the middle to the lower score itself.
            let middle = below + (cut.score - below) / 2.0;
            found = (worth, if middle > below { middle } else { cut.score });
        }
    }
    Threshold { value: found.0 / whole, threshold: found.1 }
}

/// Accuracy and F1 of the positives under a given threshold.
///
/// # Panics
/// Where the lists differ in length.
pub fn shares_at(scores: &[f64], gold: &[bool], threshold: f64) -> [f64; 2] {
    assert_eq!(scores.len(), gold.len(), "scores and labels");
    let (mut right, mut hits, mut called, mut positives) = (0, 0, 0, 0);
    for (score, gold) in scores.iter().zip(gold) {
        let call = *score >= threshold;
        right += usize::from(call == *gold);
        hits += usize::from(call && *gold);
        called += usize::from(call);
        positives += usize::from(*gold);
    }
    let f1 =
        if called + positives == 0 { 0.0 } else { 2.0 * hits as f64 / (called + positives) as f64 };
    [right as f64 / scores.len() as f64, f1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_scores_are_one_step() {
        let gold = [true, false, true, false];
        let turned = [false, true, false, true];
        assert_eq!(average_precision(&[0.5; 4], &gold), 0.5);
        assert_eq!(average_precision(&[0.5; 4], &turned), 0.5);
        assert_eq!(average_precision(&[0.9, 0.1, 0.8, 0.2], &gold), 1.0);
        assert_eq!(average_precision(&[0.9, 0.1], &[false, false]), 0.0);
    }

    #[test]
    fn thresholds_part_the_scores() {
        let scores = [0.9, 0.8, 0.3, 0.1];
        let found = best_accuracy(&scores, &[true, true, false, false]);
        assert_eq!((found.value, found.threshold), (1.0, 0.55));
        assert_eq!(shares_at(&scores, &[true, true, false, false], found.threshold), [1.0, 1.0]);
        let none = best_accuracy(&scores, &[false; 4]);
        assert_eq!(shares_at(&scores, &[false; 4], none.threshold), [1.0, 0.0]);
        let upside_down = best_accuracy(&scores, &[false, false, true, true]);
        assert_eq!(upside_down.value, 0.5);
    }

    #[test]
    fn neighbouring_floats_are_parted_too() {
        let (low, high) = (0.3, 0.3f64.next_up());
        let found = best_f1(&[high, low], &[true, false]);
        assert_eq!(shares_at(&[high, low], &[true, false], found.threshold), [1.0, 1.0]);
    }
}

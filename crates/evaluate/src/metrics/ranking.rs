//! Ranked documents against judgements, as trec_eval (through pytrec_eval) counts them.
//!
//! `ranked` holds the judgements of one query's documents in the order of the run, 0 for a document
//! that nobody judged; `judged` all of the query's judgements. A judgement of 1 or more is relevant.
//!
//! - nDCG@k = DCG@k / DCG@k of the best order; DCG@k = sum_(i=1..k) gain_i / log2(i + 1), the gain
//!   being the judgement itself, nothing for those below 1 (trec_eval `ndcg_cut`).
//! - recall@k = relevant among the first k / all relevant (`recall`).
//! - average precision = sum over relevant ranks of precision at that rank / all relevant (`map`).
//! - reciprocal rank@k = 1 / rank of the first relevant among the first k, else 0 (`recip_rank`).
//!
//! A query without relevant documents has 0 in all of them. Runs are ordered by score descending,
//! then by document id DESCENDING: so trec_eval breaks ties.

use std::cmp::Ordering;

/// Order of two documents (score, id) in a run: the greater score first, of equal ones the greater
/// id, by bytes.
pub fn trec_order(a: (f32, &str), b: (f32, &str)) -> Ordering {
    b.0.total_cmp(&a.0).then_with(|| b.1.as_bytes().cmp(a.1.as_bytes()))
}

fn dcg(gains: impl Iterator<Item = i64>) -> f64 {
    gains.enumerate().map(|(at, gain)| gain.max(0) as f64 / ((at + 2) as f64).log2()).sum()
}

fn relevant(judged: &[i64]) -> usize {
    judged.iter().filter(|gain| **gain >= 1).count()
}

/// nDCG of the first `k`.
pub fn ndcg_at(ranked: &[i64], judged: &[i64], k: usize) -> f64 {
    let mut best = judged.to_vec();
    best.sort_by(|a, b| b.cmp(a));
    let best = dcg(best.into_iter().take(k));
    if best > 0.0 { dcg(ranked.iter().copied().take(k)) / best } else { 0.0 }
}

/// The share of the relevant documents that stand among the first `k`.
pub fn recall_at(ranked: &[i64], judged: &[i64], k: usize) -> f64 {
    match relevant(judged) {
        0 => 0.0,
        all => relevant(&ranked[..k.min(ranked.len())]) as f64 / all as f64,
    }
}

/// One over the rank of the first relevant document, 0 where none is among the first `k`.
pub fn reciprocal_rank_at(ranked: &[i64], k: usize) -> f64 {
    let first = ranked.iter().take(k).position(|gain| *gain >= 1);
    first.map_or(0.0, |at| 1.0 / (at + 1) as f64)
}

/// Mean precision at the ranks of the relevant documents, over the whole of `ranked`.
pub fn average_precision_of_ranking(ranked: &[i64], judged: &[i64]) -> f64 {
    let mut hits = 0;
    let mut sum = 0.0;
    for (at, gain) in ranked.iter().enumerate() {
        if *gain >= 1 {
            hits += 1;
            sum += hits as f64 / (at + 1) as f64;
        }
    }
    match relevant(judged) {
        0 => 0.0,
        all => sum / all as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_order_is_one() {
        let judged = [1, 3, 2, 0];
        assert_eq!(ndcg_at(&[3, 2, 1, 0], &judged, 10), 1.0);
        assert!(ndcg_at(&[1, 2, 3, 0], &judged, 10) < 1.0);
        assert_eq!(ndcg_at(&[0, 0], &judged, 10), 0.0);
    }

    #[test]
    fn relevant_documents_that_were_not_found_count() {
        assert_eq!(recall_at(&[1, 0], &[1, 1, 0], 10), 0.5);
        assert_eq!(average_precision_of_ranking(&[0, 1], &[1, 1]), 0.25);
        assert_eq!(reciprocal_rank_at(&[0, 0, 2], 2), 0.0);
        assert_eq!(reciprocal_rank_at(&[0, 0, 2], 3), 1.0 / 3.0);
    }

    #[test]
    fn a_query_without_relevant_documents_is_zero() {
        for judged in [&[][..], &[0, 0], &[-1]] {
            assert_eq!(ndcg_at(&[0], judged, 5), 0.0);
            assert_eq!(recall_at(&[0], judged, 5), 0.0);
            assert_eq!(average_precision_of_ranking(&[0], judged), 0.0);
        }
    }

    #[test]
    fn ties_go_to_the_greater_id() {
        let mut run = [(0.5, "d1"), (0.5, "d9"), (0.7, "a"), (0.5, "d10")];
        run.sort_by(|a, b| trec_order(*a, *b));
        assert_eq!(run.map(|(_, id)| id), ["a", "d9", "d10", "d1"]);
    }
}

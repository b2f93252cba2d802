//! Exact nearest neighbours of a set of queries among vectors that pass by.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use contexture_kernels::Pool;
use contexture_kernels::gemm::{Epilogue, PackedMatrix, linear};

use crate::metrics::trec_order;
use crate::vectors::Sentences;

/// Documents that are scored together.
const BLOCK_DOCUMENTS: usize = 512;
/// Queries that are scored together: bounds the block of scores to 8 MiB.
const BLOCK_QUERIES: usize = 4096;

/// A query's candidates: at least the best `depth` of what has passed.
#[derive(Default)]
struct Best {
    found: Vec<(f32, u32)>,
    /// What a score must reach; known once `depth` documents have passed.
    least: Option<f32>,
    skip: Option<u32>,
}

/// The search, fed one document after the other. Cosines come from kernels whose every output is
/// one chain of sums of its own row, so that equal documents get equal scores, bit for bit.
pub(super) struct Search<'a> {
    depth: usize,
    ids: &'a [String],
    pool: &'a Pool,
    width: usize,
    queries: Vec<PackedMatrix>,
    best: Vec<Mutex<Best>>,
    block: Vec<f32>,
    passed: usize,
}

impl<'a> Search<'a> {
    pub(super) fn new(
        queries: &Sentences,
        depth: usize,
        ids: &'a [String],
        pool: &'a Pool,
    ) -> Self {
        let width = queries.width;
        let mut values = queries.values.clone();
        values.chunks_exact_mut(width).for_each(unit);
        let parts = values.chunks(BLOCK_QUERIES * width);
        let count = queries.values.len() / width;
        Self {
            depth,
            ids,
            pool,
            width,
            queries: parts
                .map(|part| PackedMatrix::pack(part, part.len() / width, width))
                .collect(),
            best: (0..count).map(|_| Mutex::default()).collect(),
            block: Vec::with_capacity(BLOCK_DOCUMENTS * width),
            passed: 0,
        }
    }

    /// Leaves out the document that has the query's own id.
    pub(super) fn skip<'q>(&mut self, queries: impl Iterator<Item = &'q str>) {
        let numbers: HashMap<&str, u32> =
            self.ids.iter().enumerate().map(|(at, id)| (id.as_str(), at as u32)).collect();
        for (best, query) in self.best.iter_mut().zip(queries) {
            let best = best.get_mut().unwrap_or_else(PoisonError::into_inner);
            best.skip = numbers.get(query).copied();
        }
    }

    /// The next document's vector.
    pub(super) fn add(&mut self, vector: &[f32]) {
        self.block.extend_from_slice(vector);
        let begin = self.block.len() - self.width;
        unit(&mut self.block[begin..]);
        if self.block.len() == BLOCK_DOCUMENTS * self.width {
            self.score();
        }
    }

    fn score(&mut self) {
        let documents = self.block.len() / self.width;
        let mut scores = Vec::new();
        let mut first = 0;
        for queries in &self.queries {
            let count = queries.outputs();
            scores.resize(documents * count, 0.0);
            let plain = Epilogue::default();
            linear(self.pool, &self.block, documents, queries, &plain, &mut scores);
            let this = &*self;
            self.pool.run(count, &|query| {
                let mut best =
                    this.best[first + query].lock().unwrap_or_else(PoisonError::into_inner);
                let scores = (0..documents).map(|d| scores[d * count + query]);
                best.take(scores, this.passed, this.depth, this.ids);
            });
            first += count;
        }
        self.passed += documents;
        self.block.clear();
    }

    /// Each query's best documents in trec_eval's order.
    pub(super) fn finish(mut self) -> Vec<Vec<&'a String>> {
        if !self.block.is_empty() {
            self.score();
        }
        let (depth, ids) = (self.depth, self.ids);
        let of = |best: Mutex<Best>| {
            let mut found = best.into_inner().unwrap_or_else(PoisonError::into_inner).found;
            found.sort_by(|a, b| order(*a, *b, ids));
            found.truncate(depth);
            found.into_iter().map(|(_, document)| &ids[document as usize]).collect()
        };
        self.best.into_iter().map(of).collect()
    }
}

fn order(a: (f32, u32), b: (f32, u32), ids: &[String]) -> Ordering {
    trec_order((a.0, &ids[a.1 as usize]), (b.0, &ids[b.1 as usize]))
}

impl Best {
    fn take(
        &mut self,
        scores: impl Iterator<Item = f32>,
        first: usize,
        depth: usize,
        ids: &[String],
    ) {
        for (at, score) in scores.enumerate() {
            let document = (first + at) as u32;
            if self.least.is_some_and(|least| score < least) || self.skip == Some(document) {
                continue;
            }
            self.found.push((score, document));
            // Sorting out at twice the depth keeps the cost of a candidate constant.
            if self.found.len() >= 2 * depth {
                self.found.select_nth_unstable_by(depth - 1, |a, b| order(*a, *b, ids));
                self.found.truncate(depth);
                self.least = Some(self.found[depth - 1].0);
            }
        }
    }
}

fn unit(vector: &mut [f32]) {
    let length = vector.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|v| *v = (f64::from(*v) / length) as f32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Draws;

    fn draw(count: usize, width: usize, draws: &mut Draws) -> Vec<f32> {
        (0..count * width).map(|_| draws.below(2001) as f32 / 1000.0 - 1.0).collect()
    }

    #[test]
    fn the_best_of_all_are_found_in_order() {
        let (width, documents, depth) = (24, 2 * BLOCK_DOCUMENTS + 33, 7);
        let mut draws = Draws::new(5);
        let values = draw(3, width, &mut draws);
        let queries = Sentences { width, values, truncated: 0 };
        let mut vectors = draw(documents, width, &mut draws);
        // Copies of one document far apart tie, and ids decide among them.
        let copy = queries.row(1).to_vec();
        for at in [3, 600, 1050] {
            vectors[at * width..(at + 1) * width].copy_from_slice(&copy);
        }
        let ids: Vec<String> = (0..documents).map(|at| at.to_string()).collect();
        let pool = Pool::new(2);
        let mut search = Search::new(&queries, depth, &ids, &pool);
        vectors.chunks_exact(width).for_each(|vector| search.add(vector));
        let found = search.finish();
        assert_eq!(found[1][..3], ["600", "3", "1050"], "greater ids first, by bytes");
        for (query, found) in found.iter().enumerate() {
            let mut all: Vec<(f64, usize)> = (0..documents)
                .map(|d| {
                    let vector = &vectors[d * width..(d + 1) * width];
                    (crate::vectors::cosine(queries.row(query), vector), d)
                })
                .collect();
            all.sort_by(|a, b| b.0.total_cmp(&a.0));
            let mut best: Vec<String> = all[..depth].iter().map(|b| b.1.to_string()).collect();
            let mut found: Vec<String> = found.iter().map(|id| (*id).clone()).collect();
            best.sort();
            found.sort();
            assert_eq!(found, best, "query {query}");
        }
    }

    #[test]
    fn a_document_of_the_same_id_is_left_out_where_asked() {
        let queries = Sentences { width: 2, values: vec![1.0, 0.0, 0.0, 1.0], truncated: 0 };
        let ids = ["a".to_owned(), "b".to_owned()];
        let pool = Pool::new(1);
        let mut search = Search::new(&queries, 5, &ids, &pool);
        search.skip(["a", "x"].into_iter());
        search.add(&[1.0, 0.0]);
        search.add(&[0.0, 1.0]);
        assert_eq!(search.finish(), [vec!["b"], vec!["b", "a"]]);
    }
}

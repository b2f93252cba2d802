//! Which sequences walk together, and where their tokens lie.
//!
//! Sequences do not see each other, so a task is one direction of a group of them, and walks all
//! their steps without waiting for anyone. In a group the longest comes first: those that still
//! have tokens at a step are its first rows. The cut depends on the threads; what a row becomes
//! does not depend on the cut.

use crate::Pool;

/// What all directions of a layer share.
#[derive(Clone, Copy, Debug)]
pub struct LstmShape<'a> {
    /// Memory cells of a direction, c.
    pub cells: usize,
    /// Width of h: c, or the projection's outputs.
    pub outputs: usize,
    /// New cells are cut to plus and minus this.
    pub cell_clip: Option<f32>,
    /// Projected outputs are cut to plus and minus this.
    pub projection_clip: Option<f32>,
    /// Where each sequence begins, then the end.
    pub offsets: &'a [usize],
}

impl LstmShape<'_> {
    /// From one token's gates, `4 cells` values, to the next one's. Rows that lie a multiple of
    /// 4 KiB apart fall on the same few places of the L1 cache: such ones are drawn apart.
    pub fn gates_stride(cells: usize) -> usize {
        if cells.is_multiple_of(64) { 4 * cells + 16 } else { 4 * cells }
    }

    pub(super) fn sequences(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Asserts that sequences lie end to end and answers how many tokens they have.
    pub(super) fn tokens(&self) -> usize {
        let (first, last) = (self.offsets.first(), self.offsets.last());
        assert!(first == Some(&0), "an LSTM's sequences begin at {first:?}");
        assert!(self.offsets.is_sorted(), "offsets of an LSTM's sequences descend");
        assert!(self.cells > 0 && self.outputs > 0, "an LSTM without cells or outputs");
        last.copied().unwrap_or(0)
    }

    /// Asserts a number of values.
    pub(super) fn check(&self, what: &str, found: usize, (rows, width): (usize, usize)) {
        assert!(
            found == rows * width,
            "{what} [{rows}, {width}] of an LSTM of {} cells: {} values, found {found}",
            self.cells,
            rows * width
        );
    }

    /// The sequences that have tokens, in groups for all threads.
    pub(super) fn groups(&self, pool: &Pool, directions: usize) -> Vec<Vec<Sequence>> {
        let mut all: Vec<Sequence> = (0..self.sequences())
            .map(|number| {
                let (begin, end) = (self.offsets[number], self.offsets[number + 1]);
                Sequence { number, begin, length: end - begin }
            })
            .filter(|sequence| sequence.length > 0)
            .collect();
        all.sort_by_key(|sequence| std::cmp::Reverse(sequence.length));
        // As many tasks as threads, or a multiple: none waits for the others.
        let threads = pool.threads();
        let wanted = threads / common_divisor(threads, directions);
        let count = wanted.min(all.len());
        let mut groups: Vec<Vec<Sequence>> = (0..count).map(|_| Vec::new()).collect();
        for (index, sequence) in all.into_iter().enumerate() {
            groups[index % count].push(sequence);
        }
        groups
    }
}

fn common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a.max(1) } else { common_divisor(b, a % b) }
}

/// A sequence that has tokens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sequence {
    /// Its place among all sequences.
    pub(super) number: usize,
    pub(super) begin: usize,
    pub(super) length: usize,
}

impl Sequence {
    /// The token of a step, which it has.
    #[inline(always)]
    pub(super) fn token(&self, step: usize, reversed: bool) -> usize {
        if reversed { self.begin + self.length - 1 - step } else { self.begin + step }
    }
}

/// How many of a group have a token at this step: its first ones.
pub(super) fn active(group: &[Sequence], step: usize) -> usize {
    group.partition_point(|sequence| sequence.length > step)
}

/// From one row of scratch to the next: no two rows of a tile on the same places of the L1 cache.
pub(super) fn stride(width: usize) -> usize {
    width.next_multiple_of(16) + 16
}

/// Takes the first values of scratch.
pub(super) fn take<'a>(scratch: &mut &'a mut [f32], len: usize) -> &'a mut [f32] {
    let (own, rest) = std::mem::take(scratch).split_at_mut(len);
    *scratch = rest;
    own
}

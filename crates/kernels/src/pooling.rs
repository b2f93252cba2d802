//! One row from all rows of a sequence.
//!
//! x `[tokens, width]`, y `[sequences, width]`; the first `skip` tokens of a sequence (its prompt)
//! are left out of all but the first and last token's. A sequence without tokens gives zeros.
//! Backward needs x alone. Cost: one pass; sums run over tokens in order, in every column alone.

use std::ops::Range;

use crate::Pool;
use crate::blocks::{Places, each_block_of};
use crate::isa::{Isa, Kernel, Simd, dispatch_on};
use crate::pointwise::add_scaled;

/// How a sequence's rows become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pooling {
    /// The first token's.
    Cls,
    /// The largest value of each column.
    Max,
    /// `sum_i x_i / n`
    Mean,
    /// `sum_i x_i / sqrt(n)`
    MeanSqrtLength,
    /// `sum_i i x_i / sum_i i`, i the place in the sequence, from 1.
    WeightedMean,
    /// The last token's.
    Last,
}

/// A sequence's rows, and which of them count.
#[derive(Clone, Debug)]
struct Sequence {
    rows: Range<usize>,
    skip: usize,
}

impl Sequence {
    fn of(offsets: &[usize], skip: &[usize], index: usize) -> Self {
        let rows = offsets[index]..offsets[index + 1];
        let skip = skip.get(index).copied().unwrap_or(0).min(rows.len());
        Self { rows, skip }
    }

    /// The rows that count.
    fn counted(&self) -> Range<usize> {
        self.rows.start + self.skip..self.rows.end
    }

    /// What all sums of a pooling are multiplied with.
    fn factor(&self, pooling: Pooling) -> f32 {
        let n = self.counted().len() as f64;
        let divisor = match pooling {
            Pooling::MeanSqrtLength => n.sqrt(),
            Pooling::WeightedMean => {
                let (all, skipped) = (self.rows.len() as f64, self.skip as f64);
                (all * (all + 1.0) - skipped * (skipped + 1.0)) / 2.0
            }
            _ => n,
        };
        if divisor > 0.0 { (1.0 / divisor) as f32 } else { 0.0 }
    }

    /// The weight of a row before that.
    #[inline(always)]
    fn weight(&self, pooling: Pooling, row: usize) -> f32 {
        match pooling {
            Pooling::WeightedMean => (row - self.rows.start + 1) as f32,
            _ => 1.0,
        }
    }

    /// The one row of a pooling that picks one.
    fn picked(&self, pooling: Pooling) -> Option<usize> {
        match pooling {
            Pooling::Cls => Some(self.rows.start),
            Pooling::Last => Some(self.rows.end.saturating_sub(1)),
            _ => None,
        }
    }
}

/// Pools each sequence of `x`, `[tokens, width]`, to a row of `out`, `[sequences, width]`. `skip`
/// holds the tokens to leave out at the beginning of each sequence; empty means none.
///
/// # Panics
/// Where a length does not fit the shapes.
pub fn pool_rows(
    pool: &Pool,
    pooling: Pooling,
    width: usize,
    offsets: &[usize],
    skip: &[usize],
    x: &[f32],
    out: &mut [f32],
) {
    let sequences = check(width, offsets, skip, x.len());
    assert_eq!(out.len(), sequences * width, "output of [{sequences}, {width}]");
    each_block_of(pool, SEQUENCES, width, out, |own, out| {
        for (index, out) in own.zip(out.chunks_exact_mut(width)) {
            let sequence = Sequence::of(offsets, skip, index);
            if sequence.rows.is_empty() {
                out.fill(0.0);
            } else if let Some(row) = sequence.picked(pooling) {
                out.copy_from_slice(&x[row * width..(row + 1) * width]);
            } else {
                dispatch_on(Isa::current(), Gather { pooling, width, sequence, x, out });
            }
        }
    });
}

/// Sequences that one task pools.
const SEQUENCES: usize = 8;

fn check(width: usize, offsets: &[usize], skip: &[usize], x: usize) -> usize {
    let sequences = offsets.len().saturating_sub(1);
    let rows = offsets.last().copied().unwrap_or(0);
    assert_eq!(x, rows * width, "input of [{rows}, {width}]");
    assert!(
        skip.is_empty() || skip.len() == sequences,
        "{} numbers of tokens to skip for {sequences} sequences",
        skip.len()
    );
    sequences
}

/// Adds the gradient by x of [`pool_rows`]; `gradient` is the one by its output. Of equal largest
/// values the first one gets the gradient.
///
/// # Panics
/// Where a length does not fit the shapes.
pub fn pool_rows_backward(
    pool: &Pool,
    pooling: Pooling,
    width: usize,
    offsets: &[usize],
    skip: &[usize],
    x: &[f32],
    gradient: &[f32],
    x_gradient: &mut [f32],
) {
    let sequences = check(width, offsets, skip, x.len());
    assert_eq!(gradient.len(), sequences * width, "gradient of [{sequences}, {width}]");
    assert_eq!(x.len(), x_gradient.len(), "input against its gradient in a pooling");
    let to = Places::new(x_gradient);
    pool.run(sequences, &|index| {
        let sequence = Sequence::of(offsets, skip, index);
        let gradient = &gradient[index * width..(index + 1) * width];
        let rows = sequence.rows.start * width..sequence.rows.end * width;
        // SAFETY: sequences are disjoint and within the rows.
        let dx = unsafe { to.slice(rows.clone()) };
        add_adjoint(pooling, width, &sequence, &x[rows], gradient, dx);
    });
}

/// One sequence's adjoint; x and dx are its own rows.
fn add_adjoint(
    pooling: Pooling,
    width: usize,
    sequence: &Sequence,
    x: &[f32],
    gradient: &[f32],
    dx: &mut [f32],
) {
    let begin = sequence.rows.start;
    let own = |row: usize| (row - begin) * width..(row - begin + 1) * width;
    if sequence.rows.is_empty() {
        return;
    }
    if let Some(row) = sequence.picked(pooling) {
        add_scaled(1.0, gradient, &mut dx[own(row)]);
    } else if pooling == Pooling::Max {
        for (column, gradient) in gradient.iter().enumerate() {
            let at = |row: usize| (row - begin) * width + column;
            let better =
                |best: usize, row: usize| if x[at(row)] > x[at(best)] { row } else { best };
            if let Some(best) = sequence.counted().reduce(better) {
                dx[at(best)] += gradient;
            }
        }
    } else {
        let factor = sequence.factor(pooling);
        for row in sequence.counted() {
            add_scaled(factor * sequence.weight(pooling, row), gradient, &mut dx[own(row)]);
        }
    }
}

struct Gather<'a> {
    pooling: Pooling,
    width: usize,
    sequence: Sequence,
    x: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for Gather<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { pooling, width, sequence, x, out } = self;
        let factor = s.splat(sequence.factor(pooling));
        let counted = sequence.counted();
        if counted.is_empty() {
            return out.fill(0.0);
        }
        for (index, out) in out.chunks_mut(S::LANES).enumerate() {
            let column = index * S::LANES;
            let at = |row: usize| row * width + column..row * width + column + out.len();
            if pooling == Pooling::Max {
                let mut most = s.load_tail(&x[at(counted.start)]);
                for row in counted.clone() {
                    most = s.max(most, s.load_tail(&x[at(row)]));
                }
                s.store_tail(most, out);
            } else {
                let mut sum = s.splat(0.0);
                for row in counted.clone() {
                    let weight = s.splat(sequence.weight(pooling, row));
                    sum = s.fma(s.load_tail(&x[at(row)]), weight, sum);
                }
                s.store_tail(s.mul(sum, factor), out);
            }
        }
    }
}

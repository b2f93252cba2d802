//! Where each sequence begins in a batch of rows that lie end to end.

use std::ops::Range;
use std::sync::Arc;

/// Sequence `i` is rows `offsets[i] .. offsets[i + 1]`. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segments {
    offsets: Arc<[usize]>,
}

impl Segments {
    /// From the sequences' lengths, in order. A length of 0 is allowed.
    pub fn from_lengths(lengths: impl IntoIterator<Item = usize>) -> Self {
        let mut offsets = vec![0];
        let mut end = 0;
        offsets.extend(lengths.into_iter().map(|length| {
            end += length;
            end
        }));
        Self { offsets: offsets.into() }
    }

    /// One sequence of `length` rows.
    pub fn single(length: usize) -> Self {
        Self::from_lengths([length])
    }

    /// The number of sequences.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there is no sequence at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of rows of all sequences together.
    pub fn rows(&self) -> usize {
        self.offsets[self.offsets.len() - 1]
    }

    /// The rows of sequence `index`.
    pub fn range(&self, index: usize) -> Range<usize> {
        self.offsets[index]..self.offsets[index + 1]
    }

    /// The rows of each sequence, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Range<usize>> + '_ {
        self.offsets.windows(2).map(|pair| pair[0]..pair[1])
    }

    /// `len() + 1` row numbers: where each begins, then the end.
    pub fn offsets(&self) -> &[usize] {
        &self.offsets
    }

    /// The longest sequence's length; 0 where there is none.
    pub fn longest(&self) -> usize {
        self.iter().map(|range| range.len()).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_cover_all_rows_in_order() {
        let segments = Segments::from_lengths([3, 0, 5]);
        assert_eq!(segments.iter().collect::<Vec<_>>(), [0..3, 3..3, 3..8]);
        assert_eq!((segments.len(), segments.rows(), segments.longest()), (3, 8, 5));
    }
}

//! What an attention is computed over: heads, sequences, reach and bias.

use std::ops::Range;

/// How far a query sees: keys `i - back ..= i + ahead` of its own sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reach {
    /// Keys before the query's own place.
    pub back: usize,
    /// Keys after it.
    pub ahead: usize,
}

impl Reach {
    /// The whole sequence.
    pub const ALL: Reach = Reach { back: usize::MAX, ahead: usize::MAX };
    /// The query's own place and everything before it.
    pub const CAUSAL: Reach = Reach { back: usize::MAX, ahead: 0 };

    /// At most `half` places away on either side.
    pub fn window(half: usize) -> Self {
        Self { back: half, ahead: half }
    }

    /// The keys that query `i` of a sequence of `length` sees.
    pub fn keys(&self, i: usize, length: usize) -> Range<usize> {
        i.saturating_sub(self.back)..i.saturating_add(self.ahead).saturating_add(1).min(length)
    }
}

impl Default for Reach {
    fn default() -> Self {
        Self::ALL
    }
}

/// What scores gain by head and by `j - i`, the key's place less the query's.
#[derive(Clone, Copy, Debug)]
pub struct ToeplitzBias<'a> {
    /// `[heads, 2 * span - 1]`, the entry for `j - i` at `j - i + span - 1`.
    pub table: &'a [f32],
    /// Places are less than `span` apart: at least the longest sequence's length.
    pub span: usize,
}

/// Heads, sequences, reach and bias of an attention.
#[derive(Clone, Copy, Debug)]
pub struct AttentionShape<'a> {
    /// Attention heads.
    pub heads: usize,
    /// Width of one head's query, key and value.
    pub head_width: usize,
    /// What scores are multiplied with, `1 / sqrt(head_width)` in the paper.
    pub scale: f32,
    /// How far a query sees.
    pub reach: Reach,
    /// What scores gain by distance.
    pub bias: Option<ToeplitzBias<'a>>,
    /// Where each sequence begins, then the end: sequence s is rows `offsets[s]..offsets[s + 1]`.
    pub offsets: &'a [usize],
}

impl AttentionShape<'_> {
    /// `heads * head_width`
    pub fn hidden(&self) -> usize {
        self.heads * self.head_width
    }

    /// The number of rows of all sequences.
    pub fn rows(&self) -> usize {
        self.offsets.last().copied().unwrap_or(0)
    }

    /// The number of pairs of a sequence and a head.
    pub(super) fn pairs(&self) -> usize {
        self.offsets.len().saturating_sub(1) * self.heads
    }

    /// The rows of a pair's sequence, and its head.
    pub(super) fn pair(&self, pair: usize) -> (Range<usize>, usize) {
        let segment = pair / self.heads;
        (self.offsets[segment]..self.offsets[segment + 1], pair % self.heads)
    }

    /// Keys that a query sees at most.
    pub(super) fn seen(&self, length: usize) -> usize {
        self.reach.back.saturating_add(self.reach.ahead).saturating_add(1).min(length)
    }

    /// The bias of `head` by `j - i` from `-(length - 1)` on.
    pub(super) fn diagonal(&self, head: usize, length: usize) -> Option<&[f32]> {
        let bias = self.bias?;
        let width = 2 * bias.span - 1;
        let row = &bias.table[head * width..(head + 1) * width];
        Some(&row[bias.span - length..bias.span + length - 1])
    }

    /// Asserts that everything fits; kernels rely on it.
    pub(super) fn check(&self, out: usize) {
        let (rows, hidden) = (self.rows(), self.hidden());
        assert!(hidden > 0, "attention of {} heads of {}", self.heads, self.head_width);
        assert!(self.head_width <= 1024, "a head of {} values; at most 1024", self.head_width);
        assert!(self.offsets.windows(2).all(|pair| pair[0] <= pair[1]), "offsets must not fall");
        assert_eq!(out, rows * hidden, "output of [{rows}, {hidden}]");
        if let Some(bias) = self.bias {
            let longest = self.offsets.windows(2).map(|pair| pair[1] - pair[0]).max();
            let longest = longest.unwrap_or(0);
            assert!(bias.span >= longest.max(1), "bias of span {} against {longest}", bias.span);
            let expected = self.heads * (2 * bias.span - 1);
            assert_eq!(
                bias.table.len(),
                expected,
                "bias of [{}, 2 * {} - 1]",
                self.heads,
                bias.span
            );
        }
    }
}

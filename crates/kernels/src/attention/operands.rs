//! Where an attention's queries, keys and values lie.

use super::shape::AttentionShape;

/// Queries by the shape's offsets, keys and values by offsets of their own. Every slice begins at
/// the first row's first value of its kind.
#[derive(Clone, Copy)]
pub(super) struct Operands<'a> {
    pub(super) queries: &'a [f32],
    pub(super) keys: &'a [f32],
    pub(super) values: &'a [f32],
    /// From one row of queries to the next.
    pub(super) query_stride: usize,
    /// From one row of keys, and of values, to the next.
    pub(super) key_stride: usize,
    /// As the shape's offsets, for keys and values.
    pub(super) key_offsets: &'a [usize],
}

impl<'a> Operands<'a> {
    /// Self-attention: `qkv` `[tokens, 3 * hidden]`.
    pub(super) fn own(shape: &AttentionShape<'a>, qkv: &'a [f32]) -> Self {
        let (rows, hidden) = (shape.rows(), shape.hidden());
        assert_eq!(qkv.len(), rows * 3 * hidden, "qkv of [{rows}, 3 * {hidden}]");
        Self {
            queries: qkv,
            keys: part(qkv, hidden),
            values: part(qkv, 2 * hidden),
            query_stride: 3 * hidden,
            key_stride: 3 * hidden,
            key_offsets: shape.offsets,
        }
    }

    /// Attention of one text to another: `queries` `[tokens, hidden]`, `keys_values` `[keys, 2 *
    /// hidden]`, keys first.
    pub(super) fn across(
        shape: &AttentionShape<'_>,
        queries: &'a [f32],
        keys_values: &'a [f32],
        key_offsets: &'a [usize],
    ) -> Self {
        let (rows, hidden) = (shape.rows(), shape.hidden());
        let (ours, theirs) = (shape.offsets.len(), key_offsets.len());
        assert_eq!(ours, theirs, "sequences of queries against those of keys");
        assert!(key_offsets.windows(2).all(|pair| pair[0] <= pair[1]), "offsets must not fall");
        let keys = key_offsets.last().copied().unwrap_or(0);
        assert_eq!(queries.len(), rows * hidden, "queries of [{rows}, {hidden}]");
        assert_eq!(
            keys_values.len(),
            keys * 2 * hidden,
            "keys and values of [{keys}, 2 * {hidden}]"
        );
        assert!(shape.bias.is_none(), "places of two texts have no distance");
        Self {
            queries,
            keys: keys_values,
            values: part(keys_values, hidden),
            query_stride: hidden,
            key_stride: 2 * hidden,
            key_offsets,
        }
    }

    /// The rows of keys of all sequences.
    pub(super) fn key_rows(&self) -> usize {
        self.key_offsets.last().copied().unwrap_or(0)
    }

    /// The rows of keys of a sequence.
    pub(super) fn keys_of(&self, segment: usize) -> std::ops::Range<usize> {
        self.key_offsets[segment]..self.key_offsets[segment + 1]
    }
}

/// What stands from `first` on; nothing where there are no rows.
fn part(values: &[f32], first: usize) -> &[f32] {
    values.get(first..).unwrap_or(&[])
}

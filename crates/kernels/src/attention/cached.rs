//! Attention over keys and values that are kept from step to step: what a decoder does, token after
//! token.
//!
//! ```text
//! o_t = softmax(scale q_t [k_0 .. k_n]^T + bias) [v_0 .. v_n]      Vaswani et al. 2017, eq. 1
//! ```
//!
//! Keys stand packed as a strip reads them (see `strip`), and grow by rows: a step packs one row and
//! not all of them again. The strip is the same as that of a whole sequence, and every element is
//! one chain in the order of the keys, so that a step gives the bits that the whole sequence gives.
//! Cost of a step: `4 * keys * head_width` operations a query and head, one pass over keys and values.

use std::ops::Range;

use super::forward::{Head, Target, diagonal, strip, strips, with_scratch};
use super::shape::AttentionShape;
use super::strip::{Place, QUERIES, panel_keys, strip_rows};
use crate::Pool;
use crate::gemm::Buffer;
use crate::isa::{Kernel, Simd, dispatch};

/// Keys and values of one sequence, of all heads.
#[derive(Debug, Clone)]
pub struct KeysValues {
    heads: usize,
    head_width: usize,
    lanes: usize,
    panel: usize,
    length: usize,
    /// `[panel][head][column][key of the panel]`
    keys: Vec<f32>,
    /// `[key][head][head_width up to whole vectors]`
    values: Vec<f32>,
}

struct Lanes;

impl Kernel for Lanes {
    type Output = (usize, usize);
    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> (usize, usize) {
        (S::LANES, panel_keys::<S>())
    }
}

impl KeysValues {
    /// None yet.
    pub fn new(heads: usize, head_width: usize) -> Self {
        assert!(heads > 0 && (1..=1024).contains(&head_width), "{heads} heads of {head_width}");
        let (lanes, panel) = dispatch(Lanes);
        Self { heads, head_width, lanes, panel, length: 0, keys: Vec::new(), values: Vec::new() }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Adds rows: `keys` and `values` are the first row's first of `rows` rows that begin `stride`
    /// apart, heads side by side.
    ///
    /// # Panics
    /// Where the rows are not there.
    pub fn extend(&mut self, keys: &[f32], values: &[f32], stride: usize, rows: usize) {
        let (width, panel) = (self.head_width, self.panel);
        let hidden = self.heads * width;
        let padded = width.next_multiple_of(self.lanes);
        for row in 0..rows {
            let at = self.length % panel;
            if at == 0 {
                self.keys.resize(self.keys.len() + hidden * panel, 0.0);
            }
            let first = self.keys.len() - hidden * panel;
            let places = self.keys[first..].iter_mut().skip(at).step_by(panel);
            places.zip(&keys[row * stride..][..hidden]).for_each(|(to, key)| *to = *key);
            let values = &values[row * stride..][..hidden];
            for head in values.chunks_exact(width) {
                self.values.extend_from_slice(head);
                self.values.resize(self.values.len() + padded - width, 0.0);
            }
            self.length += 1;
        }
    }
}

/// Queries of one sequence over kept keys and values.
#[derive(Debug, Clone)]
pub struct Cached<'a> {
    /// The rows of queries, and of the output.
    pub rows: Range<usize>,
    /// What they attend to.
    pub kept: &'a KeysValues,
    /// The place of the first query among the keys.
    pub place: usize,
}

/// Pairs of a sequence and a head that one thread takes at a time, at least.
const LEAST_PAIRS: usize = 64;

/// Attention of `queries` `[rows, query_stride]`, their first `hidden` columns, to `out` `[rows, hidden]`. The
/// shape's offsets are not used; its bias must span every sequence's keys.
///
/// # Panics
/// Where rows or keys do not fit the shape.
pub fn attend_cached(
    pool: &Pool,
    shape: &AttentionShape<'_>,
    (queries, query_stride): (&[f32], usize),
    sequences: &[Cached<'_>],
    out: &mut [f32],
) {
    let hidden = shape.hidden();
    let mut next = 0;
    for sequence in sequences {
        let KeysValues { heads, head_width, length, .. } = *sequence.kept;
        assert_eq!((heads, head_width), (shape.heads, shape.head_width), "kept heads and width");
        assert!(shape.bias.is_none_or(|bias| bias.span >= length), "bias against {length} keys");
        assert!(next <= sequence.rows.start && sequence.rows.start <= sequence.rows.end, "rows");
        next = sequence.rows.end;
    }
    assert!(
        query_stride >= hidden
            && next * query_stride <= queries.len()
            && next * hidden <= out.len()
    );
    let pairs = sequences.len() * shape.heads;
    let step = pairs.div_ceil(pool.threads()).max(LEAST_PAIRS);
    let out = Target::new(out);
    pool.run(pairs.div_ceil(step), &|task| {
        let pairs = task * step..((task + 1) * step).min(pairs);
        with_scratch(|scratch| {
            // SAFETY: rows of sequences do not overlap, and tasks have pairs of their own.
            let out = unsafe { out.at(0) };
            let queries = (queries, query_stride);
            dispatch(Steps { shape, queries, sequences, pairs, out, scratch });
        });
    });
}

struct Steps<'a> {
    shape: &'a AttentionShape<'a>,
    queries: (&'a [f32], usize),
    sequences: &'a [Cached<'a>],
    pairs: Range<usize>,
    out: *mut f32,
    scratch: &'a mut Buffer,
}

impl Kernel for Steps<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { shape, queries: (queries, stride), sequences, pairs, out, scratch } = self;
        let (width, panel) = (shape.head_width, panel_keys::<S>());
        let padded = width.next_multiple_of(S::LANES);
        for pair in pairs {
            let Cached { rows, kept, place } = &sequences[pair / shape.heads];
            let (head, length) = (pair % shape.heads, kept.length);
            assert_eq!((kept.lanes, kept.panel), (S::LANES, panel), "keys of another set");
            let scores = length.next_multiple_of(panel) * strip_rows(S::ISA);
            let needed = QUERIES + scores.next_multiple_of(16) + 2 * length + panel;
            if scratch.as_slice().len() < needed {
                *scratch = Buffer::zeroed(needed + needed / 4);
            }
            let base = scratch.as_mut_slice().as_mut_ptr();
            // SAFETY: pieces of scratch lie side by side; `attend_cached` checked rows and heads.
            unsafe {
                let biases = base.add(QUERIES + scores.next_multiple_of(16));
                let place_of = Place {
                    queries: base,
                    keys: kept.keys.as_ptr().wrapping_add(head * width * panel),
                    panel_stride: kept.heads * width * panel,
                    values: kept.values.as_ptr().wrapping_add(head * padded),
                    values_stride: kept.heads * padded,
                    scores: base.add(QUERIES),
                    diagonal: diagonal(shape, head, length, panel, biases),
                };
                let head = Head {
                    place: place_of,
                    q: queries.as_ptr().add(rows.start * stride + head * width),
                    stride,
                    k: std::ptr::null(),
                    v: std::ptr::null(),
                    key_stride: 0,
                    queries: rows.len(),
                    first_place: *place,
                    length,
                    head,
                    first_row: rows.start,
                };
                let out = out.add(rows.start * shape.hidden() + head.head * width);
                for (first, rows) in strips(0..head.queries, strip_rows(S::ISA)) {
                    strip(s, shape, &head, first, rows, out);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::{Reach, ToeplitzBias, attend, attend_across};

    fn noise(len: usize, seed: u64) -> Vec<f32> {
        let mut state = seed | 1;
        let mut next = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        };
        (0..len).map(|_| next()).collect()
    }

    /// Token after token gives the bits of the whole sequence.
    #[test]
    fn steps_equal_the_whole_to_the_bit() {
        let pool = Pool::new(1);
        let mut checked = 0;
        for (heads, head_width) in [(2, 4), (1, 16), (3, 20), (2, 64)] {
            for length in [1, 2, 15, 16, 17, 33, 70] {
                for biased in [false, true] {
                    let hidden = heads * head_width;
                    let qkv = noise(length * 3 * hidden, 7 + length as u64);
                    let table = noise(heads * (2 * length - 1), 3);
                    let bias = biased.then_some(ToeplitzBias { table: &table, span: length });
                    let reach = Reach::CAUSAL;
                    let offsets = [0, length];
                    let shape = AttentionShape {
                        heads,
                        head_width,
                        scale: 0.3,
                        reach,
                        bias,
                        offsets: &offsets,
                    };
                    let mut whole = vec![0.0; length * hidden];
                    attend(&pool, &shape, &qkv, &mut whole);
                    let mut kept = KeysValues::new(heads, head_width);
                    for place in 0..length {
                        let row = &qkv[place * 3 * hidden..][..3 * hidden];
                        kept.extend(&row[hidden..], &row[2 * hidden..], 3 * hidden, 1);
                        let mut out = vec![f32::NAN; hidden];
                        let step = [Cached { rows: 0..1, kept: &kept, place }];
                        attend_cached(&pool, &shape, (row, 3 * hidden), &step, &mut out);
                        assert_eq!(out, whole[place * hidden..][..hidden], "{shape:?} {place}");
                        checked += 1;
                    }
                }
            }
        }
        assert_eq!(checked, 4 * 2 * (1 + 2 + 15 + 16 + 17 + 33 + 70));
    }

    /// Several queries over the keys of another text, on several threads.
    #[test]
    fn kept_keys_of_another_text_give_the_same_bits() {
        let (heads, head_width) = (3, 12);
        let hidden = heads * head_width;
        let (offsets, key_offsets) = ([0, 4, 5, 5, 25], [0, 7, 40, 43, 43]);
        let queries = noise(25 * hidden, 5);
        let keys_values = noise(43 * 2 * hidden, 6);
        let (reach, scale) = (Reach::ALL, 0.5);
        let shape =
            AttentionShape { heads, head_width, scale, reach, bias: None, offsets: &offsets };
        let mut whole = vec![f32::NAN; 25 * hidden];
        let over = (&keys_values[..], &key_offsets[..]);
        attend_across(&Pool::new(2), &shape, &queries, over, &mut whole);
        let kept: Vec<KeysValues> = key_offsets
            .windows(2)
            .map(|pair| {
                let mut kept = KeysValues::new(heads, head_width);
                let rows = pair[1] - pair[0];
                let from = &keys_values[pair[0] * 2 * hidden..];
                if rows > 0 {
                    kept.extend(from, &from[hidden..], 2 * hidden, rows);
                }
                kept
            })
            .collect();
        for threads in 1..=3 {
            let sequences: Vec<Cached<'_>> = (0..4)
                .map(|i| Cached { rows: offsets[i]..offsets[i + 1], kept: &kept[i], place: 0 })
                .collect();
            let mut out = vec![f32::NAN; 25 * hidden];
            let pool = Pool::new(threads);
            attend_cached(&pool, &shape, (&queries, hidden), &sequences, &mut out);
            assert_eq!(out, whole, "{threads} threads");
        }
        assert!(whole[5 * hidden..].iter().all(|value| *value == 0.0), "no keys give zeros");
    }
}

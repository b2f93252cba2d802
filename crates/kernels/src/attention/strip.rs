//! One strip of attention: at most 14 queries of one sequence and head against all keys that they
//! see.
//!
//! ```text
//! S = scale Q K^T + bias          Vaswani et al. 2017, eq. 1
//! P = softmax(S)
//! O = P V
//! ```
//!
//! Q `[rows, head_width]`, K and V `[keys, head_width]`. S and P live in `rows * keys` values of
//! this thread's scratch, in the form `[panel][row][key of the panel]`, so that both products read
//! them at fixed distances from one pointer. Scores are in units of log2, so that the softmax is a
//! power of two; its division happens on O.
//!
//! Every element is one chain of multiply-adds, over k in S and over keys in O, and the sums of P
//! go by a key's place in the sequence: nothing depends on how queries are grouped.
//!
//! Cost: `4 * rows * keys * head_width` operations and an exponential for each score.

use std::ops::Range;

use crate::activation::exp2_nonpositive;
use crate::isa::{Isa, Kernel, Simd};

/// Vectors in a panel of keys.
pub(super) const VECTORS: usize = 2;

/// Queries of the highest strip.
pub(super) const fn strip_rows(isa: Isa) -> usize {
    match isa {
        Isa::Avx512 | Isa::Neon => 14,
        Isa::Avx2 => 6,
        Isa::Plain => 2,
    }
}

/// Keys in a panel.
pub(super) const fn panel_keys<S: Simd>() -> usize {
    VECTORS * S::LANES
}

/// Distance between the rows of scaled queries in scratch: fixed, so that the product needs one
/// pointer for all of them, and odd in cache lines, so that they do not collide.
const STRIDE: usize = 1024 + 16;

/// Scratch values for the queries of a strip.
pub(super) const QUERIES: usize = 14 * STRIDE;

/// The memory of a strip. All pointers are valid for what they are described to hold.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// Scaled queries, `QUERIES` values.
    pub(super) queries: *mut f32,
    /// `[panel][head_width][key of the panel]`, panels `panel_stride` apart; keys beyond the
    /// sequence's hold anything finite or not.
    pub(super) keys: *const f32,
    pub(super) panel_stride: usize,
    /// `[keys][values_stride]`, each row valid for `head_width` rounded up to whole vectors.
    pub(super) values: *const f32,
    pub(super) values_stride: usize,
    /// `[panel][row][key of the panel]`.
    pub(super) scores: *mut f32,
    /// Bias by `j - i + length - 1` in units of log2, padded by a panel; or null.
    pub(super) diagonal: *const f32,
}

/// What a strip computes: `R` queries from number `first` on of a sequence of `length`.
#[derive(Clone, Copy)]
pub(super) struct Strip<const R: usize> {
    pub(super) place: Place,
    /// The first query's row in memory, its stride, and what queries are multiplied with.
    pub(super) q: *const f32,
    pub(super) q_stride: usize,
    pub(super) factor: f32,
    pub(super) first: usize,
    pub(super) length: usize,
    pub(super) head_width: usize,
    pub(super) back: usize,
    pub(super) ahead: usize,
    /// The first query's row of the output, or null to stop at normalised P in `scores`.
    pub(super) out: *mut f32,
    pub(super) out_stride: usize,
}

impl<const R: usize> Kernel for Strip<R> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        if R > strip_rows(S::ISA) {
            return;
        }
        // SAFETY: the strip's pointers are valid for its shapes, by its maker's promise.
        unsafe {
            self.queries(s);
            self.scores(s);
            let mut inverse = [0.0; R];
            for r in 0..R {
                inverse[r] = self.softmax_row(s, r);
            }
            if self.out.is_null() {
                self.normalise(s, &inverse);
            } else {
                self.mix(s, &inverse);
            }
        }
    }
}

// Every unsafe function below asks for one thing: the pointers are valid for the shapes that the
// fields describe, the rows, panels and vectors named are the strip's own, and `R` rows are no
// more than `strip_rows`.
impl<const R: usize> Strip<R> {
    /// The keys that query `r` sees.
    #[inline(always)]
    fn seen(&self, r: usize) -> Range<usize> {
        let i = self.first + r;
        i.saturating_sub(self.back)..i.saturating_add(self.ahead).saturating_add(1).min(self.length)
    }

    /// The panels that any query of the strip sees.
    #[inline(always)]
    fn panels<S: Simd>(&self) -> Range<usize> {
        let (begin, end) = (self.seen(0).start, self.seen(R - 1).end);
        begin / panel_keys::<S>()..end.div_ceil(panel_keys::<S>())
    }

    /// Copies the queries, scaled, to where the product reads them.
    #[inline(always)]
    unsafe fn queries<S: Simd>(&self, s: S) {
        let factor = s.splat(self.factor);
        for r in 0..R {
            let mut k = 0;
            while k < self.head_width {
                let left = self.head_width - k;
                // SAFETY: within the head's columns of row r; scratch rows are longer.
                unsafe {
                    let q = self.q.add(r * self.q_stride + k);
                    let q = if left >= S::LANES { s.load_ptr(q) } else { s.load_first(q, left) };
                    let to = self.place.queries.add(r * STRIDE + k);
                    s.store_ptr(s.mul(q, factor), to);
                }
                k += S::LANES;
            }
        }
    }

    /// `S = Q K^T`, panel by panel.
    #[inline(always)]
    unsafe fn scores<S: Simd>(&self, s: S) {
        for panel in self.panels::<S>() {
            let left = self.length - panel * panel_keys::<S>();
            // SAFETY: the panel is one of the sequence's.
            unsafe {
                if left > S::LANES {
                    self.scores_of::<S, VECTORS>(s, panel);
                } else {
                    self.scores_of::<S, 1>(s, panel);
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn scores_of<S: Simd, const C: usize>(&self, s: S, panel: usize) {
        let width = panel_keys::<S>();
        let mut sums = [[s.splat(0.0); C]; R];
        // SAFETY: inside the panel of packed keys, the scaled queries and the strip's scores.
        unsafe {
            let keys = self.place.keys.add(panel * self.place.panel_stride);
            let queries = self.place.queries.cast_const();
            for k in 0..self.head_width {
                let mut b = [s.splat(0.0); C];
                for c in 0..C {
                    b[c] = s.load_ptr(keys.add(k * width + c * S::LANES));
                }
                for r in 0..R {
                    let a = s.splat(*queries.add(r * STRIDE + k));
                    for c in 0..C {
                        sums[r][c] = s.fma(a, b[c], sums[r][c]);
                    }
                }
            }
            let to = self.place.scores.add(panel * R * width);
            for r in 0..R {
                for c in 0..C {
                    s.store_ptr(sums[r][c], to.add(r * width + c * S::LANES));
                }
            }
        }
    }

    /// Where vector `v` of row `r` of the scores lies.
    #[inline(always)]
    unsafe fn at<S: Simd>(&self, r: usize, v: usize) -> *mut f32 {
        let (panel, c) = (v / VECTORS, v % VECTORS);
        // SAFETY: a vector of the strip's scores.
        unsafe { self.place.scores.add((panel * R + r) * panel_keys::<S>() + c * S::LANES) }
    }

    /// `P = 2^(S - max S)` of one row, and what its sum must be divided by: 0 where nothing is
    /// seen.
    #[inline(always)]
    unsafe fn softmax_row<S: Simd>(&self, s: S, r: usize) -> f32 {
        let seen = self.seen(r);
        let panels = self.panels::<S>();
        let all = self.length.div_ceil(S::LANES);
        let vectors = panels.start * VECTORS..(panels.end * VECTORS).min(all);
        let own = seen.start / S::LANES..seen.end.div_ceil(S::LANES);
        let zero = s.splat(0.0);
        // SAFETY: vectors of this row; the diagonal is padded by a panel.
        unsafe {
            for v in (vectors.start..own.start).chain(own.end..vectors.end) {
                s.store_ptr(zero, self.at::<S>(r, v));
            }
            if own.len() == 1 {
                return self.softmax_vector(s, r, own.start, &seen);
            }
            if !seen.start.is_multiple_of(S::LANES) {
                self.edge(s, r, own.start, &seen, f32::NEG_INFINITY);
            }
            if !seen.end.is_multiple_of(S::LANES) {
                self.edge(s, r, own.end - 1, &seen, f32::NEG_INFINITY);
            }
            let most = self.most(s, r, own.clone());
            let nothing = most == f32::NEG_INFINITY;
            let most = s.splat(if nothing { 0.0 } else { most });
            let (mut even, mut odd) = (zero, zero);
            let mut v = own.start;
            if v % VECTORS != 0 {
                odd = self.power(s, r, v, most);
                v += 1;
            }
            while v + 1 < own.end {
                even = s.add(even, self.power(s, r, v, most));
                odd = s.add(odd, self.power(s, r, v + 1, most));
                v += VECTORS;
            }
            if v < own.end {
                even = s.add(even, self.power(s, r, v, most));
            }
            if seen.start > 0 || seen.end < self.length {
                self.edge(s, r, own.start, &seen, 0.0);
                self.edge(s, r, own.end - 1, &seen, 0.0);
            }
            // The largest score's own power is 1: the sum is 0 for no row.
            if nothing { 0.0 } else { 1.0 / s.sum(s.add(even, odd)) }
        }
    }

    /// [`softmax_row`](Self::softmax_row) of a row that sees keys of one vector only, without a
    /// detour through memory: short sequences are many.
    #[inline(always)]
    unsafe fn softmax_vector<S: Simd>(&self, s: S, r: usize, v: usize, seen: &Range<usize>) -> f32 {
        let place = v * S::LANES;
        let (unseen, zero) = (s.splat(f32::NEG_INFINITY), s.splat(0.0));
        // SAFETY: a vector of this row; the diagonal is padded by a panel.
        unsafe {
            let at = self.at::<S>(r, v);
            let mut x = s.load_ptr(at);
            if !self.place.diagonal.is_null() {
                let diagonal = self.place.diagonal.add(self.length - 1 - (self.first + r) + place);
                x = s.add(x, s.load_ptr(diagonal));
            }
            let end = s.first(seen.end - place);
            x = s.select(end, x, unseen);
            if seen.start > place {
                x = s.select(s.first(seen.start - place), unseen, x);
            }
            let most = s.maximum(x);
            let nothing = most == f32::NEG_INFINITY;
            let most = s.splat(if nothing { 0.0 } else { most });
            let mut p = s.select(end, exp2_nonpositive(s, s.sub(x, most)), zero);
            if seen.start > place {
                p = s.select(s.first(seen.start - place), zero, p);
            }
            s.store_ptr(p, at);
            if nothing { 0.0 } else { 1.0 / s.sum(p) }
        }
    }

    /// Writes `unseen` for the keys that are not seen, in a vector that holds some that are.
    #[inline(always)]
    unsafe fn edge<S: Simd>(&self, s: S, r: usize, v: usize, seen: &Range<usize>, unseen: f32) {
        // SAFETY: a vector of this row.
        unsafe {
            let at = self.at::<S>(r, v);
            let unseen = s.splat(unseen);
            let place = v * S::LANES;
            let mut x = s.select(s.first(seen.end - place), s.load_ptr(at), unseen);
            if seen.start > place {
                x = s.select(s.first(seen.start - place), unseen, x);
            }
            s.store_ptr(x, at);
        }
    }

    /// The largest score of a row, after adding the bias.
    #[inline(always)]
    unsafe fn most<S: Simd>(&self, s: S, r: usize, own: Range<usize>) -> f32 {
        let mut most = s.splat(f32::NEG_INFINITY);
        // SAFETY: vectors of this row; the diagonal is padded by a panel.
        unsafe {
            if self.place.diagonal.is_null() {
                for v in own {
                    most = s.max(s.load_ptr(self.at::<S>(r, v)), most);
                }
            } else {
                let diagonal = self.place.diagonal.add(self.length - 1 - (self.first + r));
                for v in own {
                    let at = self.at::<S>(r, v);
                    let x = s.add(s.load_ptr(at), s.load_ptr(diagonal.add(v * S::LANES)));
                    s.store_ptr(x, at);
                    most = s.max(x, most);
                }
            }
        }
        s.maximum(most)
    }

    #[inline(always)]
    unsafe fn power<S: Simd>(&self, s: S, r: usize, v: usize, most: S::V) -> S::V {
        // SAFETY: a vector of this row.
        unsafe {
            let at = self.at::<S>(r, v);
            let p = exp2_nonpositive(s, s.sub(s.load_ptr(at), most));
            s.store_ptr(p, at);
            p
        }
    }

    /// `O = P V`, two vectors of columns at a time.
    #[inline(always)]
    unsafe fn mix<S: Simd>(&self, s: S, inverse: &[f32; R]) {
        let mut column = 0;
        while column < self.head_width {
            let left = self.head_width - column;
            // SAFETY: columns of the head.
            unsafe {
                if left > S::LANES {
                    self.mix_columns::<S, 2>(s, inverse, column);
                } else {
                    self.mix_columns::<S, 1>(s, inverse, column);
                }
            }
            column += 2 * S::LANES;
        }
    }

    #[inline(always)]
    unsafe fn mix_columns<S: Simd, const C: usize>(&self, s: S, inverse: &[f32; R], column: usize) {
        let width = panel_keys::<S>();
        let stride = self.place.values_stride;
        let mut sums = [[s.splat(0.0); C]; R];
        // SAFETY: keys of the sequence only; the output's rows are this strip's own.
        unsafe {
            for panel in self.panels::<S>() {
                let keys = (self.length - panel * width).min(width);
                let p = self.place.scores.cast_const().add(panel * R * width);
                let values = self.place.values.add(panel * width * stride + column);
                for key in 0..keys {
                    let mut b = [s.splat(0.0); C];
                    for c in 0..C {
                        b[c] = s.load_ptr(values.add(key * stride + c * S::LANES));
                    }
                    for r in 0..R {
                        let a = s.splat(*p.add(r * width + key));
                        for c in 0..C {
                            sums[r][c] = s.fma(a, b[c], sums[r][c]);
                        }
                    }
                }
            }
            for r in 0..R {
                for c in 0..C {
                    let at = column + c * S::LANES;
                    let to = self.out.add(r * self.out_stride + at);
                    let o = s.mul(sums[r][c], s.splat(inverse[r]));
                    let left = self.head_width - at;
                    if left >= S::LANES {
                        s.store_ptr(o, to);
                    } else {
                        s.store_first(o, to, left);
                    }
                }
            }
        }
    }

    /// `P / sum P` in place, where P itself is wanted.
    #[inline(always)]
    unsafe fn normalise<S: Simd>(&self, s: S, inverse: &[f32; R]) {
        let panels = self.panels::<S>();
        let end = (panels.end * VECTORS).min(self.length.div_ceil(S::LANES));
        for r in 0..R {
            for v in panels.start * VECTORS..end {
                // SAFETY: a vector of the strip's scores.
                unsafe {
                    let at = self.at::<S>(r, v);
                    s.store_ptr(s.mul(s.load_ptr(at), s.splat(inverse[r])), at);
                }
            }
        }
    }
}

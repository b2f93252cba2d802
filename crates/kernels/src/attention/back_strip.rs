//! The adjoint of one strip of queries, tiles of sums in registers. From the strip's probabilities
//! P, the values packed by columns, the keys, and rows of queries and of the output's gradient:
//!
//! ```text
//! dS = P * (dO V^T - along),   dQ += scale dS K,   dV += P^T dO,   dK += scale dS^T Q
//! ```
//!
//! Cost: `8 * rows * keys * head_width` operations.

use super::strip::panel_keys;
use crate::isa::{Isa, Kernel, Simd};

/// From one row of `dO` in scratch to the next; see the forward's strip.
pub(super) const STRIDE: usize = 1024 + 16;

/// Keys whose sums a tile of `dK` or `dV` holds: with two vectors each, half of the registers.
const fn tile_keys(isa: Isa) -> usize {
    match isa {
        Isa::Avx512 | Isa::Neon => 8,
        Isa::Avx2 => 4,
        Isa::Plain => 1,
    }
}

/// Rows that begin `stride` apart.
#[derive(Clone, Copy)]
pub(super) struct Source {
    pub(super) at: *const f32,
    pub(super) stride: usize,
}

/// `R` queries against the keys of some panels. All pointers are valid for what they are described
/// to hold.
#[derive(Clone, Copy)]
pub(super) struct BackStrip<const R: usize> {
    /// P, `[panel][row][key of the panel]`, panels counted from the sequence's first.
    pub(super) p: *const f32,
    /// Room for dS, laid out as P is.
    pub(super) ds: *mut f32,
    /// `[panel][column][key of the panel]`
    pub(super) values: *const f32,
    /// Room for `R` rows of [`STRIDE`].
    pub(super) rows: *mut f32,
    /// The strip's rows of queries, of the output and of the gradient by it.
    pub(super) q: Source,
    pub(super) out: Source,
    pub(super) gradient: Source,
    /// The sequence's keys.
    pub(super) k: Source,
    /// The strip's rows of dQ, at the stride of `q`; the sequence's rows of dK and dV, at that of
    /// `k`.
    pub(super) dq: *mut f32,
    pub(super) dk: *mut f32,
    pub(super) dv: *mut f32,
    pub(super) scale: f32,
    pub(super) width: usize,
    pub(super) length: usize,
    /// Panels that any row sees.
    pub(super) first_panel: usize,
    pub(super) end_panel: usize,
}

/// Reads a vector of which `left` values exist.
///
/// # Safety
/// `from` is valid for reading `min(left, LANES)` values.
#[inline(always)]
unsafe fn get<S: Simd>(s: S, from: *const f32, left: usize) -> S::V {
    // SAFETY: promised by the caller.
    unsafe { if left >= S::LANES { s.load_ptr(from) } else { s.load_first(from, left) } }
}

/// `to += factor * v` for a vector of which `left` values exist.
///
/// # Safety
/// `to` is valid for reading and writing `min(left, LANES)` values.
#[inline(always)]
unsafe fn add<S: Simd>(s: S, v: S::V, factor: S::V, to: *mut f32, left: usize) {
    // SAFETY: promised by the caller.
    unsafe {
        let sum = s.fma(v, factor, get(s, to, left));
        if left >= S::LANES { s.store_ptr(sum, to) } else { s.store_first(sum, to, left) }
    }
}

impl<const R: usize> Kernel for BackStrip<R> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        if R > super::strip::strip_rows(S::ISA) {
            return;
        }
        // SAFETY: the strip's pointers are valid for its shapes, by its maker's promise.
        unsafe {
            let along = self.along(s);
            for panel in self.first_panel..self.end_panel {
                self.by_scores(s, panel, &along);
            }
            for column in (0..self.width).step_by(2 * S::LANES) {
                if self.width - column > S::LANES {
                    self.by_query::<S, 2>(s, column);
                } else {
                    self.by_query::<S, 1>(s, column);
                }
            }
            let gradient = Source { at: self.rows.cast_const(), stride: STRIDE };
            self.by_keys(s, self.p, gradient, 1.0, self.dv);
            self.by_keys(s, self.ds.cast_const(), self.q, self.scale, self.dk);
        }
    }
}

// Every unsafe function below asks for one thing: the pointers are valid for the shapes that the
// fields describe, and panels, keys and columns named are the strip's own.
impl<const R: usize> BackStrip<R> {
    /// `sum_k dO_rk O_rk` of each row; copies dO to where products read it.
    #[inline(always)]
    unsafe fn along<S: Simd>(&self, s: S) -> [f32; R] {
        let mut along = [0.0; R];
        for (r, along) in along.iter_mut().enumerate() {
            let mut sum = s.splat(0.0);
            for k in (0..self.width).step_by(S::LANES) {
                let left = self.width - k;
                // SAFETY: rows of the strip, columns of the head; scratch rows are longer.
                unsafe {
                    let d = get(s, self.gradient.at.add(r * self.gradient.stride + k), left);
                    let o = get(s, self.out.at.add(r * self.out.stride + k), left);
                    sum = s.fma(d, o, sum);
                    s.store_ptr(d, self.rows.add(r * STRIDE + k));
                }
            }
            *along = s.sum(sum);
        }
        along
    }

    /// `dS` of one panel.
    #[inline(always)]
    unsafe fn by_scores<S: Simd>(&self, s: S, panel: usize, along: &[f32; R]) {
        let keys = panel_keys::<S>();
        let mut sums = [[s.splat(0.0); 2]; R];
        // SAFETY: inside the panel of packed values and the strip's scores.
        unsafe {
            let values = self.values.add(panel * self.width * keys);
            let rows = self.rows.cast_const();
            for k in 0..self.width {
                let b =
                    [s.load_ptr(values.add(k * keys)), s.load_ptr(values.add(k * keys + S::LANES))];
                for r in 0..R {
                    let a = s.splat(*rows.add(r * STRIDE + k));
                    sums[r][0] = s.fma(a, b[0], sums[r][0]);
                    sums[r][1] = s.fma(a, b[1], sums[r][1]);
                }
            }
            for r in 0..R {
                for (c, sum) in sums[r].into_iter().enumerate() {
                    let at = (panel * R + r) * keys + c * S::LANES;
                    let difference = s.sub(sum, s.splat(along[r]));
                    s.store_ptr(s.mul(s.load_ptr(self.p.add(at)), difference), self.ds.add(at));
                }
            }
        }
    }

    /// `dQ += scale dS K` of `C` vectors of columns.
    #[inline(always)]
    unsafe fn by_query<S: Simd, const C: usize>(&self, s: S, column: usize) {
        let panel = panel_keys::<S>();
        let mut sums = [[s.splat(0.0); C]; R];
        // SAFETY: keys of the sequence only; dQ's rows are this strip's own.
        unsafe {
            for index in self.first_panel..self.end_panel {
                let keys = (self.length - index * panel).min(panel);
                let ds = self.ds.cast_const().add(index * R * panel);
                let from = self.k.at.add(index * panel * self.k.stride + column);
                for key in 0..keys {
                    let mut b = [s.splat(0.0); C];
                    for c in 0..C {
                        let left = self.width - column - c * S::LANES;
                        b[c] = get(s, from.add(key * self.k.stride + c * S::LANES), left);
                    }
                    for r in 0..R {
                        let a = s.splat(*ds.add(r * panel + key));
                        for c in 0..C {
                            sums[r][c] = s.fma(a, b[c], sums[r][c]);
                        }
                    }
                }
            }
            for r in 0..R {
                for c in 0..C {
                    let at = column + c * S::LANES;
                    let to = self.dq.add(r * self.q.stride + at);
                    add(s, sums[r][c], s.splat(self.scale), to, self.width - at);
                }
            }
        }
    }

    /// `to_j += factor * sum_r scores[r, j] * from_r` over the strip's rows, for all keys of its
    /// panels.
    #[inline(always)]
    unsafe fn by_keys<S: Simd>(
        &self,
        s: S,
        scores: *const f32,
        from: Source,
        factor: f32,
        to: *mut f32,
    ) {
        let panel = panel_keys::<S>();
        let tile = tile_keys(S::ISA);
        for index in self.first_panel..self.end_panel {
            let keys = (self.length - index * panel).min(panel);
            // SAFETY: keys of the sequence.
            unsafe {
                let scores = scores.add(index * R * panel);
                let to = to.add(index * panel * self.k.stride);
                let whole = keys / tile * tile;
                for key in (0..whole).step_by(tile) {
                    let (scores, to) = (scores.add(key), to.add(key * self.k.stride));
                    match S::ISA {
                        Isa::Avx512 | Isa::Neon => {
                            self.by_tile::<S, 8>(s, scores, from, factor, to)
                        }
                        Isa::Avx2 => self.by_tile::<S, 4>(s, scores, from, factor, to),
                        Isa::Plain => self.by_tile::<S, 1>(s, scores, from, factor, to),
                    }
                }
                for key in whole..keys {
                    let (scores, to) = (scores.add(key), to.add(key * self.k.stride));
                    self.by_tile::<S, 1>(s, scores, from, factor, to);
                }
            }
        }
    }

    /// [`by_keys`](Self::by_keys) of `K` neighbouring keys of one panel.
    #[inline(always)]
    unsafe fn by_tile<S: Simd, const K: usize>(
        &self,
        s: S,
        scores: *const f32,
        from: Source,
        factor: f32,
        to: *mut f32,
    ) {
        for column in (0..self.width).step_by(2 * S::LANES) {
            // SAFETY: promised by the caller.
            unsafe {
                if self.width - column > S::LANES {
                    self.by_tile_columns::<S, K, 2>(s, scores, from, factor, to, column);
                } else {
                    self.by_tile_columns::<S, K, 1>(s, scores, from, factor, to, column);
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn by_tile_columns<S: Simd, const K: usize, const C: usize>(
        &self,
        s: S,
        scores: *const f32,
        from: Source,
        factor: f32,
        to: *mut f32,
        column: usize,
    ) {
        let panel = panel_keys::<S>();
        let mut sums = [[s.splat(0.0); C]; K];
        // SAFETY: rows of the strip, columns of the head.
        unsafe {
            for r in 0..R {
                let mut b = [s.splat(0.0); C];
                for c in 0..C {
                    let at = column + c * S::LANES;
                    b[c] = get(s, from.at.add(r * from.stride + at), self.width - at);
                }
                for key in 0..K {
                    let a = s.splat(*scores.add(r * panel + key));
                    for c in 0..C {
                        sums[key][c] = s.fma(a, b[c], sums[key][c]);
                    }
                }
            }
            for key in 0..K {
                for c in 0..C {
                    let at = column + c * S::LANES;
                    let to = to.add(key * self.k.stride + at);
                    add(s, sums[key][c], s.splat(factor), to, self.width - at);
                }
            }
        }
    }
}

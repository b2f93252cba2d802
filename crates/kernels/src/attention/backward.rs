//! Attention backward. With P the probabilities, O the output and dO its gradient (all of one
//! sequence and head):
//!
//! ```text
//! dV = P^T dO
//! dS = P * (dO V^T - rowsum(dO * O))
//! dQ = scale dS K,   dK = scale dS^T Q,   d bias[j - i] = sum of dS over (i, j)
//! ```
//!
//! P is computed anew, a strip of queries at a time, by the forward's own code. Each sequence and
//! head is one thread's, strips in order (with a bias table: each head, sequences in order), so
//! that sums do not depend on threads. Cost: 2.5 times the forward's operations and its scores.

use super::forward::{Head, Matrix, Target, pack, pack_columns, strip, strips, with_scratch};
use super::shape::AttentionShape;
use super::strip::{panel_keys, strip_rows};
use crate::Pool;
use crate::gemm::Buffer;
use crate::isa::{Isa, Kernel, Simd, dispatch_on};

/// Adds the gradients by `qkv`, `[tokens, 3 * hidden]`, and by the bias's table, from the output
/// and the gradient by it, `[tokens, hidden]`.
///
/// # Panics
/// Where a length does not fit the shapes.
pub fn attend_backward(
    pool: &Pool,
    shape: &AttentionShape<'_>,
    qkv: &[f32],
    out: &[f32],
    gradient: &[f32],
    qkv_gradient: &mut [f32],
    bias_gradient: Option<&mut [f32]>,
) {
    attend_backward_on(
        Isa::current(),
        pool,
        shape,
        qkv,
        (out, gradient),
        qkv_gradient,
        bias_gradient,
    );
}

/// [`attend_backward`] on a given instruction set, for tests and comparisons.
///
/// # Panics
/// Where a length does not fit the shapes, or this machine cannot run `isa`.
pub fn attend_backward_on(
    isa: Isa,
    pool: &Pool,
    shape: &AttentionShape<'_>,
    qkv: &[f32],
    (out, gradient): (&[f32], &[f32]),
    qkv_gradient: &mut [f32],
    bias_gradient: Option<&mut [f32]>,
) {
    shape.check(qkv.len(), out.len());
    shape.check(qkv_gradient.len(), gradient.len());
    if let (Some(bias), Some(by_bias)) = (shape.bias, &bias_gradient) {
        assert_eq!(bias.table.len(), by_bias.len(), "bias against its gradient");
    }
    let to = Target::new(qkv_gradient);
    let by_bias = bias_gradient.filter(|_| shape.bias.is_some()).map(Target::new);
    let segments = shape.pairs() / shape.heads;
    let run = |pair: usize| {
        with_scratch(|scratch| {
            let by_bias = by_bias.as_ref();
            let inputs = Inputs { shape, qkv, out, gradient, to: &to, by_bias };
            dispatch_on(isa, Adjoint { inputs, pair, scratch });
        });
    };
    if by_bias.is_some() {
        pool.run(shape.heads, &|head| {
            (0..segments).for_each(|segment| run(segment * shape.heads + head));
        });
    } else {
        pool.run(shape.pairs(), &run);
    }
}

#[derive(Clone, Copy)]
struct Inputs<'a> {
    shape: &'a AttentionShape<'a>,
    qkv: &'a [f32],
    out: &'a [f32],
    gradient: &'a [f32],
    to: &'a Target,
    by_bias: Option<&'a Target>,
}

struct Adjoint<'a> {
    inputs: Inputs<'a>,
    pair: usize,
    scratch: &'a mut Buffer,
}

/// One pair's pointers: rows of the sequence, columns of the head.
#[derive(Clone, Copy)]
struct Pair {
    head: Head,
    /// Values as `[panel][column][key of the panel]`.
    values: *const f32,
    /// Gradients by scores, laid out as the scores are.
    ds: *mut f32,
    q: *const f32,
    out: *const f32,
    gradient: *const f32,
    dq: *mut f32,
    /// Row strides of qkv and of the output.
    stride: usize,
    hidden: usize,
    width: usize,
}

impl Kernel for Adjoint<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { inputs: Inputs { shape, qkv, out, gradient, to, by_bias }, pair, scratch } =
            self;
        let (rows, _) = shape.pair(pair);
        let (width, hidden) = (shape.head_width, shape.hidden());
        let padded = rows.len().next_multiple_of(panel_keys::<S>());
        let spare = S::LANES * width;
        let extra = padded * (width + strip_rows(S::ISA)) + spare;
        // SAFETY: `attend_backward` checked the shapes; this pair's rows and columns of the
        // gradient, and this head's of the bias's, are this task's alone.
        unsafe {
            let (head, extra) = pack(s, shape, qkv, pair, scratch, extra);
            let source = Matrix {
                at: head.q.add(2 * hidden),
                stride: head.stride,
                rows: head.length,
                columns: width,
            };
            pack_columns(s, source, shape.rows() - rows.start, extra, extra.add(padded * width));
            let begin = rows.start * hidden + head.head * width;
            let pair = Pair {
                head,
                values: extra,
                ds: extra.add(padded * width + spare),
                q: head.q,
                out: out.as_ptr().add(begin),
                gradient: gradient.as_ptr().add(begin),
                dq: to.at(rows.start * head.stride + head.head * width),
                stride: head.stride,
                hidden,
                width,
            };
            for (first, rows) in strips(0..head.length, strip_rows(S::ISA)) {
                strip(s, shape, &head, first, rows, std::ptr::null_mut());
                pair.strip(s, shape, first, rows);
                if let (Some(bias), Some(to)) = (shape.bias, by_bias) {
                    let diagonal = to.at(head.head * (2 * bias.span - 1) + bias.span - 1);
                    pair.by_bias::<S>(shape, first, rows, diagonal);
                }
            }
        }
    }
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
unsafe fn add<S: Simd>(s: S, v: S::V, factor: f32, to: *mut f32, left: usize) {
    // SAFETY: promised by the caller.
    unsafe {
        let sum = s.fma(v, s.splat(factor), get(s, to, left));
        if left >= S::LANES { s.store_ptr(sum, to) } else { s.store_first(sum, to, left) }
    }
}

// Every unsafe function below asks that the pair's pointers are valid for its rows and columns, and
// that rows, keys and scores named lie in the strip that scratch holds.
impl Pair {
    /// Where the score of row `r` of a strip of `rows` and of key `j` lies.
    #[inline(always)]
    fn at<S: Simd>(rows: usize, r: usize, j: usize) -> usize {
        let panel = panel_keys::<S>();
        (j / panel * rows + r) * panel + j % panel
    }

    /// # Safety
    /// The pair's pointers are valid; P of this strip is in scratch.
    #[inline(always)]
    unsafe fn strip<S: Simd>(&self, s: S, shape: &AttentionShape<'_>, first: usize, rows: usize) {
        let length = self.head.length;
        let begin = shape.reach.keys(first, length).start;
        let end = shape.reach.keys(first + rows - 1, length).end;
        // SAFETY: rows of the strip, keys of the sequence.
        unsafe {
            for r in 0..rows {
                self.by_scores(s, first, rows, r, begin..end);
                self.by_query(s, shape.scale, first, rows, r, begin..end);
            }
            for j in begin..end {
                let p = self.head.place.scores.cast_const();
                let dv = self.dq.add(j * self.stride + 2 * self.hidden);
                let dout = self.gradient.add(first * self.hidden);
                self.by_key(s, p, rows, j, (dout, self.hidden), (1.0, dv));
                let dk = self.dq.add(j * self.stride + self.hidden);
                let q = self.q.add(first * self.stride);
                self.by_key(s, self.ds, rows, j, (q, self.stride), (shape.scale, dk));
            }
        }
    }

    /// `dS` of one row.
    #[inline(always)]
    unsafe fn by_scores<S: Simd>(
        &self,
        s: S,
        first: usize,
        rows: usize,
        r: usize,
        keys: std::ops::Range<usize>,
    ) {
        let panel = panel_keys::<S>();
        // SAFETY: rows of the strip, panels of the sequence.
        unsafe {
            let dout = self.gradient.add((first + r) * self.hidden);
            let out = self.out.add((first + r) * self.hidden);
            let mut along = s.splat(0.0);
            for k in (0..self.width).step_by(S::LANES) {
                let left = self.width - k;
                along = s.fma(get(s, dout.add(k), left), get(s, out.add(k), left), along);
            }
            let along = s.splat(s.sum(along));
            for index in keys.start / panel..keys.end.div_ceil(panel) {
                let values = self.values.add(index * panel * self.width);
                let (mut a, mut b) = (s.splat(0.0), s.splat(0.0));
                for k in 0..self.width {
                    let by = s.splat(*dout.add(k));
                    let at = values.add(k * panel);
                    a = s.fma(by, s.load_ptr(at), a);
                    b = s.fma(by, s.load_ptr(at.add(S::LANES)), b);
                }
                let at = (index * rows + r) * panel;
                for (dp, at) in [(a, at), (b, at + S::LANES)] {
                    let p = s.load_ptr(self.head.place.scores.add(at));
                    s.store_ptr(s.mul(p, s.sub(dp, along)), self.ds.add(at));
                }
            }
        }
    }

    /// `dQ += scale dS K` of one row.
    #[inline(always)]
    unsafe fn by_query<S: Simd>(
        &self,
        s: S,
        scale: f32,
        first: usize,
        rows: usize,
        r: usize,
        keys: std::ops::Range<usize>,
    ) {
        for column in (0..self.width).step_by(S::LANES) {
            let left = self.width - column;
            let mut sum = s.splat(0.0);
            // SAFETY: keys of the sequence, columns of the head.
            unsafe {
                let k = self.q.add(self.hidden + column);
                for j in keys.clone() {
                    let ds = s.splat(*self.ds.add(Self::at::<S>(rows, r, j)));
                    sum = s.fma(ds, get(s, k.add(j * self.stride), left), sum);
                }
                let to = self.dq.add((first + r) * self.stride + column);
                add(s, sum, scale, to, left);
            }
        }
    }

    /// `to += factor * sum_r scores[r, j] * from_r` over the strip's rows: `dK` and `dV` of key j.
    #[inline(always)]
    unsafe fn by_key<S: Simd>(
        &self,
        s: S,
        scores: *const f32,
        rows: usize,
        j: usize,
        (from, stride): (*const f32, usize),
        (factor, to): (f32, *mut f32),
    ) {
        for column in (0..self.width).step_by(S::LANES) {
            let left = self.width - column;
            let mut sum = s.splat(0.0);
            // SAFETY: rows of the strip, columns of the head.
            unsafe {
                for r in 0..rows {
                    let score = s.splat(*scores.add(Self::at::<S>(rows, r, j)));
                    sum = s.fma(score, get(s, from.add(r * stride + column), left), sum);
                }
                add(s, sum, factor, to.add(column), left);
            }
        }
    }

    /// Adds the strip's `dS` to the bias's gradient; `diagonal` is its place for distance 0.
    #[inline(always)]
    unsafe fn by_bias<S: Simd>(
        &self,
        shape: &AttentionShape<'_>,
        first: usize,
        rows: usize,
        diagonal: *mut f32,
    ) {
        for r in 0..rows {
            let i = first + r;
            for j in shape.reach.keys(i, self.head.length) {
                // SAFETY: distances are shorter than the bias's span.
                unsafe {
                    let to = diagonal.offset(j as isize - i as isize);
                    *to += *self.ds.add(Self::at::<S>(rows, r, j));
                }
            }
        }
    }
}

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

use super::back_strip::{BackStrip, Source};
use super::forward::{
    Head, Matrix, Target, again, pack, pack_columns, strip, strips, with_scratch,
};
use super::operands::Operands;
use super::shape::{AttentionShape, Reach};
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
    assert_eq!(qkv_gradient.len(), qkv.len(), "gradients by qkv");
    let operands = Operands::own(shape, qkv);
    let hidden = shape.hidden();
    let to = Target::new(qkv_gradient);
    let to = [(&to, 0), (&to, hidden), (&to, 2 * hidden)];
    run(isa, pool, Inputs { shape, operands, out, gradient, to, by_bias: None }, bias_gradient);
}

/// The adjoint of [`super::attend_across`]: adds the gradients by the queries and by keys and
/// values.
///
/// # Panics
/// Where a length does not fit the shapes.
pub fn attend_across_backward(
    pool: &Pool,
    shape: &AttentionShape<'_>,
    (queries, keys_values, key_offsets): (&[f32], &[f32], &[usize]),
    (out, gradient): (&[f32], &[f32]),
    query_gradient: &mut [f32],
    key_value_gradient: &mut [f32],
) {
    attend_across_backward_on(
        Isa::current(),
        pool,
        shape,
        (queries, keys_values, key_offsets),
        (out, gradient),
        query_gradient,
        key_value_gradient,
    );
}

/// [`attend_across_backward`] on a given instruction set, for tests and comparisons.
///
/// # Panics
/// Where a length does not fit the shapes, or this machine cannot run `isa`.
pub fn attend_across_backward_on(
    isa: Isa,
    pool: &Pool,
    shape: &AttentionShape<'_>,
    (queries, keys_values, key_offsets): (&[f32], &[f32], &[usize]),
    (out, gradient): (&[f32], &[f32]),
    query_gradient: &mut [f32],
    key_value_gradient: &mut [f32],
) {
    assert_eq!(query_gradient.len(), queries.len(), "gradients by queries");
    assert_eq!(key_value_gradient.len(), keys_values.len(), "gradients by keys and values");
    let shape = &AttentionShape { reach: Reach::ALL, ..*shape };
    let operands = Operands::across(shape, queries, keys_values, key_offsets);
    let by_queries = Target::new(query_gradient);
    let by_keys = Target::new(key_value_gradient);
    let to = [(&by_queries, 0), (&by_keys, 0), (&by_keys, shape.hidden())];
    run(isa, pool, Inputs { shape, operands, out, gradient, to, by_bias: None }, None);
}

fn run(isa: Isa, pool: &Pool, inputs: Inputs<'_>, bias_gradient: Option<&mut [f32]>) {
    let shape = inputs.shape;
    shape.check(inputs.out.len());
    shape.check(inputs.gradient.len());
    if let (Some(bias), Some(by_bias)) = (shape.bias, &bias_gradient) {
        assert_eq!(bias.table.len(), by_bias.len(), "bias against its gradient");
    }
    let by_bias = bias_gradient.filter(|_| shape.bias.is_some()).map(Target::new);
    let segments = shape.pairs() / shape.heads;
    let run = |pair: usize| {
        with_scratch(|scratch| {
            let inputs = Inputs { by_bias: by_bias.as_ref(), ..inputs };
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
    operands: Operands<'a>,
    out: &'a [f32],
    gradient: &'a [f32],
    /// Where the gradients by queries, keys and values go: an array, and the first one's place.
    to: [(&'a Target, usize); 3],
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
    out: *const f32,
    gradient: *const f32,
    /// The sequence's rows of the gradients, at the strides of queries and of keys.
    dq: *mut f32,
    dk: *mut f32,
    dv: *mut f32,
    /// Row stride of the output.
    hidden: usize,
    width: usize,
}

impl Kernel for Adjoint<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { inputs, pair, scratch } = self;
        let Inputs { shape, operands, out, gradient, to, by_bias } = inputs;
        let (rows, _) = shape.pair(pair);
        let keys = operands.keys_of(pair / shape.heads);
        if rows.is_empty() || keys.is_empty() {
            return;
        }
        let (width, hidden) = (shape.head_width, shape.hidden());
        let padded = keys.len().next_multiple_of(panel_keys::<S>());
        let spare = S::LANES * width;
        let extra = padded * (width + strip_rows(S::ISA)) + spare;
        // SAFETY: `run` checked the shapes; this pair's rows and columns of the gradients, and
        // this head's of the bias's, are this task's alone.
        unsafe {
            let (head, extra) = pack(s, shape, &operands, pair, scratch, extra);
            let (at, stride) = (head.v, head.key_stride);
            let source = Matrix { at, stride, rows: head.length, columns: width };
            let readable = operands.key_rows() - keys.start;
            pack_columns(s, source, readable, extra, extra.add(padded * width));
            let begin = rows.start * hidden + head.head * width;
            let first_key = keys.start * head.key_stride + head.head * width;
            let [by_queries, by_keys, by_values] = to;
            let pair = Pair {
                head,
                values: extra,
                ds: extra.add(padded * width + spare),
                out: out.as_ptr().add(begin),
                gradient: gradient.as_ptr().add(begin),
                dq: by_queries.0.at(by_queries.1 + rows.start * head.stride + head.head * width),
                dk: by_keys.0.at(by_keys.1 + first_key),
                dv: by_values.0.at(by_values.1 + first_key),
                hidden,
                width,
            };
            for (first, rows) in strips(0..head.queries, strip_rows(S::ISA)) {
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

// Every unsafe function below asks that the pair's pointers are valid for its rows and columns, and
// that the rows named lie in the strip that scratch holds.
impl Pair {
    /// # Safety
    /// The pair's pointers are valid; P of this strip is in scratch.
    #[inline(always)]
    unsafe fn strip<S: Simd>(&self, s: S, shape: &AttentionShape<'_>, first: usize, rows: usize) {
        let length = self.head.length;
        let begin = shape.reach.keys(first, length).start;
        let end = shape.reach.keys(first + rows - 1, length).end;
        let panel = panel_keys::<S>();
        let (stride, hidden) = (self.head.stride, self.hidden);
        macro_rules! by_rows {
            ($($rows:literal)*) => {
                match rows {
                    // SAFETY: rows of the strip, keys of the sequence.
                    $($rows => again(s, unsafe { BackStrip::<$rows> {
                        p: self.head.place.scores.cast_const(),
                        ds: self.ds,
                        values: self.values,
                        rows: self.head.place.queries,
                        q: Source { at: self.head.q.add(first * stride), stride },
                        out: Source { at: self.out.add(first * hidden), stride: hidden },
                        gradient: Source { at: self.gradient.add(first * hidden), stride: hidden },
                        k: Source { at: self.head.k, stride: self.head.key_stride },
                        dq: self.dq.add(first * stride),
                        dk: self.dk,
                        dv: self.dv,
                        scale: shape.scale,
                        width: self.width,
                        length,
                        first_panel: begin / panel,
                        end_panel: end.div_ceil(panel),
                    }}),)*
                    _ => unreachable!("a strip of {rows} queries"),
                }
            };
        }
        by_rows!(1 2 3 4 5 6 7 8 9 10 11 12 13 14)
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
        let panel = panel_keys::<S>();
        for r in 0..rows {
            let i = first + r;
            for j in shape.reach.keys(i, self.head.length) {
                // SAFETY: distances are shorter than the bias's span.
                unsafe {
                    let to = diagonal.offset(j as isize - i as isize);
                    *to += *self.ds.add((j / panel * rows + r) * panel + j % panel);
                }
            }
        }
    }
}

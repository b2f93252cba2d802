//! Attention forward: `O = softmax(scale Q K^T + bias) V` (Vaswani et al. 2017, eq. 1) for every
//! sequence and head.
//!
//! Self-attention: `qkv` is `[tokens, 3 * hidden]`, queries first, then keys, then values, heads side
//! by side in each; the output `[tokens, hidden]`. Of one text to another (section 3.2.3, a decoder's
//! to the encoder's rows): queries `[tokens, hidden]`, keys and values `[keys, 2 * hidden]`, each
//! sequence of queries over the sequence of keys of the same number. Nothing is kept for backward. For each sequence and head,
//! keys are packed once into `[head_width]` columns, then strips of queries run over them (see
//! `strip`). Cost: `4 * length^2 * head_width` operations a sequence and head; memory linear in
//! length.

use std::cell::RefCell;
use std::ops::Range;

use super::operands::Operands;
use super::shape::{AttentionShape, Reach};
use super::strip::{Place, QUERIES, Strip, panel_keys, strip_rows};
use crate::Pool;
use crate::gemm::Buffer;
use crate::isa::{Isa, Kernel, Simd, dispatch, dispatch_on};

/// Attention of all sequences and heads.
///
/// # Panics
/// Where a length does not fit the shapes.
pub fn attend(pool: &Pool, shape: &AttentionShape<'_>, qkv: &[f32], out: &mut [f32]) {
    attend_on(Isa::current(), pool, shape, qkv, out);
}

/// [`attend`] on a given instruction set, for tests and comparisons.
///
/// # Panics
/// Where a length does not fit the shapes, or this machine cannot run `isa`.
pub fn attend_on(isa: Isa, pool: &Pool, shape: &AttentionShape<'_>, qkv: &[f32], out: &mut [f32]) {
    run(isa, pool, shape, Operands::own(shape, qkv), out);
}

/// Attention of sequences of queries to sequences of keys and values, which begin at
/// `key_offsets`; every query sees all keys of its sequence, and zeros where there is none.
///
/// # Panics
/// Where a length does not fit the shapes.
pub fn attend_across(
    pool: &Pool,
    shape: &AttentionShape<'_>,
    queries: &[f32],
    (keys_values, key_offsets): (&[f32], &[usize]),
    out: &mut [f32],
) {
    attend_across_on(Isa::current(), pool, shape, queries, (keys_values, key_offsets), out);
}

/// [`attend_across`] on a given instruction set, for tests and comparisons.
///
/// # Panics
/// Where a length does not fit the shapes, or this machine cannot run `isa`.
pub fn attend_across_on(
    isa: Isa,
    pool: &Pool,
    shape: &AttentionShape<'_>,
    queries: &[f32],
    (keys_values, key_offsets): (&[f32], &[usize]),
    out: &mut [f32],
) {
    let shape = AttentionShape { reach: Reach::ALL, ..*shape };
    run(isa, pool, &shape, Operands::across(&shape, queries, keys_values, key_offsets), out);
}

fn run(isa: Isa, pool: &Pool, shape: &AttentionShape<'_>, operands: Operands<'_>, out: &mut [f32]) {
    shape.check(out.len());
    let tasks = tasks(shape, operands.key_offsets, pool.threads(), strip_rows(isa));
    let out = Target::new(out);
    pool.run(tasks.len(), &|index| {
        let task = &tasks[index];
        with_scratch(|scratch| {
            // SAFETY: tasks cover disjoint queries and heads.
            let out = unsafe { out.at(0) };
            dispatch_on(isa, Attend { shape, operands, out, task, scratch });
        });
    });
}

/// The probabilities of one sequence and head, `[length, length]`: row = query, column = key.
///
/// # Panics
/// Where a length does not fit the shapes.
pub fn attention_map(
    shape: &AttentionShape<'_>,
    qkv: &[f32],
    segment: usize,
    head: usize,
) -> Vec<f32> {
    map(shape, Operands::own(shape, qkv), segment, head)
}

/// As [`attention_map`] of [`attend_across`], `[queries, keys]` of one sequence and head.
///
/// # Panics
/// Where a length does not fit the shapes.
pub fn attention_map_across(
    shape: &AttentionShape<'_>,
    queries: &[f32],
    (keys_values, key_offsets): (&[f32], &[usize]),
    segment: usize,
    head: usize,
) -> Vec<f32> {
    let shape = AttentionShape { reach: Reach::ALL, ..*shape };
    map(&shape, Operands::across(&shape, queries, keys_values, key_offsets), segment, head)
}

fn map(
    shape: &AttentionShape<'_>,
    operands: Operands<'_>,
    segment: usize,
    head: usize,
) -> Vec<f32> {
    shape.check(shape.rows() * shape.hidden());
    assert!(head < shape.heads, "head {head} of {}", shape.heads);
    let queries = shape.offsets[segment + 1] - shape.offsets[segment];
    let mut map = vec![0.0; queries * operands.keys_of(segment).len()];
    let pair = segment * shape.heads + head;
    with_scratch(|scratch| {
        dispatch(Map { shape, operands, pair, scratch, map: &mut map });
    });
    map
}

/// A pointer that tasks write through, each its own places.
pub(super) struct Target(*mut f32);

// SAFETY: whoever takes a pointer out of it promises disjoint places.
unsafe impl Sync for Target {}

impl Target {
    pub(super) fn new(values: &mut [f32]) -> Self {
        Self(values.as_mut_ptr())
    }

    /// # Safety
    /// `offset` lies within the allocation, and what is written there is no other task's.
    pub(super) unsafe fn at(&self, offset: usize) -> *mut f32 {
        // SAFETY: promised by the caller.
        unsafe { self.0.add(offset) }
    }
}

thread_local! {
    static SCRATCH: RefCell<Buffer> = RefCell::new(Buffer::zeroed(0));
}

/// Runs `f` with this thread's scratch memory.
pub(super) fn with_scratch<T>(f: impl FnOnce(&mut Buffer) -> T) -> T {
    SCRATCH.with(|scratch| f(&mut scratch.borrow_mut()))
}

/// Pairs of a sequence and a head; where it is one pair, these queries of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Task {
    pub(super) pairs: Range<usize>,
    pub(super) queries: Range<usize>,
}

/// Queries and keys that cost about as much as one pair's packing, and scores that are worth
/// handing to another thread.
const PAIR_COST: usize = 24;
const LEAST_TASK: usize = 60_000;
/// Tasks that each thread gets: enough that the last one ends soon after the others.
const TASKS_PER_THREAD: usize = 6;

/// Divides the work: short sequences together, a long one by its queries. The division affects no
/// result.
fn tasks(
    shape: &AttentionShape<'_>,
    key_offsets: &[usize],
    threads: usize,
    rows: usize,
) -> Vec<Task> {
    let lengths = |offsets: &[usize]| -> Vec<usize> {
        offsets.windows(2).map(|pair| pair[1] - pair[0]).collect()
    };
    let (queries, keys) = (lengths(shape.offsets), lengths(key_offsets));
    let cost = |segment: usize| {
        let (queries, keys) = (queries[segment], keys[segment]);
        queries * shape.seen(keys) + queries.max(keys) * PAIR_COST
    };
    let total: usize = (0..queries.len()).map(|segment| cost(segment) * shape.heads).sum();
    let target = match threads {
        1 => usize::MAX,
        _ => (total / (threads * TASKS_PER_THREAD)).max(LEAST_TASK),
    };
    let mut tasks = Vec::new();
    let (mut begin, mut sum) = (0, 0);
    for pair in 0..shape.pairs() {
        let length = shape.pair(pair).0.len();
        let cost = cost(pair / shape.heads);
        if cost > target.saturating_mul(2) {
            if begin < pair {
                tasks.push(Task { pairs: begin..pair, queries: 0..usize::MAX });
            }
            let step = length.div_ceil(cost.div_ceil(target)).next_multiple_of(rows);
            for first in (0..length).step_by(step) {
                let queries = first..(first + step).min(length);
                tasks.push(Task { pairs: pair..pair + 1, queries });
            }
            (begin, sum) = (pair + 1, 0);
            continue;
        }
        sum += cost;
        if sum >= target {
            tasks.push(Task { pairs: begin..pair + 1, queries: 0..usize::MAX });
            (begin, sum) = (pair + 1, 0);
        }
    }
    if begin < shape.pairs() {
        tasks.push(Task { pairs: begin..shape.pairs(), queries: 0..usize::MAX });
    }
    tasks
}

/// One sequence and head, packed.
#[derive(Clone, Copy)]
pub(super) struct Head {
    pub(super) place: Place,
    pub(super) q: *const f32,
    pub(super) stride: usize,
    /// The sequence's keys and values of this head, not packed.
    pub(super) k: *const f32,
    pub(super) v: *const f32,
    pub(super) key_stride: usize,
    pub(super) queries: usize,
    /// The place of the first query among the keys.
    pub(super) first_place: usize,
    /// How many keys.
    pub(super) length: usize,
    pub(super) head: usize,
    pub(super) first_row: usize,
}

/// Packs the keys, and where it pays the values, of a pair into scratch.
///
/// # Safety
/// The operands fit the shape.
#[inline(always)]
pub(super) unsafe fn pack<S: Simd>(
    s: S,
    shape: &AttentionShape<'_>,
    operands: &Operands<'_>,
    pair: usize,
    scratch: &mut Buffer,
    extra: usize,
) -> (Head, *mut f32) {
    let (rows, head) = shape.pair(pair);
    let key_rows = operands.keys_of(pair / shape.heads);
    let (length, width) = (key_rows.len(), shape.head_width);
    let panel = panel_keys::<S>();
    let panels = length.div_ceil(panel);
    let padded = width.next_multiple_of(S::LANES);
    let sizes = [
        QUERIES,
        panels * panel * width,
        length * padded,
        panels * panel * strip_rows(S::ISA),
        2 * length + panel,
        S::LANES * width,
        extra,
    ];
    let mut at = [0; 7];
    let mut needed = 0;
    for (at, size) in at.iter_mut().zip(sizes) {
        *at = needed;
        needed += size.next_multiple_of(16);
    }
    if scratch.as_slice().len() < needed {
        *scratch = Buffer::zeroed(needed + needed / 4);
    }
    let base = scratch.as_mut_slice().as_mut_ptr();
    let (stride, key_stride) = (operands.query_stride, operands.key_stride);
    // SAFETY: the pieces lie side by side in scratch; the head's columns lie in the operands.
    unsafe {
        let q = operands.queries.as_ptr().wrapping_add(rows.start * stride + head * width);
        let first_key = key_rows.start * key_stride + head * width;
        let k = operands.keys.as_ptr().wrapping_add(first_key);
        let v = operands.values.as_ptr().wrapping_add(first_key);
        let source = Matrix { at: k, stride: key_stride, rows: length, columns: width };
        let keys = base.add(at[1]);
        pack_columns(s, source, operands.key_rows() - key_rows.start, keys, base.add(at[5]));
        let (mut values, mut values_stride) = (v, key_stride);
        if padded != width || rows.len() > 2 * strip_rows(S::ISA) {
            let source = Matrix { at: v, stride: key_stride, rows: length, columns: width };
            copy_rows(s, source, base.add(at[2]), padded);
            (values, values_stride) = (base.add(at[2]), padded);
        }
        let diagonal = diagonal(shape, head, length, panel, base.add(at[4]));
        let place = Place {
            queries: base.add(at[0]),
            keys,
            panel_stride: panel * width,
            values,
            values_stride,
            scores: base.add(at[3]),
            diagonal,
        };
        let (queries, first_row) = (rows.len(), rows.start);
        let head = Head {
            place,
            q,
            stride,
            k,
            v,
            key_stride,
            queries,
            first_place: 0,
            length,
            head,
            first_row,
        };
        (head, base.add(at[6]))
    }
}

/// Copies the bias of a head to scratch, in units of log2; null where there is none.
///
/// # Safety
/// `to` holds `2 * length + panel` values.
pub(super) unsafe fn diagonal(
    shape: &AttentionShape<'_>,
    head: usize,
    length: usize,
    panel: usize,
    to: *mut f32,
) -> *const f32 {
    if length == 0 {
        return std::ptr::null();
    }
    let Some(bias) = shape.diagonal(head, length) else { return std::ptr::null() };
    // SAFETY: promised by the caller; the bias has `2 * length - 1` values.
    let to = unsafe { std::slice::from_raw_parts_mut(to, bias.len() + panel) };
    let (copy, padding) = to.split_at_mut(bias.len());
    copy.iter_mut().zip(bias).for_each(|(to, bias)| *to = bias * std::f32::consts::LOG2_E);
    padding.fill(0.0);
    to.as_ptr()
}

/// Rows with a stride.
#[derive(Clone, Copy)]
pub(super) struct Matrix {
    pub(super) at: *const f32,
    pub(super) stride: usize,
    pub(super) rows: usize,
    pub(super) columns: usize,
}

/// `[rows, columns]` to `[panel][column][row of the panel]`. Where `readable` rows exist after the
/// first one, the last panel's padding may hold their values; else zeros or old values.
///
/// # Safety
/// `from` is readable, `to` holds whole panels, `spare` `LANES * columns` values.
#[inline(always)]
pub(super) unsafe fn pack_columns<S: Simd>(
    s: S,
    from: Matrix,
    readable: usize,
    to: *mut f32,
    spare: *mut f32,
) {
    let panel = panel_keys::<S>();
    let mut row = 0;
    while row < from.rows {
        // SAFETY: rows below `readable` exist; others come from the spare copy.
        unsafe {
            let to = to.add(row / panel * panel * from.columns + row % panel);
            let mut source = from.at.add(row * from.stride);
            let mut stride = from.stride;
            if row + S::LANES > readable {
                let rest = Matrix { at: source, rows: from.rows - row, ..from };
                copy_tight(s, rest, spare);
                (source, stride) = (spare, from.columns);
            }
            let mut k = 0;
            while k + 4 <= from.columns {
                s.transpose4(source.add(k), stride, to.add(k * panel), panel);
                k += 4;
            }
            while k < from.columns {
                for lane in 0..S::LANES.min(from.rows - row) {
                    *to.add(k * panel + lane) = *source.add(lane * stride + k);
                }
                k += 1;
            }
        }
        row += S::LANES;
    }
}

/// Copies rows to rows that begin `stride` apart, zeros up to there.
///
/// # Safety
/// `from` is readable; `to` holds `rows * stride` values, `stride` whole vectors.
#[inline(always)]
unsafe fn copy_rows<S: Simd>(s: S, from: Matrix, to: *mut f32, stride: usize) {
    for row in 0..from.rows {
        let mut k = 0;
        while k < stride {
            let left = from.columns - k;
            // SAFETY: within both rows.
            unsafe {
                let at = from.at.add(row * from.stride + k);
                let v = if left >= S::LANES { s.load_ptr(at) } else { s.load_first(at, left) };
                s.store_ptr(v, to.add(row * stride + k));
            }
            k += S::LANES;
        }
    }
}

/// Copies rows side by side.
///
/// # Safety
/// `from` is readable; `to` holds `rows * columns` values.
#[inline(always)]
unsafe fn copy_tight<S: Simd>(s: S, from: Matrix, to: *mut f32) {
    for row in 0..from.rows {
        let mut k = 0;
        while k < from.columns {
            let left = from.columns - k;
            // SAFETY: within both rows.
            unsafe {
                let v = s.load_first(from.at.add(row * from.stride + k), left);
                s.store_first(v, to.add(row * from.columns + k), left);
            }
            k += S::LANES;
        }
    }
}

struct Attend<'a> {
    shape: &'a AttentionShape<'a>,
    operands: Operands<'a>,
    out: *mut f32,
    task: &'a Task,
    scratch: &'a mut Buffer,
}

impl Kernel for Attend<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { shape, operands, out, task, scratch } = self;
        for pair in task.pairs.clone() {
            // SAFETY: `run` checked the shapes and gave this task its own queries and heads.
            unsafe {
                let (head, _) = pack(s, shape, &operands, pair, scratch, 0);
                let begin = task.queries.start.min(head.queries);
                let end = task.queries.end.min(head.queries);
                let out = out.add(head.first_row * shape.hidden() + head.head * shape.head_width);
                for (first, rows) in strips(begin..end, strip_rows(S::ISA)) {
                    strip(s, shape, &head, first, rows, out);
                }
            }
        }
    }
}

/// Divides queries into strips whose heights differ by one at most: `(first, rows)`.
pub(super) fn strips(queries: Range<usize>, rows: usize) -> impl Iterator<Item = (usize, usize)> {
    let count = queries.len().div_ceil(rows);
    (0..count).map(move |index| {
        let first = index * queries.len() / count;
        let end = (index + 1) * queries.len() / count;
        (queries.start + first, end - first)
    })
}

/// Runs one strip; `out` is the sequence's first row, or null for P in scratch.
///
/// # Safety
/// `head` comes from `pack`; `out` is valid for the sequence's rows and this strip's alone.
#[inline(always)]
pub(super) unsafe fn strip<S: Simd>(
    s: S,
    shape: &AttentionShape<'_>,
    head: &Head,
    first: usize,
    rows: usize,
    out: *mut f32,
) {
    let hidden = shape.hidden();
    macro_rules! by_rows {
        ($($rows:literal)*) => {
            match rows {
                $($rows => again(s, Strip::<$rows> {
                    place: head.place,
                    // SAFETY: a query of the sequence.
                    q: unsafe { head.q.add(first * head.stride) },
                    q_stride: head.stride,
                    factor: shape.scale * std::f32::consts::LOG2_E,
                    first: head.first_place + first,
                    length: head.length,
                    head_width: shape.head_width,
                    back: shape.reach.back,
                    ahead: shape.reach.ahead,
                    out: if out.is_null() {
                        out
                    } else {
                        // SAFETY: a row of the sequence.
                        unsafe { out.add(first * hidden) }
                    },
                    out_stride: hidden,
                }),)*
                _ => unreachable!("a strip of {rows} queries"),
            }
        };
    }
    by_rows!(1 2 3 4 5 6 7 8 9 10 11 12 13 14)
}

/// Runs a kernel as a function of its own on the instruction set that is already in use: strips
/// are many, and compile better apart.
#[inline(always)]
pub(super) fn again<S: Simd, K: Kernel>(_: S, kernel: K) -> K::Output {
    if S::ISA == Isa::current() { dispatch(kernel) } else { dispatch_on(S::ISA, kernel) }
}

struct Map<'a> {
    shape: &'a AttentionShape<'a>,
    operands: Operands<'a>,
    pair: usize,
    scratch: &'a mut Buffer,
    map: &'a mut [f32],
}

impl Kernel for Map<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { shape, operands, pair, scratch, map } = self;
        // SAFETY: `map` checked the shapes; scores are read where the strip wrote them.
        unsafe {
            let (head, _) = pack(s, shape, &operands, pair, scratch, 0);
            let panel = panel_keys::<S>();
            for (first, rows) in strips(0..head.queries, strip_rows(S::ISA)) {
                strip(s, shape, &head, first, rows, std::ptr::null_mut());
                for r in 0..rows {
                    for j in shape.reach.keys(first + r, head.length) {
                        let at = (j / panel * rows + r) * panel + j % panel;
                        map[(first + r) * head.length + j] = *head.place.scores.add(at);
                    }
                }
            }
        }
    }
}

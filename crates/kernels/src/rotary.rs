//! Rotary positions: each pair `(a, b)` of a query's or key's values turns by an angle that grows
//! with its place i:
//!
//! ```text
//! a' = a cos t - b sin t
//! b' = b cos t + a sin t,   t = i * base^(-2 k / width), k the pair's number
//! ```
//!
//! Su et al. 2021, eq. 15. Pairs are values `k` and `k + width / 2` (halves), or `2 k` and `2 k + 1`
//! (interleaved, as in the paper). qkv `[tokens, 3 * hidden]`. The adjoint is the inverse rotation;
//! nothing is kept. Cost: three operations a value; angles come from a table.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock};

use crate::Pool;
use crate::blocks::each_block;
use crate::isa::{Isa, Kernel, Simd, dispatch_on};

/// Heads, width and base of a rotation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rotation {
    /// Attention heads.
    pub heads: usize,
    /// Width of one head's query or key.
    pub head_width: usize,
    /// How many of its first values turn; even.
    pub rotary_width: usize,
    /// The slowest pair's wavelength is nearly `2 pi base`.
    pub base: f32,
    /// Pairs are neighbours rather than halves.
    pub interleaved: bool,
    /// The place of each sequence's first row.
    pub first: usize,
}

/// Which way to turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// By the angle.
    Forward,
    /// Back: the inverse, and the adjoint.
    Back,
}

/// Copies `qkv`, `[tokens, 3 * hidden]`, to `out` with queries and keys turned by their places in
/// their sequences.
///
/// # Panics
/// Where a length does not fit the shapes.
pub fn rotate(
    pool: &Pool,
    rotation: &Rotation,
    turn: Turn,
    offsets: &[usize],
    qkv: &[f32],
    out: &mut [f32],
) {
    rotate_on(Isa::current(), pool, rotation, turn, offsets, qkv, out);
}

/// [`rotate`] on a given instruction set, for tests and comparisons.
///
/// # Panics
/// Where a length does not fit the shapes, or this machine cannot run `isa`.
pub fn rotate_on(
    isa: Isa,
    pool: &Pool,
    rotation: &Rotation,
    turn: Turn,
    offsets: &[usize],
    qkv: &[f32],
    out: &mut [f32],
) {
    let rows = offsets.last().copied().unwrap_or(0);
    let width = 3 * rotation.heads * rotation.head_width;
    assert!(
        rotation.rotary_width <= rotation.head_width && rotation.rotary_width.is_multiple_of(2),
        "{} turning values of a head of {}",
        rotation.rotary_width,
        rotation.head_width
    );
    assert_eq!(qkv.len(), rows * width, "qkv of [{rows}, {width}]");
    assert_eq!(out.len(), qkv.len(), "output of [{rows}, {width}]");
    let longest = offsets.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
    let angles = Angles::of(rotation, rotation.first + longest);
    each_block(pool, width, out, |rows, out| {
        let qkv = &qkv[rows.start * width..rows.end * width];
        out.copy_from_slice(qkv);
        dispatch_on(isa, Rotate { rotation, turn, offsets, rows, angles: &angles, out });
    });
}

/// Cosines and sines by place, `[places, rotary_width / 2]` each.
#[derive(Debug)]
struct Angles {
    places: usize,
    cosines: Vec<f32>,
    sines: Vec<f32>,
}

type Tables = Mutex<HashMap<(usize, u32), Arc<Angles>>>;

impl Angles {
    /// The table of a width and base for at least `places` places: computed once, grown by
    /// doubling.
    fn of(rotation: &Rotation, places: usize) -> Arc<Self> {
        static TABLES: OnceLock<Tables> = OnceLock::new();
        let tables = TABLES.get_or_init(Tables::default);
        let mut tables = tables.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let key = (rotation.rotary_width, rotation.base.to_bits());
        match tables.get(&key) {
            Some(table) if table.places >= places => table.clone(),
            _ => {
                let places = places.next_power_of_two().max(64);
                let table = Arc::new(Self::new(rotation.rotary_width, rotation.base, places));
                tables.insert(key, table.clone());
                table
            }
        }
    }

    /// As the reference libraries: frequencies and angles are rounded to f32.
    fn new(width: usize, base: f32, places: usize) -> Self {
        let frequencies: Vec<f32> = (0..width / 2)
            .map(|k| {
                let exponent = 2.0 * k as f32 / width as f32;
                1.0 / f64::from(base).powf(f64::from(exponent)) as f32
            })
            .collect();
        let angles = (0..places).flat_map(|i| frequencies.iter().map(move |f| i as f32 * f));
        let (cosines, sines) = angles
            .map(|angle| (f64::from(angle).cos() as f32, f64::from(angle).sin() as f32))
            .unzip();
        Self { places, cosines, sines }
    }
}

struct Rotate<'a> {
    rotation: &'a Rotation,
    turn: Turn,
    offsets: &'a [usize],
    rows: Range<usize>,
    angles: &'a Angles,
    out: &'a mut [f32],
}

impl Kernel for Rotate<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { rotation, turn, offsets, rows, angles, out } = self;
        let Rotation { heads, head_width, rotary_width, interleaved, .. } = *rotation;
        let half = rotary_width / 2;
        let sign = if turn == Turn::Forward { 1.0 } else { -1.0 };
        let mut segment = offsets.partition_point(|&begin| begin <= rows.start) - 1;
        for (row, out) in rows.zip(out.chunks_exact_mut(3 * heads * head_width)) {
            while row >= offsets[segment + 1] {
                segment += 1;
            }
            let place = rotation.first + row - offsets[segment];
            let cosines = &angles.cosines[place * half..(place + 1) * half];
            let sines = &angles.sines[place * half..(place + 1) * half];
            for head in out[..2 * heads * head_width].chunks_exact_mut(head_width) {
                let head = &mut head[..rotary_width];
                if interleaved {
                    for (pair, (c, t)) in head.chunks_exact_mut(2).zip(cosines.iter().zip(sines)) {
                        let (a, b, t) = (pair[0], pair[1], sign * t);
                        pair[0] = a * c - b * t;
                        pair[1] = b * c + a * t;
                    }
                } else {
                    turn_halves(s, head, cosines, sines, sign);
                }
            }
        }
    }
}

#[inline(always)]
fn turn_halves<S: Simd>(s: S, head: &mut [f32], cosines: &[f32], sines: &[f32], sign: f32) {
    let (first, second) = head.split_at_mut(cosines.len());
    let sign = s.splat(sign);
    for at in (0..cosines.len()).step_by(S::LANES) {
        let c = s.load_tail(&cosines[at..]);
        let t = s.mul(sign, s.load_tail(&sines[at..]));
        let (a, b) = (s.load_tail(&first[at..]), s.load_tail(&second[at..]));
        s.store_tail(s.neg_fma(b, t, s.mul(a, c)), &mut first[at..]);
        s.store_tail(s.fma(a, t, s.mul(b, c)), &mut second[at..]);
    }
}

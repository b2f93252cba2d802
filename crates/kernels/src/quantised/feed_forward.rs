//! The position-wise feed-forward network with weights as bytes, both maps in one pass over tiles of
//! rows; equations and shapes as for f32 (`gemm/feed_forward.rs`).
//!
//! A tile's inner activations, `[tile, inner]`, stay in the core's L2, where each row is quantised as
//! soon as it is whole: its scale needs all of it. Few rows are instead cut by columns, one map after the
//! other; the result is the same to the bit.
//! Cost: `2 * rows * (hidden * inner + inner * outputs)` operations on bytes (gated: the first term
//! twice).

use super::inputs::{Inputs, quantise};
use super::linear::{Finish, linear_strided, part, run};
use super::packed::QuantisedMatrix;
use super::tile;
use crate::Pool;
use crate::activation::Activation;
use crate::gemm::epilogue::{self, Area, Epilogue};
use crate::gemm::{Scratch, Target, with_scratch};
use crate::isa::{Kernel, Simd, dispatch_on};
use crate::measure;

/// The two maps of a feed-forward network.
#[derive(Clone, Copy, Debug)]
pub struct FeedForward<'a> {
    /// `[inner, hidden]`; gated: `[2 * inner, hidden]`, the activated half first.
    pub first: &'a QuantisedMatrix,
    /// As long as `first` has outputs.
    pub first_bias: Option<&'a [f32]>,
    /// Of the inner values; gated: of their first half.
    pub activation: Activation,
    /// Whether the first map's second half multiplies its first.
    pub gated: bool,
    /// `[outputs, inner]`
    pub second: &'a QuantisedMatrix,
    /// `[outputs]`
    pub second_bias: Option<&'a [f32]>,
}

/// Computes `out = second(inner(first(x))) + residual`; x `[rows, hidden]`, out and residual
/// `[rows, outputs]`.
///
/// # Panics
/// Where a length does not fit the shapes.
pub fn feed_forward(
    pool: &Pool,
    x: &[f32],
    rows: usize,
    network: &FeedForward<'_>,
    residual: Option<&[f32]>,
    out: &mut [f32],
) {
    network.check(x, rows, residual, out);
    let tiles = Tiles::choose(network, rows);
    // Fewer tiles than keep the threads busy: each map by itself, cut by columns.
    if pool.threads() > 1 && tiles.count < 2 * pool.threads() {
        return by_map(pool, x, rows, network, residual, out);
    }
    let (inputs, outputs) = (network.first.inputs(), network.second.outputs());
    let out = Target(out.as_mut_ptr());
    pool.run(tiles.count, &|index| {
        let row = index * rows / tiles.count;
        let count = (index + 1) * rows / tiles.count - row;
        with_scratch(Scratch::Inner, tiles.rows * network.stride(), |inner| {
            // SAFETY: shapes were checked; each tile writes its own rows.
            let tile = unsafe {
                let x = x.as_ptr().add(row * inputs);
                Tile { network, x, row, rows: count, inner, residual, out: out.at(row * outputs) }
            };
            tile.run();
        });
    });
}

/// How rows are cut into tiles.
struct Tiles {
    count: usize,
    rows: usize,
}

impl Tiles {
    fn choose(network: &FeedForward<'_>, rows: usize) -> Self {
        let height = tile::tile_rows(network.first.set());
        let width = network.stride() + network.first.inputs();
        let fit = measure::caches().l2 / 2 / (width * size_of::<f32>());
        let highest = (fit / height * height).clamp(3 * height, 12 * height);
        let count = rows.div_ceil(highest).max(1);
        Self { count, rows: rows.div_ceil(count) }
    }
}

fn by_map(
    pool: &Pool,
    x: &[f32],
    rows: usize,
    network: &FeedForward<'_>,
    residual: Option<&[f32]>,
    out: &mut [f32],
) {
    let (stride, outputs) = (network.stride(), network.second.outputs());
    with_scratch(Scratch::Inner, rows * stride, |inner| {
        let at = inner.as_mut_ptr();
        let first = network.first_epilogue();
        // SAFETY: shapes were checked; the scratch holds `rows` rows at its stride.
        unsafe {
            let x = (x.as_ptr(), network.first.inputs());
            let finish = Finish { epilogue: &first, coarse: true };
            linear_strided(pool, x, rows, network.first, &finish, (at, stride));
        }
        if network.gated {
            let target = Target(at);
            pool.run(rows, &|row| {
                // SAFETY: each task has its own row.
                let at = unsafe { target.at(row * stride) };
                dispatch_on(network.first.set().isa(), Gate { network, at, rows: 1 });
            });
        }
        let second = Epilogue { bias: network.second_bias, residual, ..Epilogue::default() };
        // SAFETY: as above.
        unsafe {
            let out = (out.as_mut_ptr(), outputs);
            let finish = Finish { epilogue: &second, coarse: false };
            linear_strided(pool, (at, stride), rows, network.second, &finish, out);
        }
    });
}

impl FeedForward<'_> {
    fn inner(&self) -> usize {
        self.second.inputs()
    }

    /// Values from one row of inner activations to the next: a cache line more than the row, for
    /// rows that are a multiple of 4 KiB apart compete for the same few places of the L1 cache.
    fn stride(&self) -> usize {
        self.first.outputs().next_multiple_of(16) + 16
    }

    fn first_epilogue(&self) -> Epilogue<'_> {
        // A gated network activates one half only, in a step of its own.
        let activation = if self.gated { Activation::Identity } else { self.activation };
        Epilogue { bias: self.first_bias, activation, residual: None }
    }

    fn check(&self, x: &[f32], rows: usize, residual: Option<&[f32]>, out: &[f32]) {
        let (hidden, inner, outputs) = (self.first.inputs(), self.inner(), self.second.outputs());
        let check = |what: &str, found: usize, expected: usize| {
            assert!(
                found == expected,
                "{what} of a feed-forward network of bytes {hidden} -> {inner} -> {outputs} over {rows} rows: {expected} values, found {found}"
            );
        };
        let halves = if self.gated { 2 } else { 1 };
        check("first map", self.first.outputs(), halves * inner);
        check("x", x.len(), rows * hidden);
        check("out", out.len(), rows * outputs);
        check("first bias", self.first_bias.map_or(halves * inner, <[f32]>::len), halves * inner);
        check("second bias", self.second_bias.map_or(outputs, <[f32]>::len), outputs);
        check("residual", residual.map_or(out.len(), <[f32]>::len), out.len());
        assert_eq!(self.first.set(), self.second.set(), "both maps are packed alike");
    }
}

/// Both maps over a tile of rows.
struct Tile<'a> {
    network: &'a FeedForward<'a>,
    x: *const f32,
    row: usize,
    rows: usize,
    inner: &'a mut [f32],
    residual: Option<&'a [f32]>,
    out: *mut f32,
}

impl Tile<'_> {
    fn run(self) {
        let Self { network, x, row, rows, inner, residual, out } = self;
        let set = network.first.set();
        let (stride, at) = (network.stride(), inner.as_mut_ptr());
        let hidden = network.first.inputs();
        let first = network.first_epilogue();
        let second = Epilogue { bias: network.second_bias, residual, ..Epilogue::default() };
        let (panels, second_panels) = (0..network.first.panels(), 0..network.second.panels());
        // SAFETY: the shapes were checked by `feed_forward`, and the rows are this tile's own.
        unsafe {
            Inputs::with(Scratch::Rows, rows, network.first, |bytes| {
                quantise(network.first, (x, hidden), rows, bytes);
                let finish = Finish { epilogue: &first, coarse: true };
                run(set, part(network.first, &finish, (row, rows), panels, bytes, (at, stride)));
            });
            if network.gated {
                dispatch_on(set.isa(), Gate { network, at, rows });
            }
            Inputs::with(Scratch::Rows, rows, network.second, |bytes| {
                quantise(network.second, (at, stride), rows, bytes);
                let out = (out, network.second.outputs());
                let finish = Finish { epilogue: &second, coarse: false };
                let panels = second_panels;
                run(set, part(network.second, &finish, (row, rows), panels, bytes, out));
            });
        }
    }
}

/// `a = act(a) * b` over rows `[a | b]` at the network's stride.
struct Gate<'a> {
    network: &'a FeedForward<'a>,
    at: *mut f32,
    rows: usize,
}

impl Kernel for Gate<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (stride, inner) = (self.network.stride(), self.network.inner());
        let area = Area { at: self.at, stride, rows: self.rows, columns: inner };
        // SAFETY: the rows are this task's own and hold both halves.
        unsafe {
            epilogue::activate(s, self.network.activation, area);
            epilogue::multiply(s, self.at.add(inner), stride, area);
        }
    }
}

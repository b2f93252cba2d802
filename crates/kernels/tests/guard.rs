//! No kernel reads or writes beyond its operands: each operand lies against a page that faults on
//! any access, once with its end and once with its beginning, over all tails.
#![cfg(target_os = "linux")]

use std::ops::{Deref, DerefMut};

use contexture_kernels::activated::activate_both_on;
use contexture_kernels::activation::{Activation, activate, activate_backward, exponential};
use contexture_kernels::attention::{
    AttentionShape, Reach, ToeplitzBias, attend_backward_on, attend_on,
};
use contexture_kernels::characters::{Filter, Spelling, convolve, scatter_winners};
use contexture_kernels::columns::{columns, columns_backward};
use contexture_kernels::dot::dot;
use contexture_kernels::dropout::dropout_on;
use contexture_kernels::gemm::{
    Epilogue, FeedForward, Operand, Output, PackedMatrix, Right, feed_forward, linear, matmul_on,
    weight_gradient_on,
};
use contexture_kernels::highway::{carry, carry_backward};
use contexture_kernels::isa::{ByteIsa, Isa, Kernel, Simd, dispatch_on};
use contexture_kernels::lookup::{add_looked_up, add_rows, lookup, lookup_backward, row_products};
use contexture_kernels::norm::{Norm, layer_norm_backward, layer_norm_on};
use contexture_kernels::optimise::{AdamStep, adam_on, sum_of_squares_on};
use contexture_kernels::pointwise::{add_scaled, normalize, normalize_backward, weighted_sum};
use contexture_kernels::pooling::{Pooling, pool_rows, pool_rows_backward};
use contexture_kernels::quantised::{self, QuantisedMatrix, QuantisedTable, quantise_rows};
use contexture_kernels::rotary::{Rotation, Turn, rotate_on};
use contexture_kernels::softmax::{Smoothed, cross_entropy_on, softmax_backward, softmax_on};
use contexture_kernels::{Pool, Store};

/// Which end of the values touches a page that faults.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fence {
    End,
    Beginning,
}

const FENCES: [Fence; 2] = [Fence::End, Fence::Beginning];

/// Values between two pages that fault on any access.
struct Fenced {
    pages: *mut libc::c_void,
    bytes: usize,
    at: *mut f32,
    len: usize,
}

impl Fenced {
    fn new(fence: Fence, len: usize) -> Self {
        // SAFETY: asks for a number.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
        let inside = (len * size_of::<f32>()).next_multiple_of(page).max(page);
        let bytes = inside + 2 * page;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: new memory, no address asked for; the range made accessible lies inside it.
        let (pages, begin) = unsafe {
            let pages = libc::mmap(std::ptr::null_mut(), bytes, libc::PROT_NONE, flags, -1, 0);
            assert_ne!(pages, libc::MAP_FAILED, "{}", std::io::Error::last_os_error());
            let begin = pages.cast::<u8>().add(page);
            let refused = libc::mprotect(begin.cast(), inside, libc::PROT_READ | libc::PROT_WRITE);
            assert_eq!(refused, 0, "{}", std::io::Error::last_os_error());
            (pages, begin)
        };
        let skipped = match fence {
            Fence::End => inside - len * size_of::<f32>(),
            Fence::Beginning => 0,
        };
        // SAFETY: inside the accessible pages, aligned as both ends of a page are.
        let at = unsafe { begin.add(skipped) }.cast();
        let mut fenced = Self { pages, bytes, at, len };
        for (i, value) in fenced.iter_mut().enumerate() {
            *value = ((i * 37 + len) % 64) as f32 / 64.0 - 0.45;
        }
        fenced
    }
}

impl Deref for Fenced {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        // SAFETY: `len` values of owned, initialised memory.
        unsafe { std::slice::from_raw_parts(self.at, self.len) }
    }
}

impl DerefMut for Fenced {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as above, borrowed once.
        unsafe { std::slice::from_raw_parts_mut(self.at, self.len) }
    }
}

impl Drop for Fenced {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`, with this length.
        unsafe { libc::munmap(self.pages, self.bytes) };
    }
}

fn each_isa(f: impl Fn(Isa, Fence)) {
    for isa in Isa::supported() {
        FENCES.iter().for_each(|&fence| f(isa, fence));
    }
}

struct Tails(Fence);

impl Kernel for Tails {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for n in 0..=63 {
            let (from, mut to) = (Fenced::new(self.0, n), Fenced::new(self.0, n));
            let first = n.min(S::LANES);
            to.fill(9.0);
            s.store_tail(s.load_tail(&from), &mut to);
            assert_eq!(to[..first], from[..first]);
            to.fill(9.0);
            // SAFETY: both hold n values.
            unsafe { s.store_first(s.load_first(from.as_ptr(), n), to.as_mut_ptr(), n) };
            assert_eq!(to[..first], from[..first]);
            if n >= S::LANES {
                let last = n - S::LANES;
                s.store(s.load(&from[last..]), &mut to[last..]);
                assert_eq!(to[last..], from[last..]);
            }
        }
        for stride in 4..12 {
            let from = Fenced::new(self.0, (S::LANES - 1) * stride + 4);
            let mut to = Fenced::new(self.0, 4 * S::LANES);
            // SAFETY: as many rows of 4 as there are lanes, and 4 rows of as many values.
            unsafe { s.transpose4(from.as_ptr(), stride, to.as_mut_ptr(), S::LANES) };
            assert_eq!(to[S::LANES], from[1]);
        }
    }
}

#[test]
fn loads_and_stores_stay_inside() {
    each_isa(|isa, fence| dispatch_on(isa, Tails(fence)));
}

#[test]
fn a_fence_is_felt() {
    // The page after the values must fault, else nothing here means anything.
    let values = Fenced::new(Fence::End, 5);
    // SAFETY: a child process reads beyond the end and is ended for it.
    let status = unsafe {
        let child = libc::fork();
        if child == 0 {
            libc::signal(libc::SIGSEGV, libc::SIG_DFL);
            let beyond = std::ptr::read_volatile(values.at.add(5));
            libc::_exit(if beyond == 0.0 { 0 } else { 1 });
        }
        let mut status = 0;
        libc::waitpid(child, &mut status, 0);
        status
    };
    assert!(libc::WIFSIGNALED(status), "a read beyond the end went unnoticed: {status}");
}

#[test]
fn products_stay_inside() {
    let pool = Pool::new(1);
    each_isa(|isa, fence| {
        for outputs in 1..=63 {
            for inputs in [1, 3, 4, 7, 16, outputs] {
                let weights = Fenced::new(fence, outputs * inputs);
                let packed = PackedMatrix::pack_for(isa, &weights, outputs, inputs);
                let bias = Fenced::new(fence, outputs);
                for rows in [1, 2, 5, 15] {
                    let x = Fenced::new(fence, rows * inputs);
                    let residual = Fenced::new(fence, rows * outputs);
                    let mut out = Fenced::new(fence, rows * outputs);
                    let epilogue = Epilogue {
                        bias: Some(&bias),
                        activation: Activation::Gelu,
                        residual: Some(&residual),
                    };
                    linear(&pool, &x, rows, &packed, &epilogue, &mut out);
                    linear(&pool, &x, rows, &packed, &Epilogue::default(), &mut out);
                    assert!(out.iter().all(|y| y.is_finite()));
                }
            }
        }
    });
}

#[test]
fn feed_forward_networks_stay_inside() {
    let pools = [Pool::new(1), Pool::new(2)];
    each_isa(|isa, fence| {
        for (n, gated) in (1..=63).flat_map(|n| [(n, false), (n, true)]) {
            let (hidden, inner) = (n, 64 - n);
            let width = if gated { 2 * inner } else { inner };
            let first = Fenced::new(fence, width * hidden);
            let second = Fenced::new(fence, hidden * inner);
            let (first_bias, second_bias) = (Fenced::new(fence, width), Fenced::new(fence, hidden));
            let network = FeedForward {
                first: &PackedMatrix::pack_for(isa, &first, width, hidden),
                first_bias: Some(&first_bias),
                activation: Activation::Silu,
                gated,
                second: &PackedMatrix::pack_for(isa, &second, hidden, inner),
                second_bias: Some(&second_bias),
            };
            for (rows, pool) in [1, 3, 17].into_iter().flat_map(|rows| [(rows, 0), (rows, 1)]) {
                let x = Fenced::new(fence, rows * hidden);
                let mut out = Fenced::new(fence, rows * hidden);
                feed_forward(&pools[pool], &x, rows, &network, Some(&x), &mut out);
                assert!(out.iter().all(|y| y.is_finite()));
            }
        }
    });
}

/// Bytes between two pages that fault, as floats' memory: quarters of them.
fn fenced_bytes(fence: Fence, len: usize) -> (Fenced, usize) {
    (Fenced::new(fence, len.div_ceil(4)), len)
}

#[test]
fn products_of_bytes_stay_inside() {
    let pools = [Pool::new(1), Pool::new(2)];
    for (set, fence) in
        ByteIsa::supported().into_iter().flat_map(|set| FENCES.map(|fence| (set, fence)))
    {
        for inputs in 1..=63 {
            for outputs in [1, 5, 12, 31, 33] {
                let weights = Fenced::new(fence, inputs * outputs);
                let (bytes, scales) = quantise_rows(&weights, outputs, inputs);
                let packed = QuantisedMatrix::pack_for(set, &bytes, &scales, outputs, inputs);
                let columns = Fenced::new(fence, outputs);
                let outliers = packed.clone().with_outliers(&[inputs as u32 - 1], &columns);
                let bias = Fenced::new(fence, outputs);
                for (rows, pool) in [1, 3, 17].into_iter().flat_map(|rows| [(rows, 0), (rows, 1)]) {
                    let x = Fenced::new(fence, rows * inputs);
                    let residual = Fenced::new(fence, rows * outputs);
                    let mut out = Fenced::new(fence, rows * outputs);
                    let epilogue = Epilogue {
                        bias: Some(&bias),
                        activation: Activation::Gelu,
                        residual: Some(&residual),
                    };
                    quantised::linear(&pools[pool], &x, rows, &packed, &epilogue, &mut out);
                    quantised::linear(&pools[pool], &x, rows, &outliers, &epilogue, &mut out);
                    assert!(out.iter().all(|y| y.is_finite()));
                }
            }
        }
        for n in 1..=63 {
            let (hidden, inner) = (n, 64 - n);
            let of = |outputs, inputs| {
                let values = Fenced::new(fence, outputs * inputs);
                let (bytes, scales) = quantise_rows(&values, outputs, inputs);
                QuantisedMatrix::pack_for(set, &bytes, &scales, outputs, inputs)
            };
            let network = quantised::FeedForward {
                first: &of(2 * inner, hidden),
                first_bias: None,
                activation: Activation::Silu,
                gated: true,
                second: &of(hidden, inner),
                second_bias: None,
            };
            let x = Fenced::new(fence, 17 * hidden);
            let mut out = Fenced::new(fence, 17 * hidden);
            quantised::feed_forward(&pools[0], &x, 17, &network, Some(&x), &mut out);
            assert!(out.iter().all(|y| y.is_finite()));
        }
    }
}

#[test]
fn quantised_rows_stay_inside() {
    for fence in FENCES {
        for (width, rows) in (1..=63).flat_map(|width| [(width, 1), (width, 4)]) {
            let values = Fenced::new(fence, rows * width);
            let (mut memory, len) = fenced_bytes(fence, rows * width);
            let skipped = if fence == Fence::End { 4 * memory.len() - len } else { 0 };
            // SAFETY: inside the memory, of which any bits are bytes.
            let bytes = unsafe {
                let first = memory.as_mut_ptr().cast::<i8>().add(skipped);
                std::slice::from_raw_parts_mut(first, len)
            };
            let mut scales = Fenced::new(fence, rows);
            quantised::quantise_rows_into(&values, width, bytes, &mut scales);
            let table = QuantisedTable::new(bytes.to_vec(), scales.to_vec(), width);
            let mut out = Fenced::new(fence, 3 * width);
            let ids = [0, rows as u32 - 1, 0];
            quantised::lookup(&Pool::new(1), &table, &ids, &mut out);
            assert!(out.iter().all(|y| y.is_finite()));
            if width.is_multiple_of(2) {
                let (pairs, scales) = quantised::quantise_nibbles(&values, rows, width);
                let table = QuantisedTable::of_nibbles(pairs, scales, width);
                quantised::lookup(&Pool::new(1), &table, &ids, &mut out);
                assert!(out.iter().all(|y| y.is_finite()));
            }
        }
    }
}

#[test]
fn norms_and_softmax_stay_inside() {
    let pool = Pool::new(1);
    each_isa(|isa, fence| {
        for (width, rows) in (1..=63).flat_map(|width| [(width, 1), (width, 3)]) {
            let (weight, bias) = (Fenced::new(fence, width), Fenced::new(fence, width));
            let x = Fenced::new(fence, rows * width);
            let mut out = Fenced::new(fence, rows * width);
            for bias in [Some(&bias[..]), None] {
                let norm = Norm { weight: &weight, bias, epsilon: 1e-5, centred: true };
                layer_norm_on(isa, &pool, &norm, &x, &mut out);
            }
            softmax_on(isa, &pool, width, &mut out);
            assert!(out.iter().all(|y| y.is_finite()));
        }
    });
}

#[test]
fn attention_stays_inside() {
    let pool = Pool::new(1);
    each_isa(|isa, fence| {
        for length in 1..=63 {
            let heads = 2;
            for head_width in [1, 3, 4, 8, 13, 16, 33] {
                let offsets = [0, length, length, length + 1];
                let hidden = heads * head_width;
                let span = length + length % 3;
                let table = Fenced::new(fence, heads * (2 * span - 1));
                let bias = ToeplitzBias { table: &table, span };
                for (reach, bias) in [
                    (Reach::default(), None),
                    (Reach::default(), Some(bias)),
                    (Reach::window(5), None),
                ] {
                    let scale = 0.3;
                    let shape =
                        AttentionShape { heads, head_width, scale, reach, bias, offsets: &offsets };
                    let rows = length + 1;
                    let qkv = Fenced::new(fence, rows * 3 * hidden);
                    let mut out = Fenced::new(fence, rows * hidden);
                    attend_on(isa, &pool, &shape, &qkv, &mut out);
                    assert!(out.iter().all(|y| y.is_finite()));
                    if length % 4 != 1 {
                        continue;
                    }
                    let gradient = Fenced::new(fence, rows * hidden);
                    let mut by_qkv = Fenced::new(fence, rows * 3 * hidden);
                    let mut by_bias = Fenced::new(fence, table.len());
                    let by_bias = bias.map(|_| &mut by_bias[..]);
                    let known = (&out[..], &gradient[..]);
                    attend_backward_on(isa, &pool, &shape, &qkv, known, &mut by_qkv, by_bias);
                    assert!(by_qkv.iter().all(|y| y.is_finite()));
                }
            }
        }
    });
}

#[test]
fn rotations_stay_inside() {
    let pool = Pool::new(1);
    each_isa(|isa, fence| {
        for rotary_width in (2..=62).step_by(2) {
            for (interleaved, turn) in [(false, Turn::Forward), (true, Turn::Back)] {
                let (heads, base) = (2, 1e4);
                let head_width = rotary_width + rotary_width % 3;
                let rotation =
                    Rotation { heads, head_width, rotary_width, base, interleaved, first: 0 };
                let qkv = Fenced::new(fence, 5 * 3 * heads * head_width);
                let mut out = Fenced::new(fence, qkv.len());
                rotate_on(isa, &pool, &rotation, turn, &[0, 2, 5], &qkv, &mut out);
            }
        }
    });
}

/// What takes no instruction set: it runs on the process's own.
fn pointwise_on_the_current_set(fence: Fence) {
    let pool = Pool::new(1);
    for n in 1..=63 {
        let (mut values, x) = (Fenced::new(fence, n), Fenced::new(fence, n));
        for activation in Activation::ALL {
            activate(activation, &mut values);
            activate_backward(activation, &x, &mut values);
        }
        exponential(&mut values);
        add_scaled(0.5, &x, &mut values);
        weighted_sum(&pool, &[(0.5, &x), (0.25, &x)], &mut values);
        let (rows, mut out) = (Fenced::new(fence, 3 * n), Fenced::new(fence, 3 * n));
        normalize(&pool, n, 1e-12, &rows, &mut out);
        let gradient = Fenced::new(fence, 3 * n);
        normalize_backward(&pool, n, 1e-12, &rows, &gradient, &mut out);
        softmax_backward(&pool, n, &rows, &mut out);
        let norm = Norm { weight: &x, bias: None, epsilon: 1e-5, centred: true };
        let (mut by_weight, mut by_bias) = (Fenced::new(fence, n), Fenced::new(fence, n));
        let sums = (&mut by_weight[..], Some(&mut by_bias[..]));
        layer_norm_backward(&pool, &norm, &rows, &gradient, &mut out, sums.0, sums.1);
        lookup(&pool, n, &rows, &[2, 0, 1], &mut out);
        lookup_backward(&pool, n, &gradient, &[2, 0, 2], &mut out);
        add_rows(&pool, n, (&gradient, &[0.5; 3]), &[2, 0, 2], &mut out);
        add_looked_up(&pool, n, (&rows, &[2, 0, 2]), (&[0.5; 3], 1, 0), &mut out);
        let mut z = Fenced::new(fence, 3);
        row_products(&pool, n, &gradient, (&rows, &[2, 0, 2]), (&mut z, 1, 0));
        highway_and_columns(fence, n);
        pool_all(fence, n);
    }
}

fn highway_and_columns(fence: Fence, n: usize) {
    let pool = Pool::new(1);
    let (x, d, mut y) = (Fenced::new(fence, n), Fenced::new(fence, n), Fenced::new(fence, n));
    let (mut t, mut g) = (Fenced::new(fence, n), Fenced::new(fence, n));
    carry(&pool, &t, &g, &x, &mut y);
    let (maps, dx) = ((&mut t[..], &mut g[..]), (&mut y[..], Store::Add));
    carry_backward(&pool, Activation::Relu, &x, &d, maps, dx);
    assert!(dot(&pool, &x, &y).is_finite());
    let (mut all, mut some) = (Fenced::new(fence, 3 * n), Fenced::new(fence, 3 * n.div_ceil(2)));
    let own = n - n.div_ceil(2)..n;
    columns(&pool, (&all, n), own.clone(), &mut some);
    columns_backward(&pool, &some, own, (&mut all, n));
    assert!(all.iter().chain(&t[..]).chain(&g[..]).all(|y| y.is_finite()));
}

#[test]
fn characters_stay_inside() {
    let pool = Pool::new(1);
    let words = [3, 1, 2, 9, 9, 9, 4, 4, 4, 4];
    let spelling = Spelling::new(&words, 5, 9, 3, 10);
    let characters = spelling.distinct().len();
    each_isa(|isa, fence| {
        for (count, dim) in (1..=63).flat_map(|count| [(count, 1), (count, 4), (count, 7)]) {
            let weight = Fenced::new(fence, count * 3 * dim);
            let packed = PackedMatrix::pack_for(isa, &weight, count, 3 * dim);
            let (bias, e) = (Fenced::new(fence, count), Fenced::new(fence, characters * dim));
            let (mut z, mut winners) =
                (Fenced::new(fence, 2 * count), Fenced::new(fence, 2 * count));
            for weight in [Right::Plain(&weight, count, 3 * dim), Right::Packed(&packed)] {
                let filter = Filter { width: 3, weight, bias: &bias };
                convolve(&pool, &spelling, &e, &[filter], &mut z, Some(&mut winners));
            }
            let mut products = Fenced::new(fence, 3 * characters * count);
            let mut sums = Fenced::new(fence, count);
            let (given, out) = ((&z[..], &winners[..], count), (&mut products[..], count));
            scatter_winners(&pool, &spelling, given, (3, 0), out, &mut sums);
            assert!(products.iter().chain(&z[..]).all(|y| y.is_finite()));
        }
    });
}

fn pool_all(fence: Fence, width: usize) {
    let (x, offsets, skip) = (Fenced::new(fence, 5 * width), [0, 3, 3, 5], [1, 0, 0]);
    let (mut out, mut by_x) = (Fenced::new(fence, 3 * width), Fenced::new(fence, 5 * width));
    for kind in [
        Pooling::Cls,
        Pooling::Max,
        Pooling::Mean,
        Pooling::MeanSqrtLength,
        Pooling::WeightedMean,
        Pooling::Last,
    ] {
        pool_rows(&Pool::new(1), kind, width, &offsets, &skip, &x, &mut out);
        pool_rows_backward(&Pool::new(1), kind, width, &offsets, &skip, &x, &out, &mut by_x);
        assert!(out.iter().chain(&by_x[..]).all(|y| y.is_finite()));
    }
}

#[test]
fn training_stays_inside() {
    let pool = Pool::new(1);
    each_isa(|isa, fence| {
        for (m, k, n) in
            [(1, 1, 1), (3, 5, 7), (14, 16, 32), (15, 33, 47), (6, 1024, 9), (31, 300, 20)]
        {
            let (a, b) = (Fenced::new(fence, m * k), Fenced::new(fence, k * n));
            let mut out = Fenced::new(fence, m * n);
            for store in [Store::Over, Store::Add] {
                let turned = [(false, false), (false, true), (true, false), (true, true)];
                for (a_turned, b_turned) in turned {
                    let a = Operand::new(&a, if a_turned { m } else { k });
                    let b = Operand::new(&b, if b_turned { k } else { n });
                    let a = if a_turned { a.transposed() } else { a };
                    let b = if b_turned { b.transposed() } else { b };
                    let out = Output { values: &mut out, stride: n, store };
                    matmul_on(isa, &pool, (m, k, n), a, b, out);
                }
            }
            let mut db = Fenced::new(fence, m);
            let (dz, x) = (Operand::new(&a, m), Operand::new(&b, n));
            let dw = (&mut out[..], Store::Add);
            weight_gradient_on(isa, &pool, (k, n, m), dz, x, dw, Some(&mut db));
            assert!(out.iter().chain(&db[..]).all(|y| y.is_finite()));
        }
        for n in [1, 7, 16, 33, 130] {
            let (x, mut out) = (Fenced::new(fence, n), Fenced::new(fence, n));
            dropout_on(isa, &pool, 0.3, 7, &x, Store::Add, &mut out);
            let (mut du, mut u) = (Fenced::new(fence, n), Fenced::new(fence, n));
            for activation in Activation::ALL {
                activate_both_on(isa, &pool, activation, &x, &mut du, &mut u);
            }
            let mut z = Fenced::new(fence, 2 * n);
            let targets = [n as u32 - 1, 0];
            let (smoothing, seed) = (0.1, Some(0.5));
            let smoothed = Smoothed { classes: n, stride: n, targets: &targets, smoothing, seed };
            let mut losses = Fenced::new(fence, 2);
            cross_entropy_on(isa, &pool, &smoothed, &mut z, &mut losses);
            let step = AdamStep {
                decoupled: true,
                learning_rate: 0.1,
                beta1: 0.9,
                beta2: 0.99,
                epsilon: 1e-8,
                weight_decay: 0.1,
                bias_correction1: 0.1,
                bias_correction2: 0.01,
                gradient_scale: 1.0,
            };
            let mut v = Fenced::new(fence, n);
            v.fill(0.5);
            adam_on(isa, &pool, &step, &mut out, &x, &mut u, &mut v);
            assert!(sum_of_squares_on(isa, &pool, &out).is_finite());
            assert!(losses.iter().chain(&z[..]).all(|y| y.is_finite()));
        }
    });
}

#[test]
fn pointwise_work_stays_inside() {
    FENCES.into_iter().for_each(pointwise_on_the_current_set);
    // The other sets in processes of their own, which cannot start others in turn.
    if std::env::var_os(Isa::VARIABLE).is_some() {
        return;
    }
    for isa in Isa::supported().into_iter().filter(|&isa| isa != Isa::current()) {
        let mut child = std::process::Command::new(std::env::current_exe().expect("a path"));
        child.args(["--exact", "pointwise_work_stays_inside"]).env(Isa::VARIABLE, isa.name());
        // An emulated program may not start others; its shell's word for that is 127.
        match child.output() {
            Ok(output) if output.status.code() != Some(127) => {
                assert!(output.status.success(), "{isa}: {output:?}");
            }
            refused => eprintln!("skipped: pointwise work on {isa}: {refused:?}"),
        }
    }
}

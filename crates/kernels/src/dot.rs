//! `sum_i a_i b_i` of whole arrays.
//!
//! Short runs are summed in single precision, by lanes, then doubles take over; runs lie at fixed
//! places and are added in their order, so that the sum is the same on any number of threads.
//! Cost: one pass, bound by memory.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::Pool;
use crate::isa::{Kernel, Simd, dispatch};

/// Values of one task.
const TASK: usize = 32 << 10;
/// Values that are summed in single precision.
const RUN: usize = 512;

/// `sum_i a_i b_i`
///
/// # Panics
/// Where lengths differ.
pub fn dot(pool: &Pool, a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len(), "both sides of an inner product");
    let tasks = a.len().div_ceil(TASK);
    let sums: Vec<AtomicU64> = (0..tasks).map(|_| AtomicU64::new(0)).collect();
    pool.run(tasks, &|task| {
        let range = task * TASK..((task + 1) * TASK).min(a.len());
        let sum = dispatch(Dot { a: &a[range.clone()], b: &b[range] });
        sums[task].store(sum.to_bits(), Ordering::Relaxed);
    });
    sums.into_iter().map(|sum| f64::from_bits(sum.into_inner())).sum()
}

struct Dot<'a> {
    a: &'a [f32],
    b: &'a [f32],
}

impl Kernel for Dot<'_> {
    type Output = f64;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f64 {
        let mut total = 0.0;
        for (a, b) in self.a.chunks(RUN).zip(self.b.chunks(RUN)) {
            let mut sum = s.splat(0.0);
            for (a, b) in a.chunks(S::LANES).zip(b.chunks(S::LANES)) {
                sum = s.fma(s.load_tail(a), s.load_tail(b), sum);
            }
            total += f64::from(s.sum(sum));
        }
        total
    }
}

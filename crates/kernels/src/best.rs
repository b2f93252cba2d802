//! The likeliest classes of rows of logits: `log p_c = z_c - log sum_k exp(z_k)`, the `count` largest
//! of each row.
//!
//! z `[rows, classes]`. Of equal values the first wins. Cost: three passes over a row that stay in
//! the cache, an exponential for each value.

use crate::Pool;
use crate::activation::exp2_nonpositive;
use crate::isa::{Isa, Kernel, Simd, dispatch_on};

/// A class and its log-likelihood.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Likely {
    /// The class.
    pub class: u32,
    /// The logarithm of its probability.
    pub log_probability: f32,
}

/// The `count` likeliest classes of every row, `[rows, count]`, likeliest first; `never` are left out,
/// though they have their share of the probability. Fewer than `count` where there are not as many.
///
/// # Panics
/// Where the values do not fill whole rows, or a row has no class to choose from.
pub fn likeliest(
    pool: &Pool,
    classes: usize,
    z: &[f32],
    never: &[u32],
    count: usize,
) -> Vec<Vec<Likely>> {
    likeliest_on(Isa::current(), pool, classes, z, never, count)
}

/// [`likeliest`] on a given instruction set, for tests and comparisons.
///
/// # Panics
/// As [`likeliest`], or where this machine cannot run `isa`.
pub fn likeliest_on(
    isa: Isa,
    pool: &Pool,
    classes: usize,
    z: &[f32],
    never: &[u32],
    count: usize,
) -> Vec<Vec<Likely>> {
    assert!(
        classes > 0 && z.len().is_multiple_of(classes),
        "{} logits in rows of {classes}",
        z.len()
    );
    let rows = z.len() / classes;
    let mut found = vec![Vec::new(); rows];
    let step = rows.div_ceil(pool.threads()).max(1);
    let target = std::sync::Mutex::new(&mut found);
    pool.run(rows.div_ceil(step), &|task| {
        let own = task * step..((task + 1) * step).min(rows);
        let of = |row: usize| {
            let z = &z[row * classes..(row + 1) * classes];
            dispatch_on(isa, Row { z, never, count })
        };
        let best: Vec<Vec<Likely>> = own.clone().map(of).collect();
        let mut found = target.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        found[own].iter_mut().zip(best).for_each(|(to, best)| *to = best);
    });
    found
}

struct Row<'a> {
    z: &'a [f32],
    never: &'a [u32],
    count: usize,
}

impl Kernel for Row<'_> {
    type Output = Vec<Likely>;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Vec<Likely> {
        let Self { z, never, count } = self;
        let most = largest(s, z);
        let log_sum = most + power_sum(s, z, most).ln();
        let mut best: Vec<(f32, u32)> = Vec::with_capacity(count + 1);
        let mut least = f32::NEG_INFINITY;
        for (index, block) in z.chunks(BLOCK).enumerate() {
            // Most blocks have nothing that is good enough.
            if best.len() == count && largest(s, block) <= least {
                continue;
            }
            for (place, value) in block.iter().enumerate() {
                let class = (index * BLOCK + place) as u32;
                let good = best.len() < count || *value > least;
                if !good || never.contains(&class) {
                    continue;
                }
                let at = best.partition_point(|(other, _)| other >= value);
                best.insert(at, (*value, class));
                best.truncate(count);
                if best.len() == count {
                    least = best[count - 1].0;
                }
            }
        }
        let likely = |(value, class)| Likely { class, log_probability: value - log_sum };
        best.into_iter().map(likely).collect()
    }
}

/// Values that are passed over together.
const BLOCK: usize = 64;

#[inline(always)]
fn largest<S: Simd>(s: S, z: &[f32]) -> f32 {
    let mut most = s.splat(f32::NEG_INFINITY);
    let mut whole = z.chunks_exact(S::LANES);
    for values in &mut whole {
        most = s.max(s.load(values), most);
    }
    let rest = whole.remainder().iter().copied().fold(f32::NEG_INFINITY, f32::max);
    s.maximum(most).max(rest)
}

/// `sum_k exp(z_k - most)`
#[inline(always)]
fn power_sum<S: Simd>(s: S, z: &[f32], most: f32) -> f32 {
    let most = s.splat(most);
    let (mut even, mut odd) = (s.splat(0.0), s.splat(0.0));
    let mut pairs = z.chunks_exact(2 * S::LANES);
    for pair in &mut pairs {
        even = s.add(even, power(s, s.load(pair), most));
        odd = s.add(odd, power(s, s.load(&pair[S::LANES..]), most));
    }
    for rest in pairs.remainder().chunks(S::LANES) {
        let p = power(s, s.load_tail(rest), most);
        even = s.add(even, s.select(s.first(rest.len()), p, s.splat(0.0)));
    }
    s.sum(s.add(even, odd))
}

/// `exp(x - most)`. Not a closure: it would not be inlined, and every instruction in it would be a call.
#[inline(always)]
fn power<S: Simd>(s: S, x: S::V, most: S::V) -> S::V {
    exp2_nonpositive(s, s.mul(s.sub(x, most), s.splat(std::f32::consts::LOG2_E)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_are_those_of_a_sorted_row() {
        let value = |i: usize| ((i * 7919 % 1009) as f32 * 0.01).sin() * 6.0;
        let mut checked = 0;
        for isa in Isa::supported() {
            for classes in [1, 2, 15, 16, 17, 63, 64, 65, 200, 1000] {
                let z: Vec<f32> = (0..3 * classes).map(value).collect();
                let never: &[u32] = if classes > 3 { &[0, 3] } else { &[] };
                for count in [1, 4, 9] {
                    let found = likeliest_on(isa, &Pool::new(2), classes, &z, never, count);
                    for (row, found) in z.chunks(classes).zip(&found) {
                        let sum: f64 = row.iter().map(|z| f64::from(*z).exp()).sum();
                        let mut all: Vec<(usize, f32)> = row.iter().copied().enumerate().collect();
                        all.retain(|(class, _)| !never.contains(&(*class as u32)));
                        all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
                        all.truncate(count);
                        assert_eq!(found.len(), all.len());
                        for (found, (class, z)) in found.iter().zip(all) {
                            assert_eq!(found.class as usize, class, "{isa} {classes}");
                            let expected = f64::from(z) - sum.ln();
                            let error = (f64::from(found.log_probability) - expected).abs();
                            assert!(error < 2e-6 * (1.0 + expected.abs()), "{isa} {classes}");
                            checked += 1;
                        }
                    }
                }
            }
        }
        assert!(checked > 300);
    }
}

//! n-grams and how often each occurs, of words or of characters.

use std::collections::HashMap;
use std::hash::Hash;

/// How often each n-gram occurs.
pub(super) type Counts<'a, T> = HashMap<&'a [T], u64>;

/// The n-grams of order `n`, at least 1.
pub(super) fn ngrams<T: Hash + Eq>(units: &[T], n: usize) -> Counts<'_, T> {
    let mut counts = Counts::new();
    for gram in units.windows(n) {
        *counts.entry(gram).or_default() += 1;
    }
    counts
}

/// n-grams that both have, each as often as it occurs where it is rarer.
pub(super) fn matches<T: Hash + Eq>(ours: &Counts<'_, T>, theirs: &Counts<'_, T>) -> u64 {
    let clipped =
        |(gram, count): (&&[T], &u64)| theirs.get(gram).map_or(0, |most| *count.min(most));
    ours.iter().map(clipped).sum()
}

/// How many n-grams of order `n` this many units have.
pub(super) fn total(units: usize, n: usize) -> u64 {
    (units + 1).saturating_sub(n) as u64
}

//! What a table of places `[places, columns]` tells: which rows coincide, how far rows lie apart.
//!
//! ```text
//! i and j coincide      max_c |t_ic - t_jc| <= tolerance
//! distance profile      d_k = mean_i |t_i - t_(i+k)|,   c_k = mean_i cos(t_i, t_(i+k))
//! ```
//!
//! The search is exact: places are sorted by the column that tells most of them apart, and only
//! those that are near there are compared. Cost: `places log places` for a table whose rows differ,
//! `places^2` comparisons at worst. The profile takes all pairs while that is cheap, and evenly
//! spread ones beyond.

use serde::Serialize;

/// Two places whose rows are the same within a tolerance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Coincidence {
    /// The smallest place whose row comes again.
    pub first: usize,
    /// The smallest place after it with that row.
    pub second: usize,
    /// Their largest difference in a column.
    pub difference: f32,
}

/// A table as the functions here see it: rows of `width` values.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    pub(super) values: &'a [f32],
    pub(super) width: usize,
}

/// Columns that are looked at to find the one to sort by.
const TRIED: usize = 32;
/// Products that the profile may take before it turns to samples.
const PRODUCTS: usize = 1 << 27;

impl Table<'_> {
    pub(super) fn places(&self) -> usize {
        self.values.len() / self.width.max(1)
    }

    pub(super) fn row(&self, place: usize) -> &[f32] {
        &self.values[place * self.width..(place + 1) * self.width]
    }

    /// The largest difference of two rows in a column.
    pub(super) fn difference(&self, a: usize, b: usize) -> f32 {
        let pairs = self.row(a).iter().zip(self.row(b));
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    /// The first pair of places, by the first place and then the second, that coincide.
    pub(super) fn coincidence(&self, tolerance: f32) -> Option<Coincidence> {
        let near = |a: usize, b: usize| {
            self.row(a).iter().zip(self.row(b)).all(|(a, b)| (a - b).abs() <= tolerance)
        };
        let order = self.order(tolerance);
        let mut rank = vec![0; order.len()];
        order.iter().enumerate().for_each(|(at, (_, place))| rank[*place] = at);
        for (first, at) in rank.iter().enumerate() {
            let own = order[*at].0;
            let within = |(value, _): &&(f32, usize)| (value - own).abs() <= tolerance;
            let above = order[at + 1..].iter().take_while(within);
            let below = order[..*at].iter().rev().take_while(within);
            let others = above.chain(below).map(|(_, place)| *place);
            if let Some(second) = others.filter(|p| *p > first && near(first, *p)).min() {
                let difference = self.difference(first, second);
                return Some(Coincidence { first, second, difference });
            }
        }
        None
    }

    /// All places sorted by their value in the column where the fewest are near each other.
    fn order(&self, tolerance: f32) -> Vec<(f32, usize)> {
        let step = self.width.div_ceil(TRIED).max(1);
        let sorted = |column: usize| {
            let values = self.values.iter().skip(column).step_by(self.width.max(1));
            let mut order: Vec<(f32, usize)> =
                values.enumerate().map(|(place, value)| (*value, place)).collect();
            order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            order
        };
        let candidates = (0..self.width).step_by(step).map(sorted);
        candidates.min_by_key(|order| pairs_within(order, tolerance)).unwrap_or_default()
    }

    /// The smallest difference of two neighbours, and where; `None` for fewer than two places.
    pub(super) fn closest_neighbours(&self) -> Option<(usize, f32)> {
        let steps = (1..self.places()).map(|place| (place - 1, self.difference(place - 1, place)));
        steps.min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// The mean distance and the mean cosine of rows `k` apart, for each k from 0 on.
    pub(super) fn profile(&self) -> (Vec<f32>, Vec<f32>) {
        let places = self.places();
        let most = (PRODUCTS / (places * self.width).max(1)).max(16);
        let squares: Vec<f64> = (0..places).map(|place| self.product(place, place)).collect();
        let mut distances = Vec::with_capacity(places);
        let mut cosines = Vec::with_capacity(places);
        for k in 0..places {
            let pairs = places - k;
            let taken = pairs.min(most);
            let (mut distance, mut cosine) = (0.0, 0.0);
            for sample in 0..taken {
                let i = sample * pairs / taken;
                let (a, b) = (squares[i], squares[i + k]);
                let product = self.product(i, i + k);
                distance += if k == 0 { 0.0 } else { self.distance(i, i + k) };
                cosine += if a * b > 0.0 { product / (a * b).sqrt() } else { 0.0 };
            }
            distances.push((distance / taken as f64) as f32);
            cosines.push((cosine / taken as f64) as f32);
        }
        (distances, cosines)
    }

    fn product(&self, a: usize, b: usize) -> f64 {
        let pairs = self.row(a).iter().zip(self.row(b));
        f64::from(pairs.map(|(a, b)| a * b).sum::<f32>())
    }

    fn distance(&self, a: usize, b: usize) -> f64 {
        let pairs = self.row(a).iter().zip(self.row(b));
        f64::from(pairs.map(|(a, b)| (a - b) * (a - b)).sum::<f32>()).sqrt()
    }
}

/// How many pairs of a sorted list lie within `tolerance`.
fn pairs_within(order: &[(f32, usize)], tolerance: f32) -> usize {
    let mut begin = 0;
    let mut pairs = 0;
    for (at, (value, _)) in order.iter().enumerate() {
        while value - order[begin].0 > tolerance {
            begin += 1;
        }
        pairs += at - begin;
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against every pair, on tables of few different values, so that rows come again.
    #[test]
    fn the_first_coincidence_is_that_of_a_search_of_all_pairs() {
        let mut state = 9u64;
        let mut next = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) as usize
        };
        let (mut found, mut none) = (0, 0);
        for round in 0..300 {
            let (places, width, kinds) = (2 + next() % 40, 1 + next() % 4, 2 + next() % 30);
            let values: Vec<f32> =
                (0..places * width).map(|_| (next() % kinds) as f32 * 0.1).collect();
            let table = Table { values: &values, width };
            let tolerance = if round % 2 == 0 { 0.01 } else { 0.15 };
            let all = (0..places).flat_map(|a| (a + 1..places).map(move |b| (a, b)));
            let mut all = all.filter(|(a, b)| table.difference(*a, *b) <= tolerance);
            let expected = all.next();
            let got = table.coincidence(tolerance).map(|c| (c.first, c.second));
            assert_eq!(got, expected, "round {round}");
            *(if got.is_some() { &mut found } else { &mut none }) += 1;
        }
        assert!(found > 50 && none > 20, "{found} with and {none} without");
    }

    #[test]
    fn the_profile_of_a_circle_is_its_chord() {
        let angle = |place: usize| place as f32 * 0.1;
        let values: Vec<f32> = (0..60).flat_map(|p| [angle(p).cos(), angle(p).sin()]).collect();
        let table = Table { values: &values, width: 2 };
        let (distances, cosines) = table.profile();
        for k in 0..60 {
            assert!((cosines[k] - angle(k).cos()).abs() < 1e-5, "{k}: {}", cosines[k]);
            let chord = 2.0 * (angle(k) / 2.0).sin().abs();
            assert!((distances[k] - chord).abs() < 1e-5, "{k}: {} {chord}", distances[k]);
        }
    }
}

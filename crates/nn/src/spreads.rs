//! How large the inputs of products are, column by column: what decides which of them are outliers.
//!
//! In trained encoders a few columns hold values ten times as large as all others, in nearly every text
//! (Dettmers et al. 2022, section 4). Bytes that must reach so far are too coarse for the rest.

use std::collections::BTreeMap;

use crate::{Param, Rows};

/// The largest magnitude seen in each input column of each measured product.
#[derive(Debug, Clone, Default)]
pub struct Spreads {
    largest: BTreeMap<usize, Vec<f32>>,
}

/// A column is an outlier from this many times the median column's magnitude on.
const FAR: f32 = 3.0;
/// One column in this many may be an outlier: each costs as much as four others.
const RARE: usize = 48;

impl Spreads {
    pub(crate) fn include(&mut self, weight: Param, x: &Rows) {
        let largest = self.largest.entry(weight.index).or_insert_with(|| vec![0.0; weight.width]);
        for row in 0..x.rows() {
            // Rows may be longer than the product reads.
            for (largest, value) in largest.iter_mut().zip(x.row(row)) {
                *largest = largest.max(value.abs());
            }
        }
    }

    /// The outliers among a product's inputs, the farthest first; none where it was not measured.
    pub fn outliers(&self, weight: Param) -> Vec<u32> {
        let Some(largest) = self.largest.get(&weight.index) else { return Vec::new() };
        let mut order: Vec<u32> = (0..largest.len() as u32).collect();
        order.sort_by(|a, b| largest[*b as usize].total_cmp(&largest[*a as usize]));
        let Some(median) = order.get(order.len() / 2).map(|at| largest[*at as usize]) else {
            return Vec::new();
        };
        let far = |at: &u32| largest[*at as usize] > FAR * median;
        order.into_iter().take_while(far).take(weight.width / RARE).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Builder;

    #[test]
    fn outliers_are_few_and_the_farthest_first() {
        let mut builder = Builder::new();
        let weight = builder.matrix("weight", 2, 96, crate::Initial::Zeros);
        let mut spreads = Spreads::default();
        assert!(spreads.outliers(weight).is_empty(), "nothing was measured");
        let mut x = Rows::new(vec![1.0; 2 * 96], 96);
        x.row_mut(0)[7] = -5.0;
        x.row_mut(1)[90] = 9.0;
        x.row_mut(1)[3] = 4.0;
        x.row_mut(1)[2] = 2.9;
        spreads.include(weight, &x);
        assert_eq!(spreads.outliers(weight), [90, 7]);
    }
}

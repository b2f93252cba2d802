//! Relative buckets (Raffel et al. 2020, section 2.1; Song et al. 2020): the scores of head h gain
//! `table[bucket(j - i), h]`, one table `[buckets, heads]` for all layers. The op knows the buckets.

use contexture_nn::ops::ScoreBias;
use contexture_nn::{Builder, Initial, Param};

use super::Position;

#[derive(Debug)]
pub(crate) struct Buckets {
    table: Param,
    farthest: usize,
}

impl Buckets {
    pub(crate) fn declare(
        buckets: usize,
        farthest: usize,
        heads: usize,
        initial: Initial,
        b: &mut Builder,
    ) -> Self {
        let table = b.within("buckets", |b| b.exact_table("weight", buckets, heads, initial));
        Self { table, farthest }
    }
}

impl Position for Buckets {
    fn on_scores(&self) -> ScoreBias {
        ScoreBias::Buckets { table: self.table, farthest: self.farthest }
    }
}

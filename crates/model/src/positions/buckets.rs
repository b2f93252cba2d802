//! Relative buckets (Raffel et al. 2020, section 2.1; Song et al. 2020): the scores of head h gain
//! `table[bucket(j - i), h]`, one table `[buckets, heads]` for all layers; one-sided, as in a decoder, all
//! buckets are for what is behind. The op knows the buckets.

use contexture_nn::ops::ScoreBias;
use contexture_nn::{Builder, Initial, Param};

use super::Position;

#[derive(Debug)]
pub(crate) struct Buckets {
    table: Param,
    farthest: usize,
    one_sided: bool,
}

impl Buckets {
    pub(crate) fn declare(
        (buckets, farthest, one_sided): (usize, usize, bool),
        heads: usize,
        initial: Initial,
        b: &mut Builder,
    ) -> Self {
        let table = b.within("buckets", |b| b.exact_table("weight", buckets, heads, initial));
        Self { table, farthest, one_sided }
    }
}

impl Position for Buckets {
    fn on_scores(&self) -> ScoreBias {
        let Self { table, farthest, one_sided } = *self;
        ScoreBias::Buckets { table, farthest, one_sided }
    }
}

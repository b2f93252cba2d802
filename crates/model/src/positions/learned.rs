//! Learned positions (Gehring et al. 2017; Devlin et al. 2019): row `p_i` of a table `[entries, hidden]` is added to token i's.
//!
//! ```text
//! p_i = offset + i                                      no word is skipped
//! p_i = offset - 1 + (i's rank among counted words)     a counted word, ranks from 1
//! p_i = offset - 1                                      the skipped word itself
//! ```
//!
//! The second form is fairseq's, and so RoBERTa's: `offset` is the padding's number + 1, and the
//! padding is skipped, even where a user's text spells it out.

use std::sync::Arc;

use contexture_nn::ops::Lookup;
use contexture_nn::{Builder, Initial, Param, Session, Value};

use super::Position;
use crate::architectures::Batch;

#[derive(Debug)]
pub(crate) struct Learned {
    table: Param,
    offset: usize,
    skips: Option<u32>,
}

impl Learned {
    pub(crate) fn declare(
        entries: usize,
        offset: usize,
        skips: Option<u32>,
        hidden: usize,
        initial: Initial,
        b: &mut Builder,
    ) -> Self {
        let table = b.within("positions", |b| b.table("weight", entries, hidden, initial));
        Self { table, offset, skips }
    }
}

impl Position for Learned {
    fn on_input(&self, s: &mut Session, batch: &Batch) -> Option<Value> {
        let ids = places(batch, self.offset, self.skips);
        Some(s.apply(Lookup { table: self.table, ids }, &[], &batch.segments))
    }
}

/// Each token's row of the table.
fn places(batch: &Batch, offset: usize, skips: Option<u32>) -> Arc<[u32]> {
    let offset = offset as u32;
    let mut places = Vec::with_capacity(batch.ids.len());
    for range in batch.segments.iter() {
        let mut next = offset + batch.first as u32;
        for id in &batch.ids[range] {
            if skips == Some(*id) {
                places.push(offset.saturating_sub(1));
            } else {
                places.push(next);
                next += 1;
            }
        }
    }
    places.into()
}

#[cfg(test)]
mod tests {
    use contexture_nn::Segments;

    use super::*;

    #[test]
    fn places_begin_anew_in_each_sequence() {
        let batch = |ids: [u32; 5], first| Batch {
            ids: Arc::from(ids),
            type_ids: None,
            segments: Segments::from_lengths([3, 0, 2]),
            first,
            spelled: None,
        };
        assert_eq!(*places(&batch([7, 1, 7, 1, 1], 0), 0, None), [0, 1, 2, 0, 1]);
        assert_eq!(*places(&batch([7, 1, 7, 1, 7], 0), 2, Some(1)), [2, 1, 3, 1, 2]);
        assert_eq!(*places(&batch([7, 1, 7, 1, 7], 4), 2, None), [6, 7, 8, 6, 7]);
    }
}

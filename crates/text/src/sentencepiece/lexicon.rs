//! Pieces in the order of their bytes: all that begin a text fall out of one walk over it.

use super::proto::Piece;

/// Places in a list of pieces, in the order of the pieces' bytes.
#[derive(Debug, Default)]
pub(crate) struct Lexicon {
    order: Vec<u32>,
}

impl Lexicon {
    /// The pieces of `list` that `wanted` names.
    pub(crate) fn new(list: &[Piece], wanted: impl Fn(&Piece) -> bool) -> Lexicon {
        let ids = (0..).zip(list).filter(|(_, piece)| wanted(piece)).map(|(id, _)| id);
        let mut order: Vec<u32> = ids.collect();
        order.sort_by_key(|id| &list[*id as usize].text);
        Lexicon { order }
    }

    /// A piece that is there twice.
    pub(crate) fn twice<'a>(&self, list: &'a [Piece]) -> Option<&'a str> {
        let text = |id: u32| list[id as usize].text.as_str();
        self.order.windows(2).find(|pair| text(pair[0]) == text(pair[1])).map(|pair| text(pair[0]))
    }

    /// Calls `found` with length and id of each piece that `text` begins with, short ones first.
    #[inline]
    pub(crate) fn beginnings(
        &self,
        list: &[Piece],
        text: &[u8],
        mut found: impl FnMut(usize, u32),
    ) {
        let byte = |id: &u32, depth: usize| list[*id as usize].text.as_bytes().get(depth).copied();
        let mut range = self.order.as_slice();
        for (depth, next) in text.iter().enumerate() {
            // Where a piece ends it has no byte here, and so it comes first.
            let from = range.partition_point(|id| byte(id, depth) < Some(*next));
            let count = range[from..].partition_point(|id| byte(id, depth) == Some(*next));
            range = &range[from..from + count];
            match range.first() {
                None => return,
                Some(id) if list[*id as usize].text.len() == depth + 1 => found(depth + 1, *id),
                Some(_) => {}
            }
        }
    }

    /// The id of a piece.
    pub(crate) fn id(&self, list: &[Piece], text: &str) -> Option<u32> {
        let place = self.order.binary_search_by(|id| list[*id as usize].text.as_str().cmp(text));
        place.ok().map(|place| self.order[place])
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}

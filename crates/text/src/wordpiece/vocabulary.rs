//! The vocabulary: strings in one pool, found by a hash that grows byte by byte.
//!
//! WordPiece asks two questions: is this a token at the start of a word, and is this a token
//! inside one (there the file writes it with a prefix, `##ing`)? Both are keys of one open
//! addressing table, told apart by the seed of the hash. As the hash of a string is the hash of
//! the string without its last byte and one multiplication, the hashes of all beginnings of a
//! word fall out of one walk over it.

/// Tokens as they stand in the file, before a table is built over them.
#[derive(Debug, Default)]
pub(crate) struct TokenList {
    pool: String,
    /// Start and end in the pool, and the id.
    entries: Vec<(u32, u32, u32)>,
}

impl TokenList {
    /// Appends a token; `None` where the pool would outgrow its 32-bit positions.
    pub(crate) fn push(&mut self, token: &str, id: u32) -> Option<()> {
        let start = u32::try_from(self.pool.len()).ok()?;
        self.pool.push_str(token);
        self.entries.push((start, u32::try_from(self.pool.len()).ok()?, id));
        Some(())
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

/// Seed of the hash at the start of a word.
pub(crate) const WORD: u64 = 0x243f_6a88_85a3_08d3;
/// Seed of the hash inside a word.
pub(crate) const INSIDE: u64 = 0x1319_8a2e_0370_7344;

/// The hash of a string with one more byte.
#[inline(always)]
pub(crate) fn extend(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    tag: u32,
    /// The id, with `INSIDE_BIT` for a key inside a word; `EMPTY` where the slot is free.
    key: u32,
}

const EMPTY: u32 = u32::MAX;
const INSIDE_BIT: u32 = 1 << 30;
const HOLE: [u32; 2] = [u32::MAX; 2];
/// Beyond this many steps the table is under attack: the caller takes the slow path.
const MAX_STEPS: usize = 128;

/// A vocabulary that answers by hash.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    pool: String,
    /// Where each id's string lies in the pool.
    places: Vec<[u32; 2]>,
    slots: Vec<Slot>,
    shift: u32,
    /// Length of the prefix of tokens inside a word.
    prefix: usize,
    /// Longest key at the start of a word, in bytes.
    pub longest_word: usize,
    /// Longest key inside a word, in bytes, without the prefix.
    pub longest_inside: usize,
    count: usize,
}

impl Vocabulary {
    /// Builds the table; `None` for a list that it does not suit (an id or a token twice, ids
    /// with large gaps, or strings made to collide).
    pub(crate) fn build(list: TokenList, prefix: &str) -> Option<Vocabulary> {
        let count = list.len();
        let largest = list.entries.iter().map(|e| e.2 as usize).max().unwrap_or(0);
        if largest >= (4 * count + 1024).min(INSIDE_BIT as usize) {
            return None;
        }
        let bits = (4 * count.max(8)).next_power_of_two().trailing_zeros();
        let mut vocabulary = Vocabulary {
            pool: list.pool,
            places: vec![HOLE; largest + 1],
            slots: vec![Slot { tag: 0, key: EMPTY }; 1 << bits],
            shift: 64 - bits,
            prefix: prefix.len(),
            longest_word: 0,
            longest_inside: 0,
            count,
        };
        for (start, end, id) in list.entries {
            let place = vocabulary.places.get_mut(id as usize)?;
            if *place != HOLE {
                return None;
            }
            *place = [start, end];
            vocabulary.insert(start as usize, end as usize, id, WORD)?;
            let token = vocabulary.pool.get(start as usize..end as usize)?;
            if token.starts_with(prefix) && token.len() > prefix.len() {
                vocabulary.insert(start as usize + prefix.len(), end as usize, id, INSIDE)?;
            }
        }
        Some(vocabulary)
    }

    fn insert(&mut self, start: usize, end: usize, id: u32, seed: u64) -> Option<()> {
        let bytes = &self.pool.as_bytes()[start..end];
        let hash = bytes.iter().fold(seed, |h, b| extend(h, *b));
        let key = if seed == INSIDE { id | INSIDE_BIT } else { id };
        let mask = self.slots.len() - 1;
        let mut at = (hash >> self.shift) as usize;
        for _ in 0..MAX_STEPS {
            let slot = self.slots[at];
            if slot.key == EMPTY {
                self.slots[at] = Slot { tag: hash as u32, key };
                let longest =
                    if seed == INSIDE { &mut self.longest_inside } else { &mut self.longest_word };
                *longest = (*longest).max(end - start);
                return Some(());
            }
            if slot.tag == hash as u32
                && (slot.key ^ key) & INSIDE_BIT == 0
                && self.key_bytes(slot.key) == bytes
            {
                return None;
            }
            at = (at + 1) & mask;
        }
        None
    }

    #[inline(always)]
    fn key_bytes(&self, key: u32) -> &[u8] {
        let [start, end] = self.places[(key & !INSIDE_BIT) as usize];
        let skip = if key & INSIDE_BIT == 0 { 0 } else { self.prefix };
        &self.pool.as_bytes()[start as usize + skip..end as usize]
    }

    /// The id of the key with this hash for which `same` says yes to its bytes.
    #[inline(always)]
    pub(crate) fn find<F: Fn(&[u8]) -> bool>(
        &self,
        hash: u64,
        inside: bool,
        same: F,
    ) -> Option<u32> {
        let mask = self.slots.len() - 1;
        let mut at = (hash >> self.shift) as usize;
        loop {
            let slot = self.slots[at & mask];
            if slot.key == EMPTY {
                return None;
            }
            if slot.tag == hash as u32
                && (slot.key & INSIDE_BIT != 0) == inside
                && same(self.key_bytes(slot.key))
            {
                return Some(slot.key & !INSIDE_BIT);
            }
            at += 1;
        }
    }

    /// The id of a whole token.
    pub(crate) fn id(&self, token: &str) -> Option<u32> {
        let hash = token.bytes().fold(WORD, extend);
        self.find(hash, false, |bytes| bytes == token.as_bytes())
    }

    /// The string of an id.
    pub(crate) fn token(&self, id: u32) -> Option<&str> {
        let [start, end] = *self.places.get(id as usize)?;
        self.pool.get(start as usize..end as usize)
    }

    /// Number of tokens.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Whether a token begins or ends with white space (or its byte-level sign), which the
    /// trimming of spans would have to know.
    pub(crate) fn has_blank_ends(&self) -> bool {
        let blank = |c: char| c == '\u{120}' || c.is_whitespace();
        self.places.iter().any(|[start, end]| {
            let token = self.pool.get(*start as usize..*end as usize).unwrap_or("");
            token.starts_with(blank) || token.ends_with(blank)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_put_in() {
        let mut list = TokenList::default();
        for (id, token) in ["a", "##a", "##", "", "ab", "##ab"].iter().enumerate() {
            list.push(token, id as u32).unwrap();
        }
        let v = Vocabulary::build(list, "##").unwrap();
        assert_eq!(v.id("##a"), Some(1));
        assert_eq!(v.id("b"), None);
        let inside = |s: &str| v.find(s.bytes().fold(INSIDE, extend), true, |b| b == s.as_bytes());
        assert_eq!(inside("ab"), Some(5));
        assert_eq!(inside(""), None);
        assert_eq!(v.token(4), Some("ab"));
        assert_eq!(v.token(9), None);
    }

    #[test]
    fn doubles_and_gaps_are_refused() {
        for entries in [[("a", 0), ("a", 1)], [("a", 0), ("b", 0)], [("a", 0), ("b", 1 << 29)]] {
            let mut list = TokenList::default();
            for (token, id) in entries {
                list.push(token, id).unwrap();
            }
            assert!(Vocabulary::build(list, "##").is_none());
        }
    }
}

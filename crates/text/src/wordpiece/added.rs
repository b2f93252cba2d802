//! Added tokens: strings that are found in the text before the words are cut.

use serde::Deserialize;

/// One entry of `added_tokens`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddedToken {
    pub id: u32,
    pub content: String,
    pub single_word: bool,
    pub lstrip: bool,
    pub rstrip: bool,
    pub normalized: bool,
    pub special: bool,
}

/// A match in a text, white space included that the token takes along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Match {
    pub start: usize,
    pub end: usize,
    pub id: u32,
}

#[derive(Debug, Default, Clone)]
struct Node {
    next: Vec<(u8, u32)>,
    /// Id, lstrip, rstrip of the pattern that ends here.
    token: Option<(u32, bool, bool)>,
}

/// A few bytes to look for in a text.
#[derive(Debug, Clone)]
pub(crate) struct ByteSet {
    list: Vec<u8>,
    table: [bool; 256],
}

impl ByteSet {
    pub(crate) fn new() -> ByteSet {
        ByteSet { list: Vec::new(), table: [false; 256] }
    }

    pub(crate) fn add(&mut self, byte: u8) {
        if !std::mem::replace(&mut self.table[usize::from(byte)], true) {
            self.list.push(byte);
        }
    }

    pub(crate) fn holds(&self, byte: u8) -> bool {
        self.table[usize::from(byte)]
    }

    /// Where the first of them stands.
    pub(crate) fn find(&self, text: &[u8]) -> Option<usize> {
        match self.list.as_slice() {
            [] => None,
            [a] => memchr::memchr(*a, text),
            [a, b] => memchr::memchr2(*a, *b, text),
            [a, b, c] => memchr::memchr3(*a, *b, *c, text),
            _ => text.iter().position(|b| self.holds(*b)),
        }
    }
}

/// Patterns found leftmost, and of those at one place the longest.
#[derive(Debug, Clone)]
pub(crate) struct Finder {
    nodes: Vec<Node>,
    /// The first bytes of the patterns.
    pub first: ByteSet,
}

impl Finder {
    pub(crate) fn new() -> Finder {
        Finder { nodes: vec![Node::default()], first: ByteSet::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.list.is_empty()
    }

    /// Adds a pattern; `None` where it is empty or already there.
    pub(crate) fn add(&mut self, pattern: &str, token: &AddedToken) -> Option<()> {
        let mut at = 0;
        for byte in pattern.bytes() {
            let next = self.nodes[at].next.iter().find(|n| n.0 == byte).map(|n| n.1 as usize);
            at = next.unwrap_or_else(|| {
                let fresh = self.nodes.len();
                self.nodes[at].next.push((byte, fresh as u32));
                self.nodes.push(Node::default());
                fresh
            });
        }
        self.first.add(*pattern.as_bytes().first()?);
        let end = &mut self.nodes[at].token;
        if end.is_some() {
            return None;
        }
        *end = Some((token.id, token.lstrip, token.rstrip));
        Some(())
    }

    /// The longest pattern at `start`: its end, id, lstrip, rstrip.
    fn longest(&self, text: &[u8], start: usize) -> Option<(usize, (u32, bool, bool))> {
        let (mut at, mut found) = (0, None);
        for (k, byte) in text[start..].iter().enumerate() {
            match self.nodes[at].next.iter().find(|n| n.0 == *byte) {
                Some((_, next)) => at = *next as usize,
                None => break,
            }
            if let Some(token) = self.nodes[at].token {
                found = Some((start + k + 1, token));
            }
        }
        found
    }

    /// The next match whose pattern begins at or after `*from`. `taken` is the end of the match
    /// before it: white space to the left is taken along no further than that. Moves `*from`
    /// behind the pattern.
    pub(crate) fn next(&self, text: &str, from: &mut usize, taken: usize) -> Option<Match> {
        let bytes = text.as_bytes();
        loop {
            let start = *from + self.first.find(bytes.get(*from..)?)?;
            let Some((end, (id, lstrip, rstrip))) = self.longest(bytes, start) else {
                *from = start + 1;
                continue;
            };
            *from = end;
            let mut found = Match { start, end, id };
            if lstrip && taken < start {
                found.start = taken + text[taken..start].trim_end().len();
            }
            if rstrip {
                found.end = text.len() - text[end..].trim_start().len();
            }
            return Some(found);
        }
    }
}

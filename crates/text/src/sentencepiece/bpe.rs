//! Byte-pair encoding as SentencePiece runs it (Sennrich et al. 2016): characters, of which the neighbours
//! that make the piece of the highest score are joined, the leftmost of equals first, until none do.
//! O(length x log length).

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};

use super::pieces::{Pieces, Segment};
use super::proto::PieceKind;

/// A part of the text, linked to its neighbours; empty once it was joined to the one on its left.
struct Part {
    start: usize,
    end: usize,
    left: Option<usize>,
    right: Option<usize>,
    /// Whether it is never joined.
    whole: bool,
}

/// Neighbours that could be joined.
struct Pair {
    score: f32,
    left: usize,
    right: usize,
    /// Bytes of both together, by which a pair is known that is no more.
    length: usize,
}

impl Ord for Pair {
    fn cmp(&self, other: &Self) -> Ordering {
        let scores = self.score.partial_cmp(&other.score).unwrap_or(Ordering::Equal);
        scores.then_with(|| other.left.cmp(&self.left))
    }
}

impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Pair {}

struct Joining<'a> {
    pieces: &'a Pieces,
    text: &'a str,
    parts: Vec<Part>,
    pairs: BinaryHeap<Pair>,
    /// Of pieces out of use that were joined all the same: bytes of their left half.
    halves: HashMap<&'a str, usize>,
}

/// Cuts `text`.
pub(crate) fn segment(pieces: &Pieces, text: &str) -> Vec<Segment> {
    let mut joining = Joining {
        pieces,
        text,
        parts: parts(pieces, text),
        pairs: BinaryHeap::new(),
        halves: HashMap::new(),
    };
    for right in 1..joining.parts.len() {
        joining.offer(Some(right - 1), Some(right));
    }
    while let Some(pair) = joining.pairs.pop() {
        joining.join(&pair);
    }
    let mut segments = Vec::new();
    let mut at = joining.parts.first().map(|_| 0);
    while let Some(part) = at.map(|at| &joining.parts[at]) {
        joining.write(part.start, part.end, &mut segments);
        at = part.right;
    }
    segments
}

fn parts(pieces: &Pieces, text: &str) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut start = 0;
    while let Some(character) = text[start..].chars().next() {
        let symbol = pieces.symbol(&text[start..]);
        let end = start + symbol.unwrap_or(character.len_utf8());
        let index = parts.len();
        let right = (end < text.len()).then_some(index + 1);
        parts.push(Part { start, end, left: index.checked_sub(1), right, whole: symbol.is_some() });
        start = end;
    }
    parts
}

impl<'a> Joining<'a> {
    fn offer(&mut self, left: Option<usize>, right: Option<usize>) {
        let (Some(left), Some(right)) = (left, right) else { return };
        let (first, second) = (&self.parts[left], &self.parts[right]);
        if first.whole || second.whole {
            return;
        }
        let both = &self.text[first.start..second.end];
        let Some(id) = self.pieces.lexicon.id(self.pieces.list(), both) else { return };
        let piece = self.pieces.get(id);
        if piece.kind == PieceKind::Unused {
            self.halves.insert(both, first.end - first.start);
        }
        self.pairs.push(Pair { score: piece.score, left, right, length: both.len() });
    }

    fn join(&mut self, pair: &Pair) {
        let (first, second) = (&self.parts[pair.left], &self.parts[pair.right]);
        let gone = first.start == first.end || second.start == second.end;
        if gone || second.end - second.start + first.end - first.start != pair.length {
            return;
        }
        let (end, right) = (second.end, second.right);
        let joined = &mut self.parts[pair.left];
        joined.end = end;
        joined.right = right;
        let left = joined.left;
        let gone = &mut self.parts[pair.right];
        gone.start = gone.end;
        if let Some(right) = right {
            self.parts[right].left = Some(pair.left);
        }
        self.offer(left, Some(pair.left));
        self.offer(Some(pair.left), right);
    }

    /// Writes a part's piece; those of its halves where it is out of use.
    fn write(&self, start: usize, end: usize, segments: &mut Vec<Segment>) {
        let mut open = vec![(start, end)];
        while let Some((start, end)) = open.pop() {
            let text = &self.text[start..end];
            let id = self.pieces.id(text).unwrap_or(self.pieces.unknown);
            match self.halves.get(text) {
                Some(left) if self.pieces.get(id).kind == PieceKind::Unused => {
                    open.extend([(start + left, end), (start, start + left)]);
                }
                _ => segments.push(Segment { end, id }),
            }
        }
    }
}

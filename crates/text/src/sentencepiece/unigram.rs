//! Unigram language model (Kudo 2018, arXiv:1804.10959): of all ways to cut a text into pieces the one
//! whose scores, log-probabilities, have the largest sum.
//!
//! `best[end] = max over pieces that end there of best[start] + score`, from left to right; a character
//! that is no piece may be an unknown one. Of equal sums the first found stays, and sums are kept in f32
//! as SentencePiece keeps them: other precision would choose other pieces where letters repeat.
//! O(length x longest piece).

use super::pieces::{Pieces, Segment};
use super::proto::PieceKind;

/// What an unknown character costs beyond the least likely piece.
const UNKNOWN_PENALTY: f32 = 10.0;

/// The best way up to a byte: its sum, and the piece it ends with.
#[derive(Clone, Copy)]
struct Best {
    sum: f32,
    start: usize,
    id: u32,
}

/// Cuts `text`.
pub(crate) fn segment(pieces: &Pieces, text: &str) -> Vec<Segment> {
    let mut best: Vec<Option<Best>> = vec![None; text.len() + 1];
    let unknown = pieces.scores[0] - UNKNOWN_PENALTY;
    for (start, character) in text.char_indices() {
        let here = best[start].map_or(0.0, |best| best.sum);
        let mut offer = |length: usize, id: u32, score: f32| {
            let sum = score + here;
            let place = &mut best[start + length];
            if place.is_none_or(|best| sum > best.sum) {
                *place = Some(Best { sum, start, id });
            }
        };
        let mut alone = false;
        pieces.lexicon.beginnings(pieces.list(), &text.as_bytes()[start..], |length, id| {
            let piece = pieces.get(id);
            let score = match piece.kind {
                PieceKind::Unused => return,
                // Better than any way to cut it.
                PieceKind::UserDefined => length as f32 * pieces.scores[1] - 0.1,
                _ => piece.score,
            };
            alone |= length == character.len_utf8();
            offer(length, id, score);
        });
        if !alone {
            offer(character.len_utf8(), pieces.unknown, unknown);
        }
    }
    let mut segments = Vec::new();
    let mut end = text.len();
    while let Some(last) = best[end].filter(|_| end > 0) {
        segments.push(Segment { end, id: last.id });
        end = last.start;
    }
    segments.reverse();
    segments
}

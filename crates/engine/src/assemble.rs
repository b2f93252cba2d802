//! From rows to records: word and token vectors with their texts and spans.

use contexture_nn::Rows;
use contexture_text::{Overflow, Piece, Tokenizer, align, words};

use crate::plan::Plan;
use crate::{Record, Span, Unit, Vector};

/// What a text brings along: itself, and the user's own words where they were given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) text: &'a str,
    pub(crate) words: Option<&'a [Span]>,
}

/// How finer vectors are finished.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Finish {
    pub(crate) dimensions: usize,
    pub(crate) normalize: bool,
}

impl Finish {
    /// Cuts to the asked dimensions, then scales to unit length where asked.
    pub(crate) fn apply(&self, vector: &[f32]) -> Vec<f32> {
        let mut vector = vector[..self.dimensions.min(vector.len())].to_vec();
        if self.normalize {
            scale_to_unit(&mut vector);
        }
        vector
    }
}

/// The smallest length that is divided by, as in torch's `normalize`: zero stays zero.
const LEAST_LENGTH: f32 = 1e-12;

pub(crate) fn scale_to_unit(vector: &mut [f32]) {
    let length = vector.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>().sqrt() as f32;
    let length = length.max(LEAST_LENGTH);
    vector.iter_mut().for_each(|v| *v /= length);
}

/// The record of one piece of a text, without vectors yet.
pub(crate) fn record(piece: &Piece) -> Record {
    Record {
        embedding: None,
        tokens: piece.tokens,
        tokens_used: piece.tokens_used,
        truncated: piece.truncated,
        span: piece.span,
        chunk: piece.chunk,
        words: None,
        tokens_detail: None,
        cut_words: piece.cut_words,
    }
}

/// The sentence vector, finished.
pub(crate) fn sentence(vector: &[f32], finish: Finish) -> Vector {
    Vector::F32(finish.apply(vector))
}

/// One vector a token; `hidden` holds the piece's rows from `first` on. Words that are spelled out
/// are shown as they stand in the text: few of them are in a list.
pub(crate) fn token_units(
    piece: &Piece,
    text: &str,
    tokenizer: &Tokenizer,
    hidden: &Rows,
    first: usize,
    finish: Finish,
) -> Vec<Unit> {
    let spelled = tokenizer.characters().is_some();
    let named = |id: u32, span: Option<Span>| match span.filter(|_| spelled) {
        Some([start, end]) => text.get(start..end).unwrap_or_default().to_string(),
        None => tokenizer.token(id).unwrap_or_default().to_string(),
    };
    piece
        .ids
        .iter()
        .zip(&piece.spans)
        .enumerate()
        .map(|(at, (id, span))| Unit {
            text: named(*id, *span),
            span: *span,
            embedding: finish.apply(hidden.row(first + at)),
        })
        .collect()
}

/// One vector a word of the user's: the mean of its tokens' vectors. Of a chunk, the parts of words
/// that it covers, so that one word of a megabyte is not told again in each of its chunks; of a
/// text that was cut, all words, those in the cut tail with no vector.
pub(crate) fn word_units(
    piece: &Piece,
    subject: Subject<'_>,
    hidden: &Rows,
    first: usize,
    plan: &Plan,
) -> Vec<Unit> {
    let text = subject.text;
    let [begin, end] = match plan.overflow {
        // Tokens of bytes may end within a character.
        Overflow::Chunk => {
            let [begin, end] = piece.span;
            [text.floor_char_boundary(begin), text.ceil_char_boundary(end)]
        }
        _ => [0, text.len()],
    };
    let inside: Vec<Span> = match subject.words {
        Some(spans) => spans
            .iter()
            .map(|[from, to]| [(*from).max(begin), (*to).min(end)])
            .filter(|[from, to]| from < to || plan.overflow != Overflow::Chunk)
            .collect(),
        None => {
            let found = words(&text[begin..end]);
            found.into_iter().map(|[from, to]| [from + begin, to + begin]).collect()
        }
    };
    align(subject.text, &inside, &piece.spans)
        .into_iter()
        .zip(inside)
        .map(|([from, to], span)| Unit {
            text: subject.text[span[0]..span[1]].to_string(),
            span: Some(span),
            embedding: if from < to {
                plan.units.apply(&mean(hidden, first + from, first + to))
            } else {
                Vec::new()
            },
        })
        .collect()
}

/// The mean of rows `from .. to`, summed in their order.
fn mean(hidden: &Rows, from: usize, to: usize) -> Vec<f32> {
    let mut sum = hidden.row(from).to_vec();
    for at in from + 1..to {
        sum.iter_mut().zip(hidden.row(at)).for_each(|(a, b)| *a += b);
    }
    let count = (to - from) as f32;
    sum.iter_mut().for_each(|v| *v /= count);
    sum
}

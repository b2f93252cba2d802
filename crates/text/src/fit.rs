//! Cutting an encoding to a maximum length, with an account of what was cut.

use crate::encoding::{Encoding, Span};
use crate::error::TextError;
use crate::words::{visible_part, words};

/// What to do with a text that has more tokens than the maximum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Overflow {
    /// Keep the beginning, as the reference does, and say so in [`Piece::truncated`].
    #[default]
    Truncate,
    /// Refuse the text.
    Error,
    /// Cut it into pieces between words, so that each token of the text is in exactly one.
    Chunk,
}

/// A part of a text that fits the maximum length.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Piece {
    /// Token ids, with the special tokens of a whole text around them.
    pub ids: Vec<u32>,
    /// Token types; empty where all are zero.
    pub type_ids: Vec<u32>,
    /// For each id its bytes in the user's whole text, as in [`Encoding::spans`].
    pub spans: Vec<Option<Span>>,
    /// Bytes of the user's text that this piece covers.
    pub span: Span,
    /// Tokens of the whole text, special tokens included.
    pub tokens: usize,
    /// Tokens of this piece: the length of `ids`.
    pub tokens_used: usize,
    /// Whether the rest of the text was dropped.
    pub truncated: bool,
    /// Number of this piece among those of its text, from 0.
    pub chunk: usize,
    /// See [`Encoding::prompt_tokens`]; at most the length of `ids`.
    pub prompt_tokens: usize,
    /// As in [`Encoding::characters`]: `[tokens, most]`, or empty.
    pub characters: Vec<u16>,
    /// Words of this piece that were too long to be spelled out whole.
    pub cut_words: usize,
}

impl Encoding {
    /// Cuts the encoding of `text` into pieces of at most `max_length` tokens, special tokens
    /// included: one, or several with [`Overflow::Chunk`]. Chunks repeat the special tokens and
    /// the prompt; they are cut between the user's words, and inside a word only where the word
    /// alone is longer than a chunk.
    ///
    /// # Errors
    /// [`TextError::TooLong`] with [`Overflow::Error`]; [`TextError::NoRoom`] where a text is
    /// too long and `max_length` leaves no room between the tokens that every piece carries.
    pub fn fit(
        self,
        text: &str,
        max_length: usize,
        overflow: Overflow,
    ) -> Result<Vec<Piece>, TextError> {
        let tokens = self.ids.len();
        if tokens <= max_length {
            return Ok(vec![self.whole()]);
        }
        if overflow == Overflow::Error {
            return Err(TextError::TooLong { tokens, max_length });
        }
        let body = self.prefix..tokens - self.suffix;
        let prompt = match overflow {
            Overflow::Chunk => self.spans[body.clone()].iter().take_while(|s| s.is_none()).count(),
            _ => 0,
        };
        let first = body.start + prompt;
        let reserved = first + self.suffix;
        if max_length <= reserved {
            return Err(TextError::NoRoom { max_length, reserved });
        }
        let room = max_length - reserved;
        if overflow == Overflow::Truncate {
            let end = first + room;
            let span = [0, self.end_of_text(end)];
            return Ok(vec![Piece { truncated: true, ..self.piece(first, first..end, span, 0) }]);
        }
        let owners = self.owners(text, first..body.end);
        let mut pieces = Vec::new();
        let mut at = first;
        let mut from = 0;
        while at < body.end {
            let end = self.cut(at, body.end, room, &owners, first);
            let to = if end == body.end { self.text_bytes } else { self.end_of_text(end) };
            let chunk = pieces.len();
            let span = [from.min(to), to];
            pieces.push(self.piece(first, at..end, span, chunk));
            from = self.spans.get(end).copied().flatten().map_or(to, |s| s[0]);
            at = end;
        }
        Ok(pieces)
    }

    fn whole(self) -> Piece {
        Piece {
            span: [0, self.text_bytes],
            tokens: self.ids.len(),
            tokens_used: self.ids.len(),
            truncated: false,
            chunk: 0,
            prompt_tokens: self.prompt_tokens.min(self.ids.len()),
            characters: self.characters,
            cut_words: self.cut.len(),
            ids: self.ids,
            type_ids: self.type_ids,
            spans: self.spans,
        }
    }

    /// The tokens before `first`, those of `body`, and the suffix.
    fn piece(&self, first: usize, body: std::ops::Range<usize>, span: Span, chunk: usize) -> Piece {
        let tail = self.ids.len() - self.suffix;
        let used = first + body.len() + self.suffix;
        fn join<T: Clone>(
            all: &[T],
            first: usize,
            body: &std::ops::Range<usize>,
            tail: usize,
        ) -> Vec<T> {
            match all.is_empty() {
                true => Vec::new(),
                false => [&all[..first], &all[body.clone()], &all[tail..]].concat(),
            }
        }
        let most = self.characters.len() / self.ids.len().max(1);
        let spelled = body.start * most..body.end * most;
        let inside = |token: &&usize| **token < first || body.contains(*token) || **token >= tail;
        Piece {
            characters: join(&self.characters, first * most, &spelled, tail * most),
            cut_words: self.cut.iter().filter(inside).count(),
            ids: join(&self.ids, first, &body, tail),
            type_ids: join(&self.type_ids, first, &body, tail),
            spans: join(&self.spans, first, &body, tail),
            span,
            tokens: self.ids.len(),
            tokens_used: used,
            truncated: false,
            chunk,
            prompt_tokens: self.prompt_tokens.min(used),
        }
    }

    /// The byte where the last token before `end` ends.
    fn end_of_text(&self, end: usize) -> usize {
        self.spans[..end].iter().rev().find_map(|s| *s).map_or(0, |s| s[1])
    }

    /// For each token of `body` the user's word that it begins in.
    fn owners(&self, text: &str, body: std::ops::Range<usize>) -> Vec<Option<usize>> {
        let list = words(text);
        let mut next = 0;
        self.spans[body]
            .iter()
            .map(|span| {
                let [start, _] = visible_part(text, (*span)?)?;
                while list.get(next).is_some_and(|word| word[1] <= start) {
                    next += 1;
                }
                list.get(next).filter(|word| word[0] <= start).map(|_| next)
            })
            .collect()
    }

    /// Where the chunk that begins at `at` ends.
    fn cut(
        &self,
        at: usize,
        end: usize,
        room: usize,
        owners: &[Option<usize>],
        first: usize,
    ) -> usize {
        if end - at <= room {
            return end;
        }
        let limit = at + room;
        let between = |k: &usize| {
            let (left, right) = (owners[k - 1 - first], owners[k - first]);
            left.is_none() || left != right
        };
        let apart = |k: &usize| match (self.spans[k - 1], self.spans[*k]) {
            (Some(left), Some(right)) => left[1] <= right[0],
            _ => true,
        };
        let mut backwards = (at + 1..=limit).rev();
        // A blank that is a token of its own begins the next chunk rather than ends this one.
        let fair = backwards.clone().find(between);
        fair.or_else(|| backwards.find(apart)).unwrap_or(limit)
    }
}

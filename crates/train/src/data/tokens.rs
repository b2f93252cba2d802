//! From texts to sequences of token numbers that an encoder takes.

use std::collections::VecDeque;
use std::sync::Arc;

use contexture_text::{Piece, Tokenizer};
use serde::{Deserialize, Serialize};

use super::stream::{RowStream, StreamState};
use crate::TrainError;

/// A text's tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// Token numbers, special tokens included.
    pub ids: Vec<u32>,
    /// Each token's characters, `[tokens, most]`; empty where the tokenizer spells nothing out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub characters: Vec<u16>,
}

impl Tokens {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

impl From<Piece> for Tokens {
    fn from(piece: Piece) -> Self {
        Self { ids: piece.ids, characters: piece.characters }
    }
}

/// One sequence, special tokens included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    /// Its tokens.
    #[serde(flatten)]
    pub tokens: Tokens,
    /// Where its first text stands.
    pub place: String,
}

/// How far a token stream has come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenState {
    /// The rows behind it.
    pub rows: StreamState,
    /// Sequences that were cut from a long text and not given yet.
    pub waiting: Vec<Sequence>,
    /// A packed sequence that is not full yet, without its frame.
    pub begun: Option<Sequence>,
}

/// Sequences of at most `length` tokens from the one field of a stream's rows.
pub struct TokenStream {
    rows: RowStream,
    tokenizer: Arc<Tokenizer>,
    prefix: Vec<u32>,
    suffix: Vec<u32>,
    room: usize,
    pack: bool,
    waiting: VecDeque<Sequence>,
    begun: Option<Sequence>,
    ended: bool,
}

impl TokenStream {
    /// Sequences of at most `length` tokens; packed, all but the last have exactly so many.
    ///
    /// # Errors
    /// A length that leaves no room beside the special tokens.
    pub fn new(
        rows: RowStream,
        tokenizer: Arc<Tokenizer>,
        length: usize,
        pack: bool,
    ) -> Result<Self, TrainError> {
        if pack && tokenizer.characters().is_some() {
            let expected = "false, since each text has markers of its own where words are spelled";
            return Err(TrainError::value("objective.pack", expected, true));
        }
        let frame = tokenizer.encode("")?;
        let (prefix, suffix) = frame.ids.split_at(frame.prefix);
        let added = frame.ids.len();
        let Some(room) = length.checked_sub(added).filter(|room| *room > 0) else {
            let expected = format!("more than the {added} special tokens of the tokenizer");
            return Err(TrainError::value("objective.length", expected, length));
        };
        let (prefix, suffix) = (prefix.to_vec(), suffix.to_vec());
        let (waiting, begun, ended) = (VecDeque::new(), None, false);
        Ok(Self { rows, tokenizer, prefix, suffix, room, pack, waiting, begun, ended })
    }

    /// The next sequence; `None` only where held-out rows end.
    ///
    /// # Errors
    /// As [`RowStream::next_row`], and texts that the tokenizer refuses.
    pub fn next_sequence(&mut self) -> Result<Option<Sequence>, TrainError> {
        let mut barren = 0u64;
        while self.waiting.is_empty() && !self.ended {
            match self.rows.next_row()? {
                None => {
                    self.ended = true;
                    self.waiting.extend(self.begun.take());
                }
                Some(row) => {
                    let text = self.tokenizer.encode_without_special(&row.fields[0])?;
                    match self.pack {
                        true => self.join(&text.ids, row.place),
                        false => self.cut(&text.ids, &text.characters, &row.place),
                    }
                    barren += 1;
                }
            }
            if barren > 10_000_000 {
                let detail = ": the texts have no token".into();
                return Err(TrainError::NoData { what: "text".into(), detail });
            }
        }
        Ok(self.waiting.pop_front().map(|Sequence { mut tokens, place }| {
            // Who spells words out puts no special tokens around them.
            tokens.ids = [&self.prefix[..], &tokens.ids, &self.suffix].concat();
            Sequence { tokens, place }
        }))
    }

    fn cut(&mut self, ids: &[u32], characters: &[u16], place: &str) {
        let most = characters.len() / ids.len().max(1);
        for (number, ids) in ids.chunks(self.room).enumerate() {
            let from = number * self.room * most;
            let characters = characters[from..from + ids.len() * most].to_vec();
            let tokens = Tokens { ids: ids.to_vec(), characters };
            self.waiting.push_back(Sequence { tokens, place: place.into() });
        }
    }

    fn join(&mut self, mut ids: &[u32], place: String) {
        if ids.is_empty() {
            return;
        }
        if let Some(begun) = &mut self.begun {
            let room = self.room - begun.tokens.len();
            let separator = &self.suffix[..self.suffix.len().min(room)];
            begun.tokens.ids.extend(separator);
        }
        loop {
            let begun = self.begun.get_or_insert_with(|| Sequence {
                tokens: Tokens { ids: Vec::with_capacity(self.room), characters: Vec::new() },
                place: place.clone(),
            });
            let begun = &mut begun.tokens.ids;
            let (now, later) = ids.split_at(ids.len().min(self.room - begun.len()));
            begun.extend(now);
            if begun.len() == self.room {
                self.waiting.extend(self.begun.take());
            }
            if later.is_empty() {
                return;
            }
            ids = later;
        }
    }

    /// How far it has come.
    pub fn state(&self) -> TokenState {
        let waiting = self.waiting.iter().cloned().collect();
        TokenState { rows: self.rows.state(), waiting, begun: self.begun.clone() }
    }

    /// Goes on from a state.
    ///
    /// # Errors
    /// As [`RowStream::restore`].
    pub fn restore(&mut self, state: &TokenState) -> Result<(), TrainError> {
        self.rows.restore(&state.rows)?;
        self.waiting = state.waiting.iter().cloned().collect();
        self.begun = state.begun.clone();
        Ok(())
    }

    /// Whole passes over the files.
    pub fn epochs(&self) -> u64 {
        self.rows.epochs()
    }
}

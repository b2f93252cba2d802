//! Token numbers of sequences that lie end to end.

use std::collections::HashMap;
use std::sync::Arc;

use contexture_nn::Segments;

use super::{CharacterSettings, EncoderSettings};
use crate::ModelError;

/// What an encoder reads. Made by [`super::Encoder::batch`], so that every number in it is valid.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Each token's row of the word table.
    pub(crate) ids: Arc<[u32]>,
    /// Each token's row of the type table; all 0 where absent.
    pub(crate) type_ids: Option<Arc<[u32]>>,
    /// Where each sequence begins.
    pub(crate) segments: Segments,
    /// The place of each sequence's first token: above 0 where earlier ones are kept.
    pub(crate) first: usize,
    /// The words' characters, where the encoder reads those.
    pub(crate) spelled: Option<Arc<Spelled>>,
}

/// Words by their characters, and the sequences with the two markers that the encoder adds.
#[derive(Debug)]
pub(crate) struct Spelled {
    /// Each different word once, `[words, most]`; the two markers are the first two.
    pub(crate) characters: Arc<[u16]>,
    /// The numbers of these words, where words have rows of their own besides their characters.
    pub(crate) numbers: Option<Arc<[u32]>>,
    /// Each framed token's word.
    pub(crate) rows: Arc<[u32]>,
    /// Which framed tokens are the user's.
    pub(crate) inside: Arc<[u32]>,
    /// The sequences with their markers.
    pub(crate) framed: Batch,
}

/// What is read of tokens.
#[derive(Debug, Clone, Default)]
pub struct TokenInput {
    /// Each token's number in the vocabulary.
    pub ids: Arc<[u32]>,
    /// Each token's type; all 0 where absent.
    pub type_ids: Option<Arc<[u32]>>,
    /// Each token's characters, `[tokens, most]`; needed by encoders that spell words out.
    pub characters: Option<Arc<[u16]>>,
}

impl Batch {
    pub(super) fn checked(
        e: &EncoderSettings,
        input: TokenInput,
        segments: Segments,
    ) -> Result<Self, ModelError> {
        let TokenInput { ids, type_ids, characters } = input;
        if ids.len() != segments.rows() {
            let (what, expected) = ("token count", format!("{} by the segments", segments.rows()));
            return Err(refused(what, 0, expected, ids.len()));
        }
        in_table("word number", &ids, e.vocabulary)?;
        // A model without token types ignores them, as its reference does.
        let type_ids = type_ids.filter(|_| e.token_types > 0);
        if let Some(types) = &type_ids {
            if types.len() != ids.len() {
                let expected = format!("{}, one a token", ids.len());
                return Err(refused("token type count", 0, expected, types.len()));
            }
            in_table("token type", types, e.token_types)?;
        }
        if let Some(most) = e.maximum_tokens
            && let Some(long) = segments.iter().find(|range| range.len() > most)
        {
            let expected = format!("at most {most} tokens in a sequence");
            return Err(refused("sequence length", long.start, expected, long.len()));
        }
        let spelled = match &e.characters {
            None => None,
            Some(settings) => Some(Arc::new(Spelled::new(settings, characters, &ids, &segments)?)),
        };
        Ok(Self { ids, type_ids, segments, first: 0, spelled })
    }

    /// Each token's number.
    pub fn ids(&self) -> &Arc<[u32]> {
        &self.ids
    }

    /// Where each sequence begins.
    pub fn segments(&self) -> &Segments {
        &self.segments
    }
}

impl Spelled {
    fn new(
        c: &CharacterSettings,
        characters: Option<Arc<[u16]>>,
        ids: &[u32],
        segments: &Segments,
    ) -> Result<Self, ModelError> {
        let characters = characters.unwrap_or_default();
        let expected = ids.len() * c.most;
        if characters.len() != expected {
            let expected = format!("{expected}: {} for each of {} words", c.most, ids.len());
            return Err(refused("character count", 0, expected, characters.len()));
        }
        if let Some(at) = characters.iter().position(|id| usize::from(*id) >= c.entries) {
            let expected = format!("less than {}", c.entries);
            return Err(refused("character number", at / c.most, expected, characters[at].into()));
        }
        let markers = c.markers.each_ref().map(|marker| {
            let mut word = marker.clone();
            word.resize(c.most, c.padding);
            word
        });
        let marked = c.words.as_ref().map_or([0, 0], |words| words.markers);
        // Two words of the same characters differ only where their numbers count.
        let number = |token: usize| c.words.as_ref().map_or(0, |_| ids[token]);
        let mut known: HashMap<(&[u16], u32), u32> = HashMap::new();
        let mut words: Vec<u16> = markers.concat();
        let mut own = marked.to_vec();
        let mut rows = Vec::with_capacity(ids.len() + 2 * segments.len());
        let mut inside = Vec::with_capacity(ids.len());
        let mut numbers = Vec::with_capacity(rows.capacity());
        for range in segments.iter() {
            rows.push(0);
            numbers.push(marked[0]);
            for token in range {
                let word = &characters[token * c.most..(token + 1) * c.most];
                let next = (words.len() / c.most) as u32;
                let row = *known.entry((word, number(token))).or_insert(next);
                if row == next {
                    words.extend_from_slice(word);
                    own.push(number(token));
                }
                inside.push(rows.len() as u32);
                rows.push(row);
                numbers.push(ids[token]);
            }
            rows.push(1);
            numbers.push(marked[1]);
        }
        let framed = Batch {
            ids: numbers.into(),
            type_ids: None,
            first: 0,
            segments: Segments::from_lengths(segments.iter().map(|range| range.len() + 2)),
            spelled: None,
        };
        Ok(Self {
            characters: words.into(),
            numbers: c.words.is_some().then(|| own.into()),
            rows: rows.into(),
            inside: inside.into(),
            framed,
        })
    }
}

fn in_table(what: &'static str, ids: &[u32], entries: usize) -> Result<(), ModelError> {
    match ids.iter().position(|id| *id as usize >= entries) {
        None => Ok(()),
        Some(row) => Err(refused(what, row, format!("less than {entries}"), ids[row] as usize)),
    }
}

fn refused(what: &'static str, row: usize, expected: String, found: usize) -> ModelError {
    ModelError::Batch { what, row, expected, found: found.to_string() }
}

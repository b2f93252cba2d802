//! Token numbers of sequences that lie end to end.

use std::sync::Arc;

use contexture_nn::Segments;

use super::EncoderSettings;
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
}

impl Batch {
    pub(super) fn checked(
        e: &EncoderSettings,
        ids: Arc<[u32]>,
        type_ids: Option<Arc<[u32]>>,
        segments: Segments,
    ) -> Result<Self, ModelError> {
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
        Ok(Self { ids, type_ids, segments })
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

fn in_table(what: &'static str, ids: &[u32], entries: usize) -> Result<(), ModelError> {
    match ids.iter().position(|id| *id as usize >= entries) {
        None => Ok(()),
        Some(row) => Err(refused(what, row, format!("less than {entries}"), ids[row] as usize)),
    }
}

fn refused(what: &'static str, row: usize, expected: String, found: usize) -> ModelError {
    ModelError::Batch { what, row, expected, found: found.to_string() }
}

//! The ids of pieces, where a model numbers them anew.

use std::collections::HashMap;

/// Tokens and their ids.
#[derive(Debug, Default)]
pub(crate) struct Vocabulary {
    ids: HashMap<String, u32>,
    tokens: HashMap<u32, String>,
}

impl Vocabulary {
    /// Adds a token; the token that had its id before, where there was another.
    pub(crate) fn add(&mut self, token: String, id: u32) -> Option<String> {
        let before = self.tokens.insert(id, token.clone()).filter(|before| *before != token);
        self.ids.insert(token, id);
        before
    }

    pub(crate) fn id(&self, token: &str) -> Option<u32> {
        self.ids.get(token).copied()
    }

    pub(crate) fn token(&self, id: u32) -> Option<&str> {
        self.tokens.get(&id).map(String::as_str)
    }

    pub(crate) fn len(&self) -> usize {
        self.tokens.len()
    }
}

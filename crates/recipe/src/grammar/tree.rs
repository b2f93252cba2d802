//! A sentence's words by their heads.

use std::collections::HashMap;
use std::ops::Range;

use super::sentence::{Relation, Sentence};

/// Heads as places, and the words below each word.
pub(crate) struct Tree {
    heads: Vec<Option<usize>>,
    relations: Vec<Relation>,
    spans: Vec<Range<usize>>,
    sizes: Vec<usize>,
}

impl Tree {
    /// The tree of a sentence, also after rules have moved its words.
    pub(crate) fn of(sentence: &Sentence) -> Self {
        let tokens = &sentence.tokens;
        let places: HashMap<usize, usize> =
            tokens.iter().enumerate().filter_map(|(at, token)| Some((token.id?, at))).collect();
        let mut sizes = vec![1; tokens.len()];
        let place = |id: Option<usize>| id.and_then(|id| places.get(&id).copied());
        let heads: Vec<Option<usize>> = tokens.iter().map(|token| place(token.head)).collect();
        let mut spans: Vec<Range<usize>> = (0..tokens.len()).map(|at| at..at + 1).collect();
        for at in 0..tokens.len() {
            let mut above = heads[at];
            // A rule may have taken a head away, never made a ring; the count bounds the walk.
            for _ in 0..tokens.len() {
                let Some(head) = above else { break };
                spans[head] = spans[head].start.min(at)..spans[head].end.max(at + 1);
                sizes[head] += 1;
                above = heads[head];
            }
        }
        let relations = tokens.iter().map(|token| token.relation).collect();
        Self { heads, relations, spans, sizes }
    }

    /// The head of a word.
    pub(crate) fn head(&self, at: usize) -> Option<usize> {
        self.heads[at]
    }

    /// What a word is to its head.
    pub(crate) fn relation(&self, at: usize) -> Relation {
        self.relations[at]
    }

    /// The words of which this one is the head, from left to right.
    pub(crate) fn children(&self, at: usize) -> impl Iterator<Item = usize> + '_ {
        (0..self.heads.len()).filter(move |child| self.heads[*child] == Some(at))
    }

    /// The first of these that has this relation to the word.
    pub(crate) fn child(&self, at: usize, relation: Relation) -> Option<usize> {
        self.children(at).find(|child| self.relations[*child] == relation)
    }

    /// The words below this one and itself, if nothing else stands among them.
    pub(crate) fn span(&self, at: usize) -> Option<Range<usize>> {
        let span = self.spans[at].clone();
        (span.len() == self.sizes[at]).then_some(span)
    }

    /// The word that all others hang from, if it is one.
    pub(crate) fn root(&self) -> Option<usize> {
        let mut roots = (0..self.heads.len()).filter(|at| {
            self.heads[*at].is_none() && (self.sizes[*at] > 1 || self.heads.len() == 1)
        });
        let root = roots.next();
        root.filter(|_| roots.next().is_none())
    }
}

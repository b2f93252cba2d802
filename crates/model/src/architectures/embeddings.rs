//! The rows that layers begin with: words by number or by characters, and what enters with them:
//! types of tokens, places, a norm.

use contexture_nn::ops::{Add, Lookup, Places, Scale};
use contexture_nn::{Builder, Initial, Param, Session, Value};

use super::encoder::inner;
use super::{Batch, EncoderSettings};
use crate::ModelError;
use crate::layers::{Characters, Norm};
use crate::positions::Position;

#[derive(Debug)]
pub(super) struct Embeddings {
    words: Words,
    types: Option<Param>,
    positions: Vec<Box<dyn Position>>,
    norm: Option<Norm>,
    scale: f32,
    dropout: f32,
}

/// Where a token's first row comes from.
#[derive(Debug)]
enum Words {
    /// A table, by the word's number.
    Table(Param),
    /// The word's characters.
    Spelled(Box<Characters>),
}

impl Embeddings {
    /// Declares everything under `embeddings`; where a table is shared, no words.
    pub(super) fn declare(
        e: &EncoderSettings,
        shared: Option<Param>,
        b: &mut Builder,
    ) -> Result<Self, ModelError> {
        let initial = Initial::Normal(e.initial_deviation);
        b.within("embeddings", |b| {
            let words =
                match (&e.characters, shared) {
                    (None, Some(table)) => Words::Table(table),
                    (None, None) => Words::Table(b.within("words", |b| {
                        b.table("weight", e.vocabulary, e.word_width(), initial)
                    })),
                    (Some(c), _) => Words::Spelled(Box::new(Characters::declare(e, c, b))),
                };
            // A row or two that are added to every token: as bytes they would spare nothing, and
            // real ones hold one value so large that the rest would lose most of its digits.
            let types = (e.token_types > 0).then(|| {
                let width = e.word_width();
                b.within("types", |b| b.exact_table("weight", e.token_types, width, initial))
            });
            let positions: Result<Vec<_>, _> =
                e.positions.iter().map(|position| position.declare(e, b)).collect();
            let norm = e.embedding_norm.then(|| Norm::declare(e, e.word_width(), b));
            let (scale, dropout) = (e.embedding_scale, e.dropout);
            Ok(Self { words, types, positions: positions?, norm, scale, dropout })
        })
    }

    /// Lets tokens not know where they stand.
    pub(super) fn forget_positions(&mut self) {
        self.positions.clear();
    }

    pub(super) fn positions(&self) -> &[Box<dyn Position>] {
        &self.positions
    }

    /// The table of words, `[vocabulary, width]`; `None` where words are spelled out.
    pub(super) fn words(&self) -> Option<Param> {
        match &self.words {
            Words::Table(table) => Some(*table),
            Words::Spelled(_) => None,
        }
    }

    /// `[tokens, width]`
    pub(super) fn forward(&self, s: &mut Session, batch: &Batch) -> Value {
        let mut x = match (&self.words, &batch.spelled) {
            (Words::Table(table), _) => {
                let op = Lookup { table: *table, ids: batch.ids.clone() };
                s.apply(op, &[], &batch.segments)
            }
            (Words::Spelled(characters), Some(spelled)) => characters.forward(s, spelled),
            (Words::Spelled(_), None) => unreachable!("Encoder::batch spells the words out"),
        };
        let batch = inner(batch);
        let segments = &batch.segments;
        let mut scale = self.scale;
        for (rows, first) in self.positions.iter().filter_map(|position| position.fixed_rows()) {
            let first = first + batch.first;
            x = s.apply(Places { rows, first, scale }, &[&x], segments);
            scale = 1.0;
        }
        if scale != 1.0 {
            x = s.apply(Scale { factor: scale }, &[&x], segments);
        }
        if let Some(table) = self.types {
            let zeros = || vec![0; batch.ids.len()].into();
            let ids = batch.type_ids.clone().unwrap_or_else(zeros);
            let types = s.apply(Lookup { table, ids }, &[], segments);
            x = s.apply(Add, &[&x, &types], segments);
        }
        for position in &self.positions {
            if let Some(rows) = position.on_input(s, batch) {
                x = s.apply(Add, &[&x, &rows], segments);
            }
        }
        if let Some(norm) = &self.norm {
            x = norm.forward(s, &x, segments);
        }
        s.dropout(self.dropout, x, segments)
    }
}

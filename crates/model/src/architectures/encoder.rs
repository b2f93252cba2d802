//! The encoder: embeddings, positions at their doors, layers, and a last norm where there is one.

use std::sync::Arc;

use contexture_nn::ops::{Add, Lookup, Places, Scale};
use contexture_nn::{Builder, Initial, Param, Segments, Session, Value};

use super::{Aggregator, Batch, EncoderSettings};
use crate::ModelError;
use crate::layers::{Block, Norm};
use crate::positions::Position;

/// An encoder's declared parameters and settings. It holds no weight: a [`Session`] brings them.
#[derive(Debug)]
pub struct Encoder {
    settings: EncoderSettings,
    words: Param,
    types: Option<Param>,
    positions: Vec<Box<dyn Position>>,
    embedding_norm: Option<Norm>,
    blocks: Vec<Block>,
    final_norm: Option<Norm>,
}

impl Encoder {
    /// Declares all parameters, in the order in which a forward meets them.
    ///
    /// Errors: settings that contradict each other, and formulas that cannot be computed.
    pub fn declare(settings: &EncoderSettings, b: &mut Builder) -> Result<Self, ModelError> {
        let e = settings;
        e.check()?;
        let norm = |wanted: bool, b: &mut Builder| {
            wanted.then(|| Norm::declare(e.hidden, e.norm_bias, e.epsilon, b))
        };
        let table = |name: &str, rows: usize, b: &mut Builder| {
            b.within(name, |b| {
                b.table("weight", rows, e.hidden, Initial::Normal(e.initial_deviation))
            })
        };
        let (words, types, positions, embedding_norm) = b.within("embeddings", |b| {
            let words = table("words", e.vocabulary, b);
            let types = (e.token_types > 0).then(|| table("types", e.token_types, b));
            let positions: Result<Vec<_>, _> =
                e.positions.iter().map(|position| position.declare(e, b)).collect();
            (words, types, positions, norm(e.embedding_norm, b))
        });
        let positions = positions?;
        let blocks = b.within("layers", |b| {
            let block = |index| b.within(index, |b| Block::declare(e, index, b));
            let layers = if e.aggregator == Aggregator::None { 0 } else { e.layers.len() };
            (0..layers).map(block).collect()
        });
        let final_norm = norm(e.final_norm, b);
        let settings = settings.clone();
        Ok(Self { settings, words, types, positions, embedding_norm, blocks, final_norm })
    }

    /// The same encoder blind to where a token stands: permuting tokens then permutes rows. Made
    /// for that law, not for use.
    pub fn without_positions(mut self) -> Self {
        self.positions.clear();
        self
    }

    /// The table of words, `[vocabulary, hidden]`.
    pub fn words(&self) -> Param {
        self.words
    }

    /// Its properties.
    pub fn settings(&self) -> &EncoderSettings {
        &self.settings
    }

    /// Checks numbers against tables and lengths against limits; a forward then cannot fail.
    pub fn batch(
        &self,
        ids: Arc<[u32]>,
        type_ids: Option<Arc<[u32]>>,
        segments: Segments,
    ) -> Result<Batch, ModelError> {
        Batch::checked(&self.settings, ids, type_ids, segments)
    }

    /// The last hidden rows `[tokens, hidden]`, after the final norm where there is one.
    pub fn forward(&self, s: &mut Session, batch: &Batch) -> Value {
        self.run(s, batch, &mut |_, _| {})
    }

    /// As [`Encoder::forward`], with the hidden rows of the wanted layers: 0 is the embeddings, k
    /// the output of layer k. The last layer's are after the final norm where there is one, as
    /// reference libraries report them. Returned in the order of the layers.
    pub fn forward_layers(
        &self,
        s: &mut Session,
        batch: &Batch,
        wanted: impl Fn(usize) -> bool,
    ) -> (Value, Vec<(usize, Value)>) {
        let count = self.blocks.len();
        let mut kept = Vec::new();
        let last = self.run(s, batch, &mut |layer, value| {
            if layer < count && wanted(layer) {
                kept.push((layer, value.clone()));
            }
        });
        if wanted(count) {
            kept.push((count, last.clone()));
        }
        (last, kept)
    }

    fn run(&self, s: &mut Session, batch: &Batch, see: &mut dyn FnMut(usize, &Value)) -> Value {
        let mut x = self.embed(s, batch);
        s.observe(|| "hidden.0".into(), &x);
        see(0, &x);
        for (index, block) in self.blocks.iter().enumerate() {
            x = block.forward(s, &x, &self.positions, batch);
            s.observe(|| format!("hidden.{}", index + 1), &x);
            see(index + 1, &x);
        }
        match &self.final_norm {
            Some(norm) => norm.forward(s, &x, &batch.segments),
            None => x,
        }
    }

    fn embed(&self, s: &mut Session, batch: &Batch) -> Value {
        let segments = &batch.segments;
        let mut x = s.apply(Lookup { table: self.words, ids: batch.ids.clone() }, &[], segments);
        let mut scale = self.settings.embedding_scale;
        for (rows, first) in self.positions.iter().filter_map(|position| position.fixed_rows()) {
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
        if let Some(norm) = &self.embedding_norm {
            x = norm.forward(s, &x, segments);
        }
        s.dropout(self.settings.dropout, x, segments)
    }
}

//! The encoder: embeddings, positions at their doors, layers, and a last norm where there is one.

use contexture_nn::ops::{Add, Concatenate, Gather, LayerMix, Lookup, LstmCarry, Places, Scale};
use contexture_nn::{Builder, Initial, Param, Segments, Session, Value};

use super::{Aggregator, Batch, EncoderSettings, TokenInput};
use crate::ModelError;
use crate::layers::{Block, Characters, Norm, Recurrent};
use crate::positions::Position;

/// An encoder's declared parameters and settings. It holds no weight: a [`Session`] brings them.
#[derive(Debug)]
pub struct Encoder {
    settings: EncoderSettings,
    words: Words,
    types: Option<Param>,
    positions: Vec<Box<dyn Position>>,
    embedding_norm: Option<Norm>,
    layers: Layers,
    final_norm: Option<Norm>,
    mix: Option<LayerMix>,
}

/// Where a token's first row comes from.
#[derive(Debug)]
enum Words {
    /// A table, by the word's number.
    Table(Param),
    /// The word's characters.
    Spelled(Box<Characters>),
}

/// What gathers context.
#[derive(Debug)]
enum Layers {
    /// Blocks of attention; none at all in a bag of words.
    Blocks(Vec<Block>),
    /// Layers that go from token to token.
    Recurrent(Recurrent),
}

/// What recurrent layers hand from one text to the next. Empty at first.
#[derive(Debug, Clone, Default)]
pub struct EncoderState {
    layers: Vec<LstmCarry>,
}

impl Encoder {
    /// Declares all parameters, in the order in which a forward meets them.
    ///
    /// Errors: settings that contradict each other, and formulas that cannot be computed.
    pub fn declare(settings: &EncoderSettings, b: &mut Builder) -> Result<Self, ModelError> {
        let e = settings;
        e.check()?;
        let norm = |wanted: bool, width: usize, b: &mut Builder| {
            wanted.then(|| Norm::declare(width, e.norm_bias, e.epsilon, b))
        };
        let table = |name: &str, rows: usize, b: &mut Builder| {
            b.within(name, |b| {
                b.table("weight", rows, e.word_width(), Initial::Normal(e.initial_deviation))
            })
        };
        let (words, types, positions, embedding_norm) = b.within("embeddings", |b| {
            let words = match &e.characters {
                None => Words::Table(table("words", e.vocabulary, b)),
                Some(c) => Words::Spelled(Box::new(Characters::declare(e, c, b))),
            };
            // A row or two that are added to every token: as bytes they would spare nothing, and
            // real ones hold one value so large that the rest would lose most of its digits.
            let types = (e.token_types > 0).then(|| {
                let initial = Initial::Normal(e.initial_deviation);
                let width = e.word_width();
                b.within("types", |b| b.exact_table("weight", e.token_types, width, initial))
            });
            let positions: Result<Vec<_>, _> =
                e.positions.iter().map(|position| position.declare(e, b)).collect();
            (words, types, positions, norm(e.embedding_norm, e.word_width(), b))
        });
        let positions = positions?;
        let layers = b.within("layers", |b| match &e.lstm {
            Some(lstm) => Layers::Recurrent(Recurrent::declare(e, lstm, b)),
            None => {
                let block = |index| b.within(index, |b| Block::declare(e, index, b));
                let layers = if e.aggregator == Aggregator::None { 0 } else { e.layers.len() };
                Layers::Blocks((0..layers).map(block).collect())
            }
        });
        let final_norm = norm(e.final_norm, e.hidden, b);
        let mix = e.mix.then(|| {
            b.within("mix", |b| LayerMix {
                weights: b.vector("weights", layers.len() + 1, Initial::Zeros),
                scale: b.vector("scale", 1, Initial::Ones),
            })
        });
        let settings = settings.clone();
        Ok(Self { settings, words, types, positions, embedding_norm, layers, final_norm, mix })
    }

    /// The same encoder blind to where a token stands: permuting tokens then permutes rows. Made
    /// for that law, not for use.
    pub fn without_positions(mut self) -> Self {
        self.positions.clear();
        self
    }

    /// The table of words, `[vocabulary, width]`; `None` where words are spelled out.
    pub fn words(&self) -> Option<Param> {
        match &self.words {
            Words::Table(table) => Some(*table),
            Words::Spelled(_) => None,
        }
    }

    /// Whether its output is a learned mix of its layers.
    pub fn mixes(&self) -> bool {
        self.mix.is_some()
    }

    /// Its properties.
    pub fn settings(&self) -> &EncoderSettings {
        &self.settings
    }

    /// Checks numbers against tables and lengths against limits; a forward then cannot fail.
    pub fn batch(&self, input: TokenInput, segments: Segments) -> Result<Batch, ModelError> {
        Batch::checked(&self.settings, input, segments)
    }

    /// The output rows `[tokens, hidden]`: the last layer's, after the final norm where there is
    /// one, or the mix of all layers where that is learned.
    pub fn forward(&self, s: &mut Session, batch: &Batch) -> Value {
        self.forward_layers(s, batch, |_| false).0
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
        self.forward_from(s, batch, wanted, None)
    }

    /// As [`Encoder::forward_layers`], beginning from the state that `state` holds and leaving in
    /// it the state after these sequences, of which there must always be as many. What is not
    /// recurrent has no state. For inference only.
    pub fn forward_from(
        &self,
        s: &mut Session,
        batch: &Batch,
        wanted: impl Fn(usize) -> bool,
        state: Option<&mut EncoderState>,
    ) -> (Value, Vec<(usize, Value)>) {
        let inside = batch.spelled.as_ref().map(|spelled| spelled.inside.clone());
        let out = |s: &mut Session, value: &Value| match &inside {
            Some(rows) => s.apply(Gather { rows: rows.clone() }, &[value], &batch.segments),
            None => value.clone(),
        };
        let (mut kept, mut mixed) = (Vec::new(), Vec::new());
        let last = self.run(s, batch, state, &mut |s, layer, value| {
            if wanted(layer) {
                kept.push((layer, out(s, value)));
            }
            if self.mix.is_some() {
                mixed.push(value.clone());
            }
        });
        let last = match self.mix {
            None => last,
            Some(mix) => {
                let values: Vec<&Value> = mixed.iter().collect();
                s.apply(mix, &values, inner(batch).segments())
            }
        };
        (out(s, &last), kept)
    }

    /// The last layer's rows of the sequences with all their markers, those that the encoder adds
    /// among them, and where each begins: for language models, which tell the markers too.
    pub fn forward_framed(&self, s: &mut Session, batch: &Batch) -> (Value, Segments) {
        (self.run(s, batch, None, &mut |_, _, _| {}), inner(batch).segments.clone())
    }

    fn run(
        &self,
        s: &mut Session,
        batch: &Batch,
        state: Option<&mut EncoderState>,
        see: &mut dyn FnMut(&mut Session, usize, &Value),
    ) -> Value {
        let words = self.embed(s, batch);
        let segments = &inner(batch).segments;
        // Rows of all layers are equally wide: the words stand once in each direction.
        let (mut x, mut once) = match self.settings.directions() {
            1 => (words, None),
            _ => (s.apply(Concatenate, &[&words, &words], segments), Some(words)),
        };
        s.observe(|| "hidden.0".into(), &x);
        see(s, 0, &x);
        let carries = state.map(|state| {
            state.layers.resize_with(self.layers.len(), LstmCarry::default);
            &*state
        });
        for index in 0..self.layers.len() {
            x = match &self.layers {
                Layers::Blocks(blocks) => {
                    blocks[index].forward(s, &x, &self.positions, inner(batch))
                }
                Layers::Recurrent(recurrent) => {
                    let below = once.take().unwrap_or_else(|| x.clone());
                    let carry = carries.map(|state| &state.layers[index]);
                    recurrent.forward(s, index, &below, segments, carry)
                }
            };
            s.observe(|| format!("hidden.{}", index + 1), &x);
            if index + 1 < self.layers.len() {
                see(s, index + 1, &x);
            }
        }
        let last = match &self.final_norm {
            Some(norm) => norm.forward(s, &x, segments),
            None => x,
        };
        if self.layers.len() > 0 {
            see(s, self.layers.len(), &last);
        }
        last
    }

    fn embed(&self, s: &mut Session, batch: &Batch) -> Value {
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

impl Layers {
    fn len(&self) -> usize {
        match self {
            Self::Blocks(blocks) => blocks.len(),
            Self::Recurrent(recurrent) => recurrent.len(),
        }
    }
}

/// The sequences as the layers see them: with the encoder's own markers where it adds any.
fn inner(batch: &Batch) -> &Batch {
    batch.spelled.as_ref().map_or(batch, |spelled| &spelled.framed)
}

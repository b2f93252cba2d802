//! The encoder: embeddings, positions at their doors, layers, and a last norm where there is one.

use contexture_nn::ops::{Concatenate, Gather, LayerMix, LstmCarry};
use contexture_nn::{Builder, Initial, Param, Segments, Session, Value};

use super::embeddings::Embeddings;
use super::{Aggregator, Batch, EncoderSettings, TokenInput};
use crate::ModelError;
use crate::layers::{Around, Block, Norm, Recurrent};

/// An encoder's declared parameters and settings. It holds no weight: a [`Session`] brings them.
#[derive(Debug)]
pub struct Encoder {
    settings: EncoderSettings,
    embeddings: Embeddings,
    layers: Layers,
    final_norm: Option<Norm>,
    mix: Option<LayerMix>,
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
        let embeddings = Embeddings::declare(e, None, b)?;
        let layers = b.within("layers", |b| match &e.lstm {
            Some(lstm) => Layers::Recurrent(Recurrent::declare(e, lstm, b)),
            None => {
                let block = |index| b.within(index, |b| Block::declare(e, index, None, b));
                let layers = if e.aggregator == Aggregator::None { 0 } else { e.layers.len() };
                Layers::Blocks((0..layers).map(block).collect())
            }
        });
        let final_norm = e.final_norm.then(|| Norm::declare(e, e.hidden, b));
        let mix = e.mix.then(|| {
            b.within("mix", |b| LayerMix {
                weights: b.vector("weights", layers.len() + 1, Initial::Zeros),
                scale: b.vector("scale", 1, Initial::Ones),
            })
        });
        let settings = settings.clone();
        Ok(Self { settings, embeddings, layers, final_norm, mix })
    }

    /// The same encoder blind to where a token stands: permuting tokens then permutes rows. Made
    /// for that law, not for use.
    pub fn without_positions(mut self) -> Self {
        self.embeddings.forget_positions();
        self
    }

    /// The table of words, `[vocabulary, width]`; `None` where words are spelled out.
    pub fn words(&self) -> Option<Param> {
        self.embeddings.words()
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
        let words = self.embeddings.forward(s, batch);
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
                    let positions = self.embeddings.positions();
                    blocks[index].forward(s, &x, positions, inner(batch), Around::default())
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
pub(super) fn inner(batch: &Batch) -> &Batch {
    batch.spelled.as_ref().map_or(batch, |spelled| &spelled.framed)
}

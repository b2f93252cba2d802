//! The decoder: an output's tokens, each from those before it and from the encoder's rows (Vaswani et
//! al. 2017, section 3.1; recurrent: Luong et al. 2015).
//!
//! Whole outputs at once, to learn (teacher forcing), and token after token over what earlier steps
//! left, to translate. Both run the same layers and give the same bits.

use std::sync::Arc;

use contexture_kernels::Activation;
use contexture_kernels::attention::KeysValues;
use contexture_nn::ops::{AttentionCarry, CrossEntropy, Linear, LstmCarry, Scale};
use contexture_nn::{Builder, Initial, Param, Segments, Session, Value};

use super::embeddings::Embeddings;
use super::{Batch, DecoderSettings, Encoder, TokenInput};
use crate::ModelError;
use crate::layers::{Around, Block, Luong, Memory, Norm, Recurrent};

/// A decoder's declared parameters and settings. It holds no weight: a [`Session`] brings them.
#[derive(Debug)]
pub struct Decoder {
    settings: DecoderSettings,
    embeddings: Embeddings,
    layers: Layers,
    final_norm: Option<Norm>,
    /// What words are scored with, `[vocabulary, hidden]`.
    output: Param,
    bias: Option<Param>,
}

#[derive(Debug)]
enum Layers {
    Blocks(Vec<Block>),
    Recurrent(Recurrent, Luong),
}

/// What a decoder keeps from step to step, for several outputs of several texts.
#[derive(Debug, Clone)]
pub struct DecoderState {
    /// Tokens that every output has so far.
    place: usize,
    /// How many outputs each text has; those of one text stand side by side.
    outputs: Vec<usize>,
    attention: Vec<AttentionCarry>,
    recurrent: Vec<LstmCarry>,
    /// By layer: the texts, as it attends to them.
    memory: Vec<Arc<[Arc<KeysValues>]>>,
}

impl DecoderState {
    /// Tokens that every output has so far.
    pub fn place(&self) -> usize {
        self.place
    }

    /// Goes on with other outputs: output i from what output `parents[i]` holds, those of text t
    /// `outputs[t]` in number and side by side. `texts` are the texts that remain, by their number
    /// so far.
    pub fn follow(&mut self, parents: &[usize], texts: &[usize], outputs: Vec<usize>) {
        assert_eq!(texts.len(), outputs.len(), "texts against numbers of outputs");
        assert_eq!(parents.len(), outputs.iter().sum::<usize>(), "parents against outputs");
        self.attention.iter().for_each(|carry| carry.follow(parents));
        self.recurrent.iter().for_each(|carry| carry.follow(parents));
        if texts.len() != self.outputs.len() {
            for memory in &mut self.memory {
                *memory = texts.iter().map(|text| memory[*text].clone()).collect();
            }
        }
        self.outputs = outputs;
    }
}

impl Decoder {
    /// Declares all parameters under `decoder`. Where `packed`, what scores words is a matrix of its
    /// own even where it is tied: for inference, which wants it packed.
    pub(crate) fn declare(
        settings: &DecoderSettings,
        encoder: &Encoder,
        packed: bool,
        b: &mut Builder,
    ) -> Result<Self, ModelError> {
        settings.check(encoder.settings())?;
        let e = &settings.layers;
        let memory = encoder.settings().hidden;
        b.within("decoder", |b| {
            let shared = encoder.words().filter(|_| settings.shared_words);
            let embeddings = Embeddings::declare(e, shared, b)?;
            let layers = b.within("layers", |b| match &e.lstm {
                None => Layers::Blocks(
                    (0..e.layers.len())
                        .map(|i| b.within(i, |b| Block::declare(e, i, Some(memory), b)))
                        .collect(),
                ),
                Some(lstm) => {
                    let recurrent = Recurrent::declare(e, lstm, b);
                    Layers::Recurrent(recurrent, Luong::declare(e, memory, b))
                }
            });
            let final_norm = e.final_norm.then(|| Norm::declare(e, e.hidden, b));
            let initial = Initial::Normal(e.initial_deviation);
            let output = match embeddings.words().filter(|_| settings.tied && !packed) {
                Some(words) => {
                    b.reads_exactly(words);
                    words
                }
                None => b.within("output", |b| match packed {
                    true => b.matrix("weight", e.vocabulary, e.hidden, initial),
                    // A table, so that it is never packed: the loss reads it in chunks.
                    false => b.exact_table("weight", e.vocabulary, e.hidden, initial),
                }),
            };
            let bias = settings.bias.then(|| b.vector("output.bias", e.vocabulary, Initial::Zeros));
            Ok(Self { settings: settings.clone(), embeddings, layers, final_norm, output, bias })
        })
    }

    /// Its properties.
    pub fn settings(&self) -> &DecoderSettings {
        &self.settings
    }

    /// The most tokens of an output, the end not counted: before each token, and before the end,
    /// there must be a place to tell it from, and the start has one.
    pub fn longest(&self) -> usize {
        self.settings.layers.maximum_tokens.map_or(usize::MAX, |most| most.saturating_sub(1))
    }

    /// Outputs without their last token, each with the start before it; numbers and lengths are
    /// checked, so that a forward cannot fail.
    pub fn batch(&self, ids: Arc<[u32]>, segments: Segments) -> Result<Batch, ModelError> {
        let input = TokenInput { ids, type_ids: None, characters: None };
        Batch::checked(&self.settings.layers, input, segments)
    }

    /// All rows of outputs at once, `[tokens, hidden]`: each sees the tokens up to its own, and the
    /// rows `memory` `[_, hidden]` of the encoder, whose sequences are `texts`.
    pub fn forward(
        &self,
        s: &mut Session,
        batch: &Batch,
        memory: &Value,
        texts: &Segments,
    ) -> Value {
        let mut x = self.embeddings.forward(s, batch);
        let segments = &batch.segments;
        s.observe(|| "decoder.hidden.0".into(), &x);
        match &self.layers {
            Layers::Blocks(blocks) => {
                let around = Around { carry: None, memory: Some(Memory::Rows(memory, texts)) };
                for (index, block) in blocks.iter().enumerate() {
                    x = block.forward(s, &x, self.embeddings.positions(), batch, around);
                    s.observe(|| format!("decoder.hidden.{}", index + 1), &x);
                }
            }
            Layers::Recurrent(recurrent, luong) => {
                for index in 0..recurrent.len() {
                    x = recurrent.forward(s, index, &x, segments, None);
                    s.observe(|| format!("decoder.hidden.{}", index + 1), &x);
                }
                x = luong.forward(s, &x, Memory::Rows(memory, texts), segments);
            }
        }
        self.end(s, x, segments)
    }

    /// What steps begin with: one output for each text, no token yet.
    pub fn begin(&self, s: &mut Session, memory: &Value, texts: &Segments) -> DecoderState {
        let (mut attention, mut recurrent) = (Vec::new(), Vec::new());
        let memory = match &self.layers {
            Layers::Blocks(blocks) => {
                // Every layer has a memory of its own: a clone would share it.
                attention.resize_with(blocks.len(), AttentionCarry::default);
                blocks.iter().map(|block| block.keep(s, memory, texts)).collect()
            }
            Layers::Recurrent(layers, luong) => {
                recurrent.resize_with(layers.len(), LstmCarry::default);
                vec![luong.keep(s, memory, texts)]
            }
        };
        DecoderState { place: 0, outputs: vec![1; texts.len()], attention, recurrent, memory }
    }

    /// The next token of every output, `ids`, to the rows after it, `[outputs, hidden]`.
    ///
    /// # Errors
    /// Token numbers that the table does not have; outputs that are too long.
    pub fn step(
        &self,
        s: &mut Session,
        ids: &[u32],
        state: &mut DecoderState,
    ) -> Result<Value, ModelError> {
        let rows = state.outputs.iter().sum::<usize>();
        assert_eq!(ids.len(), rows, "tokens against outputs");
        let mut batch = self.batch(ids.into(), Segments::from_lengths(vec![1; rows]))?;
        if let Some(most) = self.settings.layers.maximum_tokens.filter(|most| state.place >= *most)
        {
            return Err(ModelError::Batch {
                what: "output's length",
                row: 0,
                expected: format!("at most {most} tokens"),
                found: (state.place + 1).to_string(),
            });
        }
        batch.first = state.place;
        state.place += 1;
        let by_text = Segments::from_lengths(state.outputs.iter().copied());
        let mut x = self.embeddings.forward(s, &batch);
        match &self.layers {
            Layers::Blocks(blocks) => {
                for (index, block) in blocks.iter().enumerate() {
                    let memory = Some(Memory::Kept(&state.memory[index], &by_text));
                    let around = Around { carry: Some(&state.attention[index]), memory };
                    x = block.forward(s, &x, self.embeddings.positions(), &batch, around);
                }
            }
            Layers::Recurrent(recurrent, luong) => {
                for index in 0..recurrent.len() {
                    let carry = Some(&state.recurrent[index]);
                    x = recurrent.forward(s, index, &x, &batch.segments, carry);
                }
                let memory = Memory::Kept(&state.memory[0], &by_text);
                x = luong.forward(s, &x, memory, &batch.segments);
            }
        }
        Ok(self.end(s, x, &batch.segments))
    }

    fn end(&self, s: &mut Session, x: Value, segments: &Segments) -> Value {
        let x = match &self.final_norm {
            Some(norm) => norm.forward(s, &x, segments),
            None => x,
        };
        match self.settings.output_scale {
            1.0 => x,
            factor => s.apply(Scale { factor }, &[&x], segments),
        }
    }

    /// Each row's negative log-likelihood of its target, `[n, 1]`; see
    /// [`LanguageHead::loss`](crate::heads::LanguageHead::loss).
    pub fn loss(
        &self,
        s: &mut Session,
        rows: &Value,
        targets: Arc<[u32]>,
        smoothing: f32,
        seed: f32,
    ) -> Value {
        let segments = Segments::single(targets.len());
        let op = CrossEntropy { weight: self.output, bias: self.bias, targets, smoothing, seed };
        s.apply(op, &[rows], &segments)
    }

    /// The scores of all words, `[n, vocabulary]`.
    pub fn logits(&self, s: &mut Session, rows: &Value) -> Value {
        let segments = Segments::single(rows.rows().rows());
        let (weight, bias, activation) = (self.output, self.bias, Activation::Identity);
        s.apply(Linear { weight, bias, activation }, &[rows], &segments)
    }
}

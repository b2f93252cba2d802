//! The language head: which word stands where a hidden row came from (Devlin et al. 2019, section
//! 3.1; the tie: Press and Wolf 2017).
//!
//! ```text
//! t      = norm(act(x W^T + b))               x itself where there is no transform
//! logits = t E^T + c                          E the words' table, or a table of its own
//! ```
//!
//! x and t are `[n, hidden]`, logits `[n, vocabulary]`.

use std::sync::Arc;

use contexture_kernels::Activation;
use contexture_nn::ops::{Candidates, Columns, CrossEntropy, Linear, SampledCrossEntropy};
use contexture_nn::{Builder, Initial, Param, Segments, Session, Value};
use serde::{Deserialize, Serialize};

use crate::ModelError;
use crate::architectures::{Aggregator, Encoder, EncoderSettings, spelling};
use crate::layers::{Norm, linear};

/// What a language head is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LanguageHeadSettings {
    /// Whether a dense map, an activation and a norm come before the words.
    pub transform: bool,
    /// The transform's activation.
    #[serde(with = "spelling::activation")]
    pub activation: Activation,
    /// The transform's norm's epsilon.
    pub epsilon: f32,
    /// Whether the transform's dense map has a bias.
    pub dense_bias: bool,
    /// Whether the transform's norm has a bias.
    pub norm_bias: bool,
    /// Whether words are scored with the encoder's own table of words.
    pub tied: bool,
    /// Whether each word has a bias.
    pub bias: bool,
    /// Whether it reads one direction of a token's row and not all of them, with the same
    /// parameters for both (Peters et al. 2018, section 3.1).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub per_direction: bool,
    /// Whether it was made to tell each row's next token, so that it is asked for that also where
    /// no layer says so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub next: bool,
}

impl LanguageHeadSettings {
    /// BERT's head, for an encoder with these settings: transform, tied words, biases everywhere.
    pub fn bert(e: &EncoderSettings) -> Self {
        Self {
            transform: true,
            activation: e.activation,
            epsilon: e.epsilon,
            dense_bias: true,
            norm_bias: true,
            tied: true,
            bias: true,
            per_direction: false,
            next: false,
        }
    }

    /// The words' own rows and nothing else, as GPT-2 scores the next word.
    pub fn plain(e: &EncoderSettings) -> Self {
        Self { transform: false, bias: false, ..Self::bert(e) }
    }

    /// A bidirectional language model's: no transform, each direction on its own, words with a
    /// bias; tied to the words' table where there is one.
    pub fn sides(e: &EncoderSettings) -> Self {
        let tied = e.characters.is_none();
        Self { transform: false, tied, per_direction: true, ..Self::bert(e) }
    }

    /// The width of the rows that it reads.
    fn inputs(&self, e: &EncoderSettings) -> usize {
        if self.per_direction { e.word_width() } else { e.hidden }
    }

    /// The width of the rows that words are compared with.
    fn width(&self, e: &EncoderSettings) -> usize {
        if self.tied { e.word_width() } else { self.inputs(e) }
    }

    pub(crate) fn check(&self, e: &EncoderSettings) -> Result<(), ModelError> {
        let refused = |key: &str, expected: &str, found: String| ModelError::Contradiction {
            key: format!("language.{key}"),
            expected: expected.into(),
            found,
        };
        if self.tied && e.characters.is_some() {
            let expected = "false, since words are spelled out and have no table";
            return Err(refused("tied", expected, "true".into()));
        }
        let (inputs, width) = (self.inputs(e), self.width(e));
        if !self.transform && inputs != width {
            let expected = "true, or tied = false, so that rows are as wide as words";
            return Err(refused(
                "transform",
                expected,
                format!("rows of {inputs}, words of {width}"),
            ));
        }
        Ok(())
    }
}

/// A language head's declared parameters.
#[derive(Debug)]
pub struct LanguageHead {
    settings: LanguageHeadSettings,
    transform: Option<(Linear, Norm)>,
    words: Param,
    bias: Option<Param>,
    direction_width: Option<usize>,
}

impl LanguageHead {
    /// Declares its parameters under `language.`; tied, it shares the encoder's table.
    pub(crate) fn declare(
        settings: &LanguageHeadSettings,
        encoder: &Encoder,
        b: &mut Builder,
    ) -> Self {
        let e = encoder.settings();
        let deviation = e.initial_deviation;
        let (inputs, width) = (settings.inputs(e), settings.width(e));
        b.within("language", |b| {
            let transform = settings.transform.then(|| {
                let dense = b.within("dense", |b| {
                    let LanguageHeadSettings { dense_bias, activation, .. } = *settings;
                    linear(width, inputs, dense_bias, activation, deviation, b)
                });
                (dense, Norm::centred(width, settings.norm_bias, settings.epsilon, b))
            });
            let bias = |b: &mut Builder| {
                settings.bias.then(|| b.vector("bias", e.vocabulary, Initial::Zeros))
            };
            let (words, bias) = match encoder.words().filter(|_| settings.tied) {
                Some(words) => {
                    b.reads_exactly(words);
                    (words, bias(b))
                }
                // A table, so that it is never packed: the loss reads it in chunks.
                None => b.within("decoder", |b| {
                    let initial = Initial::Normal(deviation);
                    (b.exact_table("weight", e.vocabulary, width, initial), bias(b))
                }),
            };
            let direction_width = settings.per_direction.then(|| e.word_width());
            Self { settings: settings.clone(), transform, words, bias, direction_width }
        })
    }

    /// What it is made of.
    pub fn settings(&self) -> &LanguageHeadSettings {
        &self.settings
    }

    /// The part of rows `[n, hidden]` that direction `direction` gave, `[n, hidden / directions]`;
    /// the rows themselves where the head reads all of them.
    pub fn side(&self, s: &mut Session, rows: &Value, direction: usize) -> Value {
        match self.direction_width {
            Some(width) if width < rows.rows().width() => {
                let (from, to) = (direction * width, (direction + 1) * width);
                let segments = Segments::single(rows.rows().rows());
                s.apply(Columns { from, to }, &[rows], &segments)
            }
            _ => rows.clone(),
        }
    }

    /// Hidden rows `[n, hidden]`, of all tokens or of some, to what words are compared with; of a
    /// head that reads one direction, what [`LanguageHead::side`] gave.
    pub fn transform(&self, s: &mut Session, rows: &Value, segments: &Segments) -> Value {
        match &self.transform {
            None => rows.clone(),
            Some((dense, norm)) => {
                let t = s.apply(*dense, &[rows], segments);
                norm.forward(s, &t, segments)
            }
        }
    }

    /// Whether each row, or its first direction, is asked for the token after it, and not for its
    /// own behind a mask.
    pub fn tells_next(&self, e: &EncoderSettings) -> bool {
        let layers = e.aggregator != Aggregator::None && e.is_causal();
        self.settings.next || self.settings.per_direction || layers
    }

    /// Each row's negative log-likelihood of its target, `[n, 1]`, from transformed rows `[n,
    /// hidden]`. `smoothing` is the share of the target that is spread over all words; `seed` what
    /// the backward pass will begin with at each row (the weight of a row in the loss).
    pub fn loss(
        &self,
        s: &mut Session,
        transformed: &Value,
        targets: Arc<[u32]>,
        smoothing: f32,
        seed: f32,
    ) -> Value {
        let rows = Segments::single(targets.len());
        let op = CrossEntropy { weight: self.words, bias: self.bias, targets, smoothing, seed };
        s.apply(op, &[transformed], &rows)
    }

    /// As [`LanguageHead::loss`] against sampled words only (Jean et al. 2015): each target against
    /// `samples`, which were drawn by the words' places in the vocabulary, frequent words first. Its value is not a
    /// likelihood; its gradient nears that of the whole loss.
    pub fn sampled_loss(
        &self,
        s: &mut Session,
        transformed: &Value,
        targets: Arc<[u32]>,
        samples: &Candidates,
        seed: f32,
    ) -> Value {
        let rows = Segments::single(targets.len());
        let Candidates { classes, tries } = samples.clone();
        let (weight, bias) = (self.words, self.bias);
        let op = SampledCrossEntropy { weight, bias, targets, samples: classes, tries, seed };
        s.apply(op, &[transformed], &rows)
    }

    /// The scores of all words, `[n, vocabulary]`, from transformed rows `[n, hidden]`.
    pub fn logits(&self, s: &mut Session, transformed: &Value) -> Value {
        let rows = Segments::single(transformed.rows().rows());
        let (weight, bias, activation) = (self.words, self.bias, Activation::Identity);
        s.apply(Linear { weight, bias, activation }, &[transformed], &rows)
    }
}

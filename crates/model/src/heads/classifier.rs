//! The classifier: scores of classes for a whole text or for each token (Devlin et al. 2019,
//! section 4).
//!
//! ```text
//! h      = pool(x), or x itself for tokens
//! t      = act(h W^T + b)                      h itself where there is no dense map
//! logits = dropout(t) V^T + c
//! ```
//!
//! x is `[tokens, hidden]`, logits `[texts or tokens, outputs]`.

use std::sync::Arc;

use contexture_kernels::Activation;
use contexture_nn::ops::{CrossEntropy, Linear, Pool, Pooling};
use contexture_nn::{Builder, Segments, Session, Value};
use serde::{Deserialize, Serialize};

use crate::ModelError;
use crate::architectures::{EncoderSettings, spelling};
use crate::folder::modules::pooling_name;
use crate::layers::linear;

/// What is classified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Each text.
    Texts,
    /// Each token.
    Tokens,
}

/// What a classifier is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassifierSettings {
    /// The classes' names, in the order of their scores.
    pub labels: Vec<String>,
    /// What is classified.
    pub level: Level,
    /// How a text's tokens become one row; of no matter for tokens.
    #[serde(with = "pooling_name")]
    pub pooling: Pooling,
    /// Whether a dense map with an activation comes before the scores.
    pub dense: bool,
    /// That map's activation.
    #[serde(with = "spelling::activation")]
    pub activation: Activation,
}

impl ClassifierSettings {
    /// BERT's: of texts by the first token with a dense map and tanh, of tokens directly.
    pub fn bert(level: Level, labels: Vec<String>) -> Self {
        let (pooling, activation) = (Pooling::Cls, Activation::Tanh);
        Self { labels, level, pooling, dense: level == Level::Texts, activation }
    }

    /// How many classes there are.
    pub fn outputs(&self) -> usize {
        self.labels.len()
    }

    pub(crate) fn check(&self) -> Result<(), ModelError> {
        let found = self.labels.len();
        let mut sorted = self.labels.clone();
        sorted.sort();
        sorted.dedup();
        match (1..=1 << 20).contains(&found) && sorted.len() == found {
            true => Ok(()),
            false => Err(ModelError::Contradiction {
                key: "classifier.labels".into(),
                expected: "at least one label, none of them twice".into(),
                found: format!("{found} labels, {} of them different", sorted.len()),
            }),
        }
    }
}

/// A classifier's declared parameters.
#[derive(Debug)]
pub struct Classifier {
    settings: ClassifierSettings,
    dense: Option<Linear>,
    output: Linear,
    dropout: f32,
}

impl Classifier {
    /// Declares its parameters under `classifier.`.
    pub(crate) fn declare(
        settings: &ClassifierSettings,
        e: &EncoderSettings,
        b: &mut Builder,
    ) -> Self {
        let deviation = e.initial_deviation;
        let (none, activation) = (Activation::Identity, settings.activation);
        b.within("classifier", |b| Self {
            settings: settings.clone(),
            dense: settings.dense.then(|| {
                b.within("dense", |b| linear(e.hidden, e.hidden, true, activation, deviation, b))
            }),
            output: b.within("output", |b| {
                linear(settings.outputs(), e.hidden, true, none, deviation, b)
            }),
            dropout: e.dropout,
        })
    }

    /// What it is made of.
    pub fn settings(&self) -> &ClassifierSettings {
        &self.settings
    }

    /// Hidden rows `[tokens, hidden]` to what classes are compared with: one row a text or a token.
    /// For tokens, `rows` may be some of them.
    pub fn transform(&self, s: &mut Session, rows: &Value, segments: &Segments) -> Value {
        let (mut h, segments) = match self.settings.level {
            Level::Tokens => (rows.clone(), segments.clone()),
            Level::Texts => {
                let op = Pool { pooling: self.settings.pooling, skip: Arc::from([]) };
                let pooled = s.apply(op, &[rows], segments);
                (pooled, Segments::from_lengths(vec![1; segments.len()]))
            }
        };
        if let Some(dense) = self.dense {
            h = s.apply(dense, &[&h], &segments);
        }
        s.dropout(self.dropout, h, &segments)
    }

    /// Each row's negative log-likelihood of its class, `[n, 1]`, from transformed rows; see
    /// [`super::LanguageHead::loss`] for `smoothing` and `seed`.
    pub fn loss(
        &self,
        s: &mut Session,
        transformed: &Value,
        targets: Arc<[u32]>,
        smoothing: f32,
        seed: f32,
    ) -> Value {
        let rows = Segments::single(targets.len());
        let Linear { weight, bias, .. } = self.output;
        let op = CrossEntropy { weight, bias, targets, smoothing, seed };
        s.apply(op, &[transformed], &rows)
    }

    /// The scores of all classes, `[n, outputs]`, from transformed rows.
    pub fn logits(&self, s: &mut Session, transformed: &Value) -> Value {
        let rows = Segments::single(transformed.rows().rows());
        s.apply(self.output, &[transformed], &rows)
    }
}

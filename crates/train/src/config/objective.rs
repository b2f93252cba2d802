//! What a run learns: one table an objective.

use serde::{Deserialize, Serialize};

use super::DataSettings;
use super::check::within;
use super::kinds::{
    BidirectionalSettings, CausalSettings, ClassificationSettings, ContrastiveSettings,
    DistillationSettings, MaskedSettings, PairsSettings, TranslationSettings, TriplesSettings,
};
use crate::TrainError;

/// One objective, by its `kind`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ObjectiveSettings {
    /// Tell hidden tokens from both sides (Devlin et al. 2019, section 3.1).
    Masked(MaskedSettings),
    /// Tell each token from those before it.
    Causal(CausalSettings),
    /// Tell each token from those before it, and by other layers from those after it (Peters et
    /// al. 2018, section 3.1).
    Bidirectional(BidirectionalSettings),
    /// Tell each token of a text from those before it and from another text (Vaswani et al. 2017).
    Translation(TranslationSettings),
    /// Find each text's partner among a batch.
    Contrastive(ContrastiveSettings),
    /// Bring each text nearer to one text than to another.
    Triples(TriplesSettings),
    /// Bring cosines to scores.
    Pairs(PairsSettings),
    /// Give a teacher's vectors.
    Distillation(DistillationSettings),
    /// Tell a text's class.
    Classification(ClassificationSettings),
    /// Tell each word's class.
    Tagging(ClassificationSettings),
}

/// What all kinds have in common.
struct Common<'a> {
    kind: &'static str,
    name: &'a Option<String>,
    weight: f64,
    data: &'a DataSettings,
    length: usize,
    /// About the most tokens that a step holds at once.
    tokens: usize,
}

macro_rules! common {
    ($s:expr, $kind:literal, $tokens:expr) => {
        Common {
            kind: $kind,
            name: &$s.name,
            weight: $s.weight,
            data: &$s.data,
            length: $s.length,
            tokens: $tokens,
        }
    };
}

impl ObjectiveSettings {
    fn common(&self) -> Common<'_> {
        match self {
            Self::Masked(s) => common!(s, "masked", s.batch_tokens.max(s.length)),
            Self::Causal(s) => common!(s, "causal", s.batch_tokens.max(s.length)),
            Self::Bidirectional(s) => {
                common!(s, "bidirectional", s.batch_tokens.max(s.length))
            }
            Self::Translation(s) => {
                common!(s, "translation", s.batch_tokens.max(2 * s.length))
            }
            Self::Contrastive(s) => {
                let texts = s.batch * (2 + s.negatives);
                let at_once = if s.cache == 0 { texts } else { s.cache.min(texts) };
                common!(s, "contrastive", at_once * s.length)
            }
            Self::Triples(s) => common!(s, "triples", 3 * s.batch * s.length),
            Self::Pairs(s) => common!(s, "pairs", 2 * s.batch * s.length),
            Self::Distillation(s) => common!(s, "distillation", s.batch * s.length),
            Self::Classification(s) => common!(s, "classification", s.batch * s.length),
            Self::Tagging(s) => common!(s, "tagging", s.batch * s.length),
        }
    }

    /// Its kind, as the file spells it.
    pub fn kind(&self) -> &'static str {
        self.common().kind
    }

    /// Its name in metrics.
    pub fn name(&self) -> &str {
        let common = self.common();
        common.name.as_deref().unwrap_or(common.kind)
    }

    /// What its loss is multiplied with.
    pub fn weight(&self) -> f64 {
        self.common().weight
    }

    /// Where its rows come from.
    pub fn data(&self) -> &DataSettings {
        self.common().data
    }

    /// The most tokens of its sequences.
    pub fn length(&self) -> usize {
        self.common().length
    }

    /// About the most tokens that a step holds at once.
    pub fn batch_tokens(&self) -> usize {
        self.common().tokens
    }

    /// The fields of its rows, those with text first.
    pub fn fields(&self) -> Vec<String> {
        let fields = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        match self {
            Self::Masked(_) | Self::Causal(_) | Self::Bidirectional(_) | Self::Distillation(_) => {
                fields(&["text"])
            }
            Self::Contrastive(s) => {
                let negatives = (1..=s.negatives).map(|number| match s.negatives {
                    1 => "negative".to_owned(),
                    _ => format!("negative{number}"),
                });
                ["anchor".to_owned(), "positive".to_owned()].into_iter().chain(negatives).collect()
            }
            Self::Triples(_) => fields(&["anchor", "positive", "negative"]),
            Self::Translation(_) => fields(&["source", "target"]),
            Self::Pairs(_) => fields(&["first", "second", "score"]),
            Self::Classification(_) => fields(&["text", "label"]),
            Self::Tagging(_) => fields(&["words", "labels"]),
        }
    }

    /// Its fields that hold text, from which a tokenizer may be trained.
    pub fn text_fields(&self) -> Vec<String> {
        let mut fields = self.fields();
        fields.retain(|field| !["score", "label", "labels"].contains(&field.as_str()));
        fields
    }

    /// Whether it tells tokens, so that the model needs a language head.
    pub fn needs_language_head(&self) -> bool {
        matches!(self, Self::Masked(_) | Self::Causal(_) | Self::Bidirectional(_))
    }

    /// Held-out rows whose outputs are compared with what they should be.
    pub fn translated(&self) -> usize {
        match self {
            Self::Translation(s) => s.translated,
            _ => 0,
        }
    }

    /// Whether it tells a text's counterpart, so that the model needs a decoder.
    pub fn needs_decoder(&self) -> bool {
        matches!(self, Self::Translation(_))
    }

    /// The classes' settings, where it tells classes.
    pub fn classes(&self) -> Option<&ClassificationSettings> {
        match self {
            Self::Classification(s) | Self::Tagging(s) => Some(s),
            _ => None,
        }
    }

    /// Values of its own that cannot work; `key` spells a key in full.
    pub(super) fn check(&self, key: &dyn Fn(&str) -> String) -> Result<(), TrainError> {
        let count = |name: &str, value: usize| within(&key(name), value as f64, 1.0, 1e9);
        count("length", self.length())?;
        match self {
            Self::Masked(s) => {
                within(&key("mask"), s.mask, f64::MIN_POSITIVE, 1.0)?;
                within(&key("masked_share"), s.masked_share, 0.0, 1.0)?;
                // 0.8 and 0.2 are all of it, although 1 - 0.8 is a little less than 0.2.
                let rest = (1.0 - s.masked_share).max(0.0) + 1e-9;
                within(&key("random_share"), s.random_share, 0.0, rest)?;
                within(&key("smoothing"), s.smoothing, 0.0, 0.99)?;
                count("batch_tokens", s.batch_tokens)
            }
            Self::Causal(s) => {
                within(&key("smoothing"), s.smoothing, 0.0, 0.99)?;
                count("batch_tokens", s.batch_tokens)
            }
            Self::Translation(s) => {
                within(&key("smoothing"), s.smoothing, 0.0, 0.99)?;
                // A start, an end, and a token between them.
                within(&key("length"), s.length as f64, 3.0, 1e9)?;
                count("batch_tokens", s.batch_tokens)
            }
            Self::Bidirectional(s) => {
                within(&key("smoothing"), s.smoothing, 0.0, 0.99)?;
                within(&key("samples"), s.samples as f64, 0.0, 1e6)?;
                if s.samples > 0 && s.smoothing > 0.0 {
                    let expected = "one of samples and smoothing";
                    return Err(TrainError::value(key("samples, smoothing"), expected, "both"));
                }
                count("batch_tokens", s.batch_tokens)
            }
            Self::Contrastive(s) => {
                within(&key("scale"), s.scale, f64::MIN_POSITIVE, 1e6)?;
                within(&key("negatives"), s.negatives as f64, 0.0, 64.0)?;
                // One row alone has nothing to be told from.
                let least = if s.negatives > 0 { 1.0 } else { 2.0 };
                within(&key("batch"), s.batch as f64, least, 1e6)
            }
            Self::Triples(s) => {
                within(&key("margin"), s.margin, 0.0, 2.0)?;
                within(&key("positive"), s.positive, -1.0, 1.0)?;
                within(&key("negative"), s.negative, -1.0, 1.0)?;
                count("batch", s.batch)
            }
            Self::Pairs(s) => {
                let range = s.most - s.least;
                if !(range.is_finite() && range > 0.0) {
                    let found = format!("{} and {}", s.least, s.most);
                    return Err(TrainError::value(key("least, most"), "least below most", found));
                }
                count("batch", s.batch)
            }
            Self::Distillation(s) => {
                within(&key("sentence"), s.sentence, 0.0, 1e6)?;
                within(&key("tokens"), s.tokens, 0.0, 1e6)?;
                let stored = s.data.train.iter().chain(&s.data.held_out);
                if s.tokens > 0.0 && stored.into_iter().any(|source| source.vectors.is_some()) {
                    let expected = "0 where vectors are read from files, which hold no words'";
                    return Err(TrainError::value(key("tokens"), expected, s.tokens));
                }
                if s.sentence + s.tokens == 0.0 {
                    let expected = "at least one of sentence and tokens above 0";
                    return Err(TrainError::value(key("sentence, tokens"), expected, "0 and 0"));
                }
                count("batch", s.batch)
            }
            Self::Classification(s) | Self::Tagging(s) => {
                within(&key("smoothing"), s.smoothing, 0.0, 0.99)?;
                count("batch", s.batch)
            }
        }
    }
}

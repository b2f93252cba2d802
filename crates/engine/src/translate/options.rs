//! How to translate, checked once, before any text.

use contexture_text::Overflow;

use super::Translator;
use crate::EngineError;

/// How to translate.
#[derive(Debug, Clone, PartialEq)]
pub struct TranslateOptions {
    /// Outputs that are followed at once; 1: the likeliest token after token.
    pub beam: usize,
    /// The exponent of an output's length by which its log-probability is divided; 0: not at all.
    pub length_penalty: f32,
    /// Outputs of a text, at most as many as the beam is wide.
    pub best: usize,
    /// What becomes of a text that is longer than the model takes.
    pub overflow: Overflow,
    /// The most tokens of a source; `None`: as many as the model takes.
    pub max_length: Option<usize>,
    /// The most tokens of an output; `None`: as the model says, else twice the source's and 50 more.
    pub longest: Option<usize>,
    /// Source tokens that a thread works on at once, times the beam.
    pub batch_tokens: usize,
}

impl Default for TranslateOptions {
    fn default() -> Self {
        Self {
            beam: 1,
            length_penalty: 1.0,
            best: 1,
            overflow: Overflow::Truncate,
            max_length: None,
            longest: None,
            batch_tokens: 2048,
        }
    }
}

/// More than this are of no use, and cost as many decoders.
const MOST_BEAMS: usize = 256;

impl TranslateOptions {
    /// Whether this model can honour them.
    pub(super) fn check(&self, translator: &Translator) -> Result<(), EngineError> {
        let refused = |setting, found: String, supported: String| {
            Err(EngineError::Setting { setting, found, supported })
        };
        if !(1..=MOST_BEAMS).contains(&self.beam) {
            return refused("beam", self.beam.to_string(), format!("1 to {MOST_BEAMS}"));
        }
        if !(1..=self.beam).contains(&self.best) {
            let supported = format!("1 to the beam's width ({})", self.beam);
            return refused("n-best", self.best.to_string(), supported);
        }
        if !self.length_penalty.is_finite() {
            let found = self.length_penalty.to_string();
            return refused("length penalty", found, "a finite number".into());
        }
        if self.overflow == Overflow::Chunk && self.best > 1 {
            let supported = "1 where texts that are too long are split into pieces";
            return refused("n-best", self.best.to_string(), supported.into());
        }
        if self.batch_tokens == 0 {
            return refused("batch tokens", "0".into(), "at least 1".into());
        }
        let lengths = [
            ("max length", self.max_length, translator.max_length()),
            ("longest", self.longest, translator.decoder().longest()),
        ];
        for (setting, asked, most) in lengths {
            match asked {
                Some(0) => return refused(setting, "0".into(), "at least 1".into()),
                Some(length) if length > most => {
                    return refused(setting, length.to_string(), format!("1 to {most}"));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

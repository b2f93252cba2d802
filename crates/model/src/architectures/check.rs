//! Whether an encoder's settings can work, said before anything is declared.

use super::{Aggregator, EncoderSettings, NormPlace};
use crate::ModelError;
use crate::positions::PositionSettings;

/// No encoder comes near these; above them, sizes are refused before memory is taken.
pub(super) const WIDTH: usize = 1 << 18;
const ENTRIES: usize = 1 << 24;
const LAYERS: usize = 256;
const HEADS: usize = 1 << 10;
const HEAD_WIDTH: usize = 1 << 10;

impl EncoderSettings {
    /// Whether these settings can work.
    ///
    /// Errors: names the setting, what it holds and what would be accepted.
    pub fn check(&self) -> Result<(), ModelError> {
        self.check_sizes()?;
        self.check_numbers()?;
        self.check_layers()?;
        self.check_recurrence()?;
        self.check_characters()?;
        self.positions.iter().try_for_each(|position| self.check_position(position))
    }

    fn check_sizes(&self) -> Result<(), ModelError> {
        let sizes = [
            ("hidden", self.hidden, 1, 1 << 15),
            ("heads", self.heads, 1, HEADS),
            ("head_width", self.head_width, 1, HEAD_WIDTH),
            ("inner", self.inner, 1, WIDTH),
            ("vocabulary", self.vocabulary, 1, ENTRIES),
            ("token_types", self.token_types, 0, HEADS),
            ("layers", self.layers.len(), 0, LAYERS),
            ("maximum_tokens", self.maximum_tokens.unwrap_or(1), 1, ENTRIES),
        ];
        for (key, found, least, most) in sizes {
            if !(least..=most).contains(&found) {
                return Err(refused(key, found, format!("a whole number from {least} to {most}")));
            }
        }
        Ok(())
    }

    fn check_numbers(&self) -> Result<(), ModelError> {
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(refused("dropout", self.dropout, "from 0 to less than 1"));
        }
        if !(0.0..=1.0).contains(&self.epsilon) {
            return Err(refused("epsilon", self.epsilon, "from 0 to 1"));
        }
        if !(self.initial_deviation >= 0.0 && self.initial_deviation.is_finite()) {
            let expected = "a finite number, at least 0";
            return Err(refused("initial_deviation", self.initial_deviation, expected));
        }
        if self.attention_scale.is_some_and(|scale| !scale.is_finite() || scale <= 0.0) {
            let found = self.score_scale();
            return Err(refused("attention_scale", found, "a finite number above 0"));
        }
        if !self.embedding_scale.is_finite() || self.embedding_scale == 0.0 {
            return Err(refused("embedding_scale", self.embedding_scale, "finite and not 0"));
        }
        Ok(())
    }

    fn check_layers(&self) -> Result<(), ModelError> {
        match (self.aggregator, self.layers.len()) {
            (Aggregator::None, 0) => {}
            (Aggregator::None, layers) => {
                let expected = "none, because aggregator \"none\" has no layers";
                return Err(refused("layers", layers, expected));
            }
            (Aggregator::Attention | Aggregator::Lstm, 0) => {
                let expected = "at least one layer, or aggregator \"none\"";
                return Err(refused("layers", 0, expected));
            }
            (Aggregator::Attention | Aggregator::Lstm, _) => {}
        }
        if self.norm == NormPlace::After && !self.first_attention_norm {
            let expected = "true where norms come after what they belong to";
            return Err(refused("first_attention_norm", false, expected));
        }
        Ok(())
    }

    fn check_position(&self, position: &PositionSettings) -> Result<(), ModelError> {
        let longest = self.maximum_tokens;
        match position {
            PositionSettings::Learned { entries, offset, .. } => {
                let needed =
                    longest.and_then(|longest| longest.checked_add(*offset + self.framing()));
                if needed.is_none_or(|needed| needed > *entries) || *entries > ENTRIES {
                    let expected = format!(
                        "at least maximum_tokens ({}) + offset ({offset}), at most {ENTRIES}",
                        longest.map_or("not stated".into(), |longest| longest.to_string())
                    );
                    return Err(refused("positions.learned.entries", entries, expected));
                }
            }
            PositionSettings::Buckets { buckets, farthest, one_sided } => {
                if *buckets < 4 || !buckets.is_multiple_of(4) || *buckets > 1 << 16 {
                    return Err(refused("positions.buckets.buckets", buckets, "a multiple of 4"));
                }
                let own = if *one_sided { buckets / 2 } else { buckets / 4 };
                if *farthest <= own || *farthest > ENTRIES {
                    let expected = format!("more than {own} and at most {ENTRIES}");
                    return Err(refused("positions.buckets.farthest", farthest, expected));
                }
            }
            PositionSettings::Rotary { width, .. } => self.check_rotary(*width)?,
            PositionSettings::Alibi => {}
            PositionSettings::Sinusoidal { offset, .. } => {
                self.table_length("sinusoidal")?;
                if *offset > ENTRIES {
                    return Err(refused("positions.sinusoidal.offset", offset, "a small number"));
                }
            }
            PositionSettings::Formula { tolerance, .. } => {
                self.table_length("formula")?;
                if !(*tolerance >= 0.0 && tolerance.is_finite()) {
                    let expected = "a finite number, at least 0";
                    return Err(refused("positions.formula.tolerance", tolerance, expected));
                }
            }
        }
        Ok(())
    }

    fn check_rotary(&self, width: usize) -> Result<(), ModelError> {
        if width == 0 || !width.is_multiple_of(2) || width > self.head_width {
            let expected = format!("even, and at most the heads' width ({})", self.head_width);
            return Err(refused("positions.rotary.width", width, expected));
        }
        match self.layers.iter().find(|layer| !(1.0..=1e12).contains(&layer.rotary_base)) {
            None => Ok(()),
            Some(layer) => {
                let expected = "from 1 to 1e12 where positions rotate";
                Err(refused("layers.rotary_base", layer.rotary_base, expected))
            }
        }
    }

    /// How many places a table that is computed must have.
    pub(crate) fn table_length(&self, what: &str) -> Result<usize, ModelError> {
        let places = self.maximum_tokens.and_then(|n| n.checked_add(self.framing()));
        let wide = places.and_then(|n| n.checked_mul(self.hidden));
        match (places, wide) {
            (Some(longest), Some(values)) if values <= 1 << 28 => Ok(longest),
            (found, _) => {
                let found = found.map_or("not stated".into(), |n| n.to_string());
                let expected = format!("stated for {what} positions, whose table is that long");
                Err(refused("maximum_tokens", found, expected))
            }
        }
    }
}

pub(super) fn refused(key: &str, found: impl ToString, expected: impl Into<String>) -> ModelError {
    ModelError::Contradiction {
        key: key.into(),
        found: found.to_string(),
        expected: expected.into(),
    }
}

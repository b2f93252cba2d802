//! Whether settings of recurrent layers and of characters can work.

use contexture_kernels::Activation;

use super::check::{WIDTH, refused};
use super::{Aggregator, EncoderSettings};
use crate::ModelError;

impl EncoderSettings {
    pub(super) fn check_recurrence(&self) -> Result<(), ModelError> {
        let Some(lstm) = &self.lstm else {
            return match self.aggregator {
                Aggregator::Lstm => Err(refused(
                    "lstm",
                    "nothing",
                    "its settings, since the aggregator is \"lstm\"",
                )),
                _ => Ok(()),
            };
        };
        if self.aggregator != Aggregator::Lstm {
            return Err(refused("lstm", "settings", "none, or aggregator \"lstm\""));
        }
        let directions = lstm.directions.count();
        if !self.hidden.is_multiple_of(directions) {
            return Err(refused("hidden", self.hidden, "even, since it holds two directions"));
        }
        if !(1..=WIDTH).contains(&lstm.cells) {
            let expected = format!("a whole number from 1 to {WIDTH}");
            return Err(refused("lstm.cells", lstm.cells, expected));
        }
        let width = self.word_width();
        if !lstm.projection && lstm.cells != width {
            let expected = format!("{width} (hidden / directions), or a projection");
            return Err(refused("lstm.cells", lstm.cells, expected));
        }
        for (key, clip) in
            [("lstm.cell_clip", lstm.cell_clip), ("lstm.projection_clip", lstm.projection_clip)]
        {
            if let Some(clip) = clip.filter(|clip| !(*clip > 0.0 && clip.is_finite())) {
                return Err(refused(key, clip, "finite and above 0, or absent"));
            }
        }
        match self.positions.iter().find(|position| !position.enters_rows()) {
            None => Ok(()),
            Some(position) => {
                let expected = "none, learned, sinusoidal or a formula where there is no attention";
                Err(refused("positions", position.name(), expected))
            }
        }
    }

    pub(super) fn check_characters(&self) -> Result<(), ModelError> {
        let Some(c) = &self.characters else { return Ok(()) };
        let sizes = [
            ("characters.entries", c.entries, 2, 1 << 16),
            ("characters.width", c.width, 1, 1 << 12),
            ("characters.filters", c.filters.len(), 1, 64),
            ("characters.highways", c.highways, 0, 16),
            ("characters.most", c.most, 3, 1 << 10),
            ("characters.padding", c.padding.into(), 0, c.entries.saturating_sub(1)),
        ];
        for (key, found, least, most) in sizes {
            if !(least..=most).contains(&found) {
                return Err(refused(key, found, format!("a whole number from {least} to {most}")));
            }
        }
        for (width, count) in &c.filters {
            if !(1..=c.most).contains(width) || !(1..=1 << 14).contains(count) {
                let expected = format!("widths of 1 to {} characters, 1 to 16384 of each", c.most);
                return Err(refused("characters.filters", format!("[{width}, {count}]"), expected));
            }
        }
        let rising =
            [Activation::Identity, Activation::Relu, Activation::Tanh, Activation::Sigmoid];
        if !rising.contains(&c.activation) {
            let expected = "relu, tanh, sigmoid or identity, since a maximum comes before it";
            return Err(refused("characters.activation", format!("{:?}", c.activation), expected));
        }
        let markers = c.markers.iter().all(|marker| {
            marker.len() <= c.most && marker.iter().all(|id| usize::from(*id) < c.entries)
        });
        if !markers {
            let expected = format!("at most {} numbers below {}", c.most, c.entries);
            return Err(refused("characters.markers", format!("{:?}", c.markers), expected));
        }
        let Some(words) = &c.words else { return Ok(()) };
        if !(1..=1 << 15).contains(&words.width) {
            let expected = "a whole number from 1 to 32768";
            return Err(refused("characters.words.width", words.width, expected));
        }
        if words.markers.iter().any(|number| *number as usize >= self.vocabulary) {
            let found = format!("{:?}", words.markers);
            let expected = format!("numbers below vocabulary ({})", self.vocabulary);
            return Err(refused("characters.words.markers", found, expected));
        }
        Ok(())
    }
}

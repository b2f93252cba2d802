//! Where speed is measured: which sizes, in which order.

use crate::config::SpeedSettings;
use crate::report::{By, Mode, SpeedPoint};

/// A size, with threads and mode: all models are measured at it, in turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) by: By,
    /// The length or the depth.
    pub(crate) size: usize,
    pub(crate) threads: usize,
    pub(crate) mode: Mode,
}

impl Place {
    /// Whether a point was measured here.
    pub(crate) fn holds(&self, point: &SpeedPoint) -> bool {
        let size = match point.by {
            By::Length => point.length,
            By::Depth => point.depth,
        };
        self.same_line(point) && self.size == size
    }

    /// Whether a point differs from this place by nothing but its size.
    pub(crate) fn same_line(&self, point: &SpeedPoint) -> bool {
        (point.by, point.threads, point.mode) == (self.by, self.threads, self.mode)
    }

    /// Tokens of a sequence.
    pub(crate) fn length(&self, settings: &SpeedSettings) -> usize {
        match self.by {
            By::Length => self.size,
            By::Depth => settings.depth_length,
        }
    }
}

/// All places, sizes rising, so that what a step will take can be told from the one before.
pub(crate) fn places(settings: &SpeedSettings) -> Vec<Place> {
    let mut places = Vec::new();
    for (by, sizes) in [(By::Length, &settings.lengths), (By::Depth, &settings.depths)] {
        for size in sizes.iter().copied() {
            for threads in settings.threads.iter().copied() {
                for mode in [Mode::Infer, Mode::Train] {
                    places.push(Place { by, size, threads, mode });
                }
            }
        }
    }
    places
}

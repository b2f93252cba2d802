//! How much memory a run will take, said before it takes it.

use contexture_model::Model;
use contexture_nn::Weights;
use serde::Serialize;

use crate::config::{Config, OptimiserKind};

/// Bytes by use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Forecast {
    /// The weights.
    pub weights: u64,
    /// One gradient for each weight.
    pub gradients: u64,
    /// The optimiser's moments.
    pub optimiser: u64,
    /// What a step keeps of its largest batch, linear in its tokens.
    pub activations: u64,
    /// Rows that wait to be drawn, at a kilobyte each.
    pub rows: u64,
}

/// What a row of text takes, roughly.
const ROW_BYTES: u64 = 1 << 10;
/// Logits of a chunk, and buffers of the kernels.
const FIXED_BYTES: u64 = 32 << 20;

impl Forecast {
    /// Of a configuration with its model.
    pub(crate) fn of(config: &Config, model: &Model, weights: &Weights) -> Self {
        let values = 4 * weights.count() as u64;
        let optimiser = match config.optimiser.kind {
            OptimiserKind::Adafactor => values / 64,
            _ => 2 * values,
        };
        let tokens = config.objectives.iter().map(|o| o.batch_tokens()).max().unwrap_or(0) as u64;
        let sources = config.objectives.iter().map(|o| o.data());
        let rows: u64 = sources.map(|d| (d.shuffle * d.train.len()) as u64).sum();
        let e = model.encoder().settings();
        // The language head's gradients by its words are kept until its backward adds them.
        let words =
            if model.language().is_some() { 4 * (e.vocabulary * e.word_width()) as u64 } else { 0 };
        Self {
            weights: values,
            gradients: values,
            optimiser,
            activations: tokens * bytes_per_token(model) + words + FIXED_BYTES,
            rows: rows * ROW_BYTES,
        }
    }

    /// Everything together.
    pub fn total(&self) -> u64 {
        self.weights + self.gradients + self.optimiser + self.activations + self.rows
    }
}

/// What the tape keeps of a token: of each layer of attention the norms' outputs, query, key and value, the
/// attention's output, both sums, the inner values before their activation; and, once, the
/// gradients of the layer that is being worked on.
pub(crate) fn bytes_per_token(model: &Model) -> u64 {
    let e = model.encoder().settings();
    if let Some(lstm) = &e.lstm {
        // Of each direction four gates, the memory and the output, and the gradients of all.
        let layer = e.directions() * (5 * lstm.cells + 2 * e.word_width());
        let once = e.directions() * 8 * lstm.cells + 6 * e.hidden;
        let spelled = e.characters.as_ref().map_or(0, |c| (2 + 4 * c.highways) * c.features());
        return 4 * (e.layers.len() * layer + once + spelled) as u64;
    }
    let width = e.heads * e.head_width;
    let inner = if e.gated { 2 * e.inner } else { e.inner };
    let dropped = if e.dropout > 0.0 { 4 * e.hidden } else { 0 };
    let layer = 4 * e.hidden + 4 * width + inner + dropped;
    let once = 6 * e.hidden + 2 * inner + 4 * width;
    4 * (e.layers.len() * layer + once) as u64
}

/// Memory that is free for this process, in bytes, where the system tells.
pub(crate) fn available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemAvailable:"))?;
    let system = line.split_whitespace().nth(1)?.parse::<u64>().ok()? << 10;
    let number = |name: &str| -> Option<u64> {
        std::fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok()?.trim().parse().ok()
    };
    let group = match (number("memory.max"), number("memory.current")) {
        (Some(most), Some(now)) => most.saturating_sub(now),
        _ => u64::MAX,
    };
    Some(system.min(group))
}

//! Stacked layers of long short-term memory (Peters et al. 2018, section 3; skip connections: He et
//! al. 2016):
//!
//! ```text
//! x_0     = words                                    [tokens, width]
//! y_k     = dropout(lstm_k(x_(k-1)))                 [tokens, directions * width]
//! x_1     = y_1,   x_k = y_k + x_(k-1)               without skip connections x_k = y_k
//! ```
//!
//! `lstm_k` is all directions side by side. What a direction hands from token to token is its own
//! output, before the sum.

use contexture_nn::ops::{Add, Lstm, LstmCarry, LstmDirection, Reads};
use contexture_nn::{Builder, Initial, Segments, Session, Value};

use crate::architectures::{Directions, EncoderSettings, LstmSettings};

#[derive(Debug)]
pub(crate) struct Recurrent {
    layers: Vec<(Vec<LstmDirection>, Reads)>,
    skips: bool,
    cell_clip: Option<f32>,
    projection_clip: Option<f32>,
    dropout: f32,
}

impl Recurrent {
    pub(crate) fn declare(e: &EncoderSettings, lstm: &LstmSettings, b: &mut Builder) -> Self {
        let layer = |index: usize, b: &mut Builder| {
            // The first layer's directions read the same words.
            let reads = if index == 0 || lstm.joint { Reads::All } else { Reads::Own };
            let inputs = match reads {
                Reads::All if index > 0 => e.hidden,
                _ => e.word_width(),
            };
            let names: &[(&str, bool)] = match lstm.directions {
                Directions::Both => &[("forward", false), ("backward", true)],
                Directions::Forward => &[("forward", false)],
            };
            let one = |(name, reversed): &(&str, bool)| {
                b.within(name, |b| direction(e, lstm, inputs, *reversed, b))
            };
            (names.iter().map(one).collect(), reads)
        };
        let layers = (0..e.layers.len()).map(|index| b.within(index, |b| layer(index, b)));
        Self {
            layers: layers.collect(),
            skips: lstm.skip_connections,
            cell_clip: lstm.cell_clip,
            projection_clip: lstm.projection_clip,
            dropout: e.dropout,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.layers.len()
    }

    /// Layer `index` on the rows of the layer below; with `carry`, from the state that an earlier
    /// text left.
    pub(crate) fn forward(
        &self,
        s: &mut Session,
        index: usize,
        x: &Value,
        segments: &Segments,
        carry: Option<&LstmCarry>,
    ) -> Value {
        let (directions, reads) = &self.layers[index];
        let op = Lstm {
            directions: directions.clone(),
            reads: *reads,
            cell_clip: self.cell_clip,
            projection_clip: self.projection_clip,
            carry: carry.cloned(),
        };
        let y = s.apply(op, &[x], segments);
        let y = s.dropout(self.dropout, y, segments);
        match self.skips && index > 0 {
            true => s.apply(Add, &[&y, x], segments),
            false => y,
        }
    }
}

fn direction(
    e: &EncoderSettings,
    lstm: &LstmSettings,
    inputs: usize,
    reversed: bool,
    b: &mut Builder,
) -> LstmDirection {
    let (cells, outputs) = (lstm.cells, e.word_width());
    // The spread of PyTorch's uniform(-1/sqrt(cells), 1/sqrt(cells)): with BERT's 0.02 gates would
    // begin half open whatever the text is.
    let initial = Initial::Normal((3.0 * cells as f32).sqrt().recip());
    let (input, bias) = b.within("input", |b| {
        let weight = b.exact_matrix("weight", 4 * cells, inputs, initial);
        // To remember is what a memory begins with (Jozefowicz et al. 2015).
        (weight, b.vector("bias", 4 * cells, Initial::ForgetBias { cells }))
    });
    let recurrent =
        b.within("recurrent", |b| b.exact_matrix("weight", 4 * cells, outputs, initial));
    let projection = lstm
        .projection
        .then(|| b.within("projection", |b| b.exact_matrix("weight", outputs, cells, initial)));
    LstmDirection { input, recurrent, bias, projection, reversed }
}

//! Weights as bytes, laid out for the product kernel.
//!
//! `W [outputs, inputs]` is cut into panels of `width` outputs; a panel holds its weights in groups of
//! four inputs, `[inputs / 4, width, 4]`: four bytes are one lane of a vector, as instructions that
//! add four products want them. Panels are filled up with zeros. Beside them stand, for each output,
//! its scale, the sum of its bytes, and the product of both, which the zero point of the inputs needs.
//! The width belongs to the instruction set.

use std::sync::Arc;

use super::rows::MOST;
use crate::gemm::{Buffer, tile_panel_width};
use crate::isa::ByteIsa;

/// Inputs that lie side by side.
pub(crate) const GROUP: usize = 4;

/// `[outputs, inputs]` bytes with a scale for each output, packed for products. Cheap to clone.
#[derive(Clone)]
pub struct QuantisedMatrix {
    outputs: usize,
    inputs: usize,
    set: ByteIsa,
    held: Arc<Held>,
    outliers: Option<Arc<Outliers>>,
}

/// Input columns whose weights are f32.
pub(crate) struct Outliers {
    pub(crate) columns: Vec<u32>,
    /// `[inputs]`: no bits for an outlier, all bits for the others.
    pub(crate) mask: Vec<f32>,
    /// `[panels, columns, width]`
    pub(crate) weights: Buffer<f32>,
}

/// Inputs whose products with the largest bytes add up within 32 bits.
const MOST_INPUTS: usize = 1 << 16;

const _: () = assert!(MOST_INPUTS * 255 * (MOST as usize) < 1 << 31);

/// Some of a matrix's columns; each slice goes on to the last panel's end.
pub(crate) struct Columns<'a> {
    pub(crate) bytes: &'a [i8],
    pub(crate) scales: &'a [f32],
    pub(crate) sums: &'a [i32],
    pub(crate) scaled_sums: &'a [f32],
}

/// Each filled up to whole panels.
struct Held {
    bytes: Buffer<i8>,
    scales: Buffer<f32>,
    sums: Buffer<i32>,
    scaled_sums: Buffer<f32>,
}

impl QuantisedMatrix {
    /// Packs `[outputs, inputs]` bytes, row-major, and `[outputs]` scales for this process's
    /// instruction set.
    ///
    /// # Panics
    /// Where lengths do not fit, or a byte is -128: rows are quantised to -127..=127.
    pub fn pack(values: &[i8], scales: &[f32], outputs: usize, inputs: usize) -> Self {
        Self::pack_for(ByteIsa::current(), values, scales, outputs, inputs)
    }

    /// Packs for given instructions, for tests and comparisons.
    ///
    /// # Panics
    /// As [`QuantisedMatrix::pack`], and where this machine cannot run `set`.
    pub fn pack_for(
        set: ByteIsa,
        values: &[i8],
        scales: &[f32],
        outputs: usize,
        inputs: usize,
    ) -> Self {
        assert!(set.is_supported(), "{set} cannot run on this machine");
        let found = values.len();
        assert!(found == outputs * inputs, "[{outputs}, {inputs}] bytes: found {found}");
        assert_eq!(scales.len(), outputs, "scales of [{outputs}, {inputs}]");
        assert!(values.iter().all(|v| *v >= -MOST), "a byte of [{outputs}, {inputs}] is -128");
        assert!(inputs <= MOST_INPUTS, "{inputs} inputs: their sums need more than 32 bits");
        let (width, groups) = (tile_panel_width(set.isa()), inputs.div_ceil(GROUP));
        let padded = outputs.next_multiple_of(width);
        let mut held = Held {
            bytes: Buffer::zeroed(padded * groups * GROUP),
            scales: Buffer::zeroed(padded),
            sums: Buffer::zeroed(padded),
            scaled_sums: Buffer::zeroed(padded),
        };
        let bytes = held.bytes.as_mut_slice();
        for (output, row) in values.chunks_exact(inputs.max(1)).enumerate() {
            let (panel, lane) = (output / width, output % width);
            let first = (panel * groups * width + lane) * GROUP;
            let places = bytes[first..].chunks_mut(width * GROUP);
            let (fours, rest) = row.as_chunks::<GROUP>();
            for (place, four) in places.zip(fours) {
                place[..GROUP].copy_from_slice(four);
            }
            if !rest.is_empty() {
                let last = first + fours.len() * width * GROUP;
                bytes[last..][..rest.len()].copy_from_slice(rest);
            }
            let sum: i32 = row.iter().map(|v| i32::from(*v)).sum();
            held.sums.as_mut_slice()[output] = sum;
            held.scaled_sums.as_mut_slice()[output] = sum as f32 * scales[output];
        }
        held.scales.as_mut_slice()[..outputs].copy_from_slice(scales);
        Self { outputs, inputs, set, held: Arc::new(held), outliers: None }
    }

    /// Takes some input columns out of the bytes and keeps their weights as they are, for inputs that
    /// are far larger in these columns than in others: `values` is `[columns, outputs]`.
    ///
    /// # Panics
    /// Where a column is no input or named twice, or lengths do not fit.
    pub fn with_outliers(self, columns: &[u32], values: &[f32]) -> Self {
        let (outputs, inputs, width) = (self.outputs, self.inputs, self.width());
        assert_eq!(values.len(), columns.len() * outputs, "outliers of [{outputs}, {inputs}]");
        if columns.is_empty() {
            return self;
        }
        let mut mask = vec![f32::from_bits(!0); inputs];
        for column in columns {
            let column = *column as usize;
            assert!(mask[column].to_bits() != 0, "outlier {column} is named twice");
            mask[column] = 0.0;
        }
        let mut weights = Buffer::zeroed(self.panels() * columns.len() * width);
        for (index, values) in values.chunks_exact(outputs.max(1)).enumerate() {
            for (output, value) in values.iter().enumerate() {
                let (panel, lane) = (output / width, output % width);
                weights.as_mut_slice()[(panel * columns.len() + index) * width + lane] = *value;
            }
        }
        let outliers = Some(Arc::new(Outliers { columns: columns.to_vec(), mask, weights }));
        Self { outliers, ..self.without(columns) }
    }

    /// The same with zeros in some input columns. Bytes that were written so need no second packing.
    fn without(self, columns: &[u32]) -> Self {
        let (outputs, inputs) = (self.outputs, self.inputs);
        let (width, groups) = (self.width(), self.groups());
        let held = self.held.bytes.as_slice();
        let zeros = |column: usize| {
            (0..outputs).all(|output| {
                let first = (output / width * groups * width + output % width) * GROUP;
                held[first + column / GROUP * width * GROUP + column % GROUP] == 0
            })
        };
        if columns.iter().all(|column| zeros(*column as usize)) {
            return self;
        }
        let (mut bytes, scales) = self.unpacked();
        for column in columns {
            (0..outputs).for_each(|output| bytes[output * inputs + *column as usize] = 0);
        }
        Self::pack_for(self.set, &bytes, &scales, outputs, inputs)
    }

    /// Input columns that are not bytes, where there are such.
    pub(crate) fn outliers(&self) -> Option<&Outliers> {
        self.outliers.as_deref()
    }

    /// The columns that [`QuantisedMatrix::with_outliers`] took out of the bytes.
    pub fn outlier_columns(&self) -> &[u32] {
        self.outliers().map_or(&[], |outliers| &outliers.columns)
    }

    /// The number of outputs, the width of `y`.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// The number of inputs, the width of `x`.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// The instructions it was packed for, with which its products run.
    pub fn set(&self) -> ByteIsa {
        self.set
    }

    /// Outputs in a panel.
    pub(crate) fn width(&self) -> usize {
        tile_panel_width(self.set.isa())
    }

    /// The number of panels.
    pub(crate) fn panels(&self) -> usize {
        self.outputs.div_ceil(self.width())
    }

    /// Groups of four inputs, the last one filled up.
    pub(crate) fn groups(&self) -> usize {
        self.inputs.div_ceil(GROUP)
    }

    /// What belongs to the columns of a panel and those after it.
    pub(crate) fn columns(&self, panel: usize) -> Columns<'_> {
        let first = panel * self.width();
        let Held { bytes, scales, sums, scaled_sums } = &*self.held;
        Columns {
            bytes: &bytes.as_slice()[first * self.groups() * GROUP..],
            scales: &scales.as_slice()[first..],
            sums: &sums.as_slice()[first..],
            scaled_sums: &scaled_sums.as_slice()[first..],
        }
    }

    /// The bytes and scales that were packed.
    pub fn unpacked(&self) -> (Vec<i8>, Vec<f32>) {
        let (width, groups) = (self.width(), self.groups());
        let bytes = self.held.bytes.as_slice();
        let mut values = Vec::with_capacity(self.outputs * self.inputs);
        for output in 0..self.outputs {
            let first = (output / width * groups * width + output % width) * GROUP;
            let at = |input: usize| first + input / GROUP * width * GROUP + input % GROUP;
            values.extend((0..self.inputs).map(|input| bytes[at(input)]));
        }
        (values, self.held.scales.as_slice()[..self.outputs].to_vec())
    }
}

impl std::fmt::Debug for QuantisedMatrix {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "QuantisedMatrix[{}, {}] for {}", self.outputs, self.inputs, self.set)
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::quantise_rows;
    use super::*;

    #[test]
    fn what_was_packed_comes_back() {
        for set in ByteIsa::supported() {
            for (outputs, inputs) in [(1, 1), (3, 7), (33, 5), (64, 16), (0, 4), (4, 0)] {
                let values: Vec<f32> = (0..outputs * inputs).map(|i| (i as f32).sin()).collect();
                let (bytes, scales) = quantise_rows(&values, outputs, inputs);
                let packed = QuantisedMatrix::pack_for(set, &bytes, &scales, outputs, inputs);
                assert_eq!(packed.unpacked(), (bytes, scales), "{packed:?}");
            }
        }
    }
}

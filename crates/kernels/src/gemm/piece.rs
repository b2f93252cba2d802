//! A part of a product's right side, brought into one order whether it is packed or plain.

use super::pack;
use super::packed::PackedMatrix;
use super::tile;
use crate::isa::{Isa, Simd};

/// The right side of a product, `[outputs, inputs]`, as it is stored.
#[derive(Clone, Copy, Debug)]
pub enum Right<'a> {
    /// Row-major: values, outputs, inputs.
    Plain(&'a [f32], usize, usize),
    /// In panels.
    Packed(&'a PackedMatrix),
}

impl Right<'_> {
    /// Outputs and inputs.
    pub fn shape(&self) -> (usize, usize) {
        match self {
            Self::Plain(_, outputs, inputs) => (*outputs, *inputs),
            Self::Packed(packed) => (packed.outputs(), packed.inputs()),
        }
    }

    /// The instruction set that its products run on.
    pub(crate) fn isa(&self) -> Isa {
        match self {
            Self::Plain(..) => Isa::current(),
            Self::Packed(packed) => packed.isa(),
        }
    }

    /// Asserts that there are as many values as the shape says.
    pub(crate) fn check(&self) {
        if let Self::Plain(values, outputs, inputs) = self {
            let found = values.len();
            assert!(found == outputs * inputs, "[{outputs}, {inputs}] weights: found {found}");
        }
    }

    /// Writes inputs `from..from + inputs` of panel `panel` to `to`, `[inputs, panel width]`; zeros
    /// where the panel has no output. Runs on [`Right::isa`]; the right side was checked.
    #[inline(always)]
    pub(crate) fn panel<S: Simd>(
        &self,
        s: S,
        panel: usize,
        (from, inputs): (usize, usize),
        to: &mut [f32],
    ) {
        let (width, (outputs, all)) = (tile::panel_width(S::ISA), self.shape());
        assert!(from + inputs <= all && panel * width < outputs, "panel {panel} of {outputs}");
        let to = &mut to[..inputs * width];
        match self {
            Self::Packed(packed) => {
                let at = (panel * all + from) * width;
                to.copy_from_slice(&packed.data()[at..at + to.len()]);
            }
            Self::Plain(values, ..) => {
                let first = panel * width;
                let rows = (outputs - first).min(width);
                // SAFETY: the weights hold these rows and inputs, as was checked, and `to` the panel.
                unsafe {
                    let weights = values.as_ptr().add(first * all + from);
                    let shape = (rows, inputs);
                    pack::panel_of_rows(s, (weights, all), shape, width, to.as_mut_ptr());
                }
            }
        }
    }
}

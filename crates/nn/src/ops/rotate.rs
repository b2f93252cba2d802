//! Rotary positions: each pair of a query's or key's values turns by an angle that grows with its
//! place (Su et al. 2021, eq. 15).
//!
//! qkv and y `[tokens, 3 * heads * head_width]`. The adjoint turns back; nothing is kept. Cost:
//! one copy and three operations for each value that turns.

use contexture_kernels::rotary::{Rotation, Turn, rotate};

use crate::{Backward, Forward, Op, Rows};

/// Turns queries and keys by their places.
#[derive(Debug, Clone, Copy)]
pub struct Rotate {
    /// Attention heads.
    pub heads: usize,
    /// Width of one head's query or key.
    pub head_width: usize,
    /// How many of its first values turn.
    pub rotary_width: usize,
    /// The slowest pair's wavelength is nearly `2 pi base`.
    pub base: f32,
    /// Pairs are neighbours rather than halves.
    pub interleaved: bool,
    /// The place of each sequence's first row.
    pub first: usize,
}

impl Rotate {
    fn rotation(&self) -> Rotation {
        let Self { heads, head_width, rotary_width, base, interleaved, first } = *self;
        Rotation { heads, head_width, rotary_width, base, interleaved, first }
    }
}

impl Op for Rotate {
    fn name(&self) -> &'static str {
        "rotate"
    }

    fn forward(&self, cx: &mut Forward<'_>) -> Rows {
        let x = cx.input(0);
        let mut out = cx.rows(x.rows(), x.width());
        let offsets = cx.segments.offsets();
        let (from, to) = (x.as_slice(), out.as_mut_slice());
        rotate(cx.pool, &self.rotation(), Turn::Forward, offsets, from, to);
        out
    }

    fn backward(&self, cx: &mut Backward<'_>) {
        let offsets = cx.segments.offsets();
        let gradient = cx.gradient.as_slice();
        let mut back = cx.rows(cx.gradient.rows(), cx.gradient.width());
        let to = back.as_mut_slice();
        rotate(cx.pool, &self.rotation(), Turn::Back, offsets, gradient, to);
        cx.add_input_gradient(0, 1.0, &back);
        cx.give_back(back);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check_gradients;

    #[test]
    fn gradients_agree_with_finite_differences() {
        for (rotary_width, interleaved) in [(6, false), (6, true), (4, false)] {
            let (heads, head_width, base, first) = (2, 6, 100.0, 3);
            let op = Rotate { heads, head_width, rotary_width, base, interleaved, first };
            let check = check_gradients(|_| (), |()| op, &[(5, 36)], &[2, 3], 13);
            assert!(check.worst < 1e-2 && check.checked == 180, "{op:?}: {check:?}");
        }
    }
}

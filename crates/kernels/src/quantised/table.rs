//! Rows of a table of bytes by number: `y_i = scales[ids_i] table[ids_i]`.
//!
//! table `[entries, width]`, scales `[entries]`, y `[tokens, width]`. A quarter of a plain table's
//! memory, or an eighth where two values share a byte; they are widened as they are looked up. Cost: one
//! pass.

use std::borrow::Cow;

use super::nibbles::pair;
use super::rows::quantise_rows;
use crate::Pool;
use crate::blocks::each_block;

/// `[entries, width]` bytes, or values of four bits, with a scale for each entry.
#[derive(Debug, Clone)]
pub struct QuantisedTable {
    values: Values,
    scales: Vec<f32>,
    width: usize,
}

#[derive(Debug, Clone)]
enum Values {
    Bytes(Cow<'static, [i8]>),
    /// Two a byte, see [`quantise_nibbles`](super::quantise_nibbles).
    Nibbles(Cow<'static, [u8]>),
}

impl QuantisedTable {
    /// A table of bytes `[entries, width]` with `[entries]` scales, as they are: bytes that live as long
    /// as the program stay where they lie.
    ///
    /// # Panics
    /// Where lengths do not fit.
    pub fn new(values: impl Into<Cow<'static, [i8]>>, scales: Vec<f32>, width: usize) -> Self {
        let values = values.into();
        assert_eq!(values.len(), scales.len() * width, "bytes of [{}, {width}]", scales.len());
        Self { values: Values::Bytes(values), scales, width }
    }

    /// A table of values of four bits, `[entries, width / 2]` bytes with `[entries]` scales, as
    /// [`quantise_nibbles`](super::quantise_nibbles) gives them.
    ///
    /// # Panics
    /// Where lengths do not fit, or the width is odd.
    pub fn of_nibbles(
        values: impl Into<Cow<'static, [u8]>>,
        scales: Vec<f32>,
        width: usize,
    ) -> Self {
        let values = values.into();
        assert!(width.is_multiple_of(2), "{width} values a row: two are held in a byte");
        let (entries, half) = (scales.len(), width / 2);
        assert_eq!(values.len(), entries * half, "bytes of [{entries}, {half}]");
        Self { values: Values::Nibbles(values), scales, width }
    }

    /// Quantises `[entries, width]`.
    ///
    /// # Panics
    /// Where the length is not `entries * width`.
    pub fn quantise(values: &[f32], entries: usize, width: usize) -> Self {
        let (values, scales) = quantise_rows(values, entries, width);
        Self::new(values, scales, width)
    }

    /// The number of rows.
    pub fn entries(&self) -> usize {
        self.scales.len()
    }

    /// The width of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// `[entries]`
    pub fn scales(&self) -> &[f32] {
        &self.scales
    }
}

/// Writes the numbered rows of `table` to `out`.
///
/// # Panics
/// Where a number is no row of the table, or a length does not fit the shapes.
pub fn lookup(pool: &Pool, table: &QuantisedTable, ids: &[u32], out: &mut [f32]) {
    let width = table.width;
    assert_eq!(out.len(), ids.len() * width, "output of {} looked up rows of {width}", ids.len());
    each_block(pool, width, out, |rows, out| {
        for (id, out) in ids[rows].iter().zip(out.chunks_exact_mut(width)) {
            let (id, scale) = (*id as usize, table.scales[*id as usize]);
            match &table.values {
                Values::Bytes(values) => {
                    for (out, q) in out.iter_mut().zip(&values[id * width..][..width]) {
                        *out = f32::from(*q) * scale;
                    }
                }
                Values::Nibbles(values) => {
                    let row = &values[id * (width / 2)..][..width / 2];
                    for (out, byte) in out.chunks_exact_mut(2).zip(row) {
                        let [low, high] = pair(*byte);
                        (out[0], out[1]) = (f32::from(low) * scale, f32::from(high) * scale);
                    }
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantised::{dequantise_rows, quantise_nibbles, widen_nibbles};

    #[test]
    fn rows_are_those_that_the_bytes_stand_for() {
        let values: Vec<f32> = (0..5 * 19).map(|i| (i as f32 * 0.9).sin()).collect();
        let (bytes, scales) = quantise_rows(&values, 5, 19);
        let whole = dequantise_rows(&bytes, &scales, 5, 19);
        let table = QuantisedTable::new(bytes, scales, 19);
        let mut out = vec![0.0; 3 * 19];
        lookup(&Pool::new(2), &table, &[4, 0, 4], &mut out);
        for (row, id) in [4, 0, 4].into_iter().enumerate() {
            assert_eq!(out[row * 19..][..19], whole[id * 19..][..19]);
        }
    }

    #[test]
    fn rows_of_four_bits_are_looked_up_as_they_widen() {
        let values: Vec<f32> = (0..5 * 18).map(|i| (i as f32 * 0.9).sin()).collect();
        let (nibbles, scales) = quantise_nibbles(&values, 5, 18);
        let mut bytes = vec![0; 5 * 18];
        widen_nibbles(&nibbles, &mut bytes);
        let narrow = QuantisedTable::of_nibbles(nibbles, scales.clone(), 18);
        let wide = QuantisedTable::new(bytes, scales, 18);
        let (mut a, mut b) = (vec![0.0; 4 * 18], vec![1.0; 4 * 18]);
        for (table, out) in [(&narrow, &mut a), (&wide, &mut b)] {
            lookup(&Pool::new(2), table, &[4, 0, 2, 4], out);
        }
        assert_eq!(a, b);
        assert_eq!((narrow.entries(), narrow.width()), (5, 18));
    }

    #[test]
    #[should_panic]
    fn a_row_that_is_not_there_is_refused() {
        let table = QuantisedTable::quantise(&[1.0; 6], 2, 3);
        lookup(&Pool::new(1), &table, &[2], &mut [0.0; 3]);
    }
}

//! Rows of a table of bytes by number: `y_i = scales[ids_i] table[ids_i]`.
//!
//! table `[entries, width]`, scales `[entries]`, y `[tokens, width]`. A quarter of a plain table's
//! memory; values are widened as they are looked up. Cost: one pass.

use std::borrow::Cow;

use super::rows::quantise_rows;
use crate::Pool;
use crate::blocks::each_block;

/// `[entries, width]` bytes with a scale for each entry.
#[derive(Debug, Clone)]
pub struct QuantisedTable {
    values: Cow<'static, [i8]>,
    scales: Vec<f32>,
    width: usize,
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
        Self { values, scales, width }
    }

    /// Quantises `[entries, width]`.
    ///
    /// # Panics
    /// Where the length is not `entries * width`.
    pub fn quantise(values: &[f32], entries: usize, width: usize) -> Self {
        let (values, scales) = quantise_rows(values, entries, width);
        Self { values: values.into(), scales, width }
    }

    /// The number of rows.
    pub fn entries(&self) -> usize {
        self.scales.len()
    }

    /// The width of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// `[entries, width]`
    pub fn values(&self) -> &[i8] {
        &self.values
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
            for (out, q) in out.iter_mut().zip(&table.values[id * width..][..width]) {
                *out = f32::from(*q) * scale;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantised::dequantise_rows;

    #[test]
    fn rows_are_those_that_the_bytes_stand_for() {
        let values: Vec<f32> = (0..5 * 19).map(|i| (i as f32 * 0.9).sin()).collect();
        let table = QuantisedTable::quantise(&values, 5, 19);
        let whole = dequantise_rows(table.values(), table.scales(), 5, 19);
        let mut out = vec![0.0; 3 * 19];
        lookup(&Pool::new(2), &table, &[4, 0, 4], &mut out);
        for (row, id) in [4, 0, 4].into_iter().enumerate() {
            assert_eq!(out[row * 19..][..19], whole[id * 19..][..19]);
        }
    }

    #[test]
    #[should_panic]
    fn a_row_that_is_not_there_is_refused() {
        let table = QuantisedTable::quantise(&[1.0; 6], 2, 3);
        lookup(&Pool::new(1), &table, &[2], &mut [0.0; 3]);
    }
}

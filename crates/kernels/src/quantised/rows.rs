//! Rows of weights as signed bytes with one scale a row: `w = scale q`.
//!
//! `scale = max |w| / 127`, `q = round(w / scale)`, ties to even, within -127..=127 (symmetric, as
//! Wu et al. 2020, section 3.1.2, recommend for weights). A row of zeros, or of values below
//! 1e-36, has the scale 0. -128 is never
//! used, so that the sum of two products of bytes fits 16 bits. w `[rows, width]`, scales `[rows]`.
//! Cost: two passes over a row. The error of a value is at most half its row's scale.

use crate::isa::{ByteIsa, ByteKernel, Bytes, Simd, dispatch_bytes};

/// The largest magnitude of a quantised weight.
pub const MOST: i8 = 127;

/// Quantises `[rows, width]` row by row: the bytes and one scale a row. The scale of a row with a
/// value that is not finite is NaN and its bytes are 0, so that whatever is computed from it is NaN.
///
/// # Panics
/// Where the length is not `rows * width`.
pub fn quantise_rows(values: &[f32], rows: usize, width: usize) -> (Vec<i8>, Vec<f32>) {
    let mut bytes = vec![0; values.len()];
    let mut scales = vec![0.0; rows];
    quantise_rows_into(values, width, &mut bytes, &mut scales);
    (bytes, scales)
}

/// [`quantise_rows`] to where bytes and scales stay.
///
/// # Panics
/// Where lengths do not fit: as many bytes as values, as many scales as rows.
pub fn quantise_rows_into(values: &[f32], width: usize, bytes: &mut [i8], scales: &mut [f32]) {
    let rows = scales.len();
    assert_eq!(values.len(), rows * width, "values of [{rows}, {width}] to be quantised");
    assert_eq!(bytes.len(), values.len(), "bytes of [{rows}, {width}]");
    if width == 0 {
        return;
    }
    let from = values.chunks_exact(width);
    for ((row, bytes), scale) in from.zip(bytes.chunks_exact_mut(width)).zip(scales) {
        *scale = dispatch_bytes(ByteIsa::current(), Quantise { row, bytes });
    }
}

struct Quantise<'a> {
    row: &'a [f32],
    bytes: &'a mut [i8],
}

impl ByteKernel for Quantise<'_> {
    type Output = f32;
    #[inline(always)]
    fn run<B: Bytes>(self, b: B) -> f32 {
        let (s, lanes) = (b.simd(), const { <B::S as Simd>::LANES });
        let (mut most, mut poison) = (s.splat(0.0), s.splat(0.0));
        for part in self.row.chunks(lanes) {
            let v = s.load_tail(part);
            most = s.max(most, s.abs(v));
            // Zero times anything finite adds nothing; anything else makes it NaN.
            poison = s.fma(v, s.splat(0.0), poison);
        }
        let scale = s.maximum(most) / f32::from(MOST) + s.sum(poison);
        // So small a scale is not exact enough to divide by: the row counts as zeros.
        let scale = if scale < f32::MIN_POSITIVE { 0.0 } else { scale };
        if scale > 0.0 {
            let divisor = s.splat(scale);
            for (part, bytes) in self.row.chunks(lanes).zip(self.bytes.chunks_mut(lanes)) {
                let v = s.div(s.load_tail(part), divisor);
                // SAFETY: as many bytes as values.
                unsafe { b.store_signed(v, bytes.as_mut_ptr(), bytes.len()) }
            }
        } else {
            self.bytes.fill(0);
        }
        scale
    }
}

/// The values that quantised rows stand for.
///
/// # Panics
/// Where lengths do not fit the shape.
pub fn dequantise_rows(bytes: &[i8], scales: &[f32], rows: usize, width: usize) -> Vec<f32> {
    assert_eq!(bytes.len(), rows * width, "bytes of [{rows}, {width}]");
    assert_eq!(scales.len(), rows, "scales of [{rows}, {width}]");
    (0..rows)
        .flat_map(|row| {
            bytes[row * width..][..width].iter().map(move |q| f32::from(*q) * scales[row])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_back_within_half_a_scale() {
        let values: Vec<f32> =
            (0..7 * 13).map(|i| (i as f32 * 0.7).sin() * (1 << (i / 13)) as f32).collect();
        let (bytes, scales) = quantise_rows(&values, 7, 13);
        let back = dequantise_rows(&bytes, &scales, 7, 13);
        for (row, scale) in scales.iter().enumerate() {
            let own = row * 13..(row + 1) * 13;
            assert!(bytes[own.clone()].iter().any(|q| q.abs() == MOST), "row {row}");
            assert!(bytes[own.clone()].iter().all(|q| *q >= -MOST), "row {row}");
            for (a, b) in values[own.clone()].iter().zip(&back[own]) {
                assert!((a - b).abs() <= scale * 0.500_01, "{a} came back as {b}, scale {scale}");
            }
        }
    }

    #[test]
    fn ties_go_to_the_even_number() {
        let (bytes, scales) = quantise_rows(&[127.0, 0.5, 1.5, 2.5, -0.5, -1.5, -127.0], 1, 7);
        assert_eq!((bytes, scales), (vec![127, 0, 2, 2, 0, -2, -127], vec![1.0]));
    }

    #[test]
    fn zeros_and_what_is_not_finite_have_their_own_scales() {
        let (bytes, scales) =
            quantise_rows(&[0.0, -0.0, f32::NAN, 1.0, 1.0, f32::INFINITY, 1e-45, 0.0], 4, 2);
        assert_eq!(bytes, [0; 8]);
        assert_eq!((scales[0], scales[3]), (0.0, 0.0));
        assert!(scales[1].is_nan() && scales[2].is_nan());
        assert!(quantise_rows(&[], 0, 5).0.is_empty() && quantise_rows(&[], 2, 0).1 == [0.0, 0.0]);
    }

    #[test]
    fn quantising_again_changes_nothing() {
        let values: Vec<f32> = (0..64).map(|i| (i as f32 * 1.3).cos() * 0.04).collect();
        let (bytes, scales) = quantise_rows(&values, 2, 32);
        let back = dequantise_rows(&bytes, &scales, 2, 32);
        assert_eq!(quantise_rows(&back, 2, 32).0, bytes);
    }
}

//! Rows of a table as values of four bits, two a byte, with one scale a row: `w = scale q`.
//!
//! q lies within -7..=7 and is held as q + 8; the even column is the low half of a byte, the odd one the
//! high half, so a row's width is even. -8 is never used, as -128 is not in rows of bytes. The scale
//! is the one of a few below `max |w| / 7` with the least squared error over the row: with so few steps
//! it pays to cut the largest values for finer steps between all others. Cost: ten passes over a row.

/// The largest magnitude of a value.
const MOST: f32 = 7.0;

/// Shares of `max |w| / 7` that are tried as the scale.
const SHARES: [f32; 9] = [1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6];

/// Quantises `[rows, width]` row by row: `[rows, width / 2]` bytes and one scale a row. A row of zeros, or
/// of values below 1e-36, has the scale 0; one with a value that is not finite NaN.
///
/// # Panics
/// Where the length is not `rows * width`, or the width is odd.
pub fn quantise_nibbles(values: &[f32], rows: usize, width: usize) -> (Vec<u8>, Vec<f32>) {
    assert_eq!(values.len(), rows * width, "values of [{rows}, {width}] to be quantised");
    assert!(width.is_multiple_of(2), "{width} values a row: two are held in a byte");
    let mut bytes = Vec::with_capacity(values.len() / 2);
    let mut scales = Vec::with_capacity(rows);
    for row in 0..rows {
        let row = &values[row * width..][..width];
        let scale = best_scale(row);
        let held = |value: f32| (step(value, scale) as i8 + 8) as u8;
        bytes.extend(row.chunks_exact(2).map(|pair| held(pair[0]) | (held(pair[1]) << 4)));
        scales.push(scale);
    }
    (bytes, scales)
}

fn best_scale(row: &[f32]) -> f32 {
    let most = row.iter().fold(0.0f32, |most, value| most.max(value.abs()));
    if !row.iter().all(|value| value.is_finite()) {
        return f32::NAN;
    }
    let whole = most / MOST;
    if whole < f32::MIN_POSITIVE {
        return 0.0;
    }
    let error = |scale: f32| -> f64 {
        row.iter().map(|value| f64::from(value - step(*value, scale) * scale).powi(2)).sum()
    };
    let tried = SHARES.map(|share| (error(whole * share), whole * share));
    let best = tried
        .into_iter()
        .fold((f64::INFINITY, whole), |best, next| if next.0 < best.0 { next } else { best });
    best.1
}

/// The whole number of scales nearest to a value, ties to even; 0 where there is no scale.
fn step(value: f32, scale: f32) -> f32 {
    if scale > 0.0 { (value / scale).round_ties_even().clamp(-MOST, MOST) } else { 0.0 }
}

/// The two values that a byte holds.
#[inline(always)]
pub(super) fn pair(byte: u8) -> [i8; 2] {
    [(byte & 15) as i8 - 8, (byte >> 4) as i8 - 8]
}

/// Writes the values that `bytes` hold to `into`.
///
/// # Panics
/// Where there are not two values a byte.
pub fn widen_nibbles(bytes: &[u8], into: &mut [i8]) {
    assert_eq!(into.len(), 2 * bytes.len(), "values of {} bytes", bytes.len());
    for (into, byte) in into.chunks_exact_mut(2).zip(bytes) {
        into.copy_from_slice(&pair(*byte));
    }
}

/// Whether no value is -8.
pub fn are_nibbles(bytes: &[u8]) -> bool {
    // Without branches, so that many bytes are looked at at once.
    !bytes.iter().fold(false, |bad, byte| bad | (byte & 15 == 0) | (byte >> 4 == 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back(bytes: &[u8], scales: &[f32], width: usize) -> Vec<f32> {
        let mut values = vec![0; 2 * bytes.len()];
        widen_nibbles(bytes, &mut values);
        values.iter().enumerate().map(|(at, q)| f32::from(*q) * scales[at / width]).collect()
    }

    #[test]
    fn what_four_bits_hold_comes_back_whole() {
        let values: Vec<f32> = (-7..=7).chain([0]).map(|q| q as f32 * 0.25).collect();
        let (bytes, scales) = quantise_nibbles(&values, 1, 16);
        assert_eq!(scales, [0.25]);
        assert_eq!(back(&bytes, &scales, 16), values);
        assert!(are_nibbles(&bytes));
        // The even column is the low half: -7 and -6 are held as 1 and 2.
        assert_eq!(bytes[0], 0x21);
    }

    #[test]
    fn the_scale_is_the_best_of_those_tried() {
        let values: Vec<f32> =
            (0..6 * 32).map(|i| ((i as f32 * 0.7).sin() * 3.0).powi(1 + i / 32)).collect();
        let (bytes, scales) = quantise_nibbles(&values, 6, 32);
        let found = back(&bytes, &scales, 32);
        let mut finer = 0;
        for row in 0..6 {
            let own = &values[row * 32..][..32];
            let error = |found: &[f32]| -> f32 {
                own.iter().zip(found).map(|(a, b)| (a - b) * (a - b)).sum()
            };
            let plain = own.iter().fold(0.0f32, |most, v| most.max(v.abs())) / 7.0;
            let plainly: Vec<f32> = own.iter().map(|v| (v / plain).round() * plain).collect();
            let (best, plainly) = (error(&found[row * 32..][..32]), error(&plainly));
            assert!(best <= plainly * 1.000_01, "row {row}: {best} against {plainly}");
            finer += usize::from(scales[row] < plain);
        }
        assert!(finer > 0, "no row is better off with a finer scale");
    }

    #[test]
    fn zeros_and_what_is_not_finite_have_their_own_scales() {
        let values = [0.0, -0.0, f32::NAN, 1.0, 1.0, f32::INFINITY, 1e-45, 0.0];
        let (bytes, scales) = quantise_nibbles(&values, 4, 2);
        assert_eq!(bytes, [0x88; 4]);
        assert_eq!((scales[0], scales[3]), (0.0, 0.0));
        assert!(scales[1].is_nan() && scales[2].is_nan());
        assert!(quantise_nibbles(&[], 0, 4).0.is_empty());
    }

    #[test]
    fn the_value_that_is_never_used_is_seen_in_both_halves() {
        assert!(are_nibbles(&[0x11, 0xff, 0x81]));
        assert!(!are_nibbles(&[0x11, 0xf0]) && !are_nibbles(&[0x0f, 0x11]));
    }
}

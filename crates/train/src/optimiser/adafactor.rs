//! Adafactor (Shazeer and Stern 2018, algorithm 4, without momentum), as PyTorch has it:
//!
//! ```text
//! b   = 1 - s^-0.8                                 s the step, from 1
//! R  += (1 - b) (mean over columns of G^2 - R)     C likewise over rows; vectors: V of each value
//! V   = R C / max(mean of R, e1)                   e1 = 2^-23
//! U   = G / sqrt(max(V, e1^2))
//! a   = max(e2, rms(W)) min(rate, 1 / sqrt(s))     e2 = 1e-3
//! W   = (1 - rate decay) W - a U / max(1, rms(U))
//! ```
//!
//! A matrix is one parameter as the model declares it: query, key and value are one.

const EPSILON: f64 = 1.0 / (1u64 << 23) as f64;
const LEAST_SCALE: f64 = 1e-3;
const DECAY_POWER: f64 = -0.8;

/// Second moments of one parameter `[rows, width]`: a row's, then a column's; of a vector, each
/// value's.
pub(super) fn state_len(rows: usize, width: usize) -> usize {
    if rows == 1 { width } else { rows + width }
}

/// One step of one parameter. `scale` is what the gradient is multiplied with first (clipping).
pub(super) fn step(
    weights: &mut [f32],
    gradient: &[f32],
    state: &mut [f32],
    (rows, width): (usize, usize),
    (step, rate, decay, scale): (u64, f64, f64, f64),
) {
    let share = (step as f64).powf(DECAY_POWER);
    let squares = |values: &[f32]| values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>();
    let of = |value: f32| f64::from(value) * scale;
    let mut update = vec![0.0f32; weights.len()];
    if rows == 1 {
        for ((u, g), v) in update.iter_mut().zip(gradient).zip(state.iter_mut()) {
            let g = of(*g);
            *v += (share * (g * g - f64::from(*v))) as f32;
            *u = (g / f64::from(*v).max(EPSILON * EPSILON).sqrt()) as f32;
        }
    } else {
        let (by_row, by_column) = state.split_at_mut(rows);
        let mut columns = vec![0.0f64; width];
        for (r, g) in by_row.iter_mut().zip(gradient.chunks_exact(width)) {
            let mut sum = 0.0;
            for (column, g) in columns.iter_mut().zip(g) {
                let square = of(*g).powi(2);
                sum += square;
                *column += square;
            }
            *r += (share * (sum / width as f64 - f64::from(*r))) as f32;
        }
        for (c, sum) in by_column.iter_mut().zip(&columns) {
            *c += (share * (sum / rows as f64 - f64::from(*c))) as f32;
        }
        let mean = by_row.iter().map(|r| f64::from(*r)).sum::<f64>() / rows as f64;
        let mean = mean.max(EPSILON);
        let rows = update.chunks_exact_mut(width).zip(gradient.chunks_exact(width));
        for ((u, g), r) in rows.zip(by_row.iter()) {
            for ((u, g), c) in u.iter_mut().zip(g).zip(by_column.iter()) {
                let v = f64::from(*r) * f64::from(*c) / mean;
                *u = (of(*g) / v.max(EPSILON * EPSILON).sqrt()) as f32;
            }
        }
    }
    let count = weights.len() as f64;
    let rms = (squares(update.as_slice()) / count).sqrt();
    let scale = (squares(weights) / count).sqrt().max(LEAST_SCALE);
    let factor = scale * rate.min((step as f64).powf(-0.5)) / rms.max(1.0);
    let kept = 1.0 - rate * decay;
    for (w, u) in weights.iter_mut().zip(&update) {
        *w = (f64::from(*w) * kept - factor * f64::from(*u)) as f32;
    }
}

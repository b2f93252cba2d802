//! In-batch contrast (Henderson et al. 2017, section 4.4; van den Oord et al. 2018, eq. 4), on
//! scaled cosines: anchor i is to find candidate i among all. With `C = [positives; negatives]`,
//!
//! ```text
//! s_ij = scale cos(a_i, c_j)        l_i = log sum_j exp s_ij - s_ii
//! symmetric:                        l_i = (l_i + log sum_k exp s_ki - s_ii) / 2
//! ```
//!
//! a `[n, d]`, positives `[n, d]`, negatives `[m, d]`. Cost: `6 n (n + m) d` operations, memory
//! `n (n + m)`.

use contexture_kernels::Pool;
use contexture_kernels::gemm::{Operand, Output, Store, matmul};
use contexture_nn::Rows;

use super::Loss;
use super::unit::{unit, unit_backward};

/// How candidates are compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contrast {
    /// What cosines are multiplied with: one over the temperature.
    pub scale: f64,
    /// Whether each positive is to find its anchor too.
    pub symmetric: bool,
}

/// The loss and its gradients by anchors, positives and negatives. `negatives` may be empty.
///
/// # Panics
/// Where anchors and positives differ in shape, or negatives in width.
pub fn contrastive(
    pool: &Pool,
    contrast: Contrast,
    anchors: &Rows,
    positives: &Rows,
    negatives: &Rows,
) -> Loss {
    anchors.assert_same_shape(positives, "anchors against positives");
    let (n, d) = (anchors.rows(), anchors.width());
    let m = negatives.rows();
    assert!(m == 0 || negatives.width() == d, "negatives are {} wide, not {d}", negatives.width());
    let candidates = Rows::new([positives.as_slice(), negatives.as_slice()].concat(), d);
    let (a, a_lengths) = unit(anchors);
    let (c, c_lengths) = unit(&candidates);
    let mut scores = vec![0.0f32; n * (n + m)];
    let (a_rows, c_rows) = (Operand::new(a.as_slice(), d), Operand::new(c.as_slice(), d));
    matmul(pool, (n, d, n + m), a_rows, c_rows.transposed(), over(&mut scores, n + m));
    let scale = contrast.scale as f32;
    scores.iter_mut().for_each(|score| *score *= scale);
    let (sum, mut ds) = softmax_losses(&scores, n, m, contrast.symmetric);
    ds.iter_mut().for_each(|slope| *slope *= scale);
    let ds = Operand::new(&ds, n + m);
    let (mut da, mut dc) = (Rows::zeros(n, d), Rows::zeros(n + m, d));
    matmul(pool, (n, n + m, d), ds, c_rows, over(da.as_mut_slice(), d));
    matmul(pool, (n + m, n, d), ds.transposed(), a_rows, over(dc.as_mut_slice(), d));
    unit_backward(&a, &a_lengths, &mut da);
    unit_backward(&c, &c_lengths, &mut dc);
    let (dp, dn) = dc.as_slice().split_at(n * d);
    let gradients = vec![da, Rows::new(dp.to_vec(), d), Rows::new(dn.to_vec(), d)];
    Loss { sum, gradients }
}

/// The sum of the rows' losses (and the columns', where symmetric), and its gradient by the scores.
fn softmax_losses(scores: &[f32], n: usize, m: usize, symmetric: bool) -> (f64, Vec<f32>) {
    let width = n + m;
    let share = if symmetric { 0.5 } else { 1.0 };
    let mut sum = 0.0;
    let mut ds = vec![0.0f32; scores.len()];
    for i in 0..n {
        let row = &scores[i * width..(i + 1) * width];
        let log = log_sum(row.iter().copied());
        sum += share * (log - f64::from(row[i]));
        for (j, (d, s)) in ds[i * width..].iter_mut().zip(row).enumerate() {
            *d = (share * ((f64::from(*s) - log).exp() - f64::from(u8::from(i == j)))) as f32;
        }
    }
    for j in (0..n).filter(|_| symmetric) {
        let column = || (0..n).map(|i| scores[i * width + j]);
        let log = log_sum(column());
        sum += share * (log - f64::from(scores[j * width + j]));
        for (i, s) in column().enumerate() {
            let more = share * ((f64::from(s) - log).exp() - f64::from(u8::from(i == j)));
            ds[i * width + j] += more as f32;
        }
    }
    (sum, ds)
}

/// Where a product goes: over whatever is there.
fn over(values: &mut [f32], stride: usize) -> Output<'_> {
    Output { values, stride, store: Store::Over }
}

fn log_sum(values: impl Iterator<Item = f32> + Clone) -> f64 {
    let most = values.clone().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = values.map(|v| (f64::from(v) - f64::from(most)).exp()).sum();
    f64::from(most) + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses::distance::check::{check, noise};

    #[test]
    fn gradients_agree_with_finite_differences() {
        let pool = Pool::new(2);
        for symmetric in [false, true] {
            for m in [0, 5] {
                let inputs = [noise(4, 6, 1), noise(4, 6, 2), noise(m, 6, 3)];
                let contrast = Contrast { scale: 3.0, symmetric };
                check(&inputs[..if m == 0 { 2 } else { 3 }], |v| {
                    let none = Rows::default();
                    contrastive(&pool, contrast, &v[0], &v[1], v.get(2).unwrap_or(&none))
                });
            }
        }
    }
}

//! Sinusoidal positions (Vaswani et al. 2017, section 3.5), in the layouts that are in use:
//!
//! ```text
//! paper            table[p, 2k] = sin(p w_k)    table[p, 2k + 1] = cos(p w_k)   w_k = 10000^(-2k/d)
//! Marian (HF)      table[p, k]  = sin(p w_k)    table[p, h + k]  = cos(p w_k)   h = ceil(d / 2)
//! tensor2tensor    as Marian's columns, with w_k = exp(-k ln 10000 / (floor(d / 2) - 1))
//! fairseq          as tensor2tensor, and a sequence's first place is the padding's number + 1
//! ```
//!
//! `[places, d]`, computed in f64. An odd d: the paper's layout ends with a sine; Marian's has one
//! sine more than cosines; tensor2tensor's ends with a column of zeros.

use contexture_nn::Rows;
use serde::{Deserialize, Serialize};

/// How sines and cosines share the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// Sine, cosine, sine, cosine: the paper.
    Interleaved,
    /// All sines, then all cosines.
    Halves,
}

/// How frequencies fall from column to column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Divisor {
    /// `10000^(-2k / d)`: the slowest is a little faster than 1 / 10000.
    Paper,
    /// `exp(-k ln 10000 / (d / 2 - 1))`: the slowest is exactly 1 / 10000.
    Tensor2Tensor,
}

/// The table `[places, hidden]`; its first row is place `offset`.
pub(crate) fn table(
    layout: Layout,
    divisor: Divisor,
    offset: usize,
    places: usize,
    hidden: usize,
) -> Rows {
    let sines = match divisor {
        Divisor::Paper => hidden.div_ceil(2),
        Divisor::Tensor2Tensor => hidden / 2,
    };
    let frequencies: Vec<f64> = (0..sines).map(|k| frequency(divisor, k, hidden)).collect();
    let mut table = Rows::zeros(places, hidden);
    for place in 0..places {
        let row = table.row_mut(place);
        for (k, frequency) in frequencies.iter().enumerate() {
            let angle = (place + offset) as f64 * frequency;
            let (sine, cosine) = match layout {
                Layout::Interleaved => (2 * k, 2 * k + 1),
                Layout::Halves => (k, sines + k),
            };
            row[sine] = angle.sin() as f32;
            if cosine < hidden {
                row[cosine] = angle.cos() as f32;
            }
        }
    }
    table
}

/// The angle by which one place turns in pair `k`.
pub(crate) fn frequency(divisor: Divisor, k: usize, hidden: usize) -> f64 {
    match divisor {
        Divisor::Paper => 10_000f64.powf(-2.0 * k as f64 / hidden as f64),
        Divisor::Tensor2Tensor => {
            let last = (hidden / 2).saturating_sub(1).max(1);
            (-(k as f64) * 10_000f64.ln() / last as f64).exp()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_layout_puts_its_values_in_its_columns() {
        let near = |found: &[f32], expected: &[f64]| {
            assert_eq!(found.len(), expected.len());
            for (a, b) in found.iter().zip(expected) {
                assert!((f64::from(*a) - b).abs() < 1e-7, "{found:?} against {expected:?}");
            }
        };
        let (one, slow) = (3.0f64, 3.0f64 * 0.01);
        let paper = table(Layout::Interleaved, Divisor::Paper, 0, 4, 4);
        near(paper.row(3), &[one.sin(), one.cos(), slow.sin(), slow.cos()]);
        let marian = table(Layout::Halves, Divisor::Paper, 0, 4, 4);
        near(marian.row(3), &[one.sin(), slow.sin(), one.cos(), slow.cos()]);
        let slow = 3.0f64 * 1e-4;
        let t2t = table(Layout::Halves, Divisor::Tensor2Tensor, 0, 4, 4);
        near(t2t.row(3), &[one.sin(), slow.sin(), one.cos(), slow.cos()]);
        let fairseq = table(Layout::Halves, Divisor::Tensor2Tensor, 2, 4, 4);
        assert_eq!(fairseq.row(1), t2t.row(3));
    }

    #[test]
    fn odd_widths_end_as_their_references_do() {
        let paper = table(Layout::Interleaved, Divisor::Paper, 0, 2, 3);
        assert_eq!(paper.row(0), [0.0, 1.0, 0.0]);
        let marian = table(Layout::Halves, Divisor::Paper, 0, 2, 3);
        assert_eq!(marian.row(0), [0.0, 0.0, 1.0]);
        let t2t = table(Layout::Halves, Divisor::Tensor2Tensor, 0, 2, 3);
        assert_eq!(t2t.row(0), [0.0, 1.0, 0.0]);
        assert_eq!(table(Layout::Halves, Divisor::Tensor2Tensor, 0, 2, 2).row(0), [0.0, 1.0]);
    }
}

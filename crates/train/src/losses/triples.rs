//! Triples (Schroff et al. 2015, section 3.1, with cosines for distances): a text is to be nearer to
//! its paraphrase than to one that only looks like it, by a margin; and, so that one threshold
//! tells paraphrases from the others for all texts, bounds for each by itself:
//!
//! ```text
//! p = cos(a, p),  n = cos(a, n)
//! l = max(0, margin - p + n) + max(0, least - p) + max(0, n - most)
//! ```
//!
//! All `[n, d]`. Cost: `12 n d` operations.

use contexture_nn::Rows;

use super::Loss;
use super::unit::{dot, unit, unit_backward};

/// What is asked of the two cosines.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Margins {
    /// By how much the positive's is to be above the negative's.
    pub margin: f64,
    /// The least of a positive.
    pub least: f64,
    /// The greatest of a negative.
    pub most: f64,
}

/// The loss and its gradients by anchors, positives and negatives.
///
/// # Panics
/// Where shapes differ.
pub fn triples(margins: Margins, anchors: &Rows, positives: &Rows, negatives: &Rows) -> Loss {
    anchors.assert_same_shape(positives, "anchors against positives");
    anchors.assert_same_shape(negatives, "anchors against negatives");
    let (a, a_lengths) = unit(anchors);
    let (p, p_lengths) = unit(positives);
    let (n, n_lengths) = unit(negatives);
    let (mut da, mut dp, mut dn) = (a.clone(), a.clone(), a.clone());
    let mut sum = 0.0;
    for row in 0..a.rows() {
        let (near, far) = (dot(a.row(row), p.row(row)), dot(a.row(row), n.row(row)));
        let parts = [margins.margin - near + far, margins.least - near, far - margins.most];
        sum += parts.iter().map(|part| part.max(0.0)).sum::<f64>();
        let on = parts.map(|part| f32::from(u8::from(part > 0.0)));
        let (by_near, by_far) = (-on[0] - on[1], on[0] + on[2]);
        let both = p.row(row).iter().zip(n.row(row));
        for (d, (p, n)) in da.row_mut(row).iter_mut().zip(both) {
            *d = by_near * p + by_far * n;
        }
        dp.row_mut(row).iter_mut().for_each(|d| *d *= by_near);
        dn.row_mut(row).iter_mut().for_each(|d| *d *= by_far);
    }
    unit_backward(&a, &a_lengths, &mut da);
    unit_backward(&p, &p_lengths, &mut dp);
    unit_backward(&n, &n_lengths, &mut dn);
    Loss { sum, gradients: vec![da, dp, dn] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses::distance::check::{check, noise};

    #[test]
    fn gradients_agree_with_finite_differences() {
        let inputs = [noise(6, 5, 1), noise(6, 5, 2), noise(6, 5, 3)];
        for (margin, least, most) in [(0.2, -1.0, 1.0), (0.5, 0.7, 0.1), (0.0, 0.9, -0.5)] {
            check(&inputs, |v| triples(Margins { margin, least, most }, &v[0], &v[1], &v[2]));
        }
    }

    #[test]
    fn what_is_asked_for_and_given_costs_nothing() {
        let a = Rows::new(vec![1.0, 0.0], 2);
        let far = Rows::new(vec![0.0, 1.0], 2);
        let asked = Margins { margin: 0.9, least: 0.95, most: 0.1 };
        let loss = triples(asked, &a, &a, &far);
        assert_eq!(loss.sum, 0.0);
        assert!(loss.gradients.iter().all(|rows| rows.as_slice().iter().all(|g| *g == 0.0)));
        // Exchanged: 0.9 + 1 of the margin, 0.95 and 0.9 of the bounds.
        let loss = triples(asked, &a, &far, &a);
        assert!((loss.sum - (1.9 + 0.95 + 0.9)).abs() < 1e-6, "{}", loss.sum);
    }
}

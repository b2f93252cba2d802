//! Distances row by row: cosines against scores (Reimers and Gurevych 2019, section 3, regression
//! objective), and vectors against a teacher's (Reimers and Gurevych 2020, eq. 1).
//!
//! ```text
//! regression:        l_i = (cos(a_i, b_i) - t_i)^2
//! squared distance:  l_i = mean_k (a_ik - t_ik)^2
//! cosine distance:   l_i = 1 - cos(a_i, t_i)
//! ```

use contexture_nn::Rows;

use super::Loss;
use super::unit::{dot, unit, unit_backward};

/// Cosines of rows against scores; gradients by both.
///
/// # Panics
/// Where shapes differ.
pub fn cosine_regression(a: &Rows, b: &Rows, scores: &[f32]) -> Loss {
    a.assert_same_shape(b, "first against second vectors");
    assert_eq!(a.rows(), scores.len(), "vectors against scores");
    let ((u, u_lengths), (w, w_lengths)) = (unit(a), unit(b));
    let (mut du, mut dw) = (w.clone(), u.clone());
    let mut sum = 0.0;
    for (row, score) in scores.iter().enumerate() {
        let error = dot(u.row(row), w.row(row)) - f64::from(*score);
        sum += error * error;
        let slope = (2.0 * error) as f32;
        du.row_mut(row).iter_mut().for_each(|value| *value *= slope);
        dw.row_mut(row).iter_mut().for_each(|value| *value *= slope);
    }
    unit_backward(&u, &u_lengths, &mut du);
    unit_backward(&w, &w_lengths, &mut dw);
    Loss { sum, gradients: vec![du, dw] }
}

/// The mean squared distance of each row to the teacher's; the gradient by the rows.
///
/// # Panics
/// Where shapes differ.
pub fn squared_distance(a: &Rows, teacher: &Rows) -> Loss {
    a.assert_same_shape(teacher, "vectors against the teacher's");
    let width = a.width() as f64;
    let mut gradient = a.clone();
    let mut sum = 0.0;
    for (g, t) in gradient.as_mut_slice().iter_mut().zip(teacher.as_slice()) {
        let error = f64::from(*g) - f64::from(*t);
        sum += error * error / width;
        *g = (2.0 * error / width) as f32;
    }
    Loss { sum, gradients: vec![gradient] }
}

/// One less the cosine of each row and the teacher's; the gradient by the rows.
///
/// # Panics
/// Where shapes differ.
pub fn cosine_distance(a: &Rows, teacher: &Rows) -> Loss {
    a.assert_same_shape(teacher, "vectors against the teacher's");
    let ((u, lengths), (t, _)) = (unit(a), unit(teacher));
    let sum = (0..a.rows()).map(|row| 1.0 - dot(u.row(row), t.row(row))).sum();
    let mut gradient = t;
    gradient.as_mut_slice().iter_mut().for_each(|value| *value = -*value);
    unit_backward(&u, &lengths, &mut gradient);
    Loss { sum, gradients: vec![gradient] }
}

#[cfg(test)]
pub(super) mod check {
    use super::*;
    use crate::random::Random;

    pub(in super::super) fn noise(rows: usize, width: usize, seed: u64) -> Rows {
        let mut random = Random::of(&[seed]);
        let values = (0..rows * width).map(|_| random.uniform() as f32 * 2.0 - 1.0).collect();
        Rows::new(values, width)
    }

    /// Compares every gradient with central differences.
    pub(in super::super) fn check(inputs: &[Rows], loss: impl Fn(&[Rows]) -> Loss) {
        let found = loss(inputs);
        let step = 1e-3;
        for (which, input) in inputs.iter().enumerate() {
            for at in 0..input.as_slice().len() {
                let moved = |by: f32| {
                    let mut inputs = inputs.to_vec();
                    inputs[which].as_mut_slice()[at] += by;
                    loss(&inputs).sum
                };
                let numeric = (moved(step) - moved(-step)) / f64::from(2.0 * step);
                let analytic = f64::from(found.gradients[which].as_slice()[at]);
                let error = (analytic - numeric).abs() / (1.0 + numeric.abs());
                assert!(error < 2e-3, "input {which}, value {at}: {analytic} against {numeric}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::check::{check, noise};
    use super::*;

    #[test]
    fn gradients_agree_with_finite_differences() {
        let pair = [noise(5, 7, 1), noise(5, 7, 2)];
        check(&pair, |v| cosine_regression(&v[0], &v[1], &[0.0, 1.0, 0.5, -0.2, 0.9]));
        let teacher = noise(5, 7, 3);
        check(&pair[..1], |v| squared_distance(&v[0], &teacher));
        check(&pair[..1], |v| cosine_distance(&v[0], &teacher));
    }

    #[test]
    fn what_is_equal_has_no_loss() {
        let a = noise(3, 4, 9);
        assert!(squared_distance(&a, &a).sum.abs() < 1e-12);
        assert!(cosine_distance(&a, &a).sum.abs() < 1e-6);
        assert!(cosine_regression(&a, &a, &[1.0; 3]).sum.abs() < 1e-12);
    }
}

//! Rows of unit length and the way back: `u = v / |v|`, `dv = (du - u (u . du)) / |v|`.

use contexture_nn::Rows;

/// Shorter rows have no direction; their gradient is that of a row of this length.
const LEAST_LENGTH: f64 = 1e-12;

pub(super) fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

/// Rows of unit length, and what their lengths were.
pub(super) fn unit(v: &Rows) -> (Rows, Vec<f64>) {
    let mut u = v.clone();
    let lengths = (0..v.rows()).map(|row| {
        let length = dot(v.row(row), v.row(row)).sqrt().max(LEAST_LENGTH);
        u.row_mut(row).iter_mut().for_each(|x| *x = (f64::from(*x) / length) as f32);
        length
    });
    let lengths = lengths.collect();
    (u, lengths)
}

/// The gradients by the rows from those by the unit rows, in place.
pub(super) fn unit_backward(u: &Rows, lengths: &[f64], gradient: &mut Rows) {
    for (row, length) in lengths.iter().enumerate() {
        let along = dot(u.row(row), gradient.row(row));
        for (g, u) in gradient.row_mut(row).iter_mut().zip(u.row(row)) {
            *g = ((f64::from(*g) - along * f64::from(*u)) / length) as f32;
        }
    }
}

//! A = L L^T of a symmetric positive definite matrix, and A^-1 b by two substitutions.
//! O(n^3 / 3) once, O(n^2) a solve; f64.

/// The lower factor, row by row.
pub(super) struct Cholesky {
    n: usize,
    lower: Vec<f64>,
}

impl Cholesky {
    /// Factors `[n, n]`; a pivot that rounding took to zero or below is lifted to a small one, which
    /// is harmless where the solution is only a direction to try.
    pub(super) fn new(mut a: Vec<f64>, n: usize) -> Self {
        let most = (0..n).map(|i| a[i * n + i]).fold(0.0, f64::max);
        let least = most.max(f64::MIN_POSITIVE) * 1e-12;
        for i in 0..n {
            let (above, row) = a.split_at_mut(i * n);
            for j in 0..i {
                let other = &above[j * n..j * n + j];
                let dot: f64 = row[..j].iter().zip(other).map(|(x, y)| x * y).sum();
                row[j] = (row[j] - dot) / above[j * n + j];
            }
            let square: f64 = row[..i].iter().map(|x| x * x).sum();
            row[i] = (row[i] - square).max(least).sqrt();
        }
        Self { n, lower: a }
    }

    /// b becomes A^-1 b.
    pub(super) fn solve(&self, b: &mut [f64]) {
        let (n, l) = (self.n, &self.lower);
        for i in 0..n {
            let dot: f64 = l[i * n..i * n + i].iter().zip(&*b).map(|(x, y)| x * y).sum();
            b[i] = (b[i] - dot) / l[i * n + i];
        }
        for i in (0..n).rev() {
            b[i] /= l[i * n + i];
            let x = b[i];
            b[..i].iter_mut().zip(&l[i * n..i * n + i]).for_each(|(b, l)| *b -= l * x);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solving_undoes_the_product() {
        let n = 7;
        let base: Vec<f64> = (0..n * n).map(|k| ((k * 37 % 11) as f64 - 5.0) / 3.0).collect();
        let mut a = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..n {
                let dot: f64 = (0..n).map(|k| base[i * n + k] * base[j * n + k]).sum();
                a[i * n + j] = dot + if i == j { 0.5 } else { 0.0 };
            }
        }
        let x: Vec<f64> = (0..n).map(|k| k as f64 - 2.5).collect();
        let mut b: Vec<f64> = (0..n).map(|i| (0..n).map(|j| a[i * n + j] * x[j]).sum()).collect();
        Cholesky::new(a, n).solve(&mut b);
        assert!(b.iter().zip(&x).all(|(b, x)| (b - x).abs() < 1e-9), "{b:?}");
    }
}

//! Some columns of rows: `y = x[:, from..to]`.
//!
//! What one direction of a recurrent layer wrote (Peters et al. 2018, section 3.1: forward and
//! backward states lie side by side). x `[tokens, width]`, y `[tokens, to - from]`. Nothing is
//! kept. Cost: one copy of y. Adjoint: `dx[:, from..to] += g`.

use contexture_kernels::columns::{columns, columns_backward};

use crate::{Backward, Forward, Op, Rows};

/// Columns `from..to` of an array.
#[derive(Debug, Clone, Copy)]
pub struct Columns {
    /// The first column.
    pub from: usize,
    /// The first column that is left out.
    pub to: usize,
}

impl Op for Columns {
    fn name(&self) -> &'static str {
        "columns"
    }

    fn forward(&self, cx: &mut Forward<'_>) -> Rows {
        let x = cx.input(0);
        assert!(
            self.from < self.to && self.to <= x.width(),
            "columns {} to {} of [{}, {}]",
            self.from,
            self.to,
            x.rows(),
            x.width()
        );
        let mut out = cx.rows(x.rows(), self.to - self.from);
        columns(cx.pool, (x.as_slice(), x.width()), self.from..self.to, out.as_mut_slice());
        out
    }

    fn backward(&self, cx: &mut Backward<'_>) {
        let (pool, gradient) = (cx.pool, cx.gradient);
        let dx = cx.input_gradient(0);
        let width = dx.width();
        let sum = (dx.as_mut_slice(), width);
        columns_backward(pool, gradient.as_slice(), self.from..self.to, sum);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use contexture_kernels::Pool;

    use super::*;
    use crate::{Builder, Segments, Session, Weights, check_gradients};

    #[test]
    fn gradients_agree_with_finite_differences() {
        for (from, to) in [(0, 3), (3, 7), (6, 7), (0, 7)] {
            let op = Columns { from, to };
            let check = check_gradients(|_| (), |()| op, &[(5, 7)], &[2, 3], 47);
            assert!(check.worst < 1e-2 && check.checked == 35, "{op:?}: {check:?}");
        }
    }

    #[test]
    fn the_named_columns_are_copied() {
        let weights = Arc::new(Weights::initial(Builder::new().finish(), 1));
        let mut session = Session::infer(weights, Arc::new(Pool::new(2)));
        let x = session.input(Rows::new((0..12).map(|i| i as f32).collect(), 4));
        let y = session.apply(Columns { from: 1, to: 3 }, &[&x], &Segments::single(3));
        assert_eq!(y.rows(), &Rows::new(vec![1.0, 2.0, 5.0, 6.0, 9.0, 10.0], 2));
    }

    #[test]
    #[should_panic(expected = "columns 2 to 8 of [5, 7]")]
    fn a_column_that_is_not_there_is_refused() {
        check_gradients(|_| (), |()| Columns { from: 2, to: 8 }, &[(5, 7)], &[5], 1);
    }
}

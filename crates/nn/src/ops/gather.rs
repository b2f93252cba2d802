//! Chosen rows: `y_i = x_{rows_i}`.
//!
//! The rows that a loss looks at (Devlin et al. 2019, section 3.1: the masked places). x `[tokens,
//! hidden]`, y `[chosen, hidden]`; a row may be chosen several times. Nothing is kept. Cost: one
//! copy of y. Adjoint: `dx_{rows_i} += g_i`, in the order of i.

use std::sync::Arc;

use contexture_kernels::lookup::{lookup, lookup_backward};

use crate::{Backward, Forward, Op, Rows};

/// Chosen rows of an array.
#[derive(Debug, Clone)]
pub struct Gather {
    /// Each output row's row of the input.
    pub rows: Arc<[u32]>,
}

impl Op for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn forward(&self, cx: &mut Forward<'_>) -> Rows {
        let x = cx.input(0);
        let mut out = cx.rows(self.rows.len(), x.width());
        lookup(cx.pool, x.width(), x.as_slice(), &self.rows, out.as_mut_slice());
        out
    }

    fn backward(&self, cx: &mut Backward<'_>) {
        let (pool, gradient) = (cx.pool, cx.gradient);
        let dx = cx.input_gradient(0);
        lookup_backward(pool, gradient.width(), gradient.as_slice(), &self.rows, dx.as_mut_slice());
    }
}

#[cfg(test)]
mod tests {
    use contexture_kernels::Pool;

    use super::*;
    use crate::{Builder, Segments, Session, Weights, check_gradients};

    #[test]
    fn gradient_agrees_with_finite_differences() {
        let op = Gather { rows: Arc::from([4, 0, 4, 2]) };
        let check = check_gradients(|_| (), |()| op.clone(), &[(5, 3)], &[5], 41);
        assert!(check.worst < 1e-2 && check.checked == 15, "{check:?}");
    }

    /// A frequent word's row is chosen for each of its tokens: its gradients are added in the order of
    /// the tokens, on any number of threads.
    #[test]
    fn a_row_chosen_many_times_sums_its_gradients_in_order() {
        // As words are: few rows most of the time, the first ones most of all.
        let rows: Arc<[u32]> = (0..5000u32).map(|i| (i * i % 101) * (i % 7) / 20).collect();
        let value = |i: usize| (i as f32 * 0.37).sin();
        let run = |threads| {
            let weights = Arc::new(Weights::initial(Builder::new().finish(), 1));
            let mut session = Session::train(weights, Arc::new(Pool::new(threads)));
            let x = session.input(Rows::zeros(40, 19));
            let op = Gather { rows: rows.clone() };
            let y = session.apply(op, &[&x], &Segments::single(40));
            let seed = Rows::new((0..5000 * 19).map(value).collect(), 19);
            session.backward(&y, seed).value(&x).unwrap().clone()
        };
        let mut expected = Rows::zeros(40, 19);
        for (i, row) in rows.iter().enumerate() {
            let sums = expected.row_mut(*row as usize).iter_mut();
            sums.enumerate().for_each(|(column, sum)| *sum += value(i * 19 + column));
        }
        for threads in 1..=4 {
            assert_eq!(run(threads), expected, "{threads} threads");
        }
    }

    #[test]
    #[should_panic]
    fn a_row_that_is_not_there_is_refused() {
        let op = Gather { rows: Arc::from([5]) };
        check_gradients(|_| (), |()| op.clone(), &[(5, 3)], &[5], 41);
    }
}

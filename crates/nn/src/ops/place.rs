//! Rows of a fixed table, by place: `y_i = scale * x_i + table[first + p_i]`, `p_i` the place of
//! token i in its sequence.
//!
//! Vaswani et al. 2017, sections 3.4 (the scale) and 3.5 (the table). x, y `[tokens, hidden]`,
//! table `[places, hidden]`. Nothing is kept. Cost: one pass. Adjoint: `dx = scale * g`.

use std::sync::Arc;

use contexture_kernels::pointwise::add_scaled;

use crate::{Backward, Forward, Op, Rows};

/// Places from a table that is not learned.
#[derive(Debug, Clone)]
pub struct Places {
    /// `[places, hidden]`, at least `first` more rows than the longest sequence.
    pub rows: Arc<Rows>,
    /// The row of each sequence's first token.
    pub first: usize,
    /// What x is multiplied with.
    pub scale: f32,
}

impl Op for Places {
    fn name(&self) -> &'static str {
        "places"
    }

    fn forward(&self, cx: &mut Forward<'_>) -> Rows {
        let x = cx.input(0);
        let (table, longest) = (&self.rows, cx.segments.longest());
        assert!(
            self.first + longest <= table.rows() && x.width() == table.width(),
            "rows of [{longest}, {}] from place {} in a table of [{}, {}]",
            x.width(),
            self.first,
            table.rows(),
            table.width()
        );
        let mut out = cx.rows(x.rows(), x.width());
        let width = x.width();
        for range in cx.segments.iter() {
            let values = range.start * width..range.end * width;
            let places = &table.as_slice()[self.first * width..][..values.len()];
            let sums = out.as_mut_slice()[values.clone()].iter_mut();
            for ((y, x), place) in sums.zip(&x.as_slice()[values]).zip(places) {
                *y = self.scale * x + place;
            }
        }
        out
    }

    fn backward(&self, cx: &mut Backward<'_>) {
        let gradient = cx.gradient.as_slice();
        add_scaled(self.scale, gradient, cx.input_gradient(0).as_mut_slice());
    }
}

#[cfg(test)]
mod tests {
    use contexture_kernels::Pool;

    use super::*;
    use crate::{Builder, Segments, Session, Weights, check_gradients};

    fn op() -> Places {
        Places {
            rows: Arc::new(Rows::new((0..15).map(|v| v as f32).collect(), 3)),
            first: 1,
            scale: 2.0,
        }
    }

    #[test]
    fn each_sequence_begins_at_the_first_place() {
        let weights = Arc::new(Weights::initial(Builder::new().finish(), 0));
        let mut session = Session::infer(weights, Arc::new(Pool::new(1)));
        let x = session.input(Rows::new(vec![1.0; 9], 3));
        let y = session.apply(op(), &[&x], &Segments::from_lengths([2, 0, 1]));
        assert_eq!(y.rows().as_slice(), [5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 5.0, 6.0, 7.0]);
    }

    #[test]
    fn gradient_agrees_with_finite_differences() {
        let check = check_gradients(|_| (), |()| op(), &[(5, 3)], &[4, 1], 3);
        assert!(check.worst < 1e-2 && check.checked == 15, "{check:?}");
    }
}

//! Rows of a table by number: `y_i = table[ids_i]`.
//!
//! No inputs; y `[tokens, width]`. Nothing is kept. Cost: one copy of y.

use std::sync::Arc;

use contexture_kernels::lookup::{lookup, lookup_backward};
use contexture_kernels::quantised;

use crate::{Backward, Forward, Op, Param, Rows, Table};

/// Embeddings of numbered things.
#[derive(Debug, Clone)]
pub struct Lookup {
    /// `[entries, width]`
    pub table: Param,
    /// Each token's row of the table.
    pub ids: Arc<[u32]>,
}

impl Op for Lookup {
    fn name(&self) -> &'static str {
        "lookup"
    }

    fn forward(&self, cx: &mut Forward<'_>) -> Rows {
        let width = self.table.width;
        let mut out = cx.rows(self.ids.len(), width);
        let (pool, to) = (cx.pool, out.as_mut_slice());
        match cx.weights.table(self.table) {
            Table::Plain(table) => lookup(pool, width, table, &self.ids, to),
            Table::Quantised(table) => quantised::lookup(pool, table, &self.ids, to),
        }
        out
    }

    fn backward(&self, cx: &mut Backward<'_>) {
        let (pool, gradient) = (cx.pool, cx.gradient);
        let table = cx.parameter_gradient(self.table);
        lookup_backward(pool, self.table.width, gradient.as_slice(), &self.ids, table);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Initial, check_gradients};

    #[test]
    fn gradient_agrees_with_finite_differences() {
        let check = check_gradients(
            |b| b.table("table", 5, 3, Initial::Zeros),
            |table| Lookup { table: *table, ids: Arc::from([4, 0, 4, 2]) },
            &[],
            &[4],
            1,
        );
        assert_eq!(check.checked, 15);
        assert!(check.worst < 1e-2, "{check:?}");
    }
}

//! An elementwise function: `y = f(x)`.
//!
//! x, y `[tokens, width]`. Nothing is kept. Cost: one pass.

use contexture_kernels::activated::{activate_adjoint, activate_to};
use contexture_kernels::activation::Activation;

use crate::{Backward, Forward, Op, Rows};

/// An activation on its own, where no linear map is there to take it in.
#[derive(Debug, Clone, Copy)]
pub struct Activate {
    /// The function.
    pub activation: Activation,
}

impl Op for Activate {
    fn name(&self) -> &'static str {
        "activate"
    }

    fn forward(&self, cx: &mut Forward<'_>) -> Rows {
        let x = cx.input(0);
        let mut out = cx.rows(x.rows(), x.width());
        activate_to(cx.pool, self.activation, x.as_slice(), out.as_mut_slice());
        out
    }

    fn backward(&self, cx: &mut Backward<'_>) {
        let (pool, x, gradient) = (cx.pool, cx.input(0).as_slice(), cx.gradient.as_slice());
        let (sum, store) = cx.open_input_gradient(0);
        activate_adjoint(pool, self.activation, x, gradient, store, sum.as_mut_slice());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check_gradients;

    #[test]
    fn gradients_agree_with_finite_differences() {
        for activation in Activation::ALL {
            let check = check_gradients(|_| (), |()| Activate { activation }, &[(5, 21)], &[5], 11);
            assert!(check.worst < 1e-2 && check.checked == 105, "{activation:?}: {check:?}");
        }
    }
}

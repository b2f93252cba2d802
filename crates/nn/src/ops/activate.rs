//! An elementwise function: `y = f(x)`.
//!
//! x, y `[tokens, width]`. Nothing is kept. Cost: one pass.

use contexture_kernels::activation::{Activation, activate, activate_backward};

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
        out.as_mut_slice().copy_from_slice(x.as_slice());
        activate(self.activation, out.as_mut_slice());
        out
    }

    fn backward(&self, cx: &mut Backward<'_>) {
        let mut gradient = cx.gradient.as_slice().to_vec();
        activate_backward(self.activation, cx.input(0).as_slice(), &mut gradient);
        let sum = cx.input_gradient(0).as_mut_slice();
        sum.iter_mut().zip(gradient).for_each(|(sum, part)| *sum += part);
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

//! Long short-term memory, forward and backward through time.

mod backward;
mod forward;

pub use backward::{Adjoint, backward};
pub use forward::{Direction, LstmShape, forward};

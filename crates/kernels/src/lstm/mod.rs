//! Long short-term memory, forward and backward through time.

mod backward;
mod forward;
mod gates;
mod shape;

pub use backward::{Adjoint, backward};
pub use forward::{Direction, forward};
pub use shape::LstmShape;

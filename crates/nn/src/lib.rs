//! Rows, segments, parameters, sessions and differentiable ops.
//!
//! One array type ([`Rows`], `[n, width]` of f32) and one description of where sequences lie in it
//! ([`Segments`]). An architecture *declares* its parameters with a [`Builder`]; [`Weights`] fill
//! them; an [`Op`] has the grain of a paper's equation and always knows its adjoint; a [`Session`]
//! runs ops to infer, to train (with a tape) or to explain (with a probe).
//!
//! There are no errors here: shapes are checked when weights are loaded, and a broken precondition
//! is an assertion that prints both shapes.
#![forbid(unsafe_code)]

mod builder;
mod gradcheck;
mod op;
pub mod ops;
mod rows;
mod segments;
mod session;
mod spreads;
mod tape;
mod weights;

pub use builder::{Builder, Declaration, Declared, Initial, Param, Role};
pub use gradcheck::{GradientCheck, check_gradients};
pub use op::{Backward, Forward, Kept, Op, Revealed};
pub use rows::{Recycler, Rows};
pub use segments::Segments;
pub use session::{Observation, Session, Value};
pub use spreads::Spreads;
pub use tape::Gradients;
pub use weights::{Matrix, Stored, Table, Weights};

//! Arithmetic on slices: one instruction-set choice, one thread pool, packed matrix products with
//! fused epilogues, and the pointwise work around them, each with its adjoint.

pub mod activation;
pub mod gemm;
pub mod isa;
pub mod measure;
mod pool;

pub use pool::Pool;

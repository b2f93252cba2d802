//! Arithmetic on slices: one instruction-set choice, one thread pool, packed matrix products with
//! fused epilogues, and the pointwise work around them, each with its adjoint.

pub mod activated;
pub mod activation;
pub mod attention;
pub mod best;
mod blocks;
pub mod characters;
pub mod columns;
pub mod dot;
pub mod dropout;
pub mod gemm;
pub mod highway;
pub mod isa;
pub mod lookup;
pub mod lstm;
pub mod measure;
pub mod norm;
pub mod optimise;
pub mod pointwise;
mod pool;
pub mod pooling;
pub mod quantised;
pub mod rotary;
pub mod softmax;

pub use activation::Activation;
pub use attention::Reach;
pub use gemm::Store;
pub use pool::Pool;

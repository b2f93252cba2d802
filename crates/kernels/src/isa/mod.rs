//! Instruction sets: one trait of vector operations, one place that chooses.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod dispatch;
#[cfg(target_arch = "aarch64")]
mod neon;
mod plain;
mod simd;

#[cfg(target_arch = "x86_64")]
pub use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub use avx512::Avx512;
pub use dispatch::{Isa, Kernel, dispatch, dispatch_on};
#[cfg(target_arch = "aarch64")]
pub use neon::Neon;
pub use plain::Plain;
pub use simd::Simd;

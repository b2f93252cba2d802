//! Instruction sets: one trait of vector operations, one of sums of bytes, one place that chooses.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod byte_isa;
mod bytes;
#[cfg(target_arch = "aarch64")]
mod bytes_arm;
mod bytes_plain;
#[cfg(target_arch = "x86_64")]
mod bytes_x86;
mod dispatch;
#[cfg(target_arch = "aarch64")]
mod neon;
mod plain;
mod simd;

#[cfg(target_arch = "x86_64")]
pub use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub use avx512::Avx512;
pub use byte_isa::{ByteIsa, ByteKernel, dispatch_bytes};
pub use bytes::Bytes;
#[cfg(target_arch = "aarch64")]
pub use bytes_arm::NeonDot;
#[cfg(target_arch = "x86_64")]
pub use bytes_x86::Vnni;
pub use dispatch::{Isa, Kernel, dispatch, dispatch_on};
#[cfg(target_arch = "aarch64")]
pub use neon::Neon;
pub use plain::Plain;
pub use simd::Simd;

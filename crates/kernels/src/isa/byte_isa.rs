//! Which instructions multiply bytes: a refinement of the process's instruction set.

#[cfg(target_arch = "x86_64")]
use super::{Avx2, Avx512, Vnni};
use super::{Bytes, Isa, Plain};
#[cfg(target_arch = "aarch64")]
use super::{Neon, NeonDot};

/// Arithmetic over bytes, written once and compiled for every set; see [`Kernel`](super::Kernel).
pub trait ByteKernel {
    /// What the kernel answers.
    type Output;
    /// The arithmetic; mark it `#[inline(always)]`.
    fn run<B: Bytes>(self, b: B) -> Self::Output;
}

/// The instructions that multiply bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ByteIsa {
    /// AVX-512 with VNNI.
    Vnni,
    /// AVX-512 without it.
    Avx512,
    /// AVX2.
    Avx2,
    /// NEON with dot products.
    NeonDot,
    /// NEON without them.
    Neon,
    /// Portable Rust.
    Plain,
}

impl ByteIsa {
    /// All of them, the fastest of each instruction set first.
    pub const ALL: [ByteIsa; 6] =
        [Self::Vnni, Self::Avx512, Self::Avx2, Self::NeonDot, Self::Neon, Self::Plain];

    /// The instruction set of the f32 operations beside them.
    pub const fn isa(self) -> Isa {
        match self {
            Self::Vnni | Self::Avx512 => Isa::Avx512,
            Self::Avx2 => Isa::Avx2,
            Self::NeonDot | Self::Neon => Isa::Neon,
            Self::Plain => Isa::Plain,
        }
    }

    /// Whether this machine can run it.
    pub fn is_supported(self) -> bool {
        let more = match self {
            #[cfg(target_arch = "x86_64")]
            Self::Vnni => is_x86_feature_detected!("avx512vnni"),
            #[cfg(target_arch = "aarch64")]
            Self::NeonDot => std::arch::is_aarch64_feature_detected!("dotprod"),
            _ => true,
        };
        more && self.isa().is_supported()
    }

    /// Those that this machine can run.
    pub fn supported() -> Vec<ByteIsa> {
        Self::ALL.into_iter().filter(|set| set.is_supported()).collect()
    }

    /// The fastest one that goes with an instruction set.
    ///
    /// # Panics
    /// Where this machine cannot run `isa`.
    pub fn of(isa: Isa) -> ByteIsa {
        let found = Self::ALL.into_iter().find(|set| set.isa() == isa && set.is_supported());
        found.unwrap_or_else(|| panic!("{isa} cannot run on this machine"))
    }

    /// Of this process: the fastest one of [`Isa::current`].
    pub fn current() -> ByteIsa {
        static CURRENT: std::sync::OnceLock<ByteIsa> = std::sync::OnceLock::new();
        *CURRENT.get_or_init(|| Self::of(Isa::current()))
    }

    /// The name of the instructions.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vnni => "avx512-vnni",
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::NeonDot => "neon-dotprod",
            Self::Neon => "neon",
            Self::Plain => "plain",
        }
    }
}

impl std::fmt::Display for ByteIsa {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.name())
    }
}

/// Runs a kernel on a given set.
///
/// # Panics
/// Where this machine cannot run it.
#[inline]
pub fn dispatch_bytes<K: ByteKernel>(set: ByteIsa, kernel: K) -> K::Output {
    assert!(set.is_supported(), "{set} cannot run on this machine");
    match set {
        // SAFETY: supported, as was just asserted.
        #[cfg(target_arch = "x86_64")]
        ByteIsa::Vnni => unsafe { run_vnni(kernel) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        ByteIsa::Avx512 => unsafe { run_avx512(kernel) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        ByteIsa::Avx2 => unsafe { run_avx2(kernel) },
        // SAFETY: as above.
        #[cfg(target_arch = "aarch64")]
        ByteIsa::NeonDot => unsafe { run_neon_dot(kernel) },
        // SAFETY: as above.
        #[cfg(target_arch = "aarch64")]
        ByteIsa::Neon => unsafe { run_neon(kernel) },
        _ => kernel.run(Plain),
    }
}

/// # Safety
/// The machine has the features.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma")]
unsafe fn run_vnni<K: ByteKernel>(kernel: K) -> K::Output {
    // SAFETY: this function's features are the token's.
    kernel.run(unsafe { Vnni::new() })
}

/// # Safety
/// The machine has the features.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn run_avx512<K: ByteKernel>(kernel: K) -> K::Output {
    // SAFETY: this function's features are the token's.
    kernel.run(unsafe { Avx512::new() })
}

/// # Safety
/// The machine has the features.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn run_avx2<K: ByteKernel>(kernel: K) -> K::Output {
    // SAFETY: this function's features are the token's.
    kernel.run(unsafe { Avx2::new() })
}

/// # Safety
/// The machine has the features.
#[cfg(target_arch = "aarch64")]
#[target_feature(enable = "neon,dotprod")]
unsafe fn run_neon_dot<K: ByteKernel>(kernel: K) -> K::Output {
    // SAFETY: this function's features are the token's.
    kernel.run(unsafe { NeonDot::new() })
}

/// # Safety
/// The machine has the features.
#[cfg(target_arch = "aarch64")]
#[target_feature(enable = "neon")]
unsafe fn run_neon<K: ByteKernel>(kernel: K) -> K::Output {
    // SAFETY: this function's features are the token's.
    kernel.run(unsafe { Neon::new() })
}

//! The one place where an instruction set is chosen.

use std::sync::OnceLock;

#[cfg(target_arch = "aarch64")]
use super::Neon;
#[cfg(target_arch = "x86_64")]
use super::{Avx2, Avx512};
use super::{Plain, Simd};

/// Arithmetic that is written once and compiled for every instruction set.
///
/// To write a kernel:
/// 1. Put its operands into a struct.
/// 2. Implement `Kernel` for it, `run` marked `#[inline(always)]`, and use only operations of `S`
///    inside; every function called from there that takes `s` is `#[inline(always)]` too. This is
///    what lets the instructions reach registers: a function that is not inlined is compiled
///    without the instruction set, and each operation in it becomes a call. The same holds for
///    closures: use loops.
/// 3. Call [`dispatch`]. Dispatch costs a predictable jump, so do it once per slice or tile, not
///    per vector.
///
/// ```
/// use contexture_kernels::isa::{Kernel, Simd, dispatch};
///
/// struct Scale<'a> {
///     by: f32,
///     values: &'a mut [f32],
/// }
///
/// impl Kernel for Scale<'_> {
///     type Output = ();
///     #[inline(always)]
///     fn run<S: Simd>(self, s: S) {
///         let by = s.splat(self.by);
///         let mut chunks = self.values.chunks_exact_mut(S::LANES);
///         for chunk in &mut chunks {
///             s.store(s.mul(s.load(chunk), by), chunk);
///         }
///         let tail = chunks.into_remainder();
///         s.store_tail(s.mul(s.load_tail(tail), by), tail);
///     }
/// }
///
/// let mut values = vec![1.0; 37];
/// dispatch(Scale { by: 2.0, values: &mut values });
/// assert!(values.iter().all(|&x| x == 2.0));
/// ```
pub trait Kernel {
    /// What the kernel answers.
    type Output;
    /// The arithmetic; mark it `#[inline(always)]`.
    fn run<S: Simd>(self, s: S) -> Self::Output;
}

/// An instruction set that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Isa {
    /// x86-64 with AVX-512 F, BW, DQ and VL: 16 lanes.
    Avx512,
    /// x86-64 with AVX2 and FMA: 8 lanes.
    Avx2,
    /// aarch64: 4 lanes.
    Neon,
    /// Portable Rust: 8 lanes for the compiler to arrange.
    Plain,
}

impl Isa {
    /// Every instruction set, fastest first.
    pub const ALL: [Isa; 4] = [Isa::Avx512, Isa::Avx2, Isa::Neon, Isa::Plain];
    /// The environment variable that forces one.
    pub const VARIABLE: &'static str = "CONTEXTURE_ISA";

    /// The name as written in `CONTEXTURE_ISA`.
    pub fn name(self) -> &'static str {
        match self {
            Isa::Avx512 => "avx512",
            Isa::Avx2 => "avx2",
            Isa::Neon => "neon",
            Isa::Plain => "plain",
        }
    }

    /// Whether this machine can run it.
    pub fn is_supported(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => {
                Isa::Avx2.is_supported()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
            }
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => std::arch::is_aarch64_feature_detected!("neon"),
            Isa::Plain => true,
            #[allow(unreachable_patterns)]
            _ => false,
        }
    }

    /// The instruction sets that this machine can run, fastest first.
    pub fn supported() -> Vec<Isa> {
        Self::ALL.into_iter().filter(|isa| isa.is_supported()).collect()
    }

    /// What `CONTEXTURE_ISA` asks for: `None` where it is not set or empty.
    ///
    /// # Errors
    /// A sentence that names the value and what this machine supports, where the value is not the
    /// name of an instruction set that it can run. Programs check this at start.
    pub fn from_environment() -> Result<Option<Isa>, String> {
        match std::env::var(Self::VARIABLE) {
            Err(std::env::VarError::NotPresent) => Ok(None),
            Ok(value) if value.is_empty() => Ok(None),
            Ok(value) => Self::parse(&value).map(Some),
            Err(std::env::VarError::NotUnicode(value)) => {
                Self::parse(&value.to_string_lossy()).map(Some)
            }
        }
    }

    fn parse(value: &str) -> Result<Isa, String> {
        let supported = Self::supported();
        let found = supported.iter().find(|isa| isa.name().eq_ignore_ascii_case(value.trim()));
        found.copied().ok_or_else(|| {
            let names: Vec<&str> = supported.iter().map(|isa| isa.name()).collect();
            format!(
                "{}={value}: not an instruction set that this machine can run; expected one of {}, or leave it unset",
                Self::VARIABLE,
                names.join(", ")
            )
        })
    }

    /// The instruction set of this process, chosen at the first call: the one `CONTEXTURE_ISA`
    /// names, else the fastest. A value that [`from_environment`](Isa::from_environment) refuses
    /// is ignored here.
    pub fn current() -> Isa {
        static CURRENT: OnceLock<Isa> = OnceLock::new();
        *CURRENT.get_or_init(|| {
            let forced = Isa::from_environment().ok().flatten();
            forced.unwrap_or_else(|| Isa::supported()[0])
        })
    }
}

impl std::fmt::Display for Isa {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.name())
    }
}

/// Runs a kernel on the process's instruction set.
#[inline]
pub fn dispatch<K: Kernel>(kernel: K) -> K::Output {
    dispatch_supported(Isa::current(), kernel)
}

/// Runs a kernel on a given instruction set, for tests and comparisons.
///
/// # Panics
/// Where this machine cannot run `isa`.
#[inline]
pub fn dispatch_on<K: Kernel>(isa: Isa, kernel: K) -> K::Output {
    assert!(isa.is_supported(), "{isa} cannot run on this machine");
    dispatch_supported(isa, kernel)
}

#[inline]
fn dispatch_supported<K: Kernel>(isa: Isa, kernel: K) -> K::Output {
    match isa {
        // SAFETY: both callers pass only an instruction set that `is_supported` found.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => unsafe { run_avx512(kernel) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { run_avx2(kernel) },
        // SAFETY: as above.
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => unsafe { run_neon(kernel) },
        _ => kernel.run(Plain),
    }
}

/// # Safety
/// The machine has the features.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn run_avx512<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: this function's features are the token's.
    kernel.run(unsafe { Avx512::new() })
}

/// # Safety
/// The machine has the features.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: this function's features are the token's.
    kernel.run(unsafe { Avx2::new() })
}

/// # Safety
/// The machine has the features.
#[cfg(target_arch = "aarch64")]
#[target_feature(enable = "neon")]
unsafe fn run_neon<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: this function's features are the token's.
    kernel.run(unsafe { Neon::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unsupported_name_is_refused_with_the_supported_ones() {
        let message = Isa::parse("avx1024").unwrap_err();
        assert!(message.contains("CONTEXTURE_ISA=avx1024"), "{message}");
        assert!(message.contains("plain"), "{message}");
        assert_eq!(Isa::parse("Plain"), Ok(Isa::Plain));
    }

    /// A closure does not take over the instruction set of the function around it: what it holds is not
    /// inlined, and every vector instruction in it becomes a call, many times slower. Such functions
    /// have symbols, which this program's own file lists.
    #[test]
    fn no_vector_instruction_is_a_call() {
        if cfg!(debug_assertions) {
            println!("skipped: nothing is inlined without optimisation");
            return;
        }
        let program = std::env::current_exe().and_then(std::fs::read).expect("this program");
        // Put together here, so that this program does not hold them as text.
        let symbol = |parts: [&str; 3]| parts.concat().into_bytes();
        let holds = |name: &[u8]| program.windows(name.len()).any(|bytes| bytes == name);
        assert!(holds(&symbol(["contexture", "_", "kernels"])), "a program with its symbols");
        for features in ["3avx", "3fma", "4avx2", "7avx512f", "8avx512bw", "10avx512vnni", "4neon"]
        {
            for place in ["3x86", "7aarch64", "10arm_shared"] {
                let name = symbol(["core_arch", place, features]);
                assert!(!holds(&name), "{}: a call", String::from_utf8_lossy(&name));
            }
        }
    }
}

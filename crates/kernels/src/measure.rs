//! What the machine can do: its caches, its peak of multiply-adds, its memory's speed.

use std::sync::OnceLock;
use std::time::Instant;

use crate::Pool;
use crate::isa::{
    ByteIsa, ByteKernel, Bytes, Isa, Kernel, Simd, dispatch, dispatch_bytes, dispatch_on,
};

/// Sizes of the data caches of one core, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caches {
    /// First level.
    pub l1: usize,
    /// Second level.
    pub l2: usize,
    /// Third level, shared.
    pub l3: usize,
}

/// The caches of this machine, read once; where the system does not tell, 32 KiB, 1 MiB, 16 MiB.
pub fn caches() -> Caches {
    static CACHES: OnceLock<Caches> = OnceLock::new();
    *CACHES.get_or_init(|| {
        let mut found = Caches { l1: 32 << 10, l2: 1 << 20, l3: 16 << 20 };
        for index in 0..6 {
            let read = |what: &str| {
                let path = format!("/sys/devices/system/cpu/cpu0/cache/index{index}/{what}");
                std::fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default()
            };
            let (level, kind) = (read("level"), read("type"));
            let Some(size) = bytes(&read("size")) else { continue };
            match (level.as_str(), kind.as_str()) {
                ("1", "Data" | "Unified") => found.l1 = size,
                ("2", _) => found.l2 = size,
                ("3", _) => found.l3 = size,
                _ => {}
            }
        }
        // Some virtual machines report nonsense.
        found.l1 = found.l1.clamp(16 << 10, 256 << 10);
        found.l2 = found.l2.clamp(256 << 10, 16 << 20);
        found
    })
}

fn bytes(text: &str) -> Option<usize> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let number: usize = digits.parse().ok()?;
    match &text[digits.len()..] {
        "K" => Some(number << 10),
        "M" => Some(number << 20),
        "" => Some(number),
        _ => None,
    }
}

/// Multiply-adds per second that the vector units reach on registers alone, as GFLOP/s of f32
/// (a multiply-add counts two), on `threads` threads at once: the best of several short runs.
pub fn peak_gflops(threads: usize) -> f64 {
    peak_gflops_on(Isa::current(), threads)
}

/// [`peak_gflops`] of a given instruction set.
///
/// # Panics
/// Where this machine cannot run it.
pub fn peak_gflops_on(isa: Isa, threads: usize) -> f64 {
    let pool = Pool::new(threads);
    let steps = 150_000;
    let mut best = 0.0f64;
    for _ in 0..60 {
        let begin = Instant::now();
        pool.run(threads, &|_| {
            std::hint::black_box(dispatch_on(isa, Chains { steps }));
        });
        let operations = (threads * steps * CHAINS * lanes(isa) * 2) as f64;
        best = best.max(operations / begin.elapsed().as_secs_f64() / 1e9);
    }
    best
}

/// Multiply-adds of bytes per second on registers alone, as billions of operations (a multiply-add
/// counts two), on `threads` threads at once: the best of several short runs.
///
/// # Panics
/// Where this machine cannot run `set`.
pub fn peak_byte_gops_on(set: ByteIsa, threads: usize) -> f64 {
    let pool = Pool::new(threads);
    let steps = 150_000;
    let mut best = 0.0f64;
    for _ in 0..60 {
        let begin = Instant::now();
        pool.run(threads, &|_| {
            std::hint::black_box(dispatch_bytes(set, ByteChains { steps }));
        });
        let operations = (threads * steps * CHAINS * lanes(set.isa()) * 8) as f64;
        best = best.max(operations / begin.elapsed().as_secs_f64() / 1e9);
    }
    best
}

struct ByteChains {
    steps: usize,
}

impl ByteKernel for ByteChains {
    type Output = f32;
    #[inline(always)]
    fn run<B: Bytes>(self, b: B) -> f32 {
        let (x, w, start) = ([3u8; 4], [2i8; 64], [0i32; 16]);
        // SAFETY: no vector has more than 16 lanes.
        let (x, w, start) =
            unsafe { (b.inputs(x.as_ptr()), b.weights(w.as_ptr()), b.start(start.as_ptr())) };
        let (mut sums, x, w) = ([start; CHAINS], std::hint::black_box(x), std::hint::black_box(w));
        for _ in 0..self.steps {
            for sum in &mut sums {
                *sum = b.dot(*sum, x, w);
            }
        }
        let s = b.simd();
        let mut total = s.splat(0.0);
        for sum in sums {
            total = s.add(total, b.float(sum));
        }
        s.sum(total)
    }
}

fn lanes(isa: Isa) -> usize {
    struct Lanes;
    impl Kernel for Lanes {
        type Output = usize;
        #[inline(always)]
        fn run<S: Simd>(self, _: S) -> usize {
            S::LANES
        }
    }
    dispatch_on(isa, Lanes)
}

/// Independent chains: more than latency times issue width of any of the machines.
const CHAINS: usize = 12;

struct Chains {
    steps: usize,
}

impl Kernel for Chains {
    type Output = f32;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        let mut sums = [s.splat(0.0); CHAINS];
        let factor = s.splat(std::hint::black_box(0.5));
        let addend = s.splat(std::hint::black_box(1.0));
        for _ in 0..self.steps {
            for sum in &mut sums {
                *sum = s.fma(*sum, factor, addend);
            }
        }
        let mut total = s.splat(0.0);
        for sum in sums {
            total = s.add(total, sum);
        }
        s.sum(total)
    }
}

/// Gigabytes per second that `threads` threads read from memory of the given size (larger than
/// the last cache for the memory's own speed): the best of several passes.
pub fn read_gbytes(threads: usize, bytes: usize) -> f64 {
    let pool = Pool::new(threads);
    let values = vec![1.0f32; bytes / size_of::<f32>()];
    let parts = threads * 8;
    let mut best = 0.0f64;
    for _ in 0..6 {
        let begin = Instant::now();
        pool.run(parts, &|part| {
            let range = part * values.len() / parts..(part + 1) * values.len() / parts;
            std::hint::black_box(dispatch(Read(&values[range])));
        });
        best = best.max(bytes as f64 / begin.elapsed().as_secs_f64() / 1e9);
    }
    best
}

struct Read<'a>(&'a [f32]);

impl Kernel for Read<'_> {
    type Output = f32;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        let mut sums = [s.splat(0.0); 4];
        for chunk in self.0.chunks_exact(4 * S::LANES) {
            for (i, sum) in sums.iter_mut().enumerate() {
                *sum = s.add(*sum, s.load(&chunk[i * S::LANES..]));
            }
        }
        s.sum(s.add(s.add(sums[0], sums[1]), s.add(sums[2], sums[3])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        assert_eq!(bytes("32K"), Some(32 << 10));
        assert_eq!(bytes("2M"), Some(2 << 20));
        assert_eq!(bytes("512"), Some(512));
        assert_eq!(bytes(""), None);
        assert_eq!(bytes("3X"), None);
    }

    #[test]
    fn measuring_gives_numbers() {
        assert!(peak_gflops(1) > 0.1);
        assert!(read_gbytes(1, 1 << 20) > 0.1);
        assert!(caches().l2 >= 256 << 10);
    }
}

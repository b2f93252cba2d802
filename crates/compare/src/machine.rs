//! Where it is measured.

use contexture_kernels::{isa::Isa, measure};

use crate::report::Machine;

impl Machine {
    /// This machine; the peak takes some milliseconds to measure.
    pub fn here() -> Self {
        let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let named =
            text.lines().find_map(|line| line.strip_prefix("model name")?.split(':').nth(1));
        Self {
            cpu: named.map_or_else(|| std::env::consts::ARCH.into(), |name| name.trim().to_owned()),
            isa: Isa::current().name().into(),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            gflops: measure::peak_gflops(1),
        }
    }
}

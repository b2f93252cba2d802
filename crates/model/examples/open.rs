//! How long a model folder takes to open, and how much memory: `open FOLDER [THREADS] [plain]`.

use std::time::Instant;

use contexture_model::{Model, OpenOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let folder = args.next().ok_or("usage: open FOLDER [THREADS] [plain]")?;
    let threads = args.next().map_or(Ok(2), |n| n.parse())?;
    let pack = args.next().as_deref() != Some("plain");
    for _ in 0..5 {
        let begin = Instant::now();
        let model = Model::open(&folder, &OpenOptions { threads, pack, ..OpenOptions::default() })?;
        let took = begin.elapsed();
        let peak = peak_kb().unwrap_or(0);
        let bytes = model.info().bytes;
        let share = peak as f64 * 1024.0 / bytes as f64;
        println!("{took:.1?}, peak {peak} kB = {share:.2} x the weights' {bytes} bytes");
    }
    Ok(())
}

/// The largest resident set so far, where the system tells.
fn peak_kb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").trim().parse().ok()
}

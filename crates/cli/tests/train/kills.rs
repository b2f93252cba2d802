//! kill -9 at random moments: a run that goes on ends as the unbroken one, to the bit.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::stage::{Stage, contexture, result};

const RUNS: u64 = 50;
const STEPS: u64 = 120;

fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z ^ (z >> 31)
}

#[test]
fn fifty_runs_that_were_killed_end_as_the_unbroken_one() {
    let stage = Stage::new();
    let whole = stage.path("whole");
    let more = "[averaging]\nlast = 3\nevery = 9\n";
    let config = stage.config(&whole, STEPS, more);
    assert!(stage.train(&config, &["--quiet"]).status.success());
    // How long a run takes changes with what else the machine does: it is asked again and again.
    let clock = || {
        let run = stage.path("clock");
        let begun = Instant::now();
        let output = format!("--output={}", run.display());
        assert!(stage.train(&config, &[&output, "--quiet"]).status.success());
        let took = begun.elapsed();
        std::fs::remove_dir_all(&run).expect("removed");
        took
    };
    let mut took = clock();
    let expected = result(&whole);
    assert_eq!(expected.1.lines().filter(|line| line.contains("\"lr\"")).count(), STEPS as usize);
    let (mut kills, mut midway) = (0, 0);
    for seed in 1..=RUNS {
        if seed % 4 == 0 {
            took = clock();
        }
        let run = stage.path(&format!("run-{seed}"));
        let output = format!("--output={}", run.display());
        // Up to three kills within the time that a run takes, then it may end.
        for attempt in 0..1 + mix(seed) % 3 {
            let mut child = contexture();
            child.arg("train").arg(&config).args([&output, "--quiet"]);
            let mut child = child.stdout(Stdio::null()).spawn().expect("the command runs");
            let share = mix(seed * 16 + attempt) % 1000;
            std::thread::sleep(took.mul_f64(share as f64 / 1000.0).max(Duration::from_millis(1)));
            if child.try_wait().expect("its state").is_none() {
                kills += 1;
            }
            // SIGKILL: nothing in the process runs any more.
            let _ = child.kill();
            child.wait().expect("its end");
            midway +=
                usize::from(run.join("snapshots").is_dir() && !run.join("config.json").exists());
        }
        let last = stage.train(&config, &[&output, "--quiet"]);
        assert!(last.status.success(), "seed {seed}: {}", crate::stage::said(&last));
        let found = result(&run);
        assert!(found.1 == expected.1, "seed {seed}: other metrics");
        assert!(found.0 == expected.0, "seed {seed}: other weights");
        std::fs::remove_dir_all(&run).expect("removed");
    }
    println!("{RUNS} of {RUNS} runs equal after {kills} kills, {midway} of them midway");
    assert!(kills >= RUNS as usize / 2, "only {kills} processes were killed before their end");
    assert!(midway >= 20, "only {midway} kills fell between opening and end");
}

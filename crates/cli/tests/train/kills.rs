//! kill -9 at random moments: a run that goes on ends as the unbroken one, to the bit.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::stage::{Stage, contexture, result};

const ENDS: u64 = 40;
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

#[test]
fn kills_while_the_model_is_written_leave_no_half_file() {
    let stage = Stage::new();
    let run = stage.path("run");
    let config = stage.config(&run, 10, "");
    assert!(stage.train(&config, &["--quiet"]).status.success());
    let expected = result(&run);
    let settings = |folder: &std::path::Path| {
        let found = std::fs::read_dir(folder).expect("listed").map(|entry| entry.expect("one"));
        let names = found
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "json"));
        names.collect::<Vec<_>>()
    };
    let mut midway = 0;
    for seed in 1..=ENDS {
        // A run at its end writes its model, and this file of it first.
        std::fs::remove_file(run.join("config.json")).expect("removed");
        let mut child = contexture();
        child.arg("train").arg(&config).arg("--quiet").stdout(Stdio::null());
        let mut child = child.spawn().expect("the command runs");
        while !run.join("config.json").exists() && child.try_wait().expect("its state").is_none() {
            std::thread::sleep(Duration::from_micros(50));
        }
        std::thread::sleep(Duration::from_micros(mix(seed) % 3000));
        midway += usize::from(child.try_wait().expect("its state").is_none());
        let _ = child.kill();
        child.wait().expect("its end");
        for path in settings(&run) {
            let text = std::fs::read_to_string(&path).expect("read");
            let parsed = serde_json::from_str::<serde_json::Value>(&text);
            assert!(parsed.is_ok(), "seed {seed}: {} holds {text:?}", path.display());
        }
        let last = stage.train(&config, &["--quiet"]);
        assert!(last.status.success(), "seed {seed}: {}", crate::stage::said(&last));
        assert!(result(&run) == expected, "seed {seed}: another model");
    }
    assert!(midway >= ENDS as usize / 4, "only {midway} processes were killed before their end");
}

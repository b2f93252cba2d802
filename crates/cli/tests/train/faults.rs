//! Bad ground: damaged snapshots, full disks, folders that cannot be written, losses that are no
//! numbers, configurations that cannot work. Each is said plainly, and what was there stays.

use std::path::Path;
use std::process::Command;

use crate::stage::{Stage, contexture, result, said};

fn snapshots(run: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(run.join("snapshots")).expect("snapshots");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
        .collect();
    names.sort();
    names
}

#[test]
fn the_last_two_and_the_best_are_kept() {
    let stage = Stage::new();
    let run = stage.path("run");
    assert!(stage.train(&stage.config(&run, 33, ""), &["--quiet"]).status.success());
    let names = snapshots(&run);
    let expected = ["best", "step-000000030", "step-000000033"];
    let expected: Vec<String> =
        expected.iter().flat_map(|n| [format!("{n}.json"), format!("{n}.safetensors")]).collect();
    assert_eq!(names, expected);
}

#[test]
fn a_damaged_snapshot_is_passed_over_and_the_run_ends_the_same() {
    let stage = Stage::new();
    let whole = stage.path("whole");
    let config = stage.config(&whole, 40, "");
    assert!(stage.train(&config, &["--quiet"]).status.success());
    for (number, damage) in ["flip", "cut", "no manifest", "torn manifest"].iter().enumerate() {
        let run = stage.path(&format!("run-{number}"));
        let output = format!("--output={}", run.display());
        // Half of the run, by asking for all of it and stopping by a full quota of steps: the same
        // configuration, whose snapshots after step 20 are then taken away.
        assert!(stage.train(&config, &[&output, "--quiet"]).status.success());
        let newest = run.join("snapshots/step-000000040.safetensors");
        let manifest = newest.with_extension("json");
        let bytes = std::fs::read(&newest).expect("a snapshot");
        match *damage {
            "flip" => {
                let mut bytes = bytes;
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                std::fs::write(&newest, bytes).expect("written");
            }
            "cut" => std::fs::write(&newest, &bytes[..bytes.len() / 2]).expect("written"),
            "no manifest" => std::fs::remove_file(&manifest).expect("removed"),
            _ => std::fs::write(&manifest, "{\"version\": 1, \"sha").expect("written"),
        }
        std::fs::remove_file(run.join("model.safetensors")).expect("removed");
        let again = stage.train(&config, &[&output]);
        let text = said(&again);
        assert!(again.status.success(), "{damage}: {text}");
        assert!(text.contains("passed over step-000000040"), "{damage}: {text}");
        assert!(text.contains("going on after step 35"), "{damage}: {text}");
        assert_eq!(result(&run), result(&whole), "{damage}");
    }
}

#[test]
fn no_whole_snapshot_is_an_error_and_fresh_begins_anew() {
    let stage = Stage::new();
    let run = stage.path("run");
    let config = stage.config(&run, 12, "");
    assert!(stage.train(&config, &["--quiet"]).status.success());
    let before = result(&run);
    for name in snapshots(&run).iter().filter(|name| name.ends_with(".safetensors")) {
        std::fs::write(run.join("snapshots").join(name), b"gone").expect("written");
    }
    let refused = stage.train(&config, &[]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("--fresh"), "{}", said(&refused));
    assert!(stage.train(&config, &["--fresh", "--quiet"]).status.success());
    assert_eq!(result(&run), before);
}

/// Killed while it wrote its first snapshot, a run has none yet, and begins again by itself.
#[test]
fn a_first_snapshot_that_was_begun_is_no_snapshot() {
    let stage = Stage::new();
    let run = stage.path("run");
    let config = stage.config(&run, 12, "");
    assert!(stage.train(&config, &["--quiet"]).status.success());
    let before = result(&run);
    let first = snapshots(&run).into_iter().find(|name| name.ends_with(".safetensors")).unwrap();
    for name in snapshots(&run).into_iter().filter(|name| *name != first) {
        std::fs::remove_file(run.join("snapshots").join(name)).expect("removed");
    }
    std::fs::remove_file(run.join("model.safetensors")).expect("removed");
    let again = stage.train(&config, &["--quiet"]);
    assert!(again.status.success(), "{}", said(&again));
    assert_eq!(result(&run), before);
}

/// A limit on the size of files stands for a full disk: writing fails in the middle.
#[cfg(unix)]
#[test]
fn a_disk_that_fills_up_costs_nothing_that_was_there() {
    let stage = Stage::new();
    let (whole, run) = (stage.path("whole"), stage.path("run"));
    let config = stage.config(&whole, 60, "");
    assert!(stage.train(&config, &["--quiet"]).status.success());
    let program = contexture().get_program().to_owned();
    let limited = |blocks: u32| {
        let mut command = Command::new("sh");
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        command.arg("-c").arg(script).arg(&program).arg("train").arg(&config);
        command.arg("--output").arg(&run).output().expect("the command runs")
    };
    // Snapshots do not fit: nothing is begun that could not be gone on with.
    let full = limited(16);
    assert_eq!(full.status.code(), Some(1), "{}", said(&full));
    assert!(said(&full).contains("cannot be written"), "{}", said(&full));
    let left = snapshots(&run);
    assert!(left.iter().all(|name| !name.ends_with(".partial")), "{left:?}");
    assert!(
        stage.train(&config, &["--quiet", &format!("--output={}", run.display())]).status.success()
    );
    assert_eq!(result(&run), result(&whole));
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let stage = Stage::new();
    let config = stage.config(Path::new("/proc/contexture-run"), 12, "");
    let refused = stage.train(&config, &[]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("/proc/contexture-run: cannot be made"), "{}", said(&refused));
}

/// Word vectors near the end of f32's range: squares overflow, and the loss is no number.
#[test]
fn a_loss_that_is_no_number_ends_the_run_with_its_rows() {
    let stage = Stage::new();
    let run = stage.path("run");
    let vectors = stage.path("vectors.txt");
    let values = (0..16).map(|k| if k % 2 == 0 { " 3e38" } else { " -3e38" }).collect::<String>();
    std::fs::write(&vectors, format!("noon{values}\n")).expect("vectors");
    let config = stage.config(&run, 50, "");
    let set = format!("model.vectors={{ file = {vectors:?} }}");
    let refused = stage.train(&config, &["--set", &set]);
    let text = said(&refused);
    assert_eq!(refused.status.code(), Some(1), "{text}");
    assert!(text.contains("1 of") && text.contains("begin with its vectors"), "{text}");
    assert!(text.contains("text.txt:") && text.contains("last good state"), "{text}");
    assert!(!run.join("model.safetensors").exists());
}

#[test]
fn another_run_in_the_folder_is_not_touched() {
    let stage = Stage::new();
    let run = stage.path("run");
    let config = stage.config(&run, 12, "");
    assert!(stage.train(&config, &["--quiet"]).status.success());
    let before = result(&run);
    let refused = stage.train(&config, &["--set", "model.hidden=32"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("model.hidden"), "{}", said(&refused));
    assert_eq!(result(&run), before);
    // A folder with a model that no run wrote.
    std::fs::remove_file(run.join("config.toml")).expect("removed");
    let refused = stage.train(&config, &[]);
    assert!(said(&refused).contains("no run wrote"), "{}", said(&refused));
}

/// What cannot work is refused before the first step, by its key.
#[test]
fn configurations_that_cannot_work_are_refused() {
    let stage = Stage::new();
    let run = stage.path("run");
    let config = stage.config(&run, 12, "");
    let cases: &[(&[&str], &[&str])] = &[
        (&["model.heads=3"], &["model.heads", "divisor", "16"]),
        (&["schedule.warmup=12"], &["schedule.warmup", "less than"]),
        (&["model.layerz=2"], &["layerz", "did you mean `layers`"]),
        (&["optimiser.kind=\"adamv\""], &["adamv", "did you mean `adamw`"]),
        (&["model.positions=\"sinusodal\""], &["did you mean sinusoidal"]),
        (&["objective.0.mask=0.0"], &["mask", "above 0"]),
        (&["objective.0.length=99"], &["length", "maximum_tokens"]),
        (&["objective.0.kind=\"causal\"", "objective.0.name=\"c\""], &["batch_tokens", "causal"]),
        (&["tokenizer.vocabulary=9"], &["9"]),
        (&["objective.0.data.train.0.files=[\"nowhere.txt\"]"], &["nowhere.txt"]),
        (&["evaluation.patience=2", "objective.0.data.held_out_share=0.0"], &["held"]),
        (&["model.positions={ formula = \"sin(pos)+foo\" }"], &["foo"]),
        (&["model.positions={ formula = \"sin(pos / 3.183098861837907)\" }"], &["coincide"]),
        (&["schedule.steps=0"], &["schedule.steps"]),
        (&["optimiser.freeze=[\"layer.0\"]"], &["layers.0"]),
    ];
    for (overrides, words) in cases {
        let mut arguments = Vec::new();
        overrides.iter().for_each(|set| arguments.extend(["--set", set]));
        let refused = stage.train(&config, &arguments);
        let text = said(&refused);
        if overrides[0].contains("causal") {
            // Any refusal will do here: a masked table has keys that a causal one has not.
            assert_eq!(refused.status.code(), Some(1), "{text}");
        } else {
            assert_eq!(refused.status.code(), Some(1), "{overrides:?}: {text}");
            for word in *words {
                assert!(text.contains(word), "{overrides:?} should name {word}: {text}");
            }
        }
        assert!(!run.join("model.safetensors").exists(), "{overrides:?}");
    }
    assert_eq!(cases.len(), 15);
}

#[test]
fn more_memory_than_the_machine_has_is_refused_unless_forced() {
    let stage = Stage::new();
    let run = stage.path("run");
    let config = stage.config(&run, 12, "");
    let huge = ["--set", "objective.0.batch_tokens=900000000"];
    let refused = stage.train(&config, &huge);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("--force"), "{}", said(&refused));
    let forced = stage.train(&config, &[huge[0], huge[1], "--force", "--dry-run"]);
    assert!(forced.status.success(), "{}", said(&forced));
    assert!(said(&forced).contains("MB of memory"), "{}", said(&forced));
}

//! Whole comparisons: what is in the report, and what is not done twice.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::stage::{Stage, report, result, said};

const MODELS: [&str; 3] = ["attention", "lstm", "bag"];

fn list<'a>(value: &'a Value, key: &str) -> &'a Vec<Value> {
    value[key].as_array().unwrap_or_else(|| panic!("{key} is no list in {value}"))
}

#[test]
fn a_comparison_trains_measures_and_does_nothing_twice() {
    let stage = Stage::new();
    let folder = stage.path("all");
    let config = stage.config(&folder);
    let done = stage.compare(&config, &["--json"]);
    assert!(done.status.success(), "{}", said(&done));
    let printed: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    let stored = report(&folder);
    assert_eq!(printed, stored);
    let models = list(&stored, "models");
    assert_eq!(models.len(), 3);
    for (model, name) in models.iter().zip(MODELS) {
        assert_eq!(model["name"], name);
        for (run, seed) in list(model, "runs").iter().zip(1..) {
            assert_eq!(run["seed"], seed);
            let tokens = run["tokens"].as_u64().expect("tokens");
            // The last batch goes beyond the budget, by less than it holds.
            assert!((1500..1600).contains(&tokens), "{name}: {tokens}");
            assert!(run["held_out"].as_f64().expect("a loss") > 0.5);
            assert!(run["seconds"].as_f64().expect("seconds") > 0.0);
        }
    }
    // One tokenizer and one order of data: every model saw the same.
    let seen = |name: &str| -> Vec<String> {
        let metrics = result(&folder, &format!("{name}-1")).1;
        metrics.lines().map(|line| line.split("\"loss\"").next().unwrap_or("").to_owned()).collect()
    };
    assert_eq!(seen("attention"), seen("lstm"));
    assert_eq!(seen("attention"), seen("bag"));
    check_speed(&stored);
    let again = stage.compare(&config, &[]);
    assert!(again.status.success(), "{}", said(&again));
    assert!(said(&again).contains("lstm-2: trained already"), "{}", said(&again));
    let after = report(&folder);
    for key in ["models", "speed", "exponents", "curves"] {
        assert_eq!(after[key], stored[key], "{key}");
    }
}

fn check_speed(report: &Value) {
    let speed = list(report, "speed");
    // Three lengths for all, three depths for those that have layers; two modes, two threads.
    assert_eq!(speed.len(), 4 * (3 * 3 + 3 * 2));
    for point in speed {
        assert_eq!(list(point, "repeats").len(), 2);
        assert!(point["seconds_per_step"].as_f64().expect("seconds") > 0.0, "{point}");
    }
    let one = |model: &str, by: &str, key: &str, value: u64| {
        let found = speed.iter().find(|p| p["model"] == model && p["by"] == by && p[key] == value);
        found.unwrap_or_else(|| panic!("{model} at {key} {value}")).clone()
    };
    assert_eq!(one("lstm", "length", "length", 32)["sequential"], 32);
    assert_eq!(one("lstm", "depth", "depth", 3)["sequential"], 24);
    assert_eq!(one("attention", "length", "length", 32)["sequential"], 1);
    assert_eq!(one("bag", "length", "length", 32)["sequential"], 0);
    assert_eq!(one("bag", "length", "length", 8)["sequences"], 4);
    let notes = list(report, "notes");
    let noted = |text: &str| notes.iter().any(|note| note.as_str().unwrap_or("").contains(text));
    assert!(noted("bag") && noted("no layers to add") && noted("stand-in"), "{notes:?}");
    let exponents = list(report, "exponents");
    let of = |model: &str, by: &str| {
        let found = exponents.iter().filter(|e| e["model"] == model && e["by"] == by);
        found.filter(|e| e["per"] == "token" && e["mode"] == "train").count()
    };
    assert_eq!((of("attention", "length"), of("lstm", "depth"), of("bag", "depth")), (2, 2, 0));
}

/// Killed at several moments, a comparison still ends as the unbroken one.
#[test]
fn a_comparison_that_was_killed_ends_as_the_unbroken_one() {
    let stage = Stage::new();
    let (whole, broken) = (stage.path("whole"), stage.path("broken"));
    let config = stage.config(&whole);
    let begun = Instant::now();
    let only = ["--only", "train", "--quiet"];
    assert!(stage.compare(&config, &only).status.success());
    let took = begun.elapsed();
    let output = format!("--output={}", broken.display());
    for share in [0.3, 0.5, 0.7] {
        let mut command = stage.command(&config, &[&only[..], &[&output]].concat());
        let mut child = command.stdout(Stdio::null()).spawn().expect("the command runs");
        std::thread::sleep(took.mul_f64(share).max(Duration::from_millis(5)));
        let _ = child.kill();
        child.wait().expect("its end");
    }
    let last = stage.compare(&config, &[&only[..], &[&output]].concat());
    assert!(last.status.success(), "{}", said(&last));
    for model in MODELS {
        for seed in [1, 2] {
            let run = format!("{model}-{seed}");
            assert!(result(&whole, &run) == result(&broken, &run), "{run} differs");
        }
    }
}

#[test]
fn seconds_end_runs_at_steps_that_the_clock_chooses() {
    let stage = Stage::new();
    let folder = stage.path("seconds");
    let config = stage.config(&folder);
    let sets = [
        "budget.by=\"seconds\"",
        "seeds=[1]",
        "training.evaluation.every=0",
        "training.snapshots.every=0",
    ];
    let mut arguments = vec!["--only", "train", "--quiet"];
    sets.iter().for_each(|set| arguments.extend(["--set", set]));
    let done = stage.compare(&config, &arguments);
    assert!(done.status.success(), "{}", said(&done));
    for model in list(&report(&folder), "models") {
        let run = &model["runs"][0];
        let seconds = run["seconds"].as_f64().expect("seconds");
        // It ends with the step in which the time ran out.
        assert!((0.2..2.0).contains(&seconds), "{model}");
        assert!(run["steps"].as_u64().expect("steps") >= 1);
        assert!(run["held_out"].as_f64().is_some(), "{model}");
    }
}

#[test]
fn parameters_besides_words_are_made_equal() {
    let stage = Stage::new();
    let folder = stage.path("parameters");
    let config = stage.config(&folder);
    let done = stage.compare(
        &config,
        &["--only", "page", "--set", "budget.by=\"parameters\"", "--set", "model.0.hidden=128"],
    );
    assert!(done.status.success(), "{}", said(&done));
    assert!(said(&done).contains("bag: fitted to hidden = "), "{}", said(&done));
    let report = report(&folder);
    let besides = |model: &Value| {
        let number = |key: &str| model[key].as_f64().expect("a number");
        number("parameters") - number("word_parameters")
    };
    let models = list(&report, "models");
    let first = besides(&models[0]);
    for model in models {
        assert!((besides(model) / first - 1.0).abs() <= 0.02, "{model}");
    }
}

#[test]
fn a_dry_run_trains_nothing_and_says_what_it_would_take() {
    let stage = Stage::new();
    let folder = stage.path("dry");
    let config = stage.config(&folder);
    let dry = stage.compare(&config, &["--dry-run", "--json"]);
    assert!(dry.status.success(), "{}", said(&dry));
    let estimate: Value = serde_json::from_slice(&dry.stdout).expect("JSON");
    assert_eq!(list(&estimate, "models").len(), 3);
    assert!(estimate["train_seconds"].as_f64().expect("seconds") > 0.0);
    assert!(!Path::new(&folder).join("runs").exists());
}

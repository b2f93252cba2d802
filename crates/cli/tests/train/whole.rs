//! Whole runs: presets, reports, what comes out.

use crate::stage::{Stage, contexture, result, said};

#[test]
fn results_do_not_depend_on_threads() {
    let stage = Stage::new();
    let config = stage.config(&stage.path("one"), 15, "");
    assert!(stage.train(&config, &["--quiet"]).status.success());
    let output = format!("--output={}", stage.path("three").display());
    assert!(stage.train(&config, &["--quiet", "--threads=3", &output]).status.success());
    assert_eq!(result(&stage.path("one")), result(&stage.path("three")));
}

#[test]
fn the_loss_falls_and_the_model_embeds() {
    let stage = Stage::new();
    let run = stage.path("run");
    let config = stage.config(&run, 150, "[optimiser]\nlearning_rate = 5e-3\n");
    let done = stage.train(&config, &["--json"]);
    assert!(done.status.success(), "{}", said(&done));
    let outcome: serde_json::Value = serde_json::from_slice(&done.stdout).expect("JSON");
    assert_eq!(outcome["steps"], 150);
    let metrics = result(&run).1;
    let losses: Vec<f64> = metrics
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok()?["loss"].as_f64())
        .collect();
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    let (first, last) = (mean(&losses[..10]), mean(&losses[140..]));
    assert!(last < 0.7 * first, "{first} to {last}");
    let mut embed = contexture();
    embed.args(["embed", "--offline", "--model"]).arg(&run).arg("ram hits sam");
    let embedded = embed.output().expect("the command runs");
    assert!(embedded.status.success(), "{}", said(&embedded));
    let report = stage.path("curves.html");
    let mut draw = contexture();
    draw.args(["train", "--report"]).arg(&run).arg("--out").arg(&report);
    let drawn = draw.output().expect("the command runs");
    assert!(drawn.status.success(), "{}", said(&drawn));
    let page = std::fs::read_to_string(&report).expect("a page");
    assert!(page.contains("<svg") && !page.contains("http://") || page.contains("www.w3.org"));
}

#[test]
fn presets_are_configurations_that_work() {
    for preset in contexture_train::config::PRESETS {
        let mut new = contexture();
        let printed = new.args(["train", "--new", preset.name]).output().expect("the command runs");
        let text = String::from_utf8(printed.stdout).expect("text");
        let config = contexture_train::Config::parse(&text, preset.name.as_ref(), &[]);
        let config = config.unwrap_or_else(|error| panic!("{}: {error}", preset.name));
        config.check().unwrap_or_else(|error| panic!("{}: {error}", preset.name));
    }
    let mut new = contexture();
    let refused = new.args(["train", "--new", "nothing"]).output().expect("the command runs");
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("masked"), "{}", said(&refused));
}

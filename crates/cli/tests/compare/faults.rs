//! Bad ground: configurations that cannot work, folders with something else in them.

use crate::stage::{Stage, result, said};

/// What cannot work is refused before anything is measured, by its key.
#[test]
fn configurations_that_cannot_work_are_refused() {
    let stage = Stage::new();
    let folder = stage.path("refused");
    let config = stage.config(&folder);
    let cases: &[(&str, &[&str])] = &[
        ("budget.tokenz=5", &["tokenz", "did you mean `tokens`"]),
        ("budget.by=\"token\"", &["token", "did you mean `tokens`"]),
        ("model.0.layerz=2", &["layerz", "did you mean `layers`"]),
        ("model.0.heads=3", &["attention-1", "model.heads", "divisor", "16"]),
        ("model.1.name=\"attention\"", &["model.1.name", "no other model"]),
        ("model.1.name=\"a/b\"", &["model.1.name", "letters"]),
        ("model.0.from=\"somewhere\"", &["model.0.from", "absent"]),
        ("model.0.causal=false", &["attention-1", "model.causal"]),
        ("model=[]", &["[[model]]", "none"]),
        ("seeds=[]", &["seeds", "at least one"]),
        ("seeds=[1, 1]", &["seeds", "once"]),
        ("budget.tokens=0", &["budget.tokens", "0"]),
        ("training.schedule.decay=\"linear\"", &["training.schedule.decay", "look ahead"]),
        ("training.schedule.steps=10", &["steps", "unknown"]),
        ("training.evaluation.patience=3", &["patience", "budget"]),
        ("training.model={}", &["model", "unknown"]),
        ("speed.lengths=[32, 16]", &["speed.lengths", "rising"]),
        ("speed.depths=[0]", &["speed.depths", "1 to"]),
        ("speed.repeats=0", &["speed.repeats", "at least 1"]),
        ("training.objective.0.data.train.0.files=[\"nowhere.txt\"]", &["nowhere.txt"]),
    ];
    for (set, words) in cases {
        let refused = stage.compare(&config, &["--set", set, "--quiet", "--only", "train"]);
        let text = said(&refused);
        assert_eq!(refused.status.code(), Some(1), "{set}: {text}");
        for word in *words {
            assert!(text.contains(word), "{set} should name {word}: {text}");
        }
        assert!(!folder.join("comparison.json").exists(), "{set}");
    }
    let seconds = ["--set", "budget.by=\"seconds\"", "--set", "budget.seconds=-1.0"];
    assert!(said(&stage.compare(&config, &seconds)).contains("budget.seconds"));
    let usage = stage.compare(&config, &["--only", "sped"]);
    assert_eq!(usage.status.code(), Some(2), "{}", said(&usage));
}

#[test]
fn what_other_settings_made_is_not_touched() {
    let stage = Stage::new();
    let folder = stage.path("other");
    let config = stage.config(&folder);
    let quick = ["--only", "train", "--quiet", "--set", "seeds=[1]"];
    assert!(stage.compare(&config, &quick).status.success());
    let before = result(&folder, "attention-1");
    let with = |set: &str| {
        let refused = stage.compare(&config, &[&quick[..], &["--set", set]].concat());
        assert_eq!(refused.status.code(), Some(1), "{set}: {}", said(&refused));
        said(&refused)
    };
    assert!(with("model.0.inner=64").contains("model.inner"));
    assert!(with("training.tokenizer.vocabulary=100").contains("tokenizer"));
    // A smaller budget is used up already, and more than that.
    let text = with("budget.tokens=500");
    assert!(text.contains("used more than this budget"), "{text}");
    assert_eq!(result(&folder, "attention-1"), before);
    // A greater one goes on from where the runs ended.
    let further = stage.compare(
        &config,
        &["--only", "train", "--set", "seeds=[1]", "--set", "budget.tokens=2500"],
    );
    assert!(further.status.success(), "{}", said(&further));
    assert!(said(&further).contains("attention-1: going on after step"), "{}", said(&further));
    let after = result(&folder, "attention-1");
    let held = |text: &str| text.lines().filter(|line| line.contains("loss")).count();
    assert!(held(&after.1) > held(&before.1));
    // A damaged file is named, with what to do.
    std::fs::write(folder.join("speed.json"), "{").expect("written");
    let damaged = stage.compare(&config, &["--only", "speed", "--quiet"]);
    assert_eq!(damaged.status.code(), Some(1));
    assert!(said(&damaged).contains("speed.json") && said(&damaged).contains("remove it"));
}

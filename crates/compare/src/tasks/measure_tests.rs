//! Tasks on a model that two hundred steps trained: what is measured, and that it is the same again.

use std::path::{Path, PathBuf};

use contexture_train::{Config, Control, Options, Trainer};

use super::*;
use crate::CompareError;

const CONTEXT: TaskContext = TaskContext { threads: 1, seed: 1 };

fn write(folder: &Path, name: &str, content: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, content).expect("written");
    path
}

fn agreement(file: PathBuf) -> TaskSettings {
    TaskSettings::Agreement(AgreementSettings { name: None, file, rows: 0 })
}

#[test]
fn a_missing_file_is_named_by_its_key() {
    let task = agreement(PathBuf::from("/nowhere/items.tsv"));
    let said = measure(&task, Path::new("."), &CONTEXT).expect_err("no file").to_string();
    assert!(said.starts_with("task agreement: file: expected a file"), "{said}");
    assert!(said.contains("/nowhere/items.tsv"), "{said}");
}

#[test]
fn settings_are_read_with_their_limits() {
    let read = |text: &str| toml::from_str::<TaskSettings>(text);
    let task = read("kind = \"probing\"\nfile = \"a\"\ntraining = \"b\"").expect("a task");
    assert_eq!((task.name(), task.files().len()), ("probing", 2));
    let TaskSettings::Probing(own) = &task else { panic!("{task:?}") };
    assert_eq!((own.column, own.rows, own.training_rows), (2, 500, 1000));
    let task = read("kind = \"order\"\nname = \"x\"\nfile = \"a\"").expect("a task");
    assert_eq!(task.name(), "x");
    assert!(read("kind = \"order\"\nfile = \"a\"\nrow = 3").is_err(), "unknown keys are refused");
    assert!(read("kind = \"probing\"\nfile = \"a\"").is_err(), "probes learn from something");
}

/// Sentences in which number always agrees.
fn corpus() -> String {
    let mut text = String::new();
    for round in 0..40 {
        for (noun, verb) in [("dog", "runs"), ("dogs", "run"), ("cat", "sees"), ("cats", "see")] {
            let colour = ["red", "old", "big", "wet", "new"][round % 5];
            text.push_str(&format!("the {colour} {noun} {verb} now .\n"));
            text.push_str(&format!("the {noun} near the {colour} tree {verb} .\n"));
        }
    }
    text
}

/// Trains a small model in less than a second.
fn trained(folder: &Path, model: &str, causal: bool) -> Result<PathBuf, CompareError> {
    let output = folder.join("run");
    let corpus = write(folder, "corpus.txt", &corpus());
    let objective = if causal { "causal" } else { "masked" };
    let text = format!(
        "output = {output:?}\nseed = 3\nthreads = 1\n[model]\n{model}\nlayers = 2\nhidden = 16\n\
         heads = 2\ninner = 32\nmaximum_tokens = 32\ncausal = {causal}\n[tokenizer]\n\
         kind = \"wordpiece\"\nvocabulary = 90\nmin_frequency = 1\n[[objective]]\n\
         kind = \"{objective}\"\nlength = 16\nbatch_tokens = 128\n[objective.data]\n\
         held_out_share = 0.0\n[[objective.data.train]]\nfiles = [{corpus:?}]\n[optimiser]\n\
         kind = \"adamw\"\nlearning_rate = 0.01\n[schedule]\nsteps = 200\nwarmup = 10\n"
    );
    let path = write(folder, "train.toml", &text);
    let config = Config::read(&path, &[])?;
    let mut trainer = Trainer::open(config, &Options::default())?;
    trainer.run(&mut |_| Control::GoOn)?;
    Ok(output)
}

/// A verb's forms in sentences whose tails differ between the two halves.
fn verbs(tails: [&str; 2]) -> String {
    let mut table = "sentence\tverb_index\tcorrect\twrong\tn_attractors\n".to_owned();
    for tail in tails {
        for colour in ["red", "old", "big", "wet", "new"] {
            table.push_str(&format!("the {colour} dog runs {tail}\t3\truns\tsees\t0\n"));
            table.push_str(&format!("the {colour} cats see {tail}\t3\tsee\trun\t1\n"));
        }
    }
    table
}

fn group<'a>(found: &'a TaskItems, split: &str, bin: &str) -> &'a ItemGroup {
    let mut groups = found.groups.iter();
    let wanted = groups.find(|group| group.split == split && group.bin == bin);
    wanted.unwrap_or_else(|| panic!("{split} {bin}: {found:?}"))
}

/// What stands behind the verb is nothing to a causal model, and something to a masked one; a bag
/// answers too, from the word before.
#[test]
fn agreement_is_asked_as_the_model_was_trained() -> Result<(), CompareError> {
    for (model, causal) in [
        ("positions = \"rotary\"", true),
        ("positions = \"rotary\"", false),
        ("positions = \"none\"\naggregator = \"none\"", true),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let run = trained(folder.path(), model, causal)?;
        let file = write(folder.path(), "verbs.tsv", &verbs(["now .", "near the red tree ."]));
        let task = agreement(file);
        let found = measure(&task, &run, &CONTEXT)?;
        assert_eq!(found.task, "agreement");
        let all = group(&found, "", "");
        assert_eq!((all.items.len(), all.chance), (20, Some(0.5)));
        assert_eq!(group(&found, "attractors", "1").items, (1..20).step_by(2).collect::<Vec<_>>());
        assert_eq!(group(&found, "words before the verb", "3-4").items.len(), 20);
        assert_eq!(group(&found, "tokens", "equal").items.len(), 20);
        assert!(all.values.iter().sum::<f64>() > 12.0, "{model}: it learned something: {all:?}");
        let seen = if causal { "the words before" } else { "on both sides" };
        assert!(found.notes[0].contains(seen), "{:?}", found.notes);
        if causal {
            assert_eq!(all.values[..10], all.values[10..], "tails do not matter");
        }
        let again = measure(&task, &run, &TaskContext { threads: 2, ..CONTEXT })?;
        assert_eq!(found, again, "threads change nothing");
    }
    Ok(())
}

#[test]
fn only_a_bag_does_not_notice_order() -> Result<(), CompareError> {
    let rows = corpus().lines().take(12).map(|line| format!("{line}\n")).collect::<String>();
    for (model, bag) in
        [("positions = \"rotary\"", false), ("positions = \"none\"\naggregator = \"none\"", true)]
    {
        let folder = tempfile::tempdir().expect("a folder");
        let run = trained(folder.path(), model, false)?;
        let file = write(folder.path(), "texts.tsv", &rows);
        let settings = OrderSettings { name: None, file, header: false, column: None, rows: 0 };
        let found = measure(&TaskSettings::Order(settings), &run, &CONTEXT)?;
        for change in ["two neighbours exchanged", "shuffled", "reversed"] {
            let cosines = group(&found, "cosine", change);
            assert_eq!(cosines.items.len(), 12);
            let same = cosines.values.iter().all(|cosine| *cosine > 1.0 - 1e-6);
            assert_eq!(same, bag, "{change}: {cosines:?}");
        }
        let other = group(&found, "cosine", "another sentence");
        assert!(other.values.iter().all(|cosine| *cosine < 1.0 - 1e-6), "{other:?}");
        assert_eq!(group(&found, "ram hits sam", "sam hits ram").items.len(), 1);
        let share = figures(&[RunItems { model: "m".into(), seed: 1, tasks: vec![found] }])
            .into_iter()
            .find(|figure| figure.split == "change" && figure.bin == "reversed")
            .expect("a share");
        assert_eq!(share.estimate.value < 1e-5, bag, "{share:?}");
    }
    Ok(())
}

#[test]
fn words_are_probed_layer_by_layer() -> Result<(), CompareError> {
    let folder = tempfile::tempdir().expect("a folder");
    let run = trained(folder.path(), "positions = \"rotary\"", false)?;
    let mut tagged = String::new();
    for (noun, verb) in [("dog", "runs"), ("dogs", "run"), ("cat", "sees"), ("cats", "see")] {
        tagged.push_str(&format!("the\tDET\nold\tADJ\n{noun}\tNOUN\n{verb}\tVERB\n\n"));
    }
    let file = write(folder.path(), "tags.tsv", &tagged);
    let (name, training) = (None, file.clone());
    let settings = ProbingSettings { name, file, training, column: 2, rows: 0, training_rows: 0 };
    let found = measure(&TaskSettings::Probing(settings), &run, &CONTEXT)?;
    let bins: Vec<&str> = found.groups.iter().map(|group| group.bin.as_str()).collect();
    assert_eq!(bins, ["0", "1", "output", "mix"]);
    let output = group(&found, "layer", "output");
    assert_eq!((output.weights.clone(), output.chance), (vec![4.0; 4], Some(1.0)));
    assert!(output.values.iter().all(|share| *share >= 0.75), "{output:?}");
    let mut pairs = "label\tidx1-idx2\tsentence1\tsentence2\n".to_owned();
    for n in 0..10 {
        let (label, second) = if n % 2 == 0 { ("T", "the old dog runs") } else { ("F", "a dog .") };
        let place = if n % 2 == 0 { 2 } else { 1 };
        pairs.push_str(&format!("{label}\t2-{place}\tthe old dog runs\t{second}\n"));
    }
    let file = write(folder.path(), "wic.tsv", &pairs);
    let (name, training) = (None, None);
    let settings = WordInContextSettings { name, file, training, rows: 0, training_rows: 0 };
    let found = measure(&TaskSettings::WordInContext(settings), &run, &CONTEXT)?;
    let output = group(&found, "layer", "output");
    assert_eq!((output.values.clone(), output.chance), (vec![1.0; 10], Some(0.5)));
    assert!(found.notes[0].contains("cross-validation"), "{:?}", found.notes);
    Ok(())
}

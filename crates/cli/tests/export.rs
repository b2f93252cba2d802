//! `contexture export`: a model's folder, written anew.

use std::fs;
use std::path::Path;

mod stage;
use stage::{bad, command, good, lines, model, names, vectors};

fn export(family: &str, weights: &str, output: &Path, more: &[&str]) -> std::process::Output {
    let mut run = command();
    run.args(["export", "--weights", weights, "--model"]).arg(model(family));
    run.arg("--output").arg(output).args(more).output().expect("the command starts")
}

fn embed(model: &Path, texts: &[&str]) -> Vec<Vec<f32>> {
    let mut run = command();
    run.args(["embed", "-q", "--model"]).arg(model).arg("--").args(texts);
    vectors(&good(run.output().expect("the command starts")))
}

const TEXTS: [&str; 3] = ["ram hits sam", "The bank of the river", ""];

#[test]
fn every_family_comes_back_near_enough() {
    let folder = tempfile::tempdir().expect("a folder");
    let families = fs::read_dir(model("")).expect("families").flatten();
    let mut families: Vec<_> = families
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    families.sort();
    assert!(families.len() >= 12, "{families:?}");
    for family in &families {
        let before = embed(&model(family), &TEXTS);
        let mut floats = f64::INFINITY;
        for (weights, least, largest) in [
            ("f32", 1.0 - 1e-6, 1.0),
            ("f16", 0.999_99, 0.6),
            ("int8", 0.99, 0.5),
            ("int4-words", 0.95, 0.5),
        ] {
            let to = folder.path().join(format!("{family}-{weights}"));
            let report = &lines(&good(export(family, weights, &to, &["--json"])))[0];
            let cosine = report["worst_cosine"].as_f64().expect("a cosine");
            assert!(cosine >= least && cosine <= 1.000_001, "{family} {weights}: {report}");
            let bytes = report["weight_bytes"][1].as_f64().expect("bytes");
            if weights == "f32" {
                floats = bytes;
            }
            assert!(bytes <= largest * floats, "{family} {weights}: {report}");
            let after = embed(&to, &TEXTS);
            for (a, b) in before.iter().zip(&after) {
                let dot: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                let lengths = |v: &[f32]| v.iter().map(|x| x * x).sum::<f32>().sqrt();
                let cosine = dot / (lengths(a) * lengths(b)).max(1e-12);
                let zeros = a.iter().chain(b).all(|x| *x == 0.0);
                assert!(zeros || f64::from(cosine) >= least, "{family} {weights}: {cosine}");
            }
        }
    }
}

#[test]
fn what_is_said_and_what_stands_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let (to, texts, card) =
        (folder.path().join("a/b"), folder.path().join("t.txt"), folder.path().join("card.md"));
    fs::write(&texts, "river bank\nmoney bank\n").expect("written");
    fs::write(&card, "---\nlicense: cc0-1.0\n---\n\n# Mine\n").expect("written");
    let (texts, card) = (texts.display().to_string(), card.display().to_string());
    let said = good(export("bert", "int8", &to, &["--check", &texts, "--card", &card]));
    assert!(said.contains("over 2 texts") && said.contains("bank"), "{said}");
    assert!(said.contains(", I8"), "{said}");
    for name in ["README.md", "config.json", "model.safetensors", "modules.json", "tokenizer.json"]
    {
        assert!(to.join(name).is_file(), "{name}");
    }
    assert_eq!(names(&folder.path().join("a")), ["b"], "nothing else is left");
    let info = command().args(["info", "--card"]).arg(&to).output().expect("the command starts");
    let info = good(info);
    assert!(info.contains("cc0-1.0") && info.contains("# Mine"), "{info}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&to), mode(&to.join("model.safetensors"))), (0o755, 0o644));
    }
}

#[test]
fn a_place_that_is_taken_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let to = folder.path().join("to");
    good(export("bert", "f16", &to, &[]));
    let before = embed(&to, &TEXTS);
    let said = bad(export("bert", "int8", &to, &[]));
    assert!(said.contains("is there already") && said.contains("--force"), "{said}");
    assert_eq!(embed(&to, &TEXTS), before);
    good(export("bert", "int8", &to, &["--force"]));
    assert_ne!(embed(&to, &TEXTS), before);
    assert_eq!(names(folder.path()), ["to"]);

    let other = folder.path().join("other");
    fs::create_dir(&other).expect("a folder");
    fs::write(other.join("thesis.txt"), "two years").expect("written");
    let said = bad(export("bert", "int8", &other, &["--force"]));
    assert!(said.contains("no model's folder"), "{said}");
    let file = other.join("thesis.txt");
    assert!(bad(export("bert", "int8", &file, &["--force"])).contains("no model's folder"));
    assert_eq!(fs::read_to_string(file).expect("still there"), "two years");
}

#[test]
fn what_fails_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let to = folder.path().join("to");
    let missing = folder.path().join("no-card.md").display().to_string();
    let said = bad(export("bert", "int8", &to, &["--card", &missing]));
    assert!(said.contains("no-card.md"), "{said}");
    let empty = folder.path().join("empty.txt");
    fs::write(&empty, "").expect("written");
    let said = bad(export("bert", "int8", &to, &["--check", &empty.display().to_string()]));
    assert!(said.contains("empty.txt: holds no text"), "{said}");
    assert_eq!(names(folder.path()), ["empty.txt"]);
}

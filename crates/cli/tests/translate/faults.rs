//! What goes wrong names its place, and what is cut or unknown is said.

use std::path::Path;

use crate::stage::{bad, contexture, good, pair, records, said, translate, translate_stdin};

const LONG: &str = "ram hits sam again ram hits sam again ram hits sam again ram hits sam again \
                    ram hits sam again ram hits sam again ram hits sam again";

#[test]
fn the_help_tells_what_is_written() {
    for (command, parts) in [
        ("translate", &["id<TAB>score<TAB>text", "--length-penalty: with 1 the mean"][..]),
        ("embed", &["nothing is cut silently"]),
        ("export", &["The folder appears when it is whole"]),
    ] {
        let run = contexture().args([command, "--help"]).output().expect("the command runs");
        let help = good(&run).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(parts.iter().all(|part| help.contains(part)), "{parts:?} in {help}");
    }
    let run = contexture().arg("--help").output().expect("the command runs");
    for command in ["embed", "translate", "similarity", "tokenize", "positions", "export", "pull"] {
        let shown = good(&run).lines().any(|line| {
            let said = line.trim().strip_prefix(command);
            said.is_some_and(|said| said.starts_with("  ") && said.trim().len() > 20)
        });
        assert!(shown, "{command} in {}", good(&run));
    }
}

#[test]
fn a_model_must_be_named_and_have_a_decoder() {
    let unnamed = contexture().args(["translate", "a dog"]).output().expect("the command runs");
    assert_eq!(unnamed.status.code(), Some(2));
    assert!(said(&unnamed).contains("--model <MODEL>"), "{}", said(&unnamed));
    let bert = Path::new(env!("CARGO_MANIFEST_DIR")).join("../verify/goldens/families/bert");
    let mut command = contexture();
    command.args(["translate", "--model"]).arg(&bert).arg("a dog");
    let refused = bad(&command.output().expect("the command runs"));
    for part in ["families/bert", "an encoder only", "objective `translation`"] {
        assert!(refused.contains(part), "{part:?} in {refused}");
    }
}

#[test]
fn what_cannot_be_done_is_refused() {
    for (arguments, parts) in [
        (&["--beam", "0"][..], &["beam: found 0", "1 to 256"][..]),
        (&["--beam", "2", "--n-best", "3"], &["n-best: found 3", "the beam's width (2)"]),
        (&["--n-best", "2", "--on-overflow", "chunk"], &["n-best: found 2", "pieces"]),
        (&["--length-penalty", "inf"], &["length penalty: found inf"]),
        (&["--batch-tokens", "0"], &["batch tokens: found 0"]),
        (&["--max-length", "1000"], &["max length: found 1000", "1 to 24"]),
        (&["--longest", "24"], &["longest: found 24", "1 to 23"]),
        (&["--attention", "look.svg"], &["look.svg", ".html"]),
        (&["--attention", "look.html", "--on-overflow", "chunk"], &["--attention", "chunk"]),
        (&["--output", "out.parquet"], &["out.parquet", "text or JSONL"]),
    ] {
        let refused = bad(&translate(&[arguments, &["a dog"]].concat()));
        assert!(parts.iter().all(|part| refused.contains(part)), "{parts:?} in {refused}");
        assert_eq!(refused.trim_end().lines().count(), 1, "{refused}");
    }
    let refused = bad(&translate(&["--input", "nowhere.txt"]));
    assert!(refused.contains("nowhere.txt: cannot be opened"), "{refused}");
}

#[test]
fn bad_rows_end_the_run_or_are_passed_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = |name: &str| folder.path().join(name).display().to_string();
    let [source, target] = pair(4);
    let rows = format!("{{\"text\":\"{source}\"}}\nbroken\n{{\"text\":\"{source}\"}}\n");
    std::fs::write(place("in.jsonl"), rows).expect("rows");
    let (input, output) = (place("in.jsonl"), place("out.txt"));
    let arguments = ["--input", &input, "--output", &output];
    let refused = bad(&translate(&arguments));
    assert!(refused.contains("in.jsonl: line 2: ") && refused.contains("--skip-bad"), "{refused}");
    assert!(!Path::new(&output).exists(), "a broken run leaves no file");
    let done = translate(&[&arguments[..], &["--skip-bad"]].concat());
    good(&done);
    assert!(said(&done).contains("1 bad row was skipped, and nothing was written for it"));
    let text = std::fs::read_to_string(&output).expect("a file");
    assert_eq!(text, format!("{target}\n{target}\n"));
}

#[test]
fn long_texts_are_cut_and_said_or_split_or_refused() {
    let cut = translate(&["--json", "ram hits sam again", LONG]);
    let found = records(&good(&cut));
    assert_eq!([&found[0]["truncated"], &found[1]["truncated"]], [false, true]);
    assert_eq!([&found[1]["tokens"], &found[1]["tokens_used"]], [30, 24]);
    let warned = said(&cut);
    assert!(warned.contains("1 of 2 texts was cut at 24 tokens"), "{warned}");
    let split = translate(&["--json", "--on-overflow", "chunk", "ram hits sam again", LONG]);
    let found = records(&good(&split));
    assert_eq!([&found[0]["pieces"], &found[1]["pieces"]], [1, 2]);
    assert_eq!(found[1]["truncated"], false);
    assert!(!said(&split).contains("texts was cut"), "{}", said(&split));
    let refused = translate(&["--on-overflow", "error", "ram hits sam again", LONG]);
    assert_eq!(refused.status.code(), Some(1));
    let refused = said(&refused);
    assert!(refused.contains("argument 2: 30 tokens, and the limit is 24"), "{refused}");
    let passed = translate(&["--on-overflow", "error", "--skip-bad", LONG, "ram hits sam again"]);
    assert_eq!(good(&passed).lines().count(), 1);
    assert!(said(&passed).contains("argument 1: 30 tokens"), "{}", said(&passed));
}

#[test]
fn outputs_without_an_end_and_unknown_words_are_said() {
    let source = pair(8)[0].clone();
    let cut = translate(&["--longest", "2", &source, &source]);
    assert!(good(&cut).lines().all(|line| !line.is_empty()));
    let warned = said(&cut);
    assert!(warned.contains("2 of 2 outputs were cut before coming to an end"), "{warned}");
    let found = records(&good(&translate(&["--longest", "2", "--json", &source])));
    assert_eq!(found[0]["outputs"][0]["ended"], false);
    let strange = translate_stdin(&["--json"], &format!("{source}\nram 🦀 sam 漢 today\n"));
    let found = records(&good(&strange));
    assert_eq!([&found[0]["unknown"], &found[1]["unknown"]], [0, 2]);
    let warned = said(&strange);
    assert!(warned.contains("2 tokens in 1 of 2 texts were unknown to the model"), "{warned}");
}

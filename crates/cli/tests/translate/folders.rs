//! Folders that others made: written anew, and their tokenizers taken for a new model.

use std::path::{Path, PathBuf};

use crate::stage::{contexture, good, records, said};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../verify/goldens").join(name)
}

fn translated(model: &Path, texts: &[&str]) -> String {
    let mut command = contexture();
    command.args(["translate", "--longest", "20", "--model"]).arg(model).args(texts);
    good(&command.output().expect("the command runs"))
}

#[test]
fn a_model_written_anew_with_its_decoder_translates_as_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let layouts = [
        ("seq2seq/marian", "the cat hears a dog"),
        ("seq2seq/marian_apart", "the cat hears a dog"),
        ("seq2seq/t5_gated", "the cat hears a dog"),
        ("transliteration", "محمد"),
    ];
    for (layout, text) in layouts {
        let before = translated(&golden(layout), &[text]);
        assert!(!before.trim().is_empty(), "{layout}");
        for weights in ["f32", "f16", "int8"] {
            let to = folder.path().join(weights).join(layout);
            let mut command = contexture();
            command.args(["export", "--heads", "--weights", weights, "--model"]);
            command.arg(golden(layout)).arg("--output").arg(&to);
            let report = good(&command.output().expect("the command runs"));
            assert!(report.contains("left out        nothing"), "{layout} {weights}: {report}");
            let after = translated(&to, &[text]);
            // Without its decoder it is the same encoder.
            let encoder = folder.path().join("encoder").join(weights).join(layout);
            let mut command = contexture();
            command.args(["export", "--weights", weights, "--json", "--model"]);
            command.arg(golden(layout)).arg("--output").arg(&encoder);
            let report = &records(&good(&command.output().expect("the command runs")))[0];
            let cosine = report["worst_cosine"].as_f64().expect("a cosine");
            assert!(cosine > 0.99, "{layout} {weights}: {report}");
            assert!(!report["left_out"].as_array().expect("names").is_empty(), "{report}");
            // Models of random numbers are near ties everywhere: coarser numbers may turn one.
            assert!(weights != "f32" || after == before, "{layout}: {before:?}, {after:?}");
            assert_eq!(after.lines().count(), 1, "{layout} {weights}: {after:?}");
        }
    }
}

/// Whether a new model with the tokenizer of `from`, or one of its own, has one table of words for both
/// sides.
fn learns_with(from: Option<&Path>, folder: &Path) -> bool {
    let pairs = folder.join("pairs.tsv");
    std::fs::write(&pairs, "source\ttarget\nabc\tcab\nbca\tabc\n").expect("pairs");
    let run = folder.join("run");
    let tokenizer = match from {
        Some(from) => format!("from = {from:?}"),
        None => "kind = \"bpe\"\nvocabulary = 300".into(),
    };
    let config = format!(
        "output = {run:?}\nthreads = 1\n[model]\nlayers = 1\nhidden = 16\nheads = 2\ninner = 32\n\
         maximum_tokens = 24\n[tokenizer]\n{tokenizer}\n[[objective]]\nkind = \"translation\"\n\
         length = 20\nbatch_tokens = 60\n[objective.data]\ntrain = [{{ files = [{pairs:?}] }}]\n\
         [schedule]\nsteps = 6\n"
    );
    let path = folder.join("run.toml");
    std::fs::write(&path, config).expect("a configuration");
    // The second time, the tokenizers in the run's own folder are those that are read.
    for more in [&["--fresh"][..], &[]] {
        let done = contexture().arg("train").arg(&path).args(more).output().expect("training");
        let told = good(&done);
        assert!(told.contains("try it: contexture translate --model"), "{told}{}", said(&done));
    }
    assert_eq!(translated(&run, &["abc"]).lines().count(), 1);
    let config = std::fs::read_to_string(run.join("config.json")).expect("a configuration");
    let config: serde_json::Value = serde_json::from_str(&config).expect("JSON");
    config["decoder"]["shared_words"].as_bool().expect("a flag")
}

#[test]
fn a_new_model_takes_both_tokenizers_of_a_folder() {
    let cases = [
        ("seq2seq/marian", true),
        ("seq2seq/marian_apart", false),
        ("seq2seq/t5_relu", true),
        ("transliteration", false),
    ];
    for (layout, shared) in cases {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(learns_with(Some(&golden(layout)), folder.path()), shared, "{layout}");
        // Begun anew in the same folder with a tokenizer of its own, nothing of the other is left.
        assert!(learns_with(None, folder.path()), "{layout}");
        let tokenizer = std::fs::read_to_string(folder.path().join("run/tokenizer.json"));
        assert!(tokenizer.expect("a tokenizer").contains("[SEP]"), "{layout}");
        for old in ["source.spm", "spiece.model", "source_vocabulary.txt", "tokenizer.partial"] {
            assert!(!folder.path().join("run").join(old).exists(), "{layout}: {old}");
        }
    }
    // A run whose target had a tokenizer of its own, and what a run that takes them has of it.
    let folder = tempfile::tempdir().expect("a folder");
    let first = folder.path().join("first");
    std::fs::create_dir_all(first.join("target")).expect("a folder");
    let tokenizer = |tokens: [&str; 3]| {
        let all = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"].into_iter().chain(tokens);
        let all = all.enumerate().map(|(id, token)| (token.to_owned(), id.into()));
        let vocab: serde_json::Map<_, _> = all.collect();
        let model = serde_json::json!({"type": "WordLevel", "vocab": vocab, "unk_token": "[UNK]"});
        serde_json::json!({"version": "1.0", "added_tokens": [], "model": model}).to_string()
    };
    std::fs::write(first.join("tokenizer.json"), tokenizer(["abc", "bca", "x"])).expect("a file");
    let target = tokenizer(["cab", "abc", "x"]);
    std::fs::write(first.join("target/tokenizer.json"), &target).expect("a file");
    assert!(!learns_with(Some(&first), folder.path()));
    let taken = std::fs::read_to_string(folder.path().join("run/target/tokenizer.json"));
    assert_eq!(taken.expect("a tokenizer"), target);
    assert!(learns_with(None, folder.path()), "the target's tokenizer is another run's");
}

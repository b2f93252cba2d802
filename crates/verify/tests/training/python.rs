//! A folder that training wrote, opened by sentence-transformers and transformers.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use contexture::{Embedder, OpenOptions, Record};
use contexture_kernels::Pool;
use contexture_model::Model;
use contexture_nn::{Segments, Session};
use contexture_train::{Config, Control, Options, Trainer};
use contexture_verify::{goldens, skipped};
use serde_json::{Value, json};

const TOLERANCE: f64 = 1e-5;
/// Logits are not of unit length: those here are up to about 3.
const LOGITS_TOLERANCE: f64 = 3e-5;

const CONFIG: &str = r#"
output = "OUTPUT"
threads = 2

[model]
layers = 2
hidden = 32
heads = 4
inner = 64
maximum_tokens = 40

[tokenizer]
vocabulary = 1600

[[objective]]
kind = "masked"
length = 40
batch_tokens = 400
data = { train = [{ files = ["TEXTS"] }] }

[optimiser]
learning_rate = 2e-3

[schedule]
steps = 12
warmup = 2
"#;

/// The stored texts that fill a line of their own, real and odd ones.
fn texts() -> Vec<String> {
    let file = std::fs::read_to_string(goldens().join("texts.jsonl")).expect("a golden");
    let texts = file.split('\n').filter(|line| !line.is_empty()).map(|line| {
        let line: Value = serde_json::from_str(line).expect("a golden");
        line["text"].as_str().expect("a text").to_owned()
    });
    let mut texts: Vec<String> = texts.collect();
    // The first one is looked at more closely: a sentence that fits whatever its pieces are.
    let fits = |t: &String| t.is_ascii() && t.len() <= 36 && t.split(' ').count() >= 5;
    let first = texts.iter().position(fits).expect("a short sentence");
    texts.swap(0, first);
    texts
}

/// A BERT of twelve steps, and its folder.
fn train(into: &Path, texts: &[String]) -> PathBuf {
    let lines: Vec<&str> =
        texts.iter().flat_map(|t| t.lines()).filter(|line| !line.trim().is_empty()).collect();
    let file = into.join("texts.txt");
    std::fs::write(&file, lines.join("\n")).expect("a file");
    let run = into.join("run");
    let path = |path: &Path| path.to_str().expect("a plain path").replace('\\', "/");
    let config = CONFIG.replace("OUTPUT", &path(&run)).replace("TEXTS", &path(&file));
    let config = Config::parse(&config, Path::new("config.toml"), &[]);
    let config = config.unwrap_or_else(|e| panic!("{e}"));
    let mut trainer = Trainer::open(config, &Options::default()).unwrap_or_else(|e| panic!("{e}"));
    let outcome = trainer.run(&mut |_| Control::GoOn).unwrap_or_else(|e| panic!("{e}"));
    assert!(outcome.finished && outcome.steps == 12, "{outcome:?}");
    outcome.folder
}

/// `(ids, logits)` of one text by the folder's language head.
fn logits(folder: &Path, ids: &[u32]) -> Vec<Vec<f32>> {
    let options = contexture_model::OpenOptions { pack: false, ..Default::default() };
    let model = Model::open(folder, &options).unwrap_or_else(|e| panic!("{e}"));
    let mut s = Session::infer(model.weights().clone(), Arc::new(Pool::new(1)));
    let segments = Segments::single(ids.len());
    let batch = model.batch(ids.into(), None, segments.clone()).expect("the tokenizer's numbers");
    let hidden = model.tokens(&mut s, &batch);
    let language = model.language().expect("it was trained");
    let transformed = language.transform(&mut s, &hidden, &segments);
    let logits = language.logits(&mut s, &transformed);
    (0..ids.len()).map(|row| logits.rows().row(row).to_vec()).collect()
}

#[test]
fn a_trained_bert_is_the_same_in_python() {
    let test = "a_trained_bert_is_the_same_in_python";
    let Some(python) = std::env::var_os("CONTEXTURE_PYTHON") else {
        return skipped(test, "CONTEXTURE_PYTHON names no Python with sentence-transformers");
    };
    let place = tempfile::tempdir().expect("a folder");
    let texts = texts();
    let folder = train(place.path(), &texts);
    let embedder = Embedder::open_folder(&folder, &OpenOptions::default());
    let embedder = embedder.unwrap_or_else(|e| panic!("{e}"));
    let records = embedder.embed(&texts).unwrap_or_else(|e| panic!("{e}"));
    let tokenizer = contexture_text::Tokenizer::open(&folder).unwrap_or_else(|e| panic!("{e}"));
    let ids = tokenizer.encode(&texts[0]).unwrap_or_else(|e| panic!("{e}")).ids;
    let vectors: Vec<_> = records.iter().map(Record::vector).collect();
    let expected = json!({
        "texts": texts, "vectors": vectors, "logits": logits(&folder, &ids), "ids": ids,
    });
    let file = place.path().join("expected.json");
    std::fs::write(&file, expected.to_string()).expect("a file");
    let script = goldens().join("loads_in_python.py");
    let output = Command::new(python).arg(script).arg(&folder).arg(&file).output();
    let output = output.expect("CONTEXTURE_PYTHON runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}{said}", String::from_utf8_lossy(&output.stdout));
    let lines = String::from_utf8_lossy(&output.stdout);
    let found: Value = serde_json::from_str(lines.lines().last().expect("a line")).expect("JSON");
    println!("{found}");
    let far = |key: &str| found[key].as_f64().expect("a number");
    assert!(far("vectors") <= TOLERANCE && far("alone") <= TOLERANCE, "{found}");
    assert!(far("logits") <= LOGITS_TOLERANCE, "{found}");
    assert_eq!(found["maximum_tokens"], 40);
    assert_eq!(found["model"], "BertModel");
}

//! Folders that `contexture export` wrote, opened by sentence-transformers.

use std::path::Path;
use std::process::Command;

use contexture::export::{CHECKED, ExportOptions, export};
use contexture::{Embedder, Folder, OpenOptions, Record, WeightFormat};
use contexture_verify::{goldens, skipped};
use serde_json::{Value, json};

/// What Python says of a folder.
fn asked(python: &Path, folder: &Path) -> Value {
    let embedder = Embedder::open_folder(folder, &OpenOptions::default()).expect("the export");
    let records = embedder.embed(&CHECKED).expect("records");
    let vectors: Vec<_> = records.iter().map(Record::vector).collect();
    let file = folder.join("expected.json");
    std::fs::write(&file, json!({"texts": CHECKED, "vectors": vectors}).to_string())
        .expect("written");
    let script = goldens().join("exports_in_python.py");
    let output = Command::new(python).arg(script).arg(folder).arg(&file).output();
    let output = output.expect("CONTEXTURE_PYTHON runs");
    let lines = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{lines}{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(lines.lines().last().expect("a line")).expect("JSON")
}

#[test]
fn floats_and_halves_are_the_same_in_python_and_bytes_are_refused() {
    let test = "floats_and_halves_are_the_same_in_python_and_bytes_are_refused";
    let Some(python) = std::env::var_os("CONTEXTURE_PYTHON") else {
        return skipped(test, "CONTEXTURE_PYTHON names no Python with sentence-transformers");
    };
    let python = Path::new(&python);
    for family in ["bert", "distilbert", "roberta"] {
        let from = Folder::open(&goldens().join("families").join(family)).expect("a golden");
        let place = tempfile::tempdir().expect("a folder");
        let write = |weights: WeightFormat, name: &str| {
            let to = place.path().join(name);
            let options = ExportOptions { weights, ..ExportOptions::default() };
            export(&from, &to, &options, &CHECKED).unwrap_or_else(|e| panic!("{family}: {e}"));
            asked(python, &to)
        };
        for (weights, name) in [(WeightFormat::F32, "f32"), (WeightFormat::F16, "f16")] {
            let found = write(weights, name);
            println!("{family} {name}: {found}");
            assert!(
                found["vectors"].as_f64().expect("a number") <= 1e-5,
                "{family} {name}: {found}"
            );
        }
        let found = write(WeightFormat::I8, "int8");
        let refused = found["refused"].as_str().expect("bytes are refused");
        assert!(refused.contains("int8"), "{family}: {refused}");
    }
}

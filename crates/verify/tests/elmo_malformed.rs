//! Folders of ELMo that are damaged, or whose options and weights contradict each other: an error
//! that names the file and the place, never a panic.

use std::path::Path;

use contexture_model::{Model, ModelError, OpenOptions};
use contexture_text::Tokenizer;
use contexture_verify::goldens;
use serde_json::{Value, json};

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(goldens().join("elmo").join(name)).unwrap()
}

fn options() -> Value {
    serde_json::from_slice(&fixture("options.json")).unwrap()
}

fn folder(options: &[u8], weights: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("options.json"), options).unwrap();
    std::fs::write(folder.path().join("lm_weights.hdf5"), weights).unwrap();
    folder
}

fn refused(folder: &Path) -> String {
    let model = Model::open(folder, &OpenOptions::default());
    model.map(|_| ()).expect_err("it must be refused").to_string()
}

#[test]
fn options_that_contradict_the_weights_name_both() {
    // The option, its wrong value, and what the message must hold.
    let cases: [(&str, Value, &[&str]); 17] = [
        ("/lstm/dim", json!(32), &["options.json", "W_0", "[32, 256]", "[32, 128]"]),
        (
            "/lstm/projection_dim",
            json!(8),
            &["options.json", "CNN_proj/W_proj", "[124, 16]", "[124, 8]"],
        ),
        ("/lstm/projection_dim", json!(65), &["lstm.projection_dim", "at most lstm.dim (64)"]),
        ("/lstm/n_layers", json!(3), &["Cell2", "missing"]),
        ("/lstm/n_layers", json!(1), &["Cell1", "options.json has no place"]),
        ("/lstm/n_layers", json!(0), &["lstm.n_layers", "from 1"]),
        ("/lstm/cell_clip", json!(-1), &["lstm.cell_clip"]),
        ("/lstm/use_skip_connections", json!("yes"), &["use_skip_connections"]),
        ("/char_cnn/embedding/dim", json!(5), &["char_embed", "[261, 4]", "[261, 5]"]),
        ("/char_cnn/filters/0/0", json!(2), &["CNN/W_cnn_0", "[1, 1, 4, 4]", "[1, 2, 4, 4]"]),
        ("/char_cnn/filters/0", json!([1]), &["char_cnn.filters"]),
        ("/char_cnn/filters", json!([]), &["char_cnn.filters"]),
        ("/char_cnn/n_highway", json!(3), &["CNN_high_2", "missing"]),
        ("/char_cnn/n_highway", json!(1), &["CNN_high_1", "no place"]),
        ("/char_cnn/n_characters", json!(500), &["n_characters", "261 to 262"]),
        ("/char_cnn/activation", json!("gelu"), &["activation", "relu, tanh"]),
        ("/char_cnn/max_characters_per_token", json!(2), &["max_characters_per_token"]),
    ];
    for (place, value, told) in cases {
        let mut options = options();
        *options.pointer_mut(place).unwrap() = value.clone();
        let folder = folder(options.to_string().as_bytes(), &fixture("lm_weights.hdf5"));
        let error = refused(folder.path());
        for part in told {
            assert!(error.contains(part), "{place} = {value}: {error}");
        }
    }
}

#[test]
fn what_is_missing_is_named() {
    for key in ["lstm", "char_cnn"] {
        let mut options = options();
        options.as_object_mut().unwrap().remove(key);
        let folder = folder(options.to_string().as_bytes(), &fixture("lm_weights.hdf5"));
        let error = refused(folder.path());
        assert!(error.contains(&format!("key `{key}` is missing")), "{error}");
    }
    let good = folder(&fixture("options.json"), &fixture("lm_weights.hdf5"));
    assert!(Model::open(good.path(), &OpenOptions::default()).is_ok());
    std::fs::copy(good.path().join("lm_weights.hdf5"), good.path().join("model.hdf5")).unwrap();
    let error = refused(good.path());
    assert!(error.contains("lm_weights.hdf5 and model.hdf5 are both there"), "{error}");
    for name in ["lm_weights.hdf5", "model.hdf5"] {
        std::fs::remove_file(good.path().join(name)).unwrap();
    }
    let error = refused(good.path());
    assert!(error.contains("without weights"), "{error}");
}

#[test]
fn damaged_weights_are_refused_or_read() {
    let (options, whole) = (fixture("options.json"), fixture("lm_weights.hdf5"));
    let mut refused = 0;
    let mut seed = 7u64;
    for case in 0..120 {
        let mut bytes = whole.clone();
        match case % 2 {
            0 => bytes.truncate(case * whole.len() / 120),
            _ => {
                for _ in 0..8 {
                    seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                    let at = (seed >> 33) as usize % 8192;
                    bytes[at] = (seed >> 20) as u8;
                }
            }
        }
        let folder = folder(&options, &bytes);
        match Model::open(folder.path(), &OpenOptions::default()) {
            Ok(_) => {}
            Err(error) => {
                assert!(error.to_string().contains("lm_weights.hdf5"), "case {case}: {error}");
                refused += 1;
            }
        }
    }
    assert!(refused > 60, "{refused} of 120");
    let folder = folder(&options, b"not HDF5 at all");
    assert!(matches!(
        Model::open(folder.path(), &OpenOptions::default()),
        Err(ModelError::Hdf5 { .. })
    ));
}

#[test]
fn lists_and_options_that_cannot_be_read_are_named() {
    let folder = folder(&fixture("options.json"), &fixture("lm_weights.hdf5"));
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("vocab.txt.gz"), b"no gzip").unwrap();
    let error = Tokenizer::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("vocab.txt.gz: malformed: not gzip"), "{error}");
    assert!(refused(folder.path()).contains("vocab.txt.gz"));
    std::fs::write(at("vocab.txt"), b"\xff").unwrap();
    let error = Tokenizer::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("vocab.txt: malformed: not UTF-8"), "{error}");
    std::fs::write(at("options.json"), b"{").unwrap();
    assert!(refused(folder.path()).contains("options.json: not valid JSON"));
    let error = Tokenizer::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("options.json: malformed"), "{error}");
}

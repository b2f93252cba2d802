//! `contexture embed` and `info` with the files of an ELMo.

mod stage;

use std::path::{Path, PathBuf};

use serde_json::Value;
use stage::{command, errors, good, lines};

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../verify/goldens/elmo")
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["options.json", "lm_weights.hdf5"] {
        std::fs::copy(fixture().join(name), folder.path().join(name)).unwrap();
    }
    folder
}

fn run(name: &str, folder: &Path, arguments: &[&str]) -> std::process::Output {
    let mut command = command();
    command.arg(name).arg("--model").arg(folder).args(arguments);
    command.output().expect("the command starts")
}

/// The values of one tensor of a golden file.
fn golden(path: &Path, tensor: &str) -> Vec<f32> {
    let bytes = std::fs::read(path).unwrap();
    let head = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + head]).unwrap();
    let place = &header[tensor]["data_offsets"];
    let [from, to] = [0, 1].map(|at| 8 + head + place[at].as_u64().unwrap() as usize);
    let values = bytes[from..to].chunks_exact(4);
    values.map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect()
}

/// The fixture's values, `[2 directions, tokens, 16]`, as one row of 32 a token.
fn expected(sentence: &str) -> Vec<f32> {
    let values = golden(&fixture().join("expected.safetensors"), sentence);
    let (forward, backward) = values.split_at(values.len() / 2);
    let rows = forward.chunks(16).zip(backward.chunks(16));
    rows.flat_map(|(forward, backward)| [forward, backward].concat()).collect()
}

fn vectors(record: &Value) -> Vec<f32> {
    let words = record["words"].as_array().unwrap().iter();
    let values = words.flat_map(|word| word["embedding"].as_array().unwrap());
    values.map(|value| value.as_f64().unwrap() as f32).collect()
}

#[test]
fn all_sentences_of_the_fixture_with_the_state_carried() {
    let folder = folder();
    let text = std::fs::read_to_string(fixture().join("sentences.json")).unwrap();
    let lists: Vec<Vec<String>> = serde_json::from_str(&text).unwrap();
    let mut worst = 0.0f32;
    for (k, list) in lists.iter().enumerate() {
        let input = folder.path().join("sentences.txt");
        std::fs::write(&input, list.join("\n") + "\n").unwrap();
        let input = input.display().to_string();
        let arguments = ["--level", "word", "--stateful", "--quiet", "--input", &input];
        let records = lines(&good(run("embed", folder.path(), &arguments)));
        assert_eq!(records.len(), 10);
        for (i, record) in records.iter().enumerate() {
            let (found, golden) = (vectors(record), expected(&format!("{k}.{i}")));
            assert_eq!(found.len(), golden.len(), "{k}.{i}");
            let differences = found.iter().zip(&golden).map(|(a, b)| (a - b).abs());
            worst = differences.fold(worst, f32::max);
        }
    }
    println!("the worst of 30 sentences: {worst:.3e}");
    assert!(worst <= 2e-6, "{worst}");
}

#[test]
fn long_words_and_empty_texts_are_said() {
    let folder = folder();
    let input = folder.path().join("texts.txt");
    std::fs::write(&input, format!("a {}\n\nplain\n", "x".repeat(60))).unwrap();
    let input = input.display().to_string();
    let output = run("embed", folder.path(), &["--input", &input, "--layer", "mix"]);
    let said = errors(&output);
    assert!(said.contains("1 of 3 texts holds no word: the vector is zeros"), "{said}");
    assert!(said.contains("1 word is longer than the model spells out"), "{said}");
    let records = lines(&good(output));
    assert_eq!(records[0]["cut_words"], 1);
    assert!(records[1].get("cut_words").is_none());
    let zeros = records[1]["embedding"].as_array().unwrap();
    assert!(zeros.len() == 32 && zeros.iter().all(|value| value.as_f64() == Some(0.0)));
    let output = run("embed", folder.path(), &["--input", &input, "--output", "-", "--json"]);
    let said = errors(&output);
    assert!(said.contains("\"empty\":1") && said.contains("\"cut_words\":1"), "{said}");
}

#[test]
fn a_state_is_refused_where_there_is_none() {
    let bert = stage::model("bert");
    let output = run("embed", &bert, &["--stateful", "a"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("only recurrent models"), "{}", errors(&output));
}

#[test]
fn info_tells_what_it_is() {
    let folder = folder();
    let text = good(run("info", folder.path(), &[]));
    for part in ["ELMo", "characters", "lm_weights.hdf5", "hidden 32"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

/// The golden vectors of layer `layer` of a sentence, `[layers, words, width]`.
fn of_many_langs(sentence: usize, layer: usize) -> Vec<f32> {
    let path = fixture().join("../many_langs/words.expected.safetensors");
    let values = golden(&path, &sentence.to_string());
    let size = values.len() / 3;
    values[layer * size..(layer + 1) * size].to_vec()
}

#[test]
fn elmo_for_many_langs_layer_by_layer() {
    let folder = fixture().join("../many_langs/words");
    let text = std::fs::read_to_string(fixture().join("../many_langs/sentences.json")).unwrap();
    let sentences: Vec<String> = serde_json::from_str(&text).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let input = scratch.path().join("sentences.txt");
    std::fs::write(&input, sentences.join("\n") + "\n").unwrap();
    let input = input.display().to_string();
    for layer in ["0", "1", "2", "mix"] {
        let arguments = ["--level", "word", "--layer", layer, "--quiet", "--input", &input];
        let records = lines(&good(run("embed", &folder, &arguments)));
        assert_eq!(records.len(), sentences.len());
        let mut worst = 0.0f32;
        for (sentence, record) in records.iter().enumerate() {
            let golden = match layer.parse::<usize>() {
                Ok(layer) => of_many_langs(sentence, layer),
                Err(_) => {
                    let layers = [0, 1, 2].map(|layer| of_many_langs(sentence, layer));
                    let sum = |at: usize| layers.iter().map(|layer| f64::from(layer[at])).sum();
                    (0..layers[0].len()).map(sum).map(|sum: f64| (sum / 3.0) as f32).collect()
                }
            };
            let found = vectors(record);
            assert_eq!(found.len(), golden.len(), "{sentence}");
            let differences = found.iter().zip(&golden).map(|(a, b)| (a - b).abs());
            worst = differences.fold(worst, f32::max);
        }
        println!("layer {layer}: the worst of 32 sentences: {worst:.3e}");
        assert!(worst <= 2e-6, "layer {layer}: {worst}");
    }
    let text = good(run("info", &folder, &[]));
    for part in ["ELMoForManyLangs", "beside a table of 28 words of width 6", "configs/tiny.json"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

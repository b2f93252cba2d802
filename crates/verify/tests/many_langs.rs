//! ELMoForManyLangs against the vectors of its own package, the laws of a recurrent model on it, and
//! folders that are damaged or contradict themselves.
//!
//! The two models are tiny and random; `goldens/scripts/many_langs.py` made them.

use std::path::{Path, PathBuf};

use contexture::{EmbedOptions, Embedder, Layer, Levels, OpenOptions, Record};
use contexture_model::{Model, ModelError};
use contexture_text::Tokenizer;
use contexture_verify::{Tensor, goldens, largest_difference, tensors};
use serde_json::{Value, json};

/// What the package in f64 and a computation in f32 may differ by.
const TOLERANCE: f32 = 2e-6;
/// The models, with their layers and the width of their rows.
const MODELS: [(&str, usize, usize); 2] = [("words", 2, 16), ("characters", 3, 12)];

fn fixture(name: &str) -> PathBuf {
    goldens().join("many_langs").join(name)
}

fn sentences() -> Vec<String> {
    let text = std::fs::read_to_string(fixture("sentences.json")).unwrap();
    let sentences: Vec<String> = serde_json::from_str(&text).unwrap();
    assert_eq!(sentences.len(), 32);
    sentences
}

fn open(folder: &Path, threads: usize) -> Embedder {
    let options = OpenOptions { threads, ..OpenOptions::default() };
    Embedder::open_folder(folder, &options).unwrap_or_else(|e| panic!("{e}"))
}

fn words(layer: Layer, stateful: bool) -> EmbedOptions {
    EmbedOptions { levels: Levels::WORDS, layer, stateful, ..EmbedOptions::default() }
}

fn rows(record: &Record) -> Vec<f32> {
    let units = record.words.as_ref().unwrap();
    units.iter().flat_map(|unit| unit.embedding.iter().copied()).collect()
}

fn bits(records: &[Record]) -> Vec<Vec<u32>> {
    let one = |record: &Record| {
        let sentence = record.vector().iter().copied();
        sentence.chain(rows(record)).map(f32::to_bits).collect()
    };
    records.iter().map(one).collect()
}

/// Layer `layer` of `[layers, tokens, width]`, or the mean of all.
fn expected(golden: &Tensor, layer: &Layer) -> Vec<f32> {
    let size: usize = golden.shape[1..].iter().product();
    match layer {
        Layer::Number(layer) => golden.values[layer * size..(layer + 1) * size].to_vec(),
        _ => {
            let mean = |at: usize| {
                let values = golden.values.iter().skip(at).step_by(size);
                values.map(|v| f64::from(*v)).sum::<f64>() / golden.shape[0] as f64
            };
            (0..size).map(|at| mean(at) as f32).collect()
        }
    }
}

#[test]
fn every_layer_of_every_sentence_is_that_of_the_package() {
    let sentences = sentences();
    for (name, layers, width) in MODELS {
        let golden = tensors(&fixture(&format!("{name}.expected.safetensors")));
        let embedder = open(&fixture(name), 2);
        let numbered = (0..=layers).map(Layer::Number);
        for layer in numbered.chain([Layer::Mix(Vec::new())]) {
            for stateful in [false, true] {
                // The package runs its LSTM over an empty sentence too; the first ten have none.
                let (list, prefix) =
                    if stateful { (&sentences[..10], "carried.") } else { (&sentences[..], "") };
                let records = embedder.embed_with(list, &words(layer.clone(), stateful)).unwrap();
                let mut worst = 0.0f32;
                for (i, record) in records.iter().enumerate() {
                    let golden = &golden[&format!("{prefix}{i}")];
                    assert_eq!(golden.shape, [layers + 1, record.tokens, width], "{name}: {i}");
                    worst = worst.max(largest_difference(&rows(record), &expected(golden, &layer)));
                }
                println!("{name}, {layer:?}, stateful {stateful}: within {worst:.3e}");
                assert!(worst <= TOLERANCE, "{name}, {layer:?}, stateful {stateful}: {worst}");
            }
        }
    }
}

#[test]
fn a_batch_is_its_texts_bitwise_on_any_number_of_threads() {
    let levels = Levels { sentence: true, words: true, tokens: false };
    for (name, ..) in MODELS {
        let options = EmbedOptions { levels, ..EmbedOptions::default() };
        let alone = open(&fixture(name), 1);
        let alone: Vec<Record> = sentences()
            .iter()
            .flat_map(|text| alone.embed_with(&[text], &options).unwrap())
            .collect();
        for threads in [1, 2, 3, 4] {
            let embedder = open(&fixture(name), threads);
            for budget_tokens in [1, 20, 4096] {
                let options = EmbedOptions { budget_tokens, ..options.clone() };
                let records = embedder.embed_with(&sentences(), &options).unwrap();
                assert_eq!(bits(&records), bits(&alone), "{name}, {threads}, {budget_tokens}");
            }
        }
    }
}

#[test]
fn a_word_is_its_characters_and_its_number() {
    let first = |name: &str, text: &str| {
        let records = open(&fixture(name), 1).embed_with(&[text], &words(Layer::Number(0), false));
        rows(&records.unwrap()[0])
    };
    // Of neither is a character known; only the first is a word of the dictionary.
    let (known, unknown) = ("qq", "zz");
    for (name, apart) in [("words", true), ("characters", false)] {
        let folder = copy(name);
        let list = read(folder.path(), "word.dic");
        std::fs::write(folder.path().join("word.dic"), list.replace("\nram\t", "\nqq\t")).unwrap();
        let embedder = open(folder.path(), 1);
        let both = embedder.embed_with(&[known, unknown], &words(Layer::Number(0), false));
        let [known, unknown] = [0, 1].map(|at| rows(&both.as_ref().unwrap()[at]));
        assert_eq!(known != unknown, apart, "{name}");
    }
    // What is beyond the room of 11 and 18 characters is not seen, in either of the two.
    assert_eq!(first("words", "averylongwo"), first("words", "averylongword"));
    assert_ne!(first("characters", "averylongwo"), first("characters", "averylongword"));
    let records = open(&fixture("words"), 1).embed(&["日本語日本語日本語日本語 x"]).unwrap();
    assert_eq!(records[0].cut_words, 1);
}

/// What training leaves: our own family and names, the dictionaries beside it.
#[test]
fn written_again_it_gives_the_same_vectors_bitwise() {
    for (name, ..) in MODELS {
        let to = tempfile::tempdir().unwrap();
        let again = tempfile::tempdir().unwrap();
        let options = contexture_model::OpenOptions { pack: false, ..Default::default() };
        let model = Model::open(fixture(name), &options).unwrap();
        model.write(to.path(), model.weights()).unwrap();
        let own = Model::open(to.path(), &options).unwrap();
        assert_eq!(own.info().family, "Contexture");
        assert_eq!(own.encoder().settings(), model.encoder().settings());
        own.write(again.path(), own.weights()).unwrap();
        let options = EmbedOptions {
            levels: Levels { sentence: true, words: true, tokens: false },
            ..EmbedOptions::default()
        };
        let embedded =
            |folder: &Path| bits(&open(folder, 1).embed_with(&sentences(), &options).unwrap());
        assert_eq!(embedded(&fixture(name)), embedded(to.path()), "{name}");
        assert_eq!(embedded(&fixture(name)), embedded(again.path()), "{name}");
    }
}

/// A copy of a golden folder that may be spoiled.
fn copy(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "char.dic", "word.dic", "model.safetensors"] {
        std::fs::copy(fixture(name).join(file), folder.path().join(file)).unwrap();
    }
    let sizes = if name == "words" { "configs/tiny.json" } else { "plain.json" };
    let to = folder.path().join(sizes);
    std::fs::create_dir_all(to.parent().unwrap()).unwrap();
    std::fs::copy(fixture(name).join(sizes), to).unwrap();
    folder
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

fn refused(folder: &Path) -> ModelError {
    let model = Model::open(folder, &contexture_model::OpenOptions::default());
    model.map(|_| ()).expect_err("it must be refused")
}

fn told(folder: &Path, parts: &[&str]) {
    let error = refused(folder).to_string();
    for part in parts {
        assert!(error.contains(part), "{part:?} is not in: {error}");
    }
}

#[test]
fn pickles_alone_are_refused_with_the_way_to_convert_them() {
    let folder = copy("words");
    std::fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    told(folder.path(), &["model.safetensors: not found", "weights_only=True"]);
    for name in ["token_embedder.pkl", "encoder.pkl"] {
        std::fs::write(folder.path().join(name), b"\x80\x02").unwrap();
    }
    assert!(matches!(refused(folder.path()), ModelError::Pickle { .. }));
    told(folder.path(), &["token_embedder.pkl: pickle", "weights_only=True", "save_file"]);
    let found = contexture_hub::locate(
        folder.path().to_str().unwrap(),
        &contexture_hub::Options::default(),
    );
    assert!(found.is_ok(), "what is wrong is said where it is opened: {found:?}");
}

#[test]
fn sizes_that_contradict_the_weights_name_both() {
    let cases: [(&str, Value, &[&str]); 19] = [
        ("/encoder/name", json!("lstm"), &["encoder.name", "lstm"]),
        ("/encoder/dim", json!(13), &["tiny.json", "[52, 8]", "[56, 8]"]),
        ("/encoder/projection_dim", json!(9), &["projection.weight", "[9, 22]", "[8, 22]"]),
        ("/encoder/n_layers", json!(3), &["forward_layer_2.input_linearity.weight", "missing"]),
        ("/encoder/n_layers", json!(1), &["backward_layer_1", "no place", "n_layers"]),
        ("/encoder/n_layers", json!(0), &["encoder.n_layers", "from 1"]),
        ("/encoder/cell_clip", json!(-1), &["encoder.cell_clip"]),
        ("/token_embedder/name", json!("lstm"), &["token_embedder.name", "cnn"]),
        ("/token_embedder/activation", json!("gelu"), &["activation", "relu, tanh"]),
        ("/token_embedder/activation", Value::Null, &["activation", "missing"]),
        ("/token_embedder/filters/2", json!([4, 7]), &["convolutions.2", "[7, 5, 3]", "[7, 5, 4]"]),
        ("/token_embedder/filters", json!([[1, 4], [2, 5]]), &["highways._layers.0", "[32, 16]"]),
        ("/token_embedder/filters/0", json!([14, 4]), &["characters.filters", "[14, 4]"]),
        ("/token_embedder/n_highway", json!(1), &["highways._layers.1", "no place"]),
        ("/token_embedder/word_dim", json!(7), &["word_emb_layer", "[28, 7]", "[28, 6]"]),
        ("/token_embedder/word_dim", json!(0), &["projection.weight", "[8, 16]", "[8, 22]"]),
        ("/token_embedder/char_dim", json!(0), &["char_dim", "looked up only"]),
        ("/token_embedder/char_dim", json!(6), &["char_emb_layer", "[56, 6]", "[56, 5]"]),
        ("/token_embedder/max_characters_per_token", json!(2), &["max_characters_per_token"]),
    ];
    for (place, value, parts) in cases {
        let folder = copy("words");
        let path = folder.path().join("configs/tiny.json");
        let mut sizes: Value =
            serde_json::from_str(&read(folder.path(), "configs/tiny.json")).unwrap();
        *sizes.pointer_mut(place).unwrap() = value;
        std::fs::write(path, sizes.to_string()).unwrap();
        told(folder.path(), parts);
    }
}

#[test]
fn files_that_are_missing_or_do_not_fit_are_named() {
    for name in ["char.dic", "word.dic"] {
        let folder = copy("words");
        std::fs::remove_file(folder.path().join(name)).unwrap();
        told(folder.path(), &[name, "not found", "from the model's own folder"]);
    }
    type Spoil = fn(&str) -> String;
    let lists: [(&str, Spoil, &[&str]); 6] = [
        (
            "char.dic",
            |text| format!("{text}!\t56\n"),
            &["char.dic", "char_emb_layer", "[57, 5]", "[56, 5]"],
        ),
        ("word.dic", |text| format!("{text}!\t28\n"), &["word_emb_layer", "[29, 6]", "[28, 6]"]),
        ("char.dic", |text| text.replace("<pad>", "<pod>"), &["char.dic", "<pad> is missing"]),
        ("char.dic", |text| text.replace("<pad>\t53", "<pad>\t99"), &["<pad> is number 99"]),
        (
            "word.dic",
            |text| text.replace("<bos>\t", "<oov>\t"),
            &["word.dic", "[28, 6]", "[27, 6]"],
        ),
        ("word.dic", |text| text.replace("sat\t6", "sat 6"), &["word.dic", "line 7", "a tab"]),
    ];
    for (name, spoil, parts) in lists {
        let folder = copy("words");
        let spoilt = spoil(&read(folder.path(), name));
        std::fs::write(folder.path().join(name), spoilt).unwrap();
        match Model::open(folder.path(), &contexture_model::OpenOptions::default()) {
            Err(_) => told(folder.path(), parts),
            // What only words need is the tokenizer's to see.
            Ok(_) => {
                let error = Tokenizer::open(folder.path()).unwrap_err().to_string();
                assert!(parts.iter().all(|part| error.contains(part)), "{parts:?}: {error}");
            }
        }
    }
}

/// The file of sizes lies where it is said to be, or under its last name, or is the program's own.
#[test]
fn the_file_of_sizes_is_looked_for_in_three_places() {
    let folder = copy("words");
    let text = [&"the cat sat"];
    let before = open(folder.path(), 1).embed(&text).unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::rename(at("configs/tiny.json"), at("tiny.json")).unwrap();
    for named in ["configs/tiny.json", "/elsewhere/tiny.json", "../tiny.json", "./tiny.json"] {
        std::fs::write(at("config.json"), json!({"config_path": named}).to_string()).unwrap();
        assert_eq!(open(folder.path(), 1).embed(&text).unwrap(), before, "{named}");
    }
    std::fs::remove_file(at("tiny.json")).unwrap();
    told(folder.path(), &["tiny.json: not found", "./tiny.json"]);
    let own = json!({"config_path": "/elsewhere/configs/cnn_50_100_512_4096_sample.json"});
    std::fs::write(at("config.json"), own.to_string()).unwrap();
    told(folder.path(), &["[28, 100]", "cnn_50_100_512_4096_sample.json"]);
    std::fs::write(at("config.json"), json!({"config_path": 5}).to_string()).unwrap();
    told(folder.path(), &["config_path", "a string"]);
}

#[test]
fn damaged_weights_are_refused() {
    let whole = std::fs::read(fixture("words").join("model.safetensors")).unwrap();
    for end in (0..whole.len()).step_by(211).chain(whole.len() - 8..whole.len()) {
        let folder = copy("words");
        std::fs::write(folder.path().join("model.safetensors"), &whole[..end]).unwrap();
        told(folder.path(), &["model.safetensors"]);
    }
    let folder = copy("words");
    let mut infinite = whole.clone();
    let end = infinite.len();
    infinite[end - 4..].copy_from_slice(&f32::INFINITY.to_le_bytes());
    std::fs::write(folder.path().join("model.safetensors"), infinite).unwrap();
    told(folder.path(), &["word_emb_layer.embedding.weight", "not finite"]);
}

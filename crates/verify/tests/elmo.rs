//! ELMo's files against the vectors that were made with them, and the laws that hold for a
//! recurrent model.
//!
//! The fixture is AllenNLP's: a small model with random weights and 30 sentences in three lists,
//! whose vectors were made by the software of Peters et al. (2018). It carried the state of its
//! LSTM from each sentence of a list to the next.

use std::path::{Path, PathBuf};

use contexture::{EmbedOptions, Embedder, EngineError, Layer, Levels, OpenOptions, Record};
use contexture_verify::{Tensor, goldens, largest_difference, tensors};

/// What two computations of it in f64 and f32 may differ by.
const TOLERANCE: f32 = 2e-6;

fn fixture() -> PathBuf {
    goldens().join("elmo")
}

/// The files that a user has: `options.json` and the weights.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["options.json", "lm_weights.hdf5"] {
        std::fs::copy(fixture().join(name), folder.path().join(name)).unwrap();
    }
    folder
}

fn open(folder: &Path, threads: usize) -> Embedder {
    let options = OpenOptions { threads, ..OpenOptions::default() };
    Embedder::open_folder(folder, &options).unwrap()
}

fn lists() -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(fixture().join("sentences.json")).unwrap();
    let lists: Vec<Vec<String>> = serde_json::from_str(&text).unwrap();
    assert_eq!(lists.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 10]);
    lists
}

fn words(stateful: bool) -> EmbedOptions {
    EmbedOptions { levels: Levels::WORDS, stateful, ..EmbedOptions::default() }
}

/// The expected `[2 directions, tokens, 16]` as one row of 32 a token.
fn expected(tensor: &Tensor) -> Vec<f32> {
    let [2, tokens, width] = tensor.shape[..] else { panic!("{:?}", tensor.shape) };
    let at = |direction: usize, token: usize| {
        let from = (direction * tokens + token) * width;
        &tensor.values[from..from + width]
    };
    (0..tokens).flat_map(|token| [at(0, token), at(1, token)].concat()).collect()
}

fn rows(record: &Record) -> Vec<f32> {
    let units = record.words.as_ref().or(record.tokens_detail.as_ref()).unwrap();
    units.iter().flat_map(|unit| unit.embedding.iter().copied()).collect()
}

fn bits(records: &[Record]) -> Vec<Vec<u32>> {
    let one = |record: &Record| {
        let sentence = record.vector().iter().copied();
        sentence.chain(rows(record)).map(f32::to_bits).collect()
    };
    records.iter().map(one).collect()
}

#[test]
fn all_sentences_are_those_of_the_original_with_the_state_carried() {
    let (folder, golden) = (folder(), tensors(&fixture().join("expected.safetensors")));
    for threads in [1, 2] {
        let embedder = open(folder.path(), threads);
        let mut worst = 0.0f32;
        for (k, list) in lists().iter().enumerate() {
            let records = embedder.embed_with(list, &words(true)).unwrap();
            assert_eq!(records.len(), list.len());
            for (i, record) in records.iter().enumerate() {
                let golden = expected(&golden[&format!("{k}.{i}")]);
                worst = worst.max(largest_difference(&rows(record), &golden));
            }
        }
        println!("{threads} threads: all 30 sentences within {worst:.3e}");
        assert!(worst <= TOLERANCE, "{threads} threads: {worst}");
    }
}

#[test]
fn without_a_state_each_text_is_as_the_first_of_its_list() {
    let (folder, golden) = (folder(), tensors(&fixture().join("expected.safetensors")));
    let embedder = open(folder.path(), 2);
    let all: Vec<String> = lists().concat();
    let once = embedder.embed_with(&all, &words(false)).unwrap();
    assert_eq!(bits(&once), bits(&embedder.embed_with(&all, &words(false)).unwrap()));
    let mut backwards = all.clone();
    backwards.reverse();
    let mut turned = bits(&embedder.embed_with(&backwards, &words(false)).unwrap());
    turned.reverse();
    assert_eq!(bits(&once), turned);
    for k in 0..3 {
        let golden = expected(&golden[&format!("{k}.0")]);
        let difference = largest_difference(&rows(&once[10 * k]), &golden);
        assert!(difference <= TOLERANCE, "list {k}: {difference}");
    }
    let later = largest_difference(&rows(&once[1]), &expected(&golden["0.1"]));
    assert!(later > 0.1, "the state makes no difference: {later}");
}

#[test]
fn a_batch_is_its_texts_bitwise_on_any_number_of_threads() {
    let folder = folder();
    let levels = Levels { sentence: true, words: true, tokens: false };
    let mut texts: Vec<String> = lists().concat();
    texts.extend(["", "one", "two words", &"same ".repeat(33)].map(String::from));
    for layer in [Layer::Last, Layer::Number(0), Layer::Mix(Vec::new())] {
        let options = EmbedOptions { levels, layer, ..EmbedOptions::default() };
        let alone = open(folder.path(), 1);
        let alone: Vec<Record> =
            texts.iter().flat_map(|text| alone.embed_with(&[text], &options).unwrap()).collect();
        for threads in [1, 2, 3] {
            let embedder = open(folder.path(), threads);
            for budget_tokens in [1, 64, 4096] {
                let options = EmbedOptions { budget_tokens, ..options.clone() };
                let records = embedder.embed_with(&texts, &options).unwrap();
                assert_eq!(bits(&records), bits(&alone), "{threads} threads, {budget_tokens}");
            }
        }
    }
}

#[test]
fn every_layer_has_a_row_of_32_for_each_word() {
    let folder = folder();
    let embedder = open(folder.path(), 1);
    let text = ["The cat sat ."];
    let of = |layer: Layer| {
        let levels = Levels { sentence: true, words: true, tokens: true };
        let options = EmbedOptions { levels, layer, ..EmbedOptions::default() };
        embedder.embed_with(&text, &options).unwrap().remove(0)
    };
    let mut sum = vec![0.0f32; 4 * 32];
    for layer in 0..=2 {
        let record = of(Layer::Number(layer));
        assert_eq!((record.tokens, record.tokens_used, record.truncated), (4, 4, false));
        assert_eq!(record.vector().len(), 32, "both directions");
        let tokens = record.tokens_detail.as_ref().unwrap();
        assert_eq!(
            tokens.iter().map(|unit| unit.text.as_str()).collect::<Vec<_>>(),
            ["The", "cat", "sat", "."]
        );
        let rows = rows(&record);
        assert_eq!(rows.len(), 4 * 32);
        sum.iter_mut().zip(&rows).for_each(|(sum, row)| *sum += row / 3.0);
        if layer == 0 {
            let twice = rows.chunks(32).all(|row| row[..16] == row[16..]);
            assert!(twice, "layer 0 is the words, once for each direction");
        }
    }
    assert!(largest_difference(&rows(&of(Layer::Mix(Vec::new()))), &sum) < 1e-6);
    let error = embedder
        .embed_with(&text, &EmbedOptions { layer: Layer::Number(3), ..EmbedOptions::default() });
    assert!(matches!(error, Err(EngineError::Setting { setting: "layer", .. })));
}

#[test]
fn empty_texts_and_long_words_are_said() {
    let folder = folder();
    let embedder = open(folder.path(), 1);
    let levels = Levels { sentence: true, words: true, tokens: true };
    let options = EmbedOptions { levels, ..EmbedOptions::default() };
    let long = "x".repeat(49);
    let texts = ["", " \t\u{2003}\n", &format!("a {long} b"), &"x".repeat(48), &"é".repeat(24)];
    let records = embedder.embed_with(&texts, &options).unwrap();
    for record in &records[..2] {
        assert_eq!((record.tokens, record.cut_words), (0, 0));
        assert_eq!(record.vector(), vec![0.0; 32]);
        assert_eq!(record.words.as_ref().map(Vec::len), Some(0));
        assert_eq!(record.tokens_detail.as_ref().map(Vec::len), Some(0));
    }
    let cut: Vec<usize> = records[2..].iter().map(|record| record.cut_words).collect();
    assert_eq!(cut, [1, 0, 0]);
    // What is beyond the 48th byte is not seen.
    let other = format!("a {}y b", "x".repeat(48));
    let other = embedder.embed_with(&[other], &options).unwrap();
    assert_eq!(rows(&other[0]), rows(&records[2]));
}

#[test]
fn a_state_is_for_recurrent_models_only() {
    let bert = open(&goldens().join("families/bert"), 1);
    let error = bert.embed_with(&["a"], &words(true)).unwrap_err().to_string();
    assert!(error.contains("stateful") && error.contains("recurrent"), "{error}");
}

#[test]
fn other_spellings_of_a_folder_open_too() {
    let reference = open(folder().path(), 1).embed(&["The cat sat ."]).unwrap();
    let list = "<S>\n</S>\n<UNK>\nThe\ncat\n";
    let packed = {
        use std::io::Write;
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(list.as_bytes()).unwrap();
        gzip.finish().unwrap()
    };
    type List<'a> = Option<(&'a str, &'a [u8])>;
    let spellings: [(&str, &str, &str, List<'_>); 4] = [
        ("options.json", "lm_weights.hdf5", "model.hdf5", Some(("vocab.txt", list.as_bytes()))),
        ("options.json", "lm_weights.hdf5", "model.hdf5", Some(("vocab.txt.gz", &packed))),
        ("elmo_tiny_options.json", "packed.hdf5", "elmo_tiny_weights.hdf5", None),
        ("options.json", "doubles.hdf5", "weights.hdf5", None),
    ];
    for (options, from, weights, list) in spellings {
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(fixture().join("options.json"), folder.path().join(options)).unwrap();
        std::fs::copy(fixture().join(from), folder.path().join(weights)).unwrap();
        if let Some((name, bytes)) = list {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        let embedder = open(folder.path(), 1);
        let records = embedder.embed(&["The cat sat ."]).unwrap();
        assert_eq!(records, reference, "{weights} beside {list:?}");
        let info = embedder.info(false).unwrap();
        assert_eq!((info.model.family, info.tokenizer), ("ELMo", "characters"));
        let ids = embedder.tokenizer().encode("The cat sat .").unwrap().ids;
        assert_eq!(ids, if list.is_some() { vec![3, 4, 2, 2] } else { vec![0; 4] });
    }
}

/// What training leaves: our own family and names, the gates in our order.
#[test]
fn written_again_it_gives_the_same_vectors_bitwise() {
    let from = folder();
    let to = tempfile::tempdir().unwrap();
    let options =
        contexture_model::OpenOptions { pack: false, ..contexture_model::OpenOptions::default() };
    let model = contexture_model::Model::open(from.path(), &options).unwrap();
    model.write(to.path(), model.weights()).unwrap();
    let (before, after) = (open(from.path(), 1), open(to.path(), 1));
    let options = EmbedOptions {
        levels: Levels { sentence: true, words: true, tokens: false },
        ..EmbedOptions::default()
    };
    let list = &lists()[0];
    let [before, after] = [before, after].map(|e| bits(&e.embed_with(list, &options).unwrap()));
    assert_eq!(before, after);
}

//! Tiny checkpoints of every family and dialect against the reference libraries: every layer's
//! hidden rows, the last ones, and sentences, alone and among neighbours of other lengths.
//! What the tensors of `expected.safetensors` mean stands in `goldens/README.md`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use contexture_kernels::Pool;
use contexture_model::{Model, OpenOptions};
use contexture_nn::{Segments, Session};
use safetensors::SafeTensors;
use serde_json::Value;

const TOLERANCE: f32 = 2e-5;

const FAMILIES: [&str; 16] = [
    "bert",
    "bert_bf16",
    "bert_f16",
    "bert_old_names",
    "bert_sharded",
    "camembert",
    "distilbert",
    "jina_bert_v2",
    "jina_bert_v2_heads6",
    "modernbert",
    "modernbert_v5",
    "mpnet",
    "nomic_bert",
    "nomic_bert_legacy",
    "roberta",
    "xlm_roberta",
];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("goldens/families").join(name)
}

fn open(name: &str, options: &OpenOptions) -> Model {
    Model::open(folder(name), options).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn options() -> OpenOptions {
    OpenOptions { threads: 2, ..OpenOptions::default() }
}

/// What the reference computed for the texts of one folder.
struct Golden {
    /// Token numbers of each text.
    ids: Vec<Vec<u32>>,
    /// `[layers + 1][tokens, hidden]` of each text, before a final norm.
    hidden: Vec<Vec<f32>>,
    /// `[tokens, hidden]` of each text.
    last: Vec<Vec<f32>>,
    /// `[dimensions]` of each text.
    sentence: Vec<Vec<f32>>,
}

fn golden(name: &str) -> Golden {
    let bytes = fs::read(folder(name).join("expected.safetensors")).expect("a golden");
    let file = SafeTensors::deserialize(&bytes).expect("a golden");
    let words = |key: String| -> Option<Vec<[u8; 4]>> {
        let data = file.tensor(&key).ok()?.data();
        Some(data.chunks_exact(4).map(|b| b.try_into().expect("4 bytes")).collect())
    };
    let floats = |key: String| -> Vec<f32> {
        let words = words(key.clone()).unwrap_or_else(|| panic!("{name} has no {key}"));
        words.into_iter().map(f32::from_le_bytes).collect()
    };
    let texts = (0..).take_while(|i| file.tensor(&format!("ids.{i}")).is_ok()).count();
    let ids = |i| {
        let words = words(format!("ids.{i}")).expect("counted");
        words.into_iter().map(u32::from_le_bytes).collect()
    };
    Golden {
        ids: (0..texts).map(ids).collect(),
        hidden: (0..texts).map(|i| floats(format!("hidden.{i}"))).collect(),
        last: (0..texts).map(|i| floats(format!("last.{i}"))).collect(),
        sentence: (0..texts).map(|i| floats(format!("sentence.{i}"))).collect(),
    }
}

/// What we compute for some texts in one batch: `(hidden, last, sentence)` for each.
fn run(model: &Model, texts: &[&Vec<u32>], threads: usize) -> Vec<(Vec<f32>, Vec<f32>, Vec<f32>)> {
    let pool = Arc::new(Pool::new(threads));
    let mut s = Session::explain(model.weights().clone(), pool, false);
    let segments = Segments::from_lengths(texts.iter().map(|ids| ids.len()));
    let ids: Arc<[u32]> = texts.iter().flat_map(|ids| ids.iter().copied()).collect();
    let batch = model.batch(ids, None, segments.clone()).expect("numbers from the tokenizer");
    let last = model.tokens(&mut s, &batch);
    let seen: Vec<_> = s.observations().into_iter().filter_map(|o| o.value).collect();
    let sentences = model.sentences(&mut s, &last, &batch, &Arc::from([]));
    let width = model.hidden();
    let part =
        |rows: &[f32], at: &std::ops::Range<usize>| rows[at.start * width..at.end * width].to_vec();
    let texts = segments.iter().enumerate().map(|(i, at)| {
        let hidden = seen.iter().flat_map(|value| part(value.rows().as_slice(), &at)).collect();
        let last = part(last.rows().as_slice(), &at);
        (hidden, last, sentences.rows().row(i).to_vec())
    });
    texts.collect()
}

fn distance(name: &str, what: &str, found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len(), "{name}: {what}");
    assert!(found.iter().all(|v| v.is_finite()), "{name}: {what} is not finite");
    found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn every_layer_of_every_family_is_the_reference() {
    let mut worst: Vec<(f32, String)> = Vec::new();
    for name in FAMILIES {
        let model = open(name, &options());
        let golden = golden(name);
        let together = run(&model, &golden.ids.iter().collect::<Vec<_>>(), 2);
        for (i, ids) in golden.ids.iter().enumerate() {
            let alone = run(&model, &[ids], 1).remove(0);
            assert!(alone == together[i], "{name}: text {i} differs among neighbours");
            let (hidden, last, sentence) = alone;
            let found = [
                distance(name, "hidden", &hidden, &golden.hidden[i]),
                distance(name, "last", &last, &golden.last[i]),
                distance(name, "sentence", &sentence, &golden.sentence[i]),
            ];
            let largest = found.into_iter().fold(0.0, f32::max);
            worst.push((largest, format!("{name}, text {i}: {found:?}")));
        }
        println!("{name}: {}", model.info().positions.join(", "));
    }
    worst.sort_by(|a, b| b.0.total_cmp(&a.0));
    println!("{} texts; largest differences: {:#?}", worst.len(), &worst[..5]);
    let over: Vec<_> = worst.iter().filter(|(d, _)| *d > TOLERANCE).collect();
    assert!(over.is_empty(), "{over:#?}");
}

#[test]
fn packed_weights_compute_what_plain_ones_do() {
    for name in ["bert", "modernbert", "nomic_bert_legacy", "mpnet"] {
        let packed = open(name, &options());
        let plain = open(name, &OpenOptions { pack: false, ..options() });
        let golden = golden(name);
        for ids in &golden.ids {
            let (packed, plain) = (run(&packed, &[ids], 1), run(&plain, &[ids], 1));
            let far = distance(name, "last", &packed[0].1, &plain[0].1);
            assert!(far <= TOLERANCE, "{name}: {far}");
        }
    }
}

#[test]
fn names_map_both_ways_with_nothing_missing() {
    for name in FAMILIES {
        let plain = OpenOptions { pack: false, ..options() };
        let model = open(name, &plain);
        let copy = tempfile::tempdir().expect("a folder");
        model.write(copy.path(), model.weights()).unwrap_or_else(|e| panic!("{name}: {e}"));
        compare_files(name, &model, copy.path());
        let again = Model::open(copy.path(), &plain).unwrap_or_else(|e| panic!("{name}: {e}"));
        for declared in &model.weights().declaration().params {
            let (a, b) = (model.weights(), again.weights());
            assert!(
                a.plain(declared.param) == b.plain(declared.param),
                "{name}: {}",
                declared.name
            );
        }
        assert_eq!(model.dimensions(), again.dimensions(), "{name}");
    }
}

/// Where the original is one f32 file in today's spelling, every tensor that was read is written
/// under its name, shape and bytes.
fn compare_files(name: &str, model: &Model, copy: &Path) {
    let original = folder(name).join("model.safetensors");
    if model.info().precisions != ["F32"] || !original.exists() || name == "bert_old_names" {
        return;
    }
    let (original, written) = (
        fs::read(original).expect("a file"),
        fs::read(copy.join("model.safetensors")).expect("a file"),
    );
    let original = SafeTensors::deserialize(&original).expect("a model");
    let written = SafeTensors::deserialize(&written).expect("what was written");
    let ignored = &model.info().tensors_ignored;
    let mut compared = 0;
    for (tensor, view) in original.iter().filter(|(t, _)| !ignored.iter().any(|i| i == t)) {
        let copy = written.tensor(tensor).unwrap_or_else(|_| panic!("{name}: {tensor} is gone"));
        assert_eq!(copy.shape(), view.shape(), "{name}: {tensor}");
        assert!(copy.data() == view.data(), "{name}: {tensor}");
        compared += 1;
    }
    assert_eq!(compared, written.len(), "{name}");
}

#[test]
fn without_positions_permuting_tokens_permutes_rows() {
    for name in ["bert", "roberta", "mpnet", "nomic_bert", "jina_bert_v2"] {
        let ids = &golden(name).ids[6];
        // Not the reverse: a score that depends on the distance alone would not notice.
        let order: Vec<usize> =
            (0..ids.len()).step_by(2).chain((1..ids.len()).step_by(2)).collect();
        let turned: Vec<u32> = order.iter().map(|at| ids[*at]).collect();
        let far = |model: &Model| {
            let width = model.hidden();
            let forward = run(model, &[ids], 1).remove(0).1;
            let backward = run(model, &[&turned], 1).remove(0).1;
            let same: Vec<f32> = order
                .iter()
                .flat_map(|at| &forward[at * width..(at + 1) * width])
                .copied()
                .collect();
            distance(name, "rows", &same, &backward)
        };
        let blind = far(&open(name, &OpenOptions { without_positions: true, ..options() }));
        let placed = far(&open(name, &options()));
        assert!(blind <= 1e-5, "{name}: {blind}");
        assert!(placed > 1e-2, "{name}: {placed}");
    }
}

#[test]
fn lengths_prompts_and_modules_are_what_the_folders_say() {
    for name in FAMILIES {
        let text = fs::read_to_string(folder(name).join("texts.json")).expect("texts");
        let said: Value = serde_json::from_str(&text).expect("texts");
        let text = fs::read_to_string(folder(name).join("tokenizer_config.json")).expect("a file");
        let tokenizer: Value = serde_json::from_str(&text).expect("a configuration");
        let model = open(name, &options());
        let stated = tokenizer["model_max_length"].as_f64().map(|most| most as usize);
        let most = model.maximum_tokens(stated).expect("a limit");
        assert_eq!(most, said["max_length"].as_u64().expect("a number") as usize, "{name}");
        assert_eq!(model.head().normalizes(), said["normalize"] == true, "{name}");
        assert_eq!(model.info().pooling_assumed, said["layout"] == "none", "{name}");
        let prompts = said["prompts"].as_object().expect("prompts");
        for (key, prompt) in prompts {
            assert_eq!(prompt, &model.sentence().prompts[key], "{name}");
        }
    }
}

#[test]
fn a_batch_that_does_not_fit_is_refused() {
    let model = open("bert", &options());
    let batch = |ids: &[u32], lengths: &[usize], types: Option<&[u32]>| {
        let segments = Segments::from_lengths(lengths.iter().copied());
        model.batch(ids.into(), types.map(Arc::from), segments).map(|_| ())
    };
    assert!(batch(&[1, 2, 3], &[3], None).is_ok());
    assert!(batch(&[1, 2, 3], &[1, 0, 2], Some(&[0, 1, 1])).is_ok());
    for (found, word) in [
        (batch(&[1, 600], &[2], None), "word number 600 of token 1"),
        (batch(&[1, u32::MAX], &[2], None), "word number"),
        (batch(&[1, 2], &[3], None), "token count 2"),
        (batch(&[1, 2], &[2], Some(&[0, 2])), "token type 2 of token 1"),
        (batch(&[1, 2], &[2], Some(&[0])), "token type count 1"),
        (batch(&vec![1; 97], &[97], None), "sequence length 97"),
    ] {
        let message = found.expect_err(word).to_string();
        assert!(message.contains(word), "{message}");
    }
}

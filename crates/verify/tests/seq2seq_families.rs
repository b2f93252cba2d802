//! Encoder-decoders of other people's families against the reference: every row of the encoder, every
//! logit, and greedy outputs. The checkpoints are tiny; `goldens/seq2seq/README.md` says how they and
//! what is expected of them were made.

use std::path::PathBuf;
use std::sync::Arc;

use contexture_kernels::Pool;
use contexture_model::architectures::Search;
use contexture_model::{Model, OpenOptions};
use contexture_nn::{Rows, Segments, Session, Stored, Weights};
use contexture_verify::{goldens, tensors};
use safetensors::SafeTensors;

/// The reference's own f32 is as far as half of this from f64.
const TOLERANCE: f32 = 2e-5;

const MODELS: [&str; 5] = ["marian", "marian_relu", "marian_apart", "t5_relu", "t5_gated"];

fn folder(name: &str) -> PathBuf {
    goldens().join("seq2seq").join(name)
}

/// What is expected of one pair.
struct Pair {
    source: Arc<[u32]>,
    /// With its end.
    target: Vec<u32>,
    encoder: Vec<f32>,
    logits: Vec<f32>,
    greedy: Vec<u32>,
}

fn pairs(name: &str) -> Vec<Pair> {
    let bytes = std::fs::read(folder(name).join("expected.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let text = std::fs::read_to_string(folder(name).join("expected.json")).unwrap();
    let told: serde_json::Value = serde_json::from_str(&text).unwrap();
    let words = |name: String| -> Vec<[u8; 4]> {
        let data = file.tensor(&name).unwrap().data();
        data.chunks_exact(4).map(|word| word.try_into().unwrap()).collect()
    };
    let ids = |name: String| words(name).into_iter().map(u32::from_le_bytes).collect::<Vec<u32>>();
    let floats = |name: String| words(name).into_iter().map(f32::from_le_bytes).collect();
    let pair = |(index, pair): (usize, &serde_json::Value)| Pair {
        source: ids(format!("source.{index}")).into(),
        target: ids(format!("target.{index}")),
        encoder: floats(format!("encoder.{index}")),
        logits: floats(format!("logits.{index}")),
        greedy: serde_json::from_value(pair["greedy"]["ids"].clone()).unwrap(),
    };
    told["pairs"].as_array().unwrap().iter().enumerate().map(pair).collect()
}

fn worst(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn open(name: &str, pack: bool) -> Model {
    let options = OpenOptions { heads: true, pack, threads: 2, ..OpenOptions::default() };
    Model::open(folder(name), &options).unwrap()
}

#[test]
fn rows_and_logits_are_the_references() {
    let mut checked = 0;
    for name in MODELS {
        for pack in [true, false] {
            let model = open(name, pack);
            let decoder = model.decoder().unwrap();
            let mut most = [0f32; 2];
            for pair in pairs(name) {
                let mut s = Session::infer(model.weights().clone(), Arc::new(Pool::new(1)));
                let texts = Segments::single(pair.source.len());
                let batch = model.batch(pair.source.clone(), None, texts.clone()).unwrap();
                let memory = model.tokens(&mut s, &batch);
                most[0] = most[0].max(worst(memory.rows().as_slice(), &pair.encoder));
                let start = decoder.settings().start;
                let read: Vec<u32> = [&[start], &pair.target[..pair.target.len() - 1]].concat();
                let segments = Segments::single(read.len());
                let batch = decoder.batch(read.into(), segments).unwrap();
                let rows = decoder.forward(&mut s, &batch, &memory, &texts);
                let logits = decoder.logits(&mut s, &rows);
                most[1] = most[1].max(worst(logits.rows().as_slice(), &pair.logits));
                checked += 1;
            }
            println!("{name}, packed {pack}: rows {:.1e}, logits {:.1e}", most[0], most[1]);
            assert!(most.iter().all(|most| *most < TOLERANCE), "{name}: {most:?}");
        }
    }
    assert!(checked >= 2 * 5 * 4, "{checked} pairs");
}

#[test]
fn greedy_outputs_are_the_references() {
    for name in MODELS {
        let model = open(name, true);
        let decoder = model.decoder().unwrap();
        let end = decoder.settings().end;
        for (index, pair) in pairs(name).into_iter().enumerate() {
            let mut s = Session::infer(model.weights().clone(), Arc::new(Pool::new(1)));
            let texts = Segments::single(pair.source.len());
            let batch = model.batch(pair.source.clone(), None, texts.clone()).unwrap();
            let memory = model.tokens(&mut s, &batch);
            let told: Vec<u32> = pair.greedy.iter().copied().filter(|id| *id != end).collect();
            // The reference stops at 24 places, the start among them; Marian's last one is the end.
            let longest = if name.starts_with("marian") { 22 } else { 23 };
            let over = (&memory, &texts);
            let search = Search::default();
            let found = decoder.search(&mut s, &Pool::new(1), over, &[longest], &search).unwrap();
            assert_eq!(found[0][0].ids, told, "{name}, pair {index}");
            let ends = pair.greedy.last() == Some(&end) && told.len() < longest;
            assert_eq!(found[0][0].ended, ends || found[0][0].ended && told.len() == longest);
        }
    }
}

/// Written and opened again it is the same, tensor by tensor, under the names that the reference reads.
#[test]
fn what_is_written_is_what_was_read() {
    for name in MODELS {
        let model = open(name, false);
        let written = tempfile::tempdir().unwrap();
        model.write(written.path(), model.weights()).unwrap();
        let (before, after) = (
            tensors(&folder(name).join("model.safetensors")),
            tensors(&written.path().join("model.safetensors")),
        );
        assert_eq!(before.keys().collect::<Vec<_>>().len(), after.len(), "{name}");
        for (tensor, before) in &before {
            assert_eq!(before, &after[tensor], "{name}: {tensor}");
        }
        // Everything that its own folder had, but the expectations.
        for entry in std::fs::read_dir(folder(name)).unwrap() {
            let file = entry.unwrap().file_name();
            let other =
                file.to_string_lossy().starts_with("expected") || file == "gradients.safetensors";
            assert!(other || written.path().join(&file).is_file(), "{name}: {file:?}");
        }
    }
}

/// Opened for its vectors only, as `embed` does, the decoder is left alone.
#[test]
fn the_encoder_alone_gives_the_same_rows() {
    for name in MODELS {
        let model = Model::open(folder(name), &OpenOptions::default()).unwrap();
        assert!(model.decoder().is_none());
        assert_eq!(model.info().architecture, "encoder-decoder");
        for pair in pairs(name) {
            let mut s = Session::infer(model.weights().clone(), Arc::new(Pool::new(1)));
            let segments = Segments::single(pair.source.len());
            let batch = model.batch(pair.source.clone(), None, segments).unwrap();
            let rows = model.tokens(&mut s, &batch);
            assert!(worst(rows.rows().as_slice(), &pair.encoder) < TOLERANCE, "{name}");
        }
    }
}

/// Cross-attention, buckets of both kinds, norms without a mean, gates, tied and shared tables: all of
/// it against PyTorch in float64.
#[test]
fn gradients_are_the_references() {
    for name in ["marian_relu", "t5_gated"] {
        let mut model = open(name, false);
        let weights = model.take_weights();
        let decoder = model.decoder().unwrap();
        let pairs = pairs(name);
        let texts = Segments::from_lengths(pairs.iter().map(|pair| pair.source.len()));
        let sources: Vec<u32> = pairs.iter().flat_map(|pair| pair.source.iter().copied()).collect();
        let targets: Vec<u32> = pairs.iter().flat_map(|pair| pair.target.clone()).collect();
        let start = decoder.settings().start;
        let read = |pair: &Pair| [&[start], &pair.target[..pair.target.len() - 1]].concat();
        let read: Vec<u32> = pairs.iter().flat_map(read).collect();
        let mut s = Session::train(weights.clone(), Arc::new(Pool::new(2)));
        let batch = model.batch(sources.into(), None, texts.clone()).unwrap();
        let memory = model.tokens(&mut s, &batch);
        let lengths = Segments::from_lengths(pairs.iter().map(|pair| pair.target.len()));
        let batch = decoder.batch(read.into(), lengths).unwrap();
        let rows = decoder.forward(&mut s, &batch, &memory, &texts);
        let losses = decoder.loss(&mut s, &rows, targets.into(), 0.1, 1.0);
        let loss: f32 = losses.rows().as_slice().iter().sum();
        let count = losses.rows().rows();
        let gradients = s.backward(&losses, Rows::new(vec![1.0; count], 1));
        // Written as if they were weights, they stand under the reference's names.
        let stored = weights.declaration().params.iter().map(|declared| {
            let zeros = vec![0.0; declared.param.len()];
            Stored::Plain(gradients.parameter(declared.param).map_or(zeros, <[f32]>::to_vec))
        });
        let stored = Weights::new(weights.declaration().clone(), stored.collect());
        let written = tempfile::tempdir().unwrap();
        model.write(written.path(), &stored).unwrap();
        let found = tensors(&written.path().join("model.safetensors"));
        let expected = tensors(&folder(name).join("gradients.safetensors"));
        let told = expected["loss"].values[0];
        assert!((loss - told).abs() < 1e-5 * told, "{name}: {loss} {told}");
        let (mut most, mut compared) = (0f32, 0);
        for (tensor, expected) in expected.iter().filter(|(tensor, _)| *tensor != "loss") {
            let (mut found, mut expected) = (found[tensor].clone(), expected.clone());
            if tensor.ends_with("shared.weight") && name.starts_with("marian") {
                // The reference never moves the row of its padding, which is what outputs begin with.
                let row = start as usize * model.hidden()..(start as usize + 1) * model.hidden();
                found.values[row.clone()].fill(0.0);
                expected.values[row].fill(0.0);
            }
            let largest = expected.values.iter().fold(0f32, |most, v| most.max(v.abs()));
            // A key's bias moves all scores alike: its gradient is 0, and what is found is rounding.
            let error = worst(&found.values, &expected.values) / largest.max(0.1);
            assert!(error < 2e-5, "{name}: {tensor}: {error}");
            (most, compared) = (most.max(error), compared + 1);
        }
        println!("{name}: {compared} gradients within {most:.1e} of each one's largest");
        assert!(compared > 55);
    }
}

//! A real encoder-decoder against the library that it comes from: a model of CTranslate2 that writes
//! Arabic words in Latin letters, and what that library (4.8.5, f32) makes of 143 words.

use std::path::PathBuf;
use std::sync::Arc;

use contexture_engine::translate::{TranslateOptions, Translator};
use contexture_engine::{Embedder, OpenOptions};
use contexture_kernels::Pool;
use contexture_nn::{Segments, Session};
use contexture_verify::goldens;

/// The library writes six digits.
const TOLERANCE: f32 = 1e-5;

fn folder() -> PathBuf {
    goldens().join("transliteration")
}

fn open(threads: usize) -> Translator {
    let options = OpenOptions { threads, pull: false, ..OpenOptions::default() };
    Translator::open(folder().to_str().unwrap(), &options).unwrap()
}

/// A word, then pairs of an output and its score: greedy, and the two best of four beams.
fn expected() -> Vec<(String, Vec<(String, f32)>)> {
    let text = std::fs::read_to_string(folder().join("expected.tsv")).unwrap();
    let rows = text.lines().skip(1).map(|line| {
        let cells: Vec<&str> = line.split('\t').collect();
        let pairs = cells[1..].chunks(2).map(|c| (c[0].to_owned(), c[1].parse().unwrap()));
        (cells[0].to_owned(), pairs.collect())
    });
    rows.collect()
}

#[test]
fn every_token_of_an_output_is_as_likely_as_in_the_library() {
    let translator = open(1);
    let model = translator.model();
    let decoder = model.decoder().unwrap();
    let text = std::fs::read_to_string(folder().join("expected-token-logprobs.jsonl")).unwrap();
    let (mut worst, mut tokens) = (0f32, 0);
    for line in text.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let source = translator.source().encode(row["source"].as_str().unwrap()).unwrap().ids;
        let target = translator.target().encode(row["target"].as_str().unwrap()).unwrap().ids;
        let told: Vec<f32> = serde_json::from_value(row["log_probs"].clone()).unwrap();
        let mut s = Session::infer(model.weights().clone(), Arc::new(Pool::new(1)));
        let texts = Segments::single(source.len());
        let batch = model.batch(source.into(), None, texts.clone()).unwrap();
        let memory = model.tokens(&mut s, &batch);
        let ends = [&target[..], &[decoder.settings().end]].concat();
        let begins = [&[decoder.settings().start], &target[..]].concat();
        let batch = decoder.batch(begins.into(), Segments::single(ends.len())).unwrap();
        let rows = decoder.forward(&mut s, &batch, &memory, &texts);
        let logits = decoder.logits(&mut s, &rows);
        assert_eq!(told.len(), ends.len());
        for (row, (id, told)) in ends.iter().zip(&told).enumerate() {
            let z = logits.rows().row(row);
            let sum: f64 = z.iter().map(|z| f64::from(*z).exp()).sum();
            let found = f64::from(z[*id as usize]) - sum.ln();
            worst = worst.max((found as f32 - told).abs());
            tokens += 1;
        }
    }
    println!("worst difference of {tokens} log-probabilities: {worst:.1e}");
    assert!(tokens > 800 && worst < TOLERANCE, "{tokens} tokens, {worst}");
}

#[test]
fn greedy_and_beam_outputs_are_the_librarys() {
    let expected = expected();
    assert_eq!(expected.len(), 143);
    let words: Vec<&str> = expected.iter().map(|(word, _)| word.as_str()).collect();
    for threads in [1, 3] {
        let translator = open(threads);
        let greedy = translator.translate(&words, &TranslateOptions::default()).unwrap();
        let options = TranslateOptions { beam: 4, best: 2, ..TranslateOptions::default() };
        let beams = translator.translate(&words, &options).unwrap();
        for ((word, outputs), (greedy, beams)) in expected.iter().zip(greedy.iter().zip(&beams)) {
            let found = [&greedy.outputs[..], &beams.outputs[..]].concat();
            assert_eq!(found.len(), outputs.len(), "{word}");
            for (found, (text, score)) in found.iter().zip(outputs) {
                assert_eq!(&found.text, text, "{word}");
                assert!((found.score - score).abs() < TOLERANCE, "{word}: {} {score}", found.score);
            }
            assert_eq!(greedy.unknown, 0);
        }
    }
}

#[test]
fn a_character_that_the_model_does_not_know_is_counted() {
    let translator = open(1);
    let found = translator.translate(&["آرثرQ", ""], &TranslateOptions::default()).unwrap();
    assert_eq!((found[0].unknown, found[1].unknown), (1, 0));
    assert_eq!(found[1].outputs.len(), 1);
    assert_eq!(found[1].outputs[0].text, "");
}

#[test]
fn its_encoder_gives_vectors() {
    let embedder = Embedder::open_folder(&folder(), &OpenOptions::default()).unwrap();
    let records = embedder.embed(&["آتزمون", "قصة"]).unwrap();
    assert!(records.iter().all(|record| record.vector().len() == 32));
}

//! A text's outputs are its own: not those of its neighbours, its batch or its threads.

use std::ops::ControlFlow;

use contexture_engine::{Input, Next, TranslateOptions, Translation};

use crate::tiny::{KINDS, Tiny, below, texts};

fn options(beam: usize) -> TranslateOptions {
    TranslateOptions { beam, best: beam, ..TranslateOptions::default() }
}

#[test]
fn neighbours_batches_and_threads_change_no_bit() {
    let texts = texts(30);
    for kind in KINDS {
        let tiny = Tiny::new(kind);
        let translator = tiny.open(1);
        let two = tiny.open(2);
        for beam in [1, 4] {
            let alone: Vec<Translation> = texts
                .iter()
                .map(|text| translator.translate(&[text], &options(beam)).expect("one").remove(0))
                .collect();
            let read = || alone.iter().filter(|t| t.pieces > 0).flat_map(|t| &t.outputs);
            let (ended, all) = (read().filter(|o| o.ended).count(), read().count());
            assert!((1..all).contains(&ended), "{kind}, beam {beam}: {ended} of {all} ended");
            let mut seed = beam as u64;
            for round in 0..25 {
                let chosen: Vec<usize> =
                    (0..1 + below(&mut seed, 30)).map(|_| below(&mut seed, texts.len())).collect();
                let company: Vec<&String> = chosen.iter().map(|n| &texts[*n]).collect();
                let batch_tokens = 1 << below(&mut seed, 12);
                let options = TranslateOptions { batch_tokens, ..options(beam) };
                let opened = if round % 2 == 0 { &translator } else { &two };
                let found = opened.translate(&company, &options).expect("a batch");
                for (number, translation) in chosen.iter().zip(&found) {
                    let expected = &alone[*number];
                    assert_eq!(translation, expected, "{kind}, beam {beam}, round {round}");
                }
            }
        }
    }
}

#[test]
fn greedy_is_a_beam_of_one_and_wider_beams_are_sorted() {
    let texts = texts(12);
    let translator = Tiny::new("post-norm").open(1);
    let greedy = translator.translate(&texts, &TranslateOptions::default()).expect("greedy");
    assert_eq!(greedy, translator.translate(&texts, &options(1)).expect("a beam of one"));
    for penalty in [0.0, 0.6, 1.0, 2.0] {
        let options = TranslateOptions { length_penalty: penalty, ..options(5) };
        for (text, found) in texts.iter().zip(translator.translate(&texts, &options).expect("5")) {
            let outputs = &found.outputs;
            assert_eq!(outputs.len(), if text.is_empty() { 1 } else { 5 }, "{text:?}");
            assert!(outputs.is_sorted_by(|a, b| a.score >= b.score), "{outputs:?}");
            for (n, output) in outputs.iter().enumerate() {
                let length = output.ids.len() + usize::from(output.ended);
                assert_eq!(
                    output.log_probabilities.len(),
                    if text.is_empty() { 0 } else { length }
                );
                let sum: f32 = output.log_probabilities.iter().sum();
                let score = sum / (length as f32).powf(penalty);
                assert!((score - output.score).abs() <= 1e-5 * score.abs(), "{score}: {output:?}");
                assert!(outputs[..n].iter().all(|o| o.ids != output.ids), "twice: {output:?}");
            }
        }
    }
}

#[test]
fn a_wider_beam_finds_what_is_at_least_as_likely() {
    let texts = texts(40);
    let translator = Tiny::new("pre-norm, rotary").open(2);
    let sums = |beam| -> Vec<f32> {
        let options = TranslateOptions { length_penalty: 0.0, best: 1, ..options(beam) };
        let found = translator.translate(&texts, &options).expect("translations");
        found.iter().map(|t| t.outputs[0].score).collect()
    };
    let (greedy, wide) = (sums(1), sums(8));
    let better = greedy.iter().zip(&wide).filter(|(a, b)| b > a).count();
    let worse = greedy.iter().zip(&wide).filter(|(a, b)| b < a).count();
    assert!(better > 10 && worse <= better / 10, "{better} better, {worse} worse");
}

#[test]
fn a_stream_is_answered_in_order_as_it_comes() {
    let texts = texts(30);
    let tiny = Tiny::new("post-norm");
    let expected = tiny.open(1).translate(&texts, &options(2)).expect("all");
    for threads in [1, 3] {
        let translator = tiny.open(threads);
        let (mut given, mut asked) = (0, 0);
        let next = |wait: bool| {
            asked += 1;
            // Every other text keeps one waiting.
            if !wait && asked % 2 == 0 {
                return Next::NotYet;
            }
            let Some(text) = texts.get(given) else { return Next::End };
            given += 1;
            Next::Text(Input { text: text.clone(), words: None, tag: given - 1 })
        };
        let mut found = Vec::new();
        let emit = |tag, result: Result<Translation, _>| {
            assert_eq!(tag, found.len(), "in order");
            found.push(result.expect("a translation"));
            ControlFlow::Continue(())
        };
        translator.translate_stream(&options(2), next, emit).expect("a stream");
        assert_eq!(found, expected, "{threads} threads");
    }
}

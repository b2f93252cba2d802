//! Step by step over what earlier steps left, or all tokens at once: the same probabilities, and the
//! attention that is shown is that of the output.

use std::sync::Arc;

use contexture_engine::translate::Output;
use contexture_engine::{TranslateOptions, Translator};
use contexture_kernels::Pool;
use contexture_kernels::best::{Likely, likeliest};
use contexture_model::Model;
use contexture_model::architectures::Search;
use contexture_nn::{Segments, Session};

use crate::tiny::{KINDS, Tiny, texts};

fn sources(translator: &Translator) -> Vec<Vec<u32>> {
    let encode = |text: &String| translator.source().encode(text).expect("tokens").ids;
    texts(20).iter().map(encode).collect()
}

/// What is read, and what is to be told, of an output.
fn forced(model: &Model, ids: &[u32], ended: bool) -> (Vec<u32>, Vec<u32>) {
    let settings = model.decoder().expect("a decoder").settings();
    let told: Vec<u32> = ids.iter().copied().chain(ended.then_some(settings.end)).collect();
    let read = std::iter::once(settings.start).chain(ids.iter().copied());
    (read.take(told.len()).collect(), told)
}

/// Log-probabilities by the logits of a whole output, or by the loss as training has it. The end
/// cannot come first in a search: its share of the first token's probability is the others'.
fn whole(
    model: &Model,
    source: &[u32],
    (read, told): (Vec<u32>, Vec<u32>),
    loss: bool,
) -> Vec<f32> {
    let decoder = model.decoder().expect("a decoder");
    let end = decoder.settings().end;
    let mut s = Session::infer(model.weights().clone(), Arc::new(Pool::new(1)));
    let texts = Segments::single(source.len());
    let batch = model.batch(source.into(), None, texts.clone()).expect("a batch");
    let memory = model.tokens(&mut s, &batch);
    let batch = decoder.batch(read.as_slice().into(), Segments::single(read.len()));
    let rows = decoder.forward(&mut s, &batch.expect("a batch"), &memory, &texts);
    let logits = decoder.logits(&mut s, &rows);
    let (classes, mut z) = (logits.rows().width(), logits.rows().as_slice().to_vec());
    let by_logits = |z: &[f32], told: &[u32]| -> Vec<f32> {
        let all = likeliest(&Pool::new(1), classes, z, &[], classes);
        let of = |(likely, told): (&Vec<Likely>, &u32)| {
            let found = likely.iter().find(|likely| likely.class == *told);
            found.expect("every class has a probability").log_probability
        };
        all.iter().zip(told).map(of).collect()
    };
    if loss {
        let first_ends = by_logits(&z[..classes], &[end])[0];
        let losses = decoder.loss(&mut s, &rows, told.into(), 0.0, 1.0);
        let mut found: Vec<f32> = losses.rows().as_slice().iter().map(|loss| -loss).collect();
        found[0] -= (-first_ends.exp()).ln_1p();
        return found;
    }
    z[end as usize] = -1e9;
    by_logits(&z, &told)
}

#[test]
fn cached_search_is_teacher_forcing() {
    for kind in KINDS {
        let tiny = Tiny::new(kind);
        let translator = tiny.open(1);
        for beam in [1, 3] {
            let options = TranslateOptions { beam, best: beam, ..TranslateOptions::default() };
            let texts = texts(20);
            let found = translator.translate(&texts, &options).expect("translations");
            let plain = tiny.plain();
            for (source, found) in sources(&translator).iter().zip(found) {
                // An empty text is not read.
                for output in found.outputs.iter().filter(|_| found.pieces > 0) {
                    let of = |model| forced(model, &output.ids, output.ended);
                    let packed = translator.model();
                    let again = whole(packed, source, of(packed), false);
                    assert_eq!(output.log_probabilities, again, "{kind}, beam {beam}");
                    let trained = whole(&plain, source, of(&plain), true);
                    for (a, b) in output.log_probabilities.iter().zip(&trained) {
                        assert!(
                            (a - b).abs() <= 1e-5 * b.abs().max(1.0),
                            "{kind}: {a} against {b}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn searching_the_model_that_is_trained_gives_its_own_losses() {
    for kind in KINDS {
        let tiny = Tiny::new(kind);
        let model = tiny.plain();
        let sources = sources(&tiny.open(1));
        let decoder = model.decoder().expect("a decoder");
        let pool = Arc::new(Pool::new(1));
        let mut s = Session::infer(model.weights().clone(), pool.clone());
        let texts = Segments::from_lengths(sources.iter().map(Vec::len));
        let batch = model.batch(sources.concat().into(), None, texts.clone()).expect("a batch");
        let memory = model.tokens(&mut s, &batch);
        let search = Search { beam: 3, best: 3, ..Search::default() };
        let longest = vec![10; sources.len()];
        let found = decoder.search(&mut s, &pool, (&memory, &texts), &longest, &search);
        for (source, outputs) in sources.iter().zip(found.expect("outputs")) {
            for output in outputs {
                let forced = forced(&model, &output.ids, output.ended);
                let logits = whole(&model, source, forced.clone(), false);
                assert_eq!(output.log_probabilities, logits, "{kind}");
                let losses = whole(&model, source, forced, true);
                for (a, b) in output.log_probabilities.iter().zip(&losses) {
                    assert!((a - b).abs() <= 2e-6 * b.abs().max(1.0), "{kind}: {a} against {b}");
                }
            }
        }
    }
}

#[test]
fn attention_is_that_of_the_output() {
    let texts = texts(8);
    for kind in KINDS {
        let translator = Tiny::new(kind).open(1);
        let options = TranslateOptions { beam: 2, ..TranslateOptions::default() };
        let found = translator.translate(&texts, &options).expect("translations");
        let (layers, heads) = if kind == "lstm" { (1, 1) } else { (2, 2) };
        for (text, translation) in texts.iter().zip(&found) {
            let output = &translation.outputs[0];
            let map = translator.attention(text, output, &options).expect("a map");
            let Some(map) = map else {
                assert_eq!(translation.pieces, 0, "{kind}: {text:?}");
                continue;
            };
            assert_eq!(map.source.len(), translation.tokens_used);
            assert_eq!(map.target.len(), output.log_probabilities.len());
            assert_eq!((map.source[0].as_str(), map.source.len()), ("[CLS]", map.source.len()));
            assert_eq!(map.target.last().map(String::as_str) == Some("[SEP]"), output.ended);
            assert_eq!(map.layers.len(), layers, "{kind}");
            for (layer, of_heads) in map.layers.iter().enumerate() {
                assert_eq!(of_heads.len(), heads, "{kind}");
                for values in of_heads.iter().chain([&map.mean(layer)]) {
                    assert_eq!(values.len(), map.target.len() * map.source.len());
                    for row in values.chunks(map.source.len()) {
                        let sum: f32 = row.iter().sum();
                        assert!((sum - 1.0).abs() < 1e-5, "{kind}: a row sums to {sum}");
                    }
                }
            }
        }
        let nothing = Output { ids: Vec::new(), ended: false, ..found[0].outputs[0].clone() };
        assert_eq!(translator.attention(&texts[1], &nothing, &options).expect("none"), None);
    }
}

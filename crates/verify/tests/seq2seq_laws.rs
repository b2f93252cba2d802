//! Laws of the encoder-decoder, to the bit, for every way of knowing places and for recurrent layers:
//! the decoder is blind to what comes after, steps give what the whole gives, and a text's outputs are
//! the same in any company and on any number of threads.

use std::sync::Arc;

use contexture_kernels::{Pool, Reach};
use contexture_model::architectures::{
    Aggregator, DecoderSettings, Directions, EncoderSettings, LstmSettings, NormPlace, Output,
    Search, Sizes,
};
use contexture_model::folder::SentenceSettings;
use contexture_model::positions::{Divisor, Layout, PositionSettings};
use contexture_model::{Model, NewModel};
use contexture_nn::{Rows, Segments, Session, Value};

const WORDS: usize = 50;
const PLACES: usize = 64;

fn positions() -> Vec<(&'static str, Vec<PositionSettings>)> {
    let sinusoidal =
        |layout, divisor, offset| PositionSettings::Sinusoidal { layout, divisor, offset };
    let buckets = |one_sided| PositionSettings::Buckets { buckets: 8, farthest: 20, one_sided };
    vec![
        ("none", vec![]),
        ("sinusoidal", vec![sinusoidal(Layout::Interleaved, Divisor::Paper, 0)]),
        ("halves from 1", vec![sinusoidal(Layout::Halves, Divisor::Tensor2Tensor, 1)]),
        ("learned", vec![PositionSettings::Learned { entries: PLACES, offset: 0, skips: None }]),
        ("rotary", vec![PositionSettings::Rotary { width: 8, interleaved: false }]),
        ("alibi", vec![PositionSettings::Alibi]),
        ("buckets", vec![buckets(true)]),
    ]
}

/// As decoders are, with layers that look backwards.
fn side(
    places: &[PositionSettings],
    norm: NormPlace,
    layers: usize,
    causal: bool,
) -> EncoderSettings {
    let sizes = Sizes { hidden: 24, heads: 3, inner: 40, vocabulary: WORDS, layers };
    let mut e = EncoderSettings::plain(sizes);
    e.positions = places.to_vec();
    e.maximum_tokens = Some(PLACES);
    (e.norm, e.final_norm) = (norm, norm == NormPlace::Before);
    (e.embedding_norm, e.initial_deviation) = (false, 0.3);
    for layer in &mut e.layers {
        layer.rotary_base = 10_000.0;
        layer.reach = if causal { Reach::CAUSAL } else { Reach::ALL };
    }
    e
}

fn recurrent(directions: Directions) -> EncoderSettings {
    let mut e = side(&[], NormPlace::After, 2, false);
    e.aggregator = Aggregator::Lstm;
    (e.heads, e.head_width) = (1, 1);
    let cells = e.hidden / directions.count();
    e.lstm = Some(LstmSettings {
        cells,
        projection: false,
        directions,
        joint: true,
        skip_connections: false,
        cell_clip: None,
        projection_clip: None,
    });
    e
}

fn create(settings: EncoderSettings, layers: EncoderSettings, tied: bool) -> Model {
    let decoder = DecoderSettings {
        shared_words: tied && layers.lstm.is_none(),
        tied,
        bias: !tied,
        output_scale: 1.0,
        start: 2,
        end: 3,
        never: vec![0, 2],
        longest: None,
        layers,
    };
    let new = NewModel {
        settings,
        head: Vec::new(),
        language: None,
        classifier: None,
        decoder: Some(decoder),
        sentence: SentenceSettings::default(),
    };
    Model::create(&new, 11).unwrap()
}

fn models() -> Vec<(String, Model)> {
    let mut models = Vec::new();
    for (name, places) in positions() {
        for (norm, tied) in [(NormPlace::After, true), (NormPlace::Before, false)] {
            // Buckets of an encoder are for both sides.
            let own: Vec<_> = places
                .iter()
                .map(|place| match place {
                    PositionSettings::Buckets { buckets, farthest, .. } => {
                        let (buckets, farthest) = (*buckets, *farthest);
                        PositionSettings::Buckets { buckets, farthest, one_sided: false }
                    }
                    other => other.clone(),
                })
                .collect();
            let (encoder, decoder) = (side(&own, norm, 2, false), side(&places, norm, 3, true));
            models.push((format!("{name}, {norm:?}"), create(encoder, decoder, tied)));
        }
    }
    let lstm = create(recurrent(Directions::Both), recurrent(Directions::Forward), true);
    models.push(("lstm".into(), lstm));
    models
}

struct Noise(u64);

impl Noise {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % most
    }

    fn ids(&mut self, length: usize) -> Vec<u32> {
        (0..length).map(|_| 4 + self.below(WORDS - 4) as u32).collect()
    }
}

fn session(model: &Model, threads: usize) -> Session {
    Session::infer(model.weights().clone(), Arc::new(Pool::new(threads)))
}

fn memory(model: &Model, s: &mut Session, sources: &[Vec<u32>]) -> (Value, Segments) {
    let segments = Segments::from_lengths(sources.iter().map(Vec::len));
    let batch = model.batch(sources.concat().into(), None, segments.clone()).unwrap();
    (model.tokens(s, &batch), segments)
}

/// Rows of outputs as a whole.
fn whole(model: &Model, threads: usize, sources: &[Vec<u32>], targets: &[Vec<u32>]) -> Rows {
    let mut s = session(model, threads);
    let (memory, texts) = memory(model, &mut s, sources);
    let decoder = model.decoder().unwrap();
    let segments = Segments::from_lengths(targets.iter().map(Vec::len));
    let batch = decoder.batch(targets.concat().into(), segments).unwrap();
    decoder.forward(&mut s, &batch, &memory, &texts).rows().clone()
}

#[test]
fn the_decoder_is_blind_to_what_comes_after() {
    let mut checked = 0;
    for (name, model) in models() {
        let mut noise = Noise(5);
        let source = vec![noise.ids(9)];
        let target = noise.ids(21);
        let rows = whole(&model, 1, &source, std::slice::from_ref(&target));
        for place in [0, 1, 7, 15, 16, 19] {
            let mut other = target.clone();
            other[place + 1..].iter_mut().for_each(|id| *id = 4 + (*id + 5) % (WORDS as u32 - 4));
            let changed = whole(&model, 1, &source, &[other]);
            for row in 0..=place {
                assert_eq!(rows.row(row), changed.row(row), "{name}: row {row} of {place}");
                checked += 1;
            }
            assert_ne!(
                rows.row(place + 1),
                changed.row(place + 1),
                "{name}: it sees its own token"
            );
        }
    }
    assert_eq!(checked, 15 * (1 + 2 + 8 + 16 + 17 + 20));
}

#[test]
fn steps_over_what_is_kept_give_the_whole() {
    for (name, model) in models() {
        let mut noise = Noise(6);
        let sources: Vec<Vec<u32>> = [3, 17, 1].map(|length| noise.ids(length)).into();
        let targets: Vec<Vec<u32>> = (0..3).map(|_| noise.ids(35)).collect();
        let rows = whole(&model, 1, &sources, &targets);
        let decoder = model.decoder().unwrap();
        let mut s = session(&model, 1);
        let (memory, texts) = memory(&model, &mut s, &sources);
        let mut state = decoder.begin(&mut s, &memory, &texts);
        for place in 0..35 {
            let ids: Vec<u32> = targets.iter().map(|target| target[place]).collect();
            let step = decoder.step(&mut s, &ids, &mut state).unwrap();
            for text in 0..3 {
                let expected = rows.row(text * 35 + place);
                assert_eq!(step.rows().row(text), expected, "{name}: text {text}, place {place}");
            }
        }
        assert_eq!(state.place(), 35);
    }
}

fn search(model: &Model, threads: usize, sources: &[Vec<u32>], beam: usize) -> Vec<Vec<Output>> {
    let mut s = session(model, threads);
    let (memory, texts) = memory(model, &mut s, sources);
    let options = Search { beam, best: beam, length_penalty: 1.0 };
    let longest: Vec<usize> = sources.iter().map(|source| source.len() + 6).collect();
    let pool = Pool::new(threads);
    let decoder = model.decoder().unwrap();
    decoder.search(&mut s, &pool, (&memory, &texts), &longest, &options).unwrap()
}

#[test]
fn a_texts_outputs_depend_on_no_other_text_and_on_no_thread() {
    let mut checked = 0;
    for (name, model) in models() {
        let mut noise = Noise(7);
        let sources: Vec<Vec<u32>> = (0..12)
            .map(|_| noise.below(20) + 1)
            .map(|length| Noise(length as u64).ids(length))
            .collect();
        for beam in [1, 4] {
            let alone: Vec<Vec<Output>> = sources
                .iter()
                .map(|source| search(&model, 1, std::slice::from_ref(source), beam).remove(0))
                .collect();
            for threads in [1, 3] {
                for round in 0..6 {
                    let chosen: Vec<usize> =
                        (0..2 + round * 2).map(|_| noise.below(sources.len())).collect();
                    let batch: Vec<Vec<u32>> = chosen.iter().map(|i| sources[*i].clone()).collect();
                    let found = search(&model, threads, &batch, beam);
                    for (found, index) in found.iter().zip(&chosen) {
                        assert_eq!(found, &alone[*index], "{name}, beam {beam}, {threads} threads");
                        checked += 1;
                    }
                }
            }
        }
    }
    assert_eq!(checked, 15 * 2 * 2 * (2 + 4 + 6 + 8 + 10 + 12));
}

/// What a search says of its tokens is what the whole output says of them.
#[test]
fn an_outputs_likelihood_is_that_of_the_whole() {
    for (name, model) in models() {
        let source = vec![Noise(8).ids(11)];
        let decoder = model.decoder().unwrap();
        for output in &search(&model, 1, &source, 3)[0] {
            let read: Vec<u32> = [&[2], &output.ids[..]].concat();
            let rows = whole(&model, 1, &source, std::slice::from_ref(&read));
            let mut s = session(&model, 1);
            let rows = s.input(rows);
            let told: Vec<u32> =
                output.ids.iter().copied().chain(output.ended.then_some(3)).collect();
            assert_eq!(told.len(), output.log_probabilities.len());
            let logits = decoder.logits(&mut s, &rows);
            for (place, (id, found)) in told.iter().zip(&output.log_probabilities).enumerate() {
                let z = logits.rows().row(place);
                // The first token cannot be the end.
                let end = if place == 0 { f64::from(z[3]).exp() } else { 0.0 };
                let sum: f64 = z.iter().map(|z| f64::from(*z).exp()).sum::<f64>() - end;
                let expected = f64::from(z[*id as usize]) - sum.ln();
                assert!((f64::from(*found) - expected).abs() < 1e-5, "{name}: {found} {expected}");
            }
        }
    }
}

#[test]
fn an_output_may_be_as_long_as_the_decoder_takes_and_no_longer() {
    let (_, model) = models().swap_remove(3);
    let mut s = session(&model, 1);
    let source = vec![Noise(3).ids(4)];
    let (memory, texts) = memory(&model, &mut s, &source);
    let decoder = model.decoder().unwrap();
    let options = Search { beam: 2, best: 2, length_penalty: 1.0 };
    let found =
        decoder.search(&mut s, &Pool::new(1), (&memory, &texts), &[10 * PLACES], &options).unwrap();
    assert!(found[0].iter().all(|output| output.ids.len() < PLACES));
    let short = decoder.search(&mut s, &Pool::new(1), (&memory, &texts), &[3], &options).unwrap();
    for output in &short[0] {
        assert!(output.ids.len() <= 3 && (output.ended || output.ids.len() == 3), "{output:?}");
        assert_eq!(output.log_probabilities.len(), output.ids.len() + usize::from(output.ended));
    }
}

#[test]
fn without_positions_the_source_is_a_bag() {
    let source = Noise(9).ids(12);
    let mut turned = source.clone();
    turned.swap(0, 5);
    let target = vec![Noise(10).ids(5)];
    for (name, model) in models() {
        let a = whole(&model, 1, std::slice::from_ref(&source), &target);
        let b = whole(&model, 1, std::slice::from_ref(&turned), &target);
        let pairs = a.as_slice().iter().zip(b.as_slice());
        let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        match name.starts_with("none") {
            true => assert!(worst < 1e-4, "{name}: {worst}"),
            false => assert!(worst > 1e-2, "{name}: {worst}"),
        }
    }
}

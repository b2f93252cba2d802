//! Whole recurrent models: the loss, and its gradient by every parameter.

use std::collections::BTreeMap;
use std::sync::Arc;

use contexture_kernels::Pool;
use contexture_model::architectures::{
    Aggregator, CharacterSettings, EncoderSettings, LstmSettings, Sizes,
};
use contexture_model::heads::LanguageHeadSettings;
use contexture_model::positions::{Divisor, Layout, PositionSettings};
use contexture_model::{Model, NewModel};
use contexture_nn::ops::Gather;
use contexture_nn::{Gradients, Rows, Segments, Session, Weights};
use serde::Deserialize;

use crate::gradients::{check, farthest};
use crate::problem;

/// The settings of the reference's module, as its script names them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    hidden: usize,
    layers: usize,
    vocabulary: usize,
    epsilon: f32,
    lstm: LstmSettings,
    characters: Option<CharacterSettings>,
    mix: bool,
    types: usize,
    position: String,
    positions: usize,
    embedding_norm: bool,
    embedding_scale: f32,
    final_norm: bool,
    transform: bool,
    tied: bool,
    sides: bool,
}

/// The rows that one direction tells from, and the words that it tells.
#[derive(Debug, Deserialize)]
struct Side {
    rows: Vec<u32>,
    targets: Vec<u32>,
}

/// Sequences end to end. With words spelled out and a head by direction, rows count the two
/// markers that the encoder adds to each.
#[derive(Debug, Deserialize)]
struct Words {
    lengths: Vec<usize>,
    ids: Vec<u32>,
    characters: Vec<u16>,
    sides: Vec<Side>,
}

#[derive(Debug, Deserialize)]
struct Variant {
    settings: Settings,
    batch: Words,
    loss: f64,
}

fn new_model(s: &Settings) -> NewModel {
    let Settings { hidden, layers, vocabulary, .. } = *s;
    let sizes = Sizes { hidden, heads: 1, inner: hidden, vocabulary, layers };
    let positions = match &*s.position {
        "none" => None,
        "learned" => {
            Some(PositionSettings::Learned { entries: s.positions, offset: 0, skips: None })
        }
        "sinusoidal" => {
            let (layout, divisor) = (Layout::Interleaved, Divisor::Paper);
            Some(PositionSettings::Sinusoidal { layout, divisor, offset: 0 })
        }
        other => panic!("position {other}"),
    };
    let framing = if s.characters.is_some() { 2 } else { 0 };
    let e = EncoderSettings {
        epsilon: s.epsilon,
        aggregator: Aggregator::Lstm,
        lstm: Some(s.lstm.clone()),
        characters: s.characters.clone(),
        mix: s.mix,
        token_types: s.types,
        maximum_tokens: positions.is_some().then_some(s.positions - framing),
        positions: positions.into_iter().collect(),
        embedding_norm: s.embedding_norm,
        embedding_scale: s.embedding_scale,
        final_norm: s.final_norm,
        ..EncoderSettings::plain(sizes)
    };
    let language = match s.sides {
        true => LanguageHeadSettings::sides(&e),
        false => LanguageHeadSettings { tied: s.tied, ..LanguageHeadSettings::bert(&e) },
    };
    assert_eq!((language.tied, language.transform), (s.tied, s.transform));
    let (head, classifier, sentence) = (Vec::new(), None, Default::default());
    NewModel { settings: e, head, language: Some(language), classifier, decoder: None, sentence }
}

/// The mean loss over all that is told, and its gradients added to `gradients`.
fn learn(
    model: &Model,
    weights: &Arc<Weights>,
    words: &Words,
    pool: &Arc<Pool>,
    gradients: &mut Gradients,
) -> f64 {
    let mut s = Session::train(weights.clone(), pool.clone());
    let segments = Segments::from_lengths(words.lengths.iter().copied());
    let characters = (!words.characters.is_empty()).then(|| words.characters.clone().into());
    let batch = model.batch_with(words.ids.clone().into(), None, characters, segments);
    let batch = batch.unwrap_or_else(|e| panic!("{e}"));
    let language = model.language().expect("a language head");
    let hidden = match language.settings().per_direction {
        true => model.encoder().forward_framed(&mut s, &batch).0,
        false => model.tokens(&mut s, &batch),
    };
    let terms: usize = words.sides.iter().map(|side| side.targets.len()).sum();
    let seed = 1.0 / terms as f32;
    let mut losses = Vec::new();
    for (direction, side) in words.sides.iter().enumerate() {
        let told = Segments::single(side.rows.len());
        let rows = s.apply(Gather { rows: side.rows.clone().into() }, &[&hidden], &told);
        let rows = language.side(&mut s, &rows, direction);
        let rows = language.transform(&mut s, &rows, &told);
        losses.push(language.loss(&mut s, &rows, side.targets.clone().into(), 0.0, seed));
    }
    drop(hidden);
    let values = losses.iter().flat_map(|losses| losses.rows().as_slice());
    let sum: f64 = values.map(|loss| f64::from(*loss)).sum();
    let seeds = losses.iter().map(|l| (l, Rows::new(vec![seed; l.rows().rows()], 1))).collect();
    s.backward_into(seeds, gradients);
    sum / terms as f64
}

#[test]
fn gradients_of_every_recurrent_variant_are_the_references() {
    let variants: BTreeMap<String, Variant> = problem::json("recurrent.json");
    assert_eq!(variants.len(), 7);
    for threads in [1, 2] {
        let pool = Arc::new(Pool::new(threads));
        for (name, golden) in &variants {
            let (model, weights, expected) = problem::stored(name, &new_model(&golden.settings));
            let mut gradients = Gradients::default();
            let loss = learn(&model, &weights, &golden.batch, &pool, &mut gradients);
            let name = format!("{name}, {threads}");
            let distance = farthest(&name, &weights, &gradients, &expected);
            check(&name, (loss, golden.loss), distance);
        }
    }
}

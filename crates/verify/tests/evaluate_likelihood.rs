//! Likelihoods of tokens against the language head's own scores, masked and causal.

use std::sync::Arc;

use contexture_engine::{Ask, EngineError, Likelihood, Objective, Tokenizer};
use contexture_evaluate::minimal_pairs::{MinimalPair, Scoring, minimal_pairs};
use contexture_evaluate::perplexity::{Masking, perplexity};
use contexture_evaluate::{EvaluateError, Setup};
use contexture_kernels::{Pool, Reach};
use contexture_model::architectures::{EncoderSettings, Sizes};
use contexture_model::folder::SentenceSettings;
use contexture_model::heads::LanguageHeadSettings;
use contexture_model::positions::PositionSettings;
use contexture_model::{Model, NewModel};
use contexture_nn::{Segments, Session};
use contexture_verify::goldens;

const TEXTS: [&str; 5] =
    ["the bank of the river", "", "ram hits sam", "a", "she rang the bell by hand twice a minute"];

fn tokenizer() -> Tokenizer {
    Tokenizer::open(&goldens().join("families/bert")).unwrap()
}

fn model(reach: Reach, vocabulary: usize, head: bool) -> Model {
    let sizes = Sizes { hidden: 24, heads: 3, inner: 40, vocabulary, layers: 2 };
    let mut settings = EncoderSettings {
        positions: vec![PositionSettings::Learned { entries: 32, offset: 0, skips: None }],
        maximum_tokens: Some(32),
        // Far from uniform, so that a fault is visible.
        initial_deviation: 0.3,
        ..EncoderSettings::plain(sizes)
    };
    settings.layers.iter_mut().for_each(|layer| layer.reach = reach);
    let new = NewModel {
        language: head.then(|| LanguageHeadSettings::bert(&settings)),
        settings,
        head: Vec::new(),
        classifier: None,
        decoder: None,
        sentence: SentenceSettings::default(),
    };
    Model::create(&new, 7).unwrap()
}

/// log softmax of the head's scores at each place of one sequence, in f64.
fn by_hand(model: &Model, ids: &[u32]) -> Vec<Vec<f64>> {
    let segments = Segments::single(ids.len());
    let batch = model.batch(ids.into(), None, segments.clone()).unwrap();
    let mut s = Session::infer(model.weights().clone(), Arc::new(Pool::new(1)));
    let head = model.language().unwrap();
    let tokens = model.tokens(&mut s, &batch);
    let rows = head.transform(&mut s, &tokens, &segments);
    let logits = head.logits(&mut s, &rows);
    let softmax = |row: &[f32]| {
        let sum: f64 = row.iter().map(|z| f64::from(*z).exp()).sum();
        row.iter().map(|z| f64::from(*z) - sum.ln()).collect()
    };
    (0..ids.len()).map(|at| softmax(logits.rows().row(at))).collect()
}

#[test]
fn masked_places_are_scored_as_the_head_scores_them() {
    let tokenizer = tokenizer();
    let model = model(Reach::ALL, tokenizer.vocabulary_size(), true);
    let likelihood = Likelihood::of(&model, &tokenizer, 2).unwrap();
    assert_eq!(likelihood.objective(), Objective::Masked);
    let mask = tokenizer.special().mask.unwrap();
    let sequences: Vec<_> = TEXTS.iter().map(|text| likelihood.sequence(text).unwrap()).collect();
    let mut asks = Vec::new();
    for sequence in &sequences {
        let places = likelihood.places(sequence);
        assert!(places.iter().all(|at| *at > 0 && at + 1 < sequence.ids.len()), "no special token");
        asks.extend(places.iter().map(|at| Ask { sequence, positions: vec![*at] }));
        asks.push(Ask { sequence, positions: places });
    }
    let found = likelihood.log_probabilities(&asks).unwrap();
    assert_eq!(found.len(), asks.len());
    let mut compared = 0;
    for (ask, found) in asks.iter().zip(&found) {
        let mut ids = ask.sequence.ids.clone();
        ask.positions.iter().for_each(|at| ids[*at] = mask);
        let expected = by_hand(&model, &ids);
        assert_eq!(found.len(), ask.positions.len());
        for (at, found) in ask.positions.iter().zip(found) {
            let expected = expected[*at][ask.sequence.ids[*at] as usize];
            assert!((found - expected).abs() < 1e-4, "{found} {expected}");
            compared += 1;
        }
    }
    assert!(compared > 20, "{compared}");
    // Alone as in a batch, bit for bit.
    for (ask, found) in asks.iter().zip(&found) {
        assert_eq!(&likelihood.log_probabilities(std::slice::from_ref(ask)).unwrap()[0], found);
    }
}

#[test]
fn causal_places_see_what_stands_before_them() {
    let tokenizer = tokenizer();
    let model = model(Reach::CAUSAL, tokenizer.vocabulary_size(), true);
    let likelihood = Likelihood::of(&model, &tokenizer, 2).unwrap();
    assert_eq!(likelihood.objective(), Objective::Causal);
    for text in TEXTS {
        let sequence = likelihood.sequence(text).unwrap();
        let places = likelihood.places(&sequence);
        let found = likelihood
            .log_probabilities(&[Ask { sequence: &sequence, positions: places.clone() }])
            .unwrap();
        for (at, found) in places.iter().zip(&found[0]) {
            // Only the tokens before are given at all.
            let expected = by_hand(&model, &sequence.ids[..*at]);
            let expected = expected[at - 1][sequence.ids[*at] as usize];
            assert!((found - expected).abs() < 1e-4, "{text}, {at}: {found} {expected}");
        }
    }
    let sequence = likelihood.sequence("ram").unwrap();
    let first = likelihood.log_probabilities(&[Ask { sequence: &sequence, positions: vec![0] }]);
    assert!(matches!(first, Err(EngineError::Place { found: 0, first: 1, .. })));
}

fn texts() -> impl Iterator<Item = Result<String, EvaluateError>> {
    TEXTS.iter().map(|text| Ok((*text).to_owned()))
}

#[test]
fn perplexity_is_exp_of_the_mean_loss() {
    let tokenizer = tokenizer();
    for reach in [Reach::ALL, Reach::CAUSAL] {
        let model = model(reach, tokenizer.vocabulary_size(), true);
        let likelihood = Likelihood::of(&model, &tokenizer, 1).unwrap();
        let setup = Setup::default();
        let found = perplexity(&likelihood, texts(), Masking::Each, &setup).unwrap();
        let (mut sum, mut count) = (0.0, 0);
        for text in TEXTS {
            let sequence = likelihood.sequence(text).unwrap();
            for at in likelihood.places(&sequence) {
                let ask = Ask { sequence: &sequence, positions: vec![at] };
                sum -= likelihood.log_probabilities(&[ask]).unwrap()[0][0];
                count += 1;
            }
        }
        assert_eq!((found.tokens, found.texts), (count, 4), "the empty text has no token");
        assert!((found.perplexity.value.ln() - sum / count as f64).abs() < 1e-9);
        let [low, high] = found.perplexity.interval.unwrap();
        assert!(low <= found.perplexity.value && found.perplexity.value <= high);
        if reach == Reach::ALL {
            let share = |seed| {
                let mut setup = setup.clone();
                setup.bootstrap.seed = seed;
                perplexity(&likelihood, texts(), Masking::Share(0.15), &setup).unwrap()
            };
            assert_eq!(share(1).loss.value, share(1).loss.value);
            assert!(share(1).tokens < count && share(1).masked_share == Some(0.15));
            let refused = perplexity(&likelihood, texts(), Masking::Share(0.0), &setup);
            assert!(matches!(refused, Err(EvaluateError::Setting { .. })));
        }
    }
}

#[test]
fn the_likelier_sentence_of_a_pair_wins() {
    let tokenizer = tokenizer();
    let pair = |a: &str, b: &str| MinimalPair {
        grammatical: a.into(),
        ungrammatical: b.into(),
        case: "verb".into(),
    };
    let forms = ["hits", "hit", "rang", "of"];
    let pairs: Vec<MinimalPair> = forms
        .iter()
        .flat_map(|a| forms.iter().map(move |b| (a, b)))
        .filter(|(a, b)| a != b)
        .map(|(a, b)| pair(&format!("ram {a} sam"), &format!("ram {b} sam")))
        .collect();
    for reach in [Reach::ALL, Reach::CAUSAL] {
        let model = model(reach, tokenizer.vocabulary_size(), true);
        let likelihood = Likelihood::of(&model, &tokenizer, 1).unwrap();
        for scoring in [Scoring::Words, Scoring::Sentence] {
            let found = minimal_pairs(&likelihood, &pairs, scoring, &Setup::default()).unwrap();
            // Each pair stands there in both orders: exactly one of the two can win.
            assert_eq!(found.overall.ties, 0);
            assert_eq!(found.overall.accuracy.value, 0.5, "{scoring:?}");
            assert_eq!(found.cases.len(), 1);
        }
    }
}

#[test]
fn a_model_without_a_language_head_is_refused() {
    let tokenizer = tokenizer();
    let model = model(Reach::ALL, tokenizer.vocabulary_size(), false);
    let refused = Likelihood::of(&model, &tokenizer, 1);
    assert!(matches!(refused, Err(EngineError::NoLanguageHead { .. })));
}

//! What is written and opened again computes the same, bit for bit, whatever it is made of.

use std::path::Path;
use std::sync::Arc;

use contexture_kernels::{Activation, Pool, Reach};
use contexture_model::architectures::{
    Aggregator, Biases, EncoderSettings, LayerSettings, NormPlace, Sizes,
};
use contexture_model::folder::{ModuleSettings, SentenceSettings};
use contexture_model::heads::{ClassifierSettings, LanguageHeadSettings, Level};
use contexture_model::positions::{Divisor, Layout, PositionSettings};
use contexture_model::{AddHeads, Model, NewModel, OpenOptions};
use contexture_nn::ops::Pooling;
use contexture_nn::{Segments, Session, Weights};

const SIZES: Sizes = Sizes { hidden: 16, heads: 2, inner: 24, vocabulary: 40, layers: 2 };

fn learned() -> PositionSettings {
    PositionSettings::Learned { entries: 12, offset: 0, skips: None }
}

fn bert() -> EncoderSettings {
    EncoderSettings {
        token_types: 2,
        positions: vec![learned()],
        maximum_tokens: Some(12),
        dropout: 0.1,
        ..EncoderSettings::plain(SIZES)
    }
}

fn new(settings: EncoderSettings) -> NewModel {
    NewModel {
        language: Some(LanguageHeadSettings::bert(&settings)),
        settings,
        head: vec![
            ModuleSettings::Pool { pooling: vec![Pooling::Mean], include_prompt: true },
            ModuleSettings::Normalize,
        ],
        classifier: None,
        decoder: None,
        sentence: SentenceSettings { maximum_tokens: Some(10), ..SentenceSettings::default() },
    }
}

fn plain() -> OpenOptions {
    OpenOptions { threads: 1, pack: false, ..OpenOptions::default() }
}

/// Everything that a model computes: token rows, sentence rows, word scores, class scores.
fn outputs(model: &Model, weights: &Arc<Weights>) -> Vec<Vec<f32>> {
    let segments = Segments::from_lengths([5, 1, 7]);
    let ids: Arc<[u32]> = (0..13u32).map(|i| (i * 7 + 3) % 40).collect();
    let types = (0..13u32).map(|i| i % 2).collect();
    let batch = model.batch(ids, Some(types), segments.clone()).expect("a batch in range");
    let mut s = Session::infer(weights.clone(), Arc::new(Pool::new(1)));
    let tokens = model.tokens(&mut s, &batch);
    let sentences = model.sentences(&mut s, &tokens, &batch, &Arc::from([]));
    let mut all = vec![tokens.clone(), sentences];
    if let Some(head) = model.language() {
        let transformed = head.transform(&mut s, &tokens, &segments);
        all.push(head.logits(&mut s, &transformed));
    }
    if let Some(head) = model.classifier() {
        let transformed = head.transform(&mut s, &tokens, &segments);
        all.push(head.logits(&mut s, &transformed));
    }
    all.iter().map(|value| value.rows().as_slice().to_vec()).collect()
}

fn config(folder: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(folder.join("config.json")).unwrap()).unwrap()
}

/// Writes, opens, and writes what was opened: the outputs stay, and so do the files.
fn check(name: &str, new: &NewModel) -> String {
    let folder = tempfile::tempdir().unwrap();
    let model = Model::create(new, 5).unwrap_or_else(|e| panic!("{name}: {e}"));
    let before = outputs(&model, model.weights());
    assert!(before.iter().flatten().all(|v| v.is_finite()), "{name}");
    model.write(folder.path(), model.weights()).unwrap_or_else(|e| panic!("{name}: {e}"));
    let opened = Model::open(folder.path(), &plain()).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(opened.language().is_some(), new.language.is_some(), "{name}");
    assert_eq!(opened.classifier().map(|c| c.settings()), new.classifier.as_ref(), "{name}");
    assert_eq!(outputs(&opened, opened.weights()), before, "{name}");
    let expected = EncoderSettings { dropout: 0.0, ..new.settings.clone() };
    let found = opened.encoder().settings();
    // A family's configuration does not say how its weights began.
    let (initial_deviation, scaled_residuals) =
        (expected.initial_deviation, expected.scaled_residuals);
    let found = EncoderSettings { initial_deviation, scaled_residuals, ..found.clone() };
    assert_eq!(found, expected, "{name}");
    let again = tempfile::tempdir().unwrap();
    opened.write(again.path(), opened.weights()).unwrap();
    for file in ["config.json", "model.safetensors", "modules.json", "sentence_bert_config.json"] {
        let read = |folder: &Path| std::fs::read(folder.join(file)).unwrap();
        assert!(read(again.path()) == read(folder.path()), "{name}: {file}");
    }
    let packed = Model::open(folder.path(), &OpenOptions { heads: true, ..OpenOptions::default() });
    let packed = packed.unwrap_or_else(|e| panic!("{name}: {e}"));
    for (a, b) in outputs(&packed, packed.weights()).iter().flatten().zip(before.iter().flatten()) {
        assert!((a - b).abs() < 1e-5, "{name}, packed: {a} against {b}");
    }
    config(folder.path())["model_type"].as_str().unwrap_or("none").to_string()
}

fn rotary(e: &mut EncoderSettings, width: usize, interleaved: bool) {
    e.positions = vec![PositionSettings::Rotary { width, interleaved }];
    e.layers.iter_mut().for_each(|layer| layer.rotary_base = 10_000.0);
}

fn position_variants() -> Vec<(&'static str, Vec<PositionSettings>)> {
    let sinusoidal =
        |layout, divisor, offset| vec![PositionSettings::Sinusoidal { layout, divisor, offset }];
    let source = "if(i < d/2, sin(pos / 10^(i/d)), cos(pos / n))".to_string();
    vec![
        ("none", vec![]),
        ("alibi", vec![PositionSettings::Alibi]),
        ("t5", vec![PositionSettings::Buckets { buckets: 32, farthest: 128, one_sided: false }]),
        (
            "mpnet",
            vec![
                PositionSettings::Learned { entries: 14, offset: 2, skips: Some(1) },
                PositionSettings::Buckets { buckets: 32, farthest: 128, one_sided: false },
            ],
        ),
        ("paper", sinusoidal(Layout::Interleaved, Divisor::Paper, 0)),
        ("marian", sinusoidal(Layout::Halves, Divisor::Paper, 0)),
        ("tensor2tensor", sinusoidal(Layout::Halves, Divisor::Tensor2Tensor, 0)),
        ("fairseq", sinusoidal(Layout::Halves, Divisor::Tensor2Tensor, 2)),
        ("formula", vec![PositionSettings::Formula { source, tolerance: 1e-6 }]),
        ("alibi and learned", vec![PositionSettings::Alibi, learned()]),
    ]
}

#[test]
fn berts_own_shape_is_written_as_bert_and_all_others_as_contexture() {
    assert_eq!(check("bert", &new(bert())), "bert");
    for activation in [Activation::Relu, Activation::GeluTanh, Activation::Silu] {
        assert_eq!(check("bert", &new(EncoderSettings { activation, ..bert() })), "bert");
    }
    let others: [(&str, EncoderSettings); 11] = [
        ("no types", EncoderSettings { token_types: 0, ..bert() }),
        ("scale", EncoderSettings { embedding_scale: 4.0, ..bert() }),
        ("gated", EncoderSettings { gated: true, activation: Activation::Silu, ..bert() }),
        ("pre-norm", EncoderSettings { norm: NormPlace::Before, final_norm: true, ..bert() }),
        (
            "first norm",
            EncoderSettings { norm: NormPlace::Before, first_attention_norm: false, ..bert() },
        ),
        (
            "biases",
            EncoderSettings { biases: Biases { first: false, ..Biases::all(true) }, ..bert() },
        ),
        ("no biases", EncoderSettings { biases: Biases::all(false), norm_bias: false, ..bert() }),
        ("no embedding norm", EncoderSettings { embedding_norm: false, ..bert() }),
        (
            "causal",
            EncoderSettings {
                layers: vec![LayerSettings { reach: Reach::CAUSAL, rotary_base: 0.0 }; 2],
                ..bert()
            },
        ),
        (
            "window",
            EncoderSettings {
                layers: vec![
                    LayerSettings { reach: Reach::window(1), rotary_base: 0.0 },
                    LayerSettings { reach: Reach::ALL, rotary_base: 0.0 },
                ],
                ..bert()
            },
        ),
        (
            "bag of words",
            EncoderSettings {
                aggregator: Aggregator::None,
                layers: Vec::new(),
                positions: Vec::new(),
                ..bert()
            },
        ),
    ];
    for (name, settings) in others {
        assert_eq!(check(name, &new(settings)), "contexture", "{name}");
    }
}

#[test]
fn every_position_function_survives_in_every_frame() {
    for (name, positions) in position_variants() {
        for norm in [NormPlace::After, NormPlace::Before] {
            for gated in [false, true] {
                let e = EncoderSettings {
                    norm,
                    gated,
                    final_norm: norm == NormPlace::Before,
                    positions: positions.clone(),
                    ..bert()
                };
                assert_eq!(check(name, &new(e)), "contexture", "{name}");
            }
        }
    }
    for (width, interleaved) in [(8, false), (8, true), (4, true)] {
        let mut e = bert();
        rotary(&mut e, width, interleaved);
        assert_eq!(check("rotary", &new(e)), "contexture");
    }
}

#[test]
fn every_head_survives() {
    let e = bert();
    let labels = || vec!["noun".to_string(), "verb".to_string(), "other".to_string()];
    let heads = [
        (Some(LanguageHeadSettings::plain(&e)), None, "contexture"),
        (
            Some(LanguageHeadSettings { tied: false, ..LanguageHeadSettings::bert(&e) }),
            None,
            "contexture",
        ),
        (None, None, "bert"),
        (None, Some(ClassifierSettings::bert(Level::Texts, labels())), "bert"),
        (None, Some(ClassifierSettings::bert(Level::Tokens, labels())), "bert"),
        (
            Some(LanguageHeadSettings::bert(&e)),
            Some(ClassifierSettings {
                pooling: Pooling::Mean,
                activation: Activation::Gelu,
                ..ClassifierSettings::bert(Level::Texts, labels())
            }),
            "bert",
        ),
    ];
    for (language, classifier, kind) in heads {
        let new = NewModel { language, classifier, ..new(e.clone()) };
        assert_eq!(check("heads", &new), kind, "{new:?}");
    }
    let dense = |path: &str, activation| ModuleSettings::Dense {
        path: path.into(),
        inputs: 48,
        outputs: 48,
        bias: true,
        activation,
    };
    let pooling = vec![Pooling::Mean, Pooling::Cls, Pooling::Max];
    let head = vec![
        ModuleSettings::Pool { pooling, include_prompt: false },
        dense("2_Dense", Activation::Tanh),
        dense("3_Dense", Activation::Identity),
        ModuleSettings::Normalize,
    ];
    let sentence = SentenceSettings {
        prompts: [("query".to_string(), "query: ".to_string())].into(),
        default_prompt: Some("query".into()),
        dimensions: Some(8),
        similarity: Some("dot".into()),
        lower_case: true,
        maximum_tokens: None,
    };
    let new = NewModel { head, sentence: sentence.clone(), ..new(e) };
    check("dense", &new);
    let folder = tempfile::tempdir().unwrap();
    let model = Model::create(&new, 1).unwrap();
    model.write(folder.path(), model.weights()).unwrap();
    let opened = Model::open(folder.path(), &plain()).unwrap();
    assert_eq!(opened.head().settings().modules, new.head);
    let expected = SentenceSettings { maximum_tokens: Some(12), ..sentence };
    assert_eq!(*opened.sentence(), expected);
}

#[test]
fn heads_are_added_to_what_has_none_and_kept_where_there_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let bare = NewModel { language: None, ..new(bert()) };
    let model = Model::create(&bare, 3).unwrap();
    model.write(folder.path(), model.weights()).unwrap();
    assert!(Model::open(folder.path(), &plain()).unwrap().language().is_none());

    let classifier = ClassifierSettings::bert(Level::Tokens, vec!["a".into(), "b".into()]);
    let add = AddHeads { language: true, classifier: Some(classifier.clone()), seed: 9 };
    let options = OpenOptions { add_heads: Some(add), dropout: 0.2, ..plain() };
    let added = Model::open(folder.path(), &options).unwrap();
    assert_eq!(added.encoder().settings().dropout, 0.2);
    let twice = Model::open(folder.path(), &options).unwrap();
    let found = outputs(&added, added.weights());
    assert_eq!(found, outputs(&twice, twice.weights()), "one seed, two models");
    assert_eq!(found[..2], outputs(&model, model.weights())[..2], "the encoder is what it was");
    assert_eq!(added.classifier().unwrap().settings(), &classifier);

    let grown = tempfile::tempdir().unwrap();
    added.write(grown.path(), added.weights()).unwrap();
    assert_eq!(config(grown.path())["architectures"][0], "BertForMaskedLM");
    let other = AddHeads { language: true, classifier: Some(classifier), seed: 77 };
    let options = OpenOptions { add_heads: Some(other), ..plain() };
    let kept = Model::open(grown.path(), &options).unwrap();
    assert_eq!(outputs(&kept, kept.weights()), found, "stored heads are kept");
    let bare = Model::open(grown.path(), &OpenOptions::default()).unwrap();
    assert!(bare.language().is_none() && bare.classifier().is_none(), "embedding needs no head");
    assert!(bare.info().tensors_ignored.iter().any(|name| name == "classifier.weight"));
}

#[test]
fn scaled_residuals_begin_smaller() {
    let deviation = |scaled: bool, part: &str| {
        let e = EncoderSettings { scaled_residuals: scaled, initial_deviation: 0.1, ..bert() };
        let model = Model::create(&new(e), 2).unwrap();
        let weights = model.weights();
        let name = format!("layers.1.{part}.weight");
        let declared = weights.declaration().params.iter().find(|d| d.name == name).unwrap();
        let values = weights.plain(declared.param);
        (values.iter().map(|v| v * v).sum::<f32>() / values.len() as f32).sqrt()
    };
    for part in ["attention.output", "feed_forward.second"] {
        let ratio = deviation(true, part) / deviation(false, part);
        assert!((ratio - 0.5).abs() < 1e-3, "{part}: {ratio}");
    }
    assert_eq!(deviation(true, "attention.qkv"), deviation(false, "attention.qkv"));
}

#[test]
fn settings_that_cannot_work_are_refused_by_name() {
    let with = |change: &dyn Fn(&mut EncoderSettings)| {
        let mut e = bert();
        change(&mut e);
        Model::create(&NewModel { language: None, ..new(e) }, 1).map(|_| ())
    };
    type Change<'a> = (&'a str, &'a dyn Fn(&mut EncoderSettings));
    let cases: [Change<'_>; 11] = [
        ("heads", &|e| e.heads = 0),
        ("dropout", &|e| e.dropout = 1.0),
        ("dropout", &|e| e.dropout = f32::NAN),
        ("layers", &|e| e.layers.clear()),
        ("layers", &|e| e.aggregator = Aggregator::None),
        ("positions.learned.entries", &|e| e.maximum_tokens = Some(13)),
        ("positions.rotary.width", &|e| rotary(e, 7, false)),
        ("layers.rotary_base", &|e| {
            e.positions = vec![PositionSettings::Rotary { width: 8, interleaved: false }];
        }),
        ("maximum_tokens", &|e| {
            let (source, tolerance) = ("pos".into(), 0.0);
            e.positions = vec![PositionSettings::Formula { source, tolerance }];
            e.maximum_tokens = None;
        }),
        ("unknown variable `x`", &|e| {
            let (source, tolerance) = ("sin(x)".into(), 0.0);
            e.positions = vec![PositionSettings::Formula { source, tolerance }];
        }),
        ("positions.buckets.farthest", &|e| {
            e.positions =
                vec![PositionSettings::Buckets { buckets: 32, farthest: 8, one_sided: false }];
        }),
    ];
    for (expected, change) in cases {
        let error = with(change).expect_err(expected).to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn unknown_keys_of_a_configuration_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let model = Model::create(&new(EncoderSettings { gated: true, ..bert() }), 3).unwrap();
    model.write(folder.path(), model.weights()).unwrap();
    let mut config = config(folder.path());
    config["encoder"]["hiden"] = 3.into();
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    let error = Model::open(folder.path(), &plain()).unwrap_err().to_string();
    assert!(error.contains("unknown field `hiden`") && error.contains("config.json"), "{error}");
}

/// Noise takes the unfused form of each sum; what it computes must be what the fused one does.
#[test]
fn dropout_acts_in_training_with_noise_only_and_keeps_the_mean() {
    let forward = |rate: f32, seed: Option<u64>| {
        let model = Model::create(&new(EncoderSettings { dropout: rate, ..bert() }), 4).unwrap();
        let segments = Segments::from_lengths([6, 3]);
        let ids = (0..9u32).collect::<Vec<_>>().into();
        let batch = model.batch(ids, None, segments).unwrap();
        let s = Session::train(model.weights().clone(), Arc::new(Pool::new(1)));
        let mut s = seed.map_or_else(
            || Session::train(model.weights().clone(), Arc::new(Pool::new(1))),
            |seed| s.with_noise(seed),
        );
        model.tokens(&mut s, &batch).rows().as_slice().to_vec()
    };
    let still = forward(0.0, None);
    assert_eq!(forward(0.1, None), still, "evaluation has no noise");
    assert_eq!(forward(0.0, Some(3)), still, "no rate, no noise");
    assert_eq!(forward(0.1, Some(3)), forward(0.1, Some(3)), "one seed, one mask");
    assert_ne!(forward(0.1, Some(3)), forward(0.1, Some(4)));
    // So small a rate drops nothing here, and the unfused sums equal the fused ones.
    for (a, b) in forward(1e-9, Some(3)).iter().zip(&still) {
        assert!((a - b).abs() < 1e-5, "{a} against {b}");
    }
}

//! Folders of recurrent models: what is written opens to the same, what contradicts itself does
//! not open.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use contexture::{EmbedOptions, Levels};
use contexture_kernels::Pool;
use contexture_model::{Model, ModelError, OpenOptions};
use contexture_nn::{Segments, Session, Weights};
use serde_json::{Value, json};

use crate::models::{self, kinds, of};

fn open(folder: &Path, pack: bool) -> Result<Model, ModelError> {
    Model::open(folder, &OpenOptions { threads: 1, pack, ..OpenOptions::default() })
}

/// Token rows, and the scores of all words by each direction.
fn outputs(model: &Model, weights: &Arc<Weights>) -> Vec<Vec<f32>> {
    computed(model, weights).expect("a batch in range")
}

fn computed(model: &Model, weights: &Arc<Weights>) -> Result<Vec<Vec<f32>>, ModelError> {
    let e = model.encoder().settings();
    let segments = Segments::from_lengths([5, 0, 1, 7]);
    let ids: Arc<[u32]> = (0..13u32).map(|i| (i * 7 + 3) % e.vocabulary as u32).collect();
    let characters = e.characters.as_ref().map(|c| {
        let spelled = (0..13 * c.most).map(|i| (i * i / 3 % c.entries) as u16);
        spelled.collect::<Arc<[u16]>>()
    });
    let batch = model.batch_with(ids, None, characters, segments)?;
    let mut s = Session::infer(weights.clone(), Arc::new(Pool::new(1)));
    let tokens = model.tokens(&mut s, &batch);
    let (framed, segments) = model.encoder().forward_framed(&mut s, &batch);
    let mut all = vec![tokens];
    if let Some(head) = model.language() {
        let directions = if head.settings().per_direction { e.directions() } else { 1 };
        for direction in 0..directions {
            let rows = head.side(&mut s, &framed, direction);
            let rows = head.transform(&mut s, &rows, &segments);
            all.push(head.logits(&mut s, &rows));
        }
    }
    Ok(all.iter().map(|value| value.rows().as_slice().to_vec()).collect())
}

#[test]
fn what_is_written_opens_to_the_same_vectors() {
    for kind in kinds() {
        let name = kind.name;
        let created = kind.create();
        let before = outputs(&created, created.weights());
        assert!(before.iter().flatten().all(|v| v.is_finite()), "{name}");
        let folder = kind.folder();
        let opened = open(folder.path(), false).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(opened.encoder().settings(), &kind.new.settings, "{name}");
        let head = opened.language().map(|head| head.settings());
        assert_eq!(head, kind.new.language.as_ref(), "{name}");
        assert!(outputs(&opened, opened.weights()) == before, "{name}: other vectors");

        let again = tempfile::tempdir().expect("a folder");
        opened.write(again.path(), opened.weights()).unwrap_or_else(|e| panic!("{name}: {e}"));
        for file in fs::read_dir(folder.path()).expect("a folder") {
            let file = file.expect("a file").file_name();
            let read = |folder: &Path| fs::read(folder.join(&file)).ok();
            assert!(read(again.path()) == read(folder.path()), "{name}: {file:?}");
        }
        let levels = Levels { sentence: true, words: true, tokens: true };
        let options = EmbedOptions { levels, ..EmbedOptions::default() };
        let records = [&folder, &again].map(|folder| {
            let embedder = models::open(folder.path(), 2);
            embedder.embed_with(&["ram hits sam", "", "the river bank"], &options).unwrap()
        });
        assert!(records[0] == records[1], "{name}: embedded otherwise");
    }
}

/// A kind of model, a change of the encoder's settings in its configuration, and the error.
type Case = (&'static str, &'static str, fn(&mut Value), &'static str, &'static [&'static str]);

const SETTINGS: &[Case] = &[
    (
        "an unknown key",
        "joint",
        |e| e["lstm"]["cels"] = json!(3),
        "Setting",
        &["config.json", "cels"],
    ),
    (
        "an unknown key of characters",
        "spelled apart",
        |e| e["characters"]["colour"] = json!(3),
        "Setting",
        &["config.json", "colour"],
    ),
    (
        "odd width of two directions",
        "apart",
        |e| e["hidden"] = json!(15),
        "Contradiction",
        &["hidden", "15", "even"],
    ),
    (
        "other cells without projection",
        "joint",
        |e| e["lstm"]["cells"] = json!(9),
        "Contradiction",
        &["lstm.cells", "9", "8"],
    ),
    (
        "other cells with projection",
        "apart",
        |e| e["lstm"]["cells"] = json!(12),
        "Shape",
        &["layers.0.forward", "48", "44"],
    ),
    ("no cells", "apart", |e| e["lstm"]["cells"] = json!(0), "Contradiction", &["lstm.cells"]),
    (
        "cells beyond memory",
        "apart",
        |e| e["lstm"]["cells"] = json!(1u64 << 40),
        "Contradiction",
        &["lstm.cells"],
    ),
    ("negative cells", "apart", |e| e["lstm"]["cells"] = json!(-8), "Setting", &["config.json"]),
    (
        "no lstm",
        "joint",
        |e| drop(e.as_object_mut().map(|e| e.remove("lstm"))),
        "Contradiction",
        &["lstm"],
    ),
    (
        "lstm beside attention",
        "joint",
        |e| e["aggregator"] = json!("attention"),
        "Contradiction",
        &["lstm", "aggregator"],
    ),
    (
        "an aggregator of no name",
        "joint",
        |e| e["aggregator"] = json!("gru"),
        "Setting",
        &["config.json", "gru"],
    ),
    (
        "no projection",
        "apart",
        |e| e["lstm"]["projection"] = json!(false),
        "Contradiction",
        &["lstm.cells", "projection"],
    ),
    (
        "a projection too many",
        "joint",
        |e| e["lstm"]["projection"] = json!(true),
        "MissingTensor",
        &["projection"],
    ),
    (
        "sides that are joint",
        "apart",
        |e| e["lstm"]["joint"] = json!(true),
        "Shape",
        &["layers.1.forward.input"],
    ),
    (
        "a direction of no name",
        "joint",
        |e| e["lstm"]["directions"] = json!("backward"),
        "Setting",
        &["backward"],
    ),
    (
        "a direction too few",
        "apart",
        |e| {
            (e["hidden"], e["lstm"]["directions"]) = (json!(8), json!("forward"));
        },
        "UnreadTensor",
        &["backward"],
    ),
    (
        "a direction too many",
        "forward",
        |e| {
            (e["hidden"], e["lstm"]["directions"]) = (json!(32), json!("both"));
        },
        "MissingTensor",
        &["backward"],
    ),
    (
        "a clip of nothing",
        "apart",
        |e| e["lstm"]["cell_clip"] = json!(0.0),
        "Contradiction",
        &["lstm.cell_clip"],
    ),
    (
        "a clip below nothing",
        "apart",
        |e| e["lstm"]["projection_clip"] = json!(-1.0),
        "Contradiction",
        &["lstm.projection_clip"],
    ),
    (
        "a clip in words",
        "apart",
        |e| e["lstm"]["cell_clip"] = json!("3"),
        "Setting",
        &["config.json"],
    ),
    (
        "a layer too many",
        "joint",
        |e| {
            let layer = e["layers"][0].clone();
            e["layers"].as_array_mut().expect("layers").push(layer);
        },
        "MissingTensor",
        &["layers.2."],
    ),
    (
        "a layer too few",
        "joint",
        |e| drop(e["layers"].as_array_mut().expect("layers").pop()),
        "UnreadTensor",
        &["layers.1."],
    ),
    ("a mix of no weights", "joint", |e| e["mix"] = json!(true), "MissingTensor", &["mix."]),
    ("weights of no mix", "joint mix", |e| e["mix"] = json!(false), "UnreadTensor", &["mix."]),
    (
        "places that turn heads",
        "joint",
        |e| e["positions"] = json!(["alibi"]),
        "Contradiction",
        &["positions", "ALiBi"],
    ),
    (
        "no characters",
        "spelled joint",
        |e| drop(e.as_object_mut().map(|e| e.remove("characters"))),
        "MissingTensor",
        &["embeddings.words"],
    ),
    (
        "too few characters",
        "spelled apart",
        |e| e["characters"]["entries"] = json!(263),
        "Shape",
        &["embeddings.characters"],
    ),
    (
        "padding of no row",
        "spelled apart",
        |e| e["characters"]["padding"] = json!(262),
        "Contradiction",
        &["characters.padding"],
    ),
    (
        "padding that is no u16",
        "spelled apart",
        |e| e["characters"]["padding"] = json!(70000),
        "Setting",
        &["70000"],
    ),
    (
        "a marker of no row",
        "spelled apart",
        |e| e["characters"]["markers"][1][0] = json!(262),
        "Contradiction",
        &["characters.markers"],
    ),
    (
        "a filter wider than words",
        "spelled apart",
        |e| e["characters"]["filters"][0][0] = json!(51),
        "Contradiction",
        &["characters.filters"],
    ),
    (
        "no filters",
        "spelled apart",
        |e| e["characters"]["filters"] = json!([]),
        "Contradiction",
        &["characters.filters"],
    ),
    (
        "a filter too few",
        "spelled apart",
        |e| {
            e["characters"]["filters"] = json!([[1, 4], [2, 12]]);
        },
        "Shape",
        &["embeddings.filters.1"],
    ),
    (
        "a highway too few",
        "spelled apart",
        |e| e["characters"]["highways"] = json!(1),
        "UnreadTensor",
        &["embeddings.highways.1"],
    ),
    (
        "a highway too many",
        "spelled apart",
        |e| e["characters"]["highways"] = json!(3),
        "MissingTensor",
        &["embeddings.highways.2"],
    ),
    (
        "words of two marks",
        "spelled apart",
        |e| e["characters"]["most"] = json!(2),
        "Contradiction",
        &["characters.most"],
    ),
    (
        "a word's row of no width",
        "spelled and listed",
        |e| e["characters"]["words"]["width"] = json!(0),
        "Contradiction",
        &["characters.words.width", "1 to 32768"],
    ),
    (
        "a word's row of another width",
        "spelled and listed",
        |e| e["characters"]["words"]["width"] = json!(6),
        "Shape",
        &["embeddings.words.weight", "[15, 5]", "[15, 6]"],
    ),
    (
        "a marker that is no word",
        "spelled and listed",
        |e| e["characters"]["words"]["markers"] = json!([0, 15]),
        "Contradiction",
        &["characters.words.markers", "below vocabulary (15)"],
    ),
    (
        "a table of words that nothing reads",
        "spelled and listed",
        |e| drop(e["characters"].as_object_mut().map(|c| c.remove("words"))),
        "Shape",
        &["embeddings.projection.weight"],
    ),
    (
        "an activation that falls",
        "spelled apart",
        |e| e["characters"]["activation"] = json!("gelu"),
        "Contradiction",
        &["characters.activation"],
    ),
];

fn judge(found: Result<Model, ModelError>, variant: &str, words: &[&str]) -> Option<String> {
    let error = match found {
        Ok(_) => return Some("it was accepted".into()),
        Err(error) => error,
    };
    let (kind, message) = (format!("{error:?}"), error.to_string());
    if !kind.starts_with(variant) {
        return Some(format!("expected {variant}, found {kind}"));
    }
    let missing = words.iter().find(|word| !message.contains(*word));
    missing.map(|word| format!("{word:?} is not in: {message}"))
}

#[test]
fn settings_that_contradict_themselves_or_the_weights_are_refused() {
    let mut failures = Vec::new();
    for (name, kind, change, variant, words) in SETTINGS {
        let folder = of(kind).folder();
        let path = folder.path().join("config.json");
        let mut config: Value = serde_json::from_slice(&fs::read(&path).expect("a file")).unwrap();
        change(&mut config["encoder"]);
        fs::write(&path, config.to_string()).expect("a file");
        for pack in [true, false] {
            let found = std::panic::catch_unwind(|| open(folder.path(), pack));
            let found = found.map(|found| judge(found, variant, words));
            if let Some(fault) = found.unwrap_or(Some("it panicked".into())) {
                failures.push(format!("{name}, packed {pack}: {fault}"));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn weights_that_are_not_the_settings_are_refused() {
    let lost = [
        ("apart", "layers.1.backward.recurrent.weight"),
        ("apart", "layers.0.forward.projection.weight"),
        ("joint", "layers.0.backward.input.bias"),
        ("joint mix", "mix.scale"),
        ("joint mix", "mix.weights"),
        ("spelled joint", "embeddings.filters.2.bias"),
        ("spelled joint", "embeddings.highways.0.gate.weight"),
        ("spelled joint", "embeddings.projection.weight"),
        ("spelled and listed", "embeddings.words.weight"),
    ];
    let mut failures = Vec::new();
    for (kind, name) in lost {
        for renamed in [None, Some("layers.0.sideways.input.weight")] {
            let folder = of(kind).folder();
            let path = folder.path().join("model.safetensors");
            let bytes = fs::read(&path).expect("a file");
            let file = safetensors::SafeTensors::deserialize(&bytes).expect("what was written");
            assert!(file.tensor(name).is_ok(), "{kind} has no {name}");
            let tensors = file.iter().filter_map(|(found, view)| match found == name {
                true => Some((renamed?.to_string(), view)),
                false => Some((found.to_string(), view)),
            });
            let written = safetensors::serialize(tensors, None).expect("tensors");
            fs::write(&path, written).expect("a file");
            if let Some(fault) = judge(open(folder.path(), true), "MissingTensor", &[name]) {
                failures.push(format!("{kind} without {name}, {renamed:?}: {fault}"));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The places of all values that hold no other, and of all lists.
fn places(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| places(value, format!("{at}/{key}"), found));
        }
        Value::Array(list) => {
            let inside = list.iter().enumerate();
            inside.for_each(|(i, value)| places(value, format!("{at}/{i}"), found));
            found.push(at);
        }
        _ => found.push(at),
    }
}

/// Whatever one setting becomes, the model is refused, or opens and computes.
#[test]
fn any_setting_may_be_anything_and_nothing_panics() {
    let (mut tried, mut accepted, mut failures) = (0, 0, Vec::new());
    for kind in kinds() {
        let folder = kind.folder();
        let path = folder.path().join("config.json");
        let original: Value = serde_json::from_slice(&fs::read(&path).expect("a file")).unwrap();
        let mut found = Vec::new();
        places(&original, String::new(), &mut found);
        for place in found {
            for value in [
                json!(null),
                json!(true),
                json!(false),
                json!(-1),
                json!(0),
                json!(1),
                json!(3),
                json!(8),
                json!(1e-3),
                json!(u32::MAX),
                json!(u64::MAX),
                json!(""),
                json!("gelu"),
                json!("none"),
                json!([]),
                json!([1]),
                json!({}),
            ] {
                let mut config = original.clone();
                *config.pointer_mut(&place).expect("a place") = value.clone();
                fs::write(&path, config.to_string()).expect("a file");
                let opened = std::panic::catch_unwind(|| {
                    let model = open(folder.path(), false)?;
                    computed(&model, model.weights()).map(|_| ())
                });
                tried += 1;
                match opened {
                    Ok(result) => accepted += usize::from(result.is_ok()),
                    Err(_) => failures.push(format!("{}: {place} as {value} panicked", kind.name)),
                }
            }
        }
    }
    println!("{accepted} of {tried} settings were accepted");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(tried >= 3000 && accepted >= 100, "{accepted} of {tried}");
}

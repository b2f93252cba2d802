//! Weights in other numbers: what is written as halves or bytes comes back as it must.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use contexture_kernels::Pool;
use contexture_kernels::quantised::{
    dequantise_rows, quantise_nibbles, quantise_rows, widen_nibbles,
};
use contexture_model::architectures::{EncoderSettings, Sizes};
use contexture_model::folder::{Folder, ModuleSettings, SentenceSettings};
use contexture_model::heads::LanguageHeadSettings;
use contexture_model::positions::PositionSettings;
use contexture_model::{Model, ModelError, NewModel, OpenOptions, WeightFormat, WeightType};
use contexture_nn::ops::Pooling;
use contexture_nn::{Segments, Session};
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

const SIZES: Sizes = Sizes { hidden: 16, heads: 2, inner: 24, vocabulary: 40, layers: 2 };

/// A BERT with a language head and a dense module, whose weights lie in a folder of their own.
fn new() -> NewModel {
    let settings = EncoderSettings {
        token_types: 2,
        positions: vec![PositionSettings::Learned { entries: 12, offset: 0, skips: None }],
        maximum_tokens: Some(12),
        ..EncoderSettings::plain(SIZES)
    };
    NewModel {
        language: Some(LanguageHeadSettings::bert(&settings)),
        head: vec![
            ModuleSettings::Pool { pooling: vec![Pooling::Mean], include_prompt: true },
            ModuleSettings::Dense {
                path: "2_Dense".into(),
                inputs: 16,
                outputs: 8,
                bias: true,
                activation: contexture_kernels::Activation::Tanh,
            },
            ModuleSettings::Normalize,
        ],
        settings,
        classifier: None,
        decoder: None,
        sentence: SentenceSettings::default(),
    }
}

fn plain() -> OpenOptions {
    OpenOptions { threads: 1, pack: false, ..OpenOptions::default() }
}

fn vectors(model: &Model) -> Vec<f32> {
    let segments = Segments::from_lengths([5, 1, 7]);
    let ids: Arc<[u32]> = (0..13u32).map(|i| (i * 7 + 3) % 40).collect();
    let batch = model.batch(ids, None, segments).expect("a batch in range");
    let mut s = Session::infer(model.weights().clone(), Arc::new(Pool::new(1)));
    let tokens = model.tokens(&mut s, &batch);
    model.sentences(&mut s, &tokens, &batch, &Arc::from([])).rows().as_slice().to_vec()
}

/// Every parameter by name.
fn values(model: &Model) -> BTreeMap<String, Vec<f32>> {
    let declared = &model.weights().declaration().params;
    let value =
        |d: &contexture_nn::Declared| (d.name.clone(), model.weights().plain(d.param).to_vec());
    declared.iter().map(value).collect()
}

fn json(folder: &Path, name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap()
}

const FILES: [&str; 2] = ["model.safetensors", "2_Dense/model.safetensors"];

#[test]
fn bytes_are_the_quantised_rows_and_floats_stay() {
    // Words that a head shares are read in other ways too, and stay floats.
    let model = Model::create(&NewModel { language: None, ..new() }, 5).unwrap();
    let (floats, bytes) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    model.write(floats.path(), model.weights()).unwrap();
    model.write_as(bytes.path(), model.weights(), WeightFormat::I8).unwrap();
    let mut matrices = 0;
    for file in FILES {
        let (a, b) = (floats.path().join(file), bytes.path().join(file));
        let (a, b) = (std::fs::read(a).unwrap(), std::fs::read(b).unwrap());
        assert!(b.len() < a.len(), "{file}: {} against {} bytes", b.len(), a.len());
        let (a, b) = (SafeTensors::deserialize(&a).unwrap(), SafeTensors::deserialize(&b).unwrap());
        for (name, tensor) in a.tensors() {
            let found = b.tensor(&name).unwrap();
            assert_eq!(found.shape(), tensor.shape(), "{name}");
            // Types of tokens are read in other ways than by number, and stay floats.
            let (&[rows, width], false) = (tensor.shape(), name.contains("token_type")) else {
                assert_eq!((found.dtype(), found.data()), (Dtype::F32, tensor.data()), "{name}");
                continue;
            };
            let floats: Vec<f32> = bytemuck::pod_collect_to_vec(tensor.data());
            let (expected, scales) = quantise_rows(&floats, rows, width);
            assert_eq!(found.dtype(), Dtype::I8, "{name}");
            assert_eq!(bytemuck::cast_slice::<u8, i8>(found.data()), expected, "{name}");
            let scale = b.tensor(&format!("{name}.scale")).unwrap();
            assert_eq!((scale.dtype(), scale.shape()), (Dtype::F32, &[rows][..]), "{name}");
            assert_eq!(bytemuck::pod_collect_to_vec::<u8, f32>(scale.data()), scales, "{name}");
            matrices += 1;
        }
    }
    assert!(matrices >= 14, "{matrices} matrices and tables");
}

#[test]
fn widened_bytes_are_what_the_rows_stand_for() {
    let model = Model::create(&new(), 6).unwrap();
    let folder = tempfile::tempdir().unwrap();
    model.write_as(folder.path(), model.weights(), WeightFormat::I8).unwrap();
    let opened = Model::open(folder.path(), &plain()).unwrap();
    let (before, after) = (values(&model), values(&opened));
    for declared in &model.weights().declaration().params {
        let (rows, width) = (declared.param.rows, declared.param.width);
        let (before, after) = (&before[&declared.name], &after[&declared.name]);
        if declared.role.may_be_bytes() {
            let (bytes, scales) = quantise_rows(before, rows, width);
            assert_eq!(*after, dequantise_rows(&bytes, &scales, rows, width), "{}", declared.name);
        } else {
            assert_eq!(after, before, "{}", declared.name);
        }
    }
    let listed = opened.info().precisions.join(" ");
    assert_eq!(listed, "F32 I8");
    // Read in pieces that end within rows, by several threads, packed: the same values.
    let floats = Some(WeightType::F32);
    let options = OpenOptions { threads: 3, weights: floats, ..OpenOptions::default() };
    let packed = Model::open(folder.path(), &options).unwrap();
    for (a, b) in vectors(&packed).iter().zip(&vectors(&opened)) {
        assert!((a - b).abs() < 1e-5, "{a} against {b}");
    }
}

/// Every file of a folder as a program holds it within itself.
fn held(folder: &Path, prefix: &str, into: &mut Vec<(&'static str, &'static [u8])>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let (path, name) = (entry.as_ref().unwrap().path(), entry.unwrap().file_name());
        let name = format!("{prefix}{}", name.to_str().unwrap());
        if path.is_dir() {
            held(&path, &format!("{name}/"), into);
        } else {
            into.push((name.leak(), std::fs::read(path).unwrap().leak()));
        }
    }
}

#[test]
fn words_of_four_bits_are_half_as_large_and_read_alike_from_disk_and_memory() {
    let model = Model::create(&NewModel { language: None, ..new() }, 7).unwrap();
    let places: [tempfile::TempDir; 3] = std::array::from_fn(|_| tempfile::tempdir().unwrap());
    model.write_as(places[0].path(), model.weights(), WeightFormat::I8).unwrap();
    model.write_as(places[1].path(), model.weights(), WeightFormat::I4Words).unwrap();
    let [bytes, nibbles] =
        [0, 1].map(|at: usize| std::fs::read(places[at].path().join(FILES[0])).unwrap());
    let [bytes, nibbles] = [&bytes, &nibbles].map(|file| SafeTensors::deserialize(file).unwrap());
    for (name, tensor) in bytes.tensors() {
        let found = nibbles.tensor(&name).unwrap();
        if name == "embeddings.word_embeddings.weight" {
            assert_eq!((found.dtype(), found.shape()), (Dtype::U8, &[40, 8][..]));
        } else if !name.starts_with("embeddings.word_embeddings") {
            assert_eq!((found.dtype(), found.data()), (tensor.dtype(), tensor.data()), "{name}");
        }
    }
    let method = &json(places[1].path(), "config.json")["quantization_config"];
    assert_eq!(method["word_bits"], 4);

    let widened = Model::open(places[1].path(), &plain()).unwrap();
    assert_eq!(widened.info().precisions.join(" "), "F32 I4 I8");
    let words = "embeddings.words.weight";
    let (pairs, scales) = quantise_nibbles(&values(&model)[words], 40, 16);
    let mut own = vec![0; 40 * 16];
    widen_nibbles(&pairs, &mut own);
    assert_eq!(values(&widened)[words], dequantise_rows(&own, &scales, 40, 16));

    // As bytes: widened on the way from a file, two a byte where the file is memory already.
    let options = OpenOptions { threads: 2, ..OpenOptions::default() };
    let disk = Model::open(places[1].path(), &options).unwrap();
    let mut files = Vec::new();
    held(places[1].path(), "", &mut files);
    let memory = Model::open_in(Folder::in_memory("held", files.leak()), &options).unwrap();
    assert_eq!(vectors(&disk), vectors(&memory));
    assert_eq!(disk.weights().count_by_type(), memory.weights().count_by_type());

    // What is four bits already is copied, whatever bytes are asked for.
    for format in [WeightFormat::I8, WeightFormat::I4Words] {
        disk.write_as(places[2].path(), disk.weights(), format).unwrap();
        for name in ["config.json", FILES[0], FILES[1]] {
            let [a, b] = [1, 2].map(|at: usize| std::fs::read(places[at].path().join(name)));
            assert!(a.unwrap() == b.unwrap(), "{name} as {format:?}");
        }
    }
}

/// A wide model, of whose columns one is far larger than the others behind each norm.
fn with_outliers() -> (Model, Arc<contexture_nn::Weights>) {
    let sizes = Sizes { hidden: 96, heads: 2, inner: 144, ..SIZES };
    let wide =
        EncoderSettings { positions: new().settings.positions, ..EncoderSettings::plain(sizes) };
    let wide = EncoderSettings { token_types: 2, maximum_tokens: Some(12), ..wide };
    let head = vec![ModuleSettings::Pool { pooling: vec![Pooling::Mean], include_prompt: true }];
    let mut model =
        Model::create(&NewModel { settings: wide, head, language: None, ..new() }, 4).unwrap();
    let mut weights = model.take_weights();
    let held = Arc::get_mut(&mut weights).unwrap();
    let norms = held.declaration().params.clone();
    for norm in norms.iter().filter(|d| d.name.ends_with("norm.weight")) {
        held.plain_mut(norm.param)[17] = 40.0;
    }
    model.set_weights(weights.clone());
    (model, weights)
}

#[test]
fn bytes_are_those_that_opening_makes() {
    let (model, weights) = with_outliers();
    let (floats, bytes) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    model.write(floats.path(), &weights).unwrap();
    model.write_as(bytes.path(), &weights, WeightFormat::I8).unwrap();
    let file = std::fs::read(bytes.path().join(FILES[0])).unwrap();
    let tensors = SafeTensors::deserialize(&file).unwrap();
    let apart = tensors.names().into_iter().filter(|name| name.ends_with(".columns")).count();
    assert!(apart >= 4, "{apart} matrices with columns apart");
    for threads in [1, 3] {
        let options = OpenOptions { threads, ..OpenOptions::default() };
        let stored = Model::open(bytes.path(), &options).unwrap();
        let options = OpenOptions { weights: Some(WeightType::Int8), ..options };
        let made = Model::open(floats.path(), &options).unwrap();
        assert_eq!(vectors(&stored), vectors(&made), "{threads} threads");
        let exact = vectors(&model);
        assert_ne!(vectors(&stored), exact);
        for (a, b) in vectors(&stored).iter().zip(&exact) {
            assert!((a - b).abs() < 0.3, "{a} against {b}");
        }
    }
}

#[test]
fn columns_apart_are_widened_as_they_were() {
    let (model, weights) = with_outliers();
    let folder = tempfile::tempdir().unwrap();
    model.write_as(folder.path(), &weights, WeightFormat::I8).unwrap();
    let (before, after) = (values(&model), values(&Model::open(folder.path(), &plain()).unwrap()));
    let name = "layers.1.attention.qkv.weight";
    let mut exact = 0;
    for (row, (a, b)) in before[name].chunks(96).zip(after[name].chunks(96)).enumerate() {
        exact += usize::from(a[17] == b[17]);
        let most = a.iter().fold(0.0f32, |most, v| most.max(v.abs()));
        let near = |(a, b): (&f32, &f32)| (a - b).abs() <= most / 127.0 * 0.501;
        assert!(a.iter().zip(b).all(near), "row {row}");
    }
    assert_eq!(exact, 3 * 96);
}

#[test]
fn bytes_are_copied_as_they_are() {
    let model = Model::create(&new(), 7).unwrap();
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    model.write_as(first.path(), model.weights(), WeightFormat::I8).unwrap();
    let opened = Model::open(first.path(), &plain()).unwrap();
    opened.write_as(second.path(), opened.weights(), WeightFormat::I8).unwrap();
    for file in FILES.iter().chain(&["config.json", "modules.json", "2_Dense/config.json"]) {
        let read = |folder: &Path| std::fs::read(folder.join(file)).unwrap();
        assert!(read(first.path()) == read(second.path()), "{file}");
    }
}

#[test]
fn halves_are_rounded_and_what_does_not_fit_is_refused() {
    let model = Model::create(&new(), 8).unwrap();
    let folder = tempfile::tempdir().unwrap();
    model.write_as(folder.path(), model.weights(), WeightFormat::F16).unwrap();
    let opened = Model::open(folder.path(), &plain()).unwrap();
    let (before, after) = (values(&model), values(&opened));
    for (name, before) in &before {
        let halves: Vec<f32> = before.iter().map(|v| half::f16::from_f32(*v).to_f32()).collect();
        assert_eq!(after[name], halves, "{name}");
    }
    assert_eq!(opened.info().precisions, ["F16"]);

    let mut weights = Model::create(&new(), 8).unwrap().take_weights();
    let param = weights.declaration().params[0].param;
    Arc::get_mut(&mut weights).unwrap().plain_mut(param)[3] = 70_000.0;
    let error = model.write_as(folder.path(), &weights, WeightFormat::F16).unwrap_err();
    let said = error.to_string();
    assert!(matches!(error, ModelError::TensorEntry { .. }), "{said}");
    assert!(said.contains("70000 does not fit F16") && said.contains("word_embeddings"), "{said}");
}

#[test]
fn a_configuration_says_that_weights_are_bytes_and_stops_saying_it() {
    let model = Model::create(&new(), 9).unwrap();
    let (bytes, floats) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    model.write_as(bytes.path(), model.weights(), WeightFormat::I8).unwrap();
    let config = json(bytes.path(), "config.json");
    assert_eq!(config["quantization_config"]["quant_method"], "contexture-int8-rows");
    assert_eq!(config["torch_dtype"], "int8");
    let opened = Model::open(bytes.path(), &plain()).unwrap();
    opened.write(floats.path(), opened.weights()).unwrap();
    let config = json(floats.path(), "config.json");
    assert_eq!(config.get("quantization_config"), None);
    assert_eq!(config["torch_dtype"], "float32");
    let again = Model::open(floats.path(), &plain()).unwrap();
    assert_eq!(values(&again), values(&opened));
}

#[test]
fn heads_are_left_out_where_only_vectors_are_wanted() {
    let model = Model::create(&new(), 10).unwrap();
    let (whole, bare) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    model.write(whole.path(), model.weights()).unwrap();
    let options = OpenOptions { without_heads: true, ..plain() };
    let opened = Model::open(whole.path(), &options).unwrap();
    assert!(opened.language().is_none());
    opened.write_as(bare.path(), opened.weights(), WeightFormat::F32).unwrap();
    let config = json(bare.path(), "config.json");
    assert_eq!(config["architectures"][0], "BertModel");
    assert_eq!(config.get("contexture_heads"), None);
    let again = Model::open(bare.path(), &plain()).unwrap();
    assert!(again.language().is_none() && again.info().tensors_ignored.is_empty());
    assert_eq!(vectors(&again), vectors(&model));
}

/// The files beneath a folder, kept for the length of the process.
fn in_memory(folder: &Path) -> &'static [(&'static str, &'static [u8])] {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(folder).unwrap().to_str().unwrap().replace('\\', "/");
            let bytes: &'static [u8] = std::fs::read(&path).unwrap().leak();
            files.push((&*name.leak(), bytes));
        }
    }
    files.leak()
}

#[test]
fn a_folder_in_memory_is_opened_and_written_as_one_on_disk() {
    let model = Model::create(&new(), 11).unwrap();
    for format in [WeightFormat::F32, WeightFormat::F16, WeightFormat::I8] {
        let (disk, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        model.write_as(disk.path(), model.weights(), format).unwrap();
        let folder = Folder::in_memory("mine", in_memory(disk.path()));
        let options = OpenOptions { threads: 2, ..OpenOptions::default() };
        let opened = Model::open_in(folder.clone(), &options).unwrap();
        let beside = Model::open(disk.path(), &options).unwrap();
        assert_eq!(vectors(&opened), vectors(&beside), "{format:?}");
        assert_eq!(opened.digests().unwrap(), beside.digests().unwrap());
        assert_eq!(opened.info().weight_files, beside.info().weight_files);
        let opened = Model::open_in(folder, &plain()).unwrap();
        opened.write_as(copy.path(), opened.weights(), format).unwrap();
        for file in FILES.iter().chain(&["config.json", "modules.json", "1_Pooling/config.json"]) {
            let read = |folder: &Path| std::fs::read(folder.join(file)).unwrap();
            assert!(read(copy.path()) == read(disk.path()), "{format:?}: {file}");
        }
    }
}

#[test]
fn a_folder_in_memory_has_the_rules_of_one_on_disk() {
    static FILES: &[(&str, &[u8])] = &[("config.json", b"{"), ("1_Pooling/config.json", b"{}")];
    let folder = Folder::in_memory("mine", FILES);
    assert!(folder.holds("config.json").unwrap() && !folder.holds("modules.json").unwrap());
    assert!(!folder.holds("onfig.json").unwrap() && !folder.holds("1_Pool").unwrap());
    assert!(matches!(folder.holds("1_Pooling"), Err(ModelError::Unsafe { .. })));
    for name in ["../config.json", "/config.json", "1_Pooling/../config.json", "a\\b", "a\0b"] {
        assert!(matches!(folder.holds(name), Err(ModelError::Unsafe { .. })), "{name:?}");
        assert!(matches!(folder.read(name, 9), Err(ModelError::Unsafe { .. })), "{name:?}");
    }
    let within = folder.within("1_Pooling").unwrap();
    assert_eq!(within.read("config.json", 2).unwrap().unwrap(), b"{}");
    assert_eq!(within.path(), Path::new("mine/1_Pooling"));
    assert_eq!(within.files().unwrap(), [("config.json", &b"{}"[..])]);
    assert!(matches!(folder.within("2_Dense"), Err(ModelError::NotFound { .. })));
    assert!(matches!(folder.read("1_Pooling/config.json", 1), Err(ModelError::TooLarge { .. })));
    let error = Model::open_in(folder, &plain()).unwrap_err();
    assert!(matches!(error, ModelError::Json { .. }), "{error}");
    assert!(error.to_string().contains("mine/config.json"), "{error}");
}

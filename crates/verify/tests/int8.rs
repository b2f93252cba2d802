//! Weights as bytes: near f32 for every family, and what is promised for a real model.

use std::path::PathBuf;

use contexture::{EmbedOptions, Embedder, Levels, OpenOptions, Record, WeightType, cosine};
use contexture_evaluate::metrics::spearman;
use contexture_verify::{evaluation_set, goldens, pretrained};

fn open(folder: &std::path::Path, weights: WeightType) -> Embedder {
    let options = OpenOptions { threads: 2, weights: Some(weights), ..OpenOptions::default() };
    Embedder::open_folder(folder, &options).unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
}

fn texts() -> Vec<String> {
    let lines = std::fs::read_to_string(goldens().join("texts.jsonl")).unwrap();
    let text = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        value["text"].as_str().unwrap().to_string()
    };
    lines.split_terminator('\n').map(text).collect()
}

fn families() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(goldens().join("families")).unwrap();
    let mut folders: Vec<PathBuf> =
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    assert!(folders.len() >= 12, "{folders:?}");
    folders
}

fn cosines(a: &[Record], b: &[Record]) -> Vec<f32> {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| cosine(a.vector(), b.vector())).collect()
}

fn worst(cosines: &[f32]) -> (f32, usize) {
    let (index, cosine) = cosines.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1)).unwrap();
    (*cosine, index)
}

/// Tiny models with random weights, many of them larger than a trained model's: 32 values a row are few to
/// average errors over, and some texts' vectors are small differences of large rows. The worst text seen
/// has 0.9927 (a JinaBERT), the least mean is 0.9988.
#[test]
fn every_family_is_near_its_f32() {
    const LEAST: f32 = 0.99;
    const LEAST_MEAN: f32 = 0.998;
    let texts = texts();
    for folder in families() {
        let (f32s, int8) = (open(&folder, WeightType::F32), open(&folder, WeightType::Int8));
        let found = cosines(&f32s.embed(&texts).unwrap(), &int8.embed(&texts).unwrap());
        let (least, text) = worst(&found);
        let mean = found.iter().sum::<f32>() / found.len() as f32;
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        println!("{name}: worst cosine {least:.5} (text {text}), mean {mean:.6}");
        assert!(least >= LEAST, "{name}: cosine {least} at text {text}: {:?}", texts[text]);
        assert!(mean >= LEAST_MEAN, "{name}: mean cosine {mean}");
        let said = int8.info(false).unwrap().weights;
        assert!(said.starts_with("int8 ("), "{name}: {said}");
        assert_eq!(f32s.info(false).unwrap().weights, "f32", "{name}");
    }
}

/// An ELMo's recurrences and convolutions stay f32, and it says so; its other products are bytes.
#[test]
fn what_stays_f32_is_said() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["options.json", "lm_weights.hdf5"] {
        std::fs::copy(goldens().join("elmo").join(name), folder.path().join(name)).unwrap();
    }
    let (f32s, int8) =
        (open(folder.path(), WeightType::F32), open(folder.path(), WeightType::Int8));
    let said = int8.info(false).unwrap().weights;
    assert!(said.contains("int8 (") && said.contains("recurrences, convolutions"), "{said}");
    let options = EmbedOptions { levels: Levels::WORDS, ..EmbedOptions::default() };
    let texts = ["The bank of the river", "ram hits sam"];
    let (a, b) = (f32s.embed_with(&texts, &options).unwrap(), int8.embed_with(&texts, &options));
    for (a, b) in a.iter().zip(&b.unwrap()) {
        let units = |record: &Record| record.words.clone().unwrap();
        for (a, b) in units(a).iter().zip(&units(b)) {
            let near = cosine(&a.embedding, &b.embedding);
            assert!(near > 0.999, "{}: {near}", a.text);
        }
    }
}

#[test]
fn minilm_is_near_its_f32_on_every_text() {
    const BOUND: f32 = 0.998;
    let test = "minilm_is_near_its_f32_on_every_text";
    let Some(folder) = pretrained("all-MiniLM-L6-v2", test) else { return };
    let (f32s, int8) = (open(&folder, WeightType::F32), open(&folder, WeightType::Int8));
    let texts = texts();
    assert!(texts.len() >= 300);
    let found = cosines(&f32s.embed(&texts).unwrap(), &int8.embed(&texts).unwrap());
    let (least, text) = worst(&found);
    let mean = found.iter().sum::<f32>() / found.len() as f32;
    println!("{} texts: worst cosine {least:.5} (text {text}), mean {mean:.6}", texts.len());
    println!("{}", int8.info(false).unwrap().weights);
    assert!(least >= BOUND, "cosine {least} at text {text}: {:?}", texts[text]);
}

#[test]
fn minilm_agrees_with_people_as_its_f32_does() {
    let test = "minilm_agrees_with_people_as_its_f32_does";
    let Some(path) = evaluation_set("sts/stsb-dev.tsv", test) else { return };
    let Some(folder) = pretrained("all-MiniLM-L6-v2", test) else { return };
    let table = std::fs::read_to_string(path).unwrap();
    let mut lines = table.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let header = lines.next().unwrap();
    let column = |name: &str| header.iter().position(|h| *h == name).unwrap();
    let (score, first, second) = (column("score"), column("sentence1"), column("sentence2"));
    let rows: Vec<Vec<&str>> = lines.collect();
    assert_eq!(rows.len(), 1500);
    let gold: Vec<f64> = rows.iter().map(|row| row[score].parse().unwrap()).collect();
    let of = |weights: WeightType| {
        let embedder = open(&folder, weights);
        let embed = |column: usize| {
            embedder.embed(&rows.iter().map(|row| row[column]).collect::<Vec<_>>()).unwrap()
        };
        let found = cosines(&embed(first), &embed(second));
        let found: Vec<f64> = found.into_iter().map(f64::from).collect();
        100.0 * spearman(&found, &gold)
    };
    let (f32s, int8) = (of(WeightType::F32), of(WeightType::Int8));
    println!("STS-B dev: f32 {f32s:.2}, int8 {int8:.2}");
    assert!((f32s - int8).abs() <= 0.3, "f32 {f32s}, int8 {int8}");
}

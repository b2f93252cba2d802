//! What must hold for every model, whatever its weights.

use std::path::PathBuf;

use contexture::{
    EmbedOptions, Embedder, Layer, Levels, OpenOptions, Overflow, Pooling, Positions, Record,
    Vector, WeightType, cosine,
};
use contexture_verify::{goldens, largest_difference, tensors};

fn families() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(goldens().join("families"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    assert!(folders.len() >= 12, "{folders:?}");
    folders
}

fn open(folder: &std::path::Path, threads: usize) -> Embedder {
    open_as(folder, threads, WeightType::F32)
}

fn open_as(folder: &std::path::Path, threads: usize, weights: WeightType) -> Embedder {
    let options = OpenOptions { threads, weights: Some(weights), ..OpenOptions::default() };
    Embedder::open_folder(folder, &options).unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
}

/// Numbers that spread well enough to compose batches; printed with each failure.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % limit
    }
}

/// Texts of many lengths: none, one token, multiples of the tiles, at and beyond every limit.
fn texts(random: &mut Random) -> Vec<String> {
    const WORDS: [&str; 12] = [
        "ram",
        "hits",
        "sam",
        "the",
        "river",
        "bank",
        "of",
        "money",
        "unbelievably",
        "42",
        "…",
        "naïve",
    ];
    let lengths = [0, 1, 1, 2, 3, 5, 8, 13, 14, 15, 16, 17, 28, 30, 31, 32, 33, 48, 64, 90, 160];
    let mut text = |length: usize| {
        (0..length).map(|_| WORDS[random.below(WORDS.len())]).collect::<Vec<_>>().join(" ")
    };
    lengths.iter().map(|length| text(*length)).collect()
}

fn bits(record: &Record) -> Vec<u32> {
    match &record.embedding {
        Some(Vector::F32(values)) => values.iter().map(|v| v.to_bits()).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_text_is_bitwise_the_same_in_any_batch_and_on_any_threads() {
    let mut compositions = 0;
    let both = [WeightType::F32, WeightType::Int8];
    for (folder, weights) in families().iter().flat_map(|folder| both.map(|w| (folder, w))) {
        let mut random = Random(20_261_122);
        let texts = texts(&mut random);
        let alone: Vec<Vec<u32>> = {
            let embedder = open_as(folder, 1, weights);
            texts.iter().map(|text| bits(&embedder.embed(&[text]).unwrap()[0])).collect()
        };
        for threads in [1, 2, 3, 4, 8] {
            let embedder = open_as(folder, threads, weights);
            for round in 0..25 {
                let picked: Vec<usize> =
                    (0..1 + random.below(24)).map(|_| random.below(texts.len())).collect();
                let batch: Vec<&str> = picked.iter().map(|index| texts[*index].as_str()).collect();
                let budget_tokens = [1, 7, 64, 500, 4096][random.below(5)];
                let options = EmbedOptions { budget_tokens, ..EmbedOptions::default() };
                let records = embedder.embed_with(&batch, &options).unwrap();
                for (record, index) in records.iter().zip(&picked) {
                    assert!(
                        bits(record) == alone[*index],
                        "{}: {weights:?}, {threads} threads, round {round}, budget {budget_tokens}, \
                         text {index}, batch {picked:?}",
                        folder.display()
                    );
                }
                compositions += 1;
            }
        }
    }
    assert!(compositions >= 3000, "{compositions} compositions ran");
}

#[test]
fn many_threads_may_share_one_embedder() {
    let embedder = open(&families()[0], 2);
    let texts = texts(&mut Random(7));
    let expected: Vec<_> = embedder.embed(&texts).unwrap().iter().map(bits).collect();
    std::thread::scope(|scope| {
        for begin in 0..6 {
            let (embedder, texts, expected) = (embedder.clone(), &texts, &expected);
            scope.spawn(move || {
                for round in 0..10 {
                    let from = (begin * 3 + round) % texts.len();
                    let found = embedder.embed(&texts[from..]).unwrap();
                    let found: Vec<_> = found.iter().map(bits).collect();
                    assert_eq!(found, expected[from..]);
                }
            });
        }
    });
}

/// Attention without positions sees a bag of words; with them it does not.
#[test]
fn permuting_tokens_permutes_rows_only_without_positions() {
    let options = EmbedOptions { levels: Levels::TOKENS, ..EmbedOptions::default() };
    let rows = |embedder: &Embedder, text: &str| -> Vec<(String, Vec<f32>)> {
        let records = embedder.embed_with(&[text], &options).unwrap();
        let units = records.into_iter().next().unwrap().tokens_detail.unwrap();
        units.into_iter().map(|unit| (unit.text, unit.embedding)).collect()
    };
    for family in ["bert", "mpnet", "nomic_bert", "jina_bert_v2", "distilbert"] {
        let folder = goldens().join("families").join(family);
        let with = open(&folder, 1);
        let without = Embedder::open_folder(
            &folder,
            &OpenOptions { threads: 1, positions: Positions::None, ..OpenOptions::default() },
        )
        .unwrap();
        let (text, permuted) = ("ram hits sam", "sam hits ram");
        for (embedder, positions) in [(&with, true), (&without, false)] {
            let (a, b) = (rows(embedder, text), rows(embedder, permuted));
            assert_eq!(a.len(), b.len(), "{family}");
            let worst = a
                .iter()
                .map(|(token, row)| {
                    let same = b.iter().filter(|(other, _)| other == token);
                    same.map(|(_, other)| largest_difference(row, other)).fold(f32::MAX, f32::min)
                })
                .fold(0.0, f32::max);
            if positions {
                assert!(worst > 1e-2, "{family} with positions: {worst:e}");
            } else {
                assert!(worst <= 1e-5, "{family} without positions: {worst:e}");
            }
        }
        // A weighted mean would know the order by itself.
        let mean = EmbedOptions { pooling: Some(Pooling::Mean), ..EmbedOptions::default() };
        let apart = |embedder: &Embedder| {
            let records = embedder.embed_with(&[text, permuted], &mean).unwrap();
            cosine(records[0].vector(), records[1].vector())
        };
        assert!(apart(&without) > 1.0 - 1e-5, "{family}: a bag of words has no order");
        assert!(apart(&with) < 1.0 - 1e-4, "{family}: order must be seen");
    }
}

#[test]
fn watching_more_levels_changes_no_vector() {
    for folder in families() {
        let embedder = open(&folder, 1);
        let texts = texts(&mut Random(3));
        let plain = embedder.embed(&texts).unwrap();
        let all = EmbedOptions {
            levels: Levels { sentence: true, words: true, tokens: true },
            ..EmbedOptions::default()
        };
        for (a, b) in plain.iter().zip(embedder.embed_with(&texts, &all).unwrap()) {
            assert_eq!(bits(a), bits(&b), "{}", folder.display());
            assert_eq!(b.tokens_detail.unwrap().len(), b.tokens_used);
        }
    }
}

#[test]
fn the_last_layer_by_number_is_the_last_layer() {
    let folder = goldens().join("families/bert");
    let embedder = open(&folder, 1);
    let texts = texts(&mut Random(5));
    let last = embedder.embed(&texts).unwrap();
    let by_number = EmbedOptions { layer: Layer::Number(3), ..EmbedOptions::default() };
    for (a, b) in last.iter().zip(embedder.embed_with(&texts, &by_number).unwrap()) {
        assert_eq!(bits(a), bits(&b));
    }
    let weights = vec![0.0, 0.0, 0.0, 1.0];
    let mix = EmbedOptions { layer: Layer::Mix(weights), ..EmbedOptions::default() };
    for (a, b) in last.iter().zip(embedder.embed_with(&texts, &mix).unwrap()) {
        assert!(largest_difference(a.vector(), b.vector()) <= 1e-6);
    }
}

#[test]
fn truncated_equals_cut_before() {
    for folder in families() {
        let embedder = open(&folder, 1);
        let text = texts(&mut Random(11)).pop().unwrap();
        let options = EmbedOptions { max_length: Some(24), ..EmbedOptions::default() };
        let cut = &embedder.embed_with(&[&text], &options).unwrap()[0];
        assert!(cut.truncated && cut.tokens > 24 && cut.tokens_used == 24, "{cut:?}");
        let before = &embedder.embed(&[&text[..cut.span[1]]]).unwrap()[0];
        if before.tokens == 24 {
            assert_eq!(bits(cut), bits(before), "{}", folder.display());
        }
    }
}

#[test]
fn chunks_cover_the_text() {
    for folder in families() {
        let embedder = open(&folder, 1);
        let text = texts(&mut Random(13)).pop().unwrap();
        let options = EmbedOptions {
            overflow: Overflow::Chunk,
            max_length: Some(20),
            levels: Levels { sentence: true, words: true, tokens: false },
            ..EmbedOptions::default()
        };
        let chunks = embedder.embed_with(&[&text], &options).unwrap();
        assert!(chunks.len() > 3, "{}", folder.display());
        let mut words = 0;
        for (number, chunk) in chunks.iter().enumerate() {
            assert_eq!((chunk.chunk, chunk.truncated), (number, false));
            assert!(chunk.tokens_used <= 20);
            if number > 0 {
                let between = &text[chunks[number - 1].span[1]..chunk.span[0]];
                assert!(between.trim().is_empty(), "{between:?} is in no chunk");
            }
            words += chunk.words.as_ref().unwrap().len();
        }
        assert_eq!(words, text.split_whitespace().count(), "{}", folder.display());
    }
}

#[test]
fn too_long_is_an_error_where_asked() {
    let embedder = open(&goldens().join("families/bert"), 2);
    let options = EmbedOptions { overflow: Overflow::Error, ..EmbedOptions::default() };
    let texts = ["short".to_string(), "word ".repeat(500)];
    let error = embedder.embed_with(&texts, &options).unwrap_err().to_string();
    assert!(error.contains("text 1") && error.contains("64"), "{error}");
}

#[test]
fn dimensions_cut_then_normalise() {
    let embedder = open(&goldens().join("families/bert"), 1);
    let texts = texts(&mut Random(17));
    let whole = embedder.embed(&texts).unwrap();
    let options = EmbedOptions { dimensions: Some(16), ..EmbedOptions::default() };
    for (a, b) in whole.iter().zip(embedder.embed_with(&texts, &options).unwrap()) {
        let cut = &a.vector()[..16];
        let length = cut.iter().map(|v| v * v).sum::<f32>().sqrt();
        let expected: Vec<f32> = cut.iter().map(|v| v / length).collect();
        assert!(largest_difference(&expected, b.vector()) <= 1e-6);
    }
    let options = EmbedOptions { dimensions: Some(1000), ..EmbedOptions::default() };
    let error = embedder.embed_with(&texts, &options).unwrap_err().to_string();
    assert!(error.contains("1000") && error.contains("48"), "{error}");
}

/// Prompts against the reference: in attention, and out of the pooling where the folder says so.
#[test]
fn prompts_equal_the_reference() {
    let folder = goldens().join("families/nomic_bert");
    let golden = tensors(&folder.join("expected.safetensors"));
    let texts: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("texts.json")).unwrap()).unwrap();
    let texts: Vec<&str> =
        texts["texts"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    let embedder = open(&folder, 2);
    let mut seen = 0;
    for (key, expected) in golden.iter().filter(|(key, _)| key.starts_with("prompt.")) {
        let (name, index) = key["prompt.".len()..].rsplit_once('.').unwrap();
        let options =
            EmbedOptions { prompt_name: Some(name.to_string()), ..EmbedOptions::default() };
        let index: usize = index.parse().unwrap();
        let record = &embedder.embed_with(&[texts[index]], &options).unwrap()[0];
        let difference = largest_difference(record.vector(), &expected.values);
        assert!(difference <= 2e-5, "{key}: {difference:e}");
        seen += 1;
    }
    assert!(seen >= 10, "{seen} prompts were compared");
    let unknown = EmbedOptions { prompt_name: Some("nobody".into()), ..EmbedOptions::default() };
    let error = embedder.embed_with(&["x"], &unknown).unwrap_err().to_string();
    assert!(error.contains("nobody") && error.contains("query"), "{error}");
}

//! Small random encoder-decoders with a tokenizer of forty words, in a folder of the test.

use std::fs;

use contexture_engine::{OpenOptions, Translator};
use contexture_kernels::Reach;
use contexture_model::architectures::{
    Aggregator, DecoderSettings, Directions, EncoderSettings, LayerSettings, LstmSettings,
    NormPlace, Sizes,
};
use contexture_model::folder::SentenceSettings;
use contexture_model::positions::PositionSettings;
use contexture_model::{Model, NewModel};
use tempfile::TempDir;

pub(crate) const VOCABULARY: usize = 40;
/// Places of encoder and decoder.
pub(crate) const PLACES: usize = 16;
const SPECIAL: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
const START: u32 = 2;
const END: u32 = 3;

/// A kind of model by its name.
pub(crate) const KINDS: [&str; 4] = ["post-norm", "pre-norm, rotary", "buckets", "lstm"];

fn encoder(kind: &str) -> EncoderSettings {
    let sizes = Sizes { hidden: 16, heads: 2, inner: 24, vocabulary: VOCABULARY, layers: 2 };
    let plain = EncoderSettings {
        embedding_norm: false,
        initial_deviation: 1.0,
        maximum_tokens: Some(PLACES),
        ..EncoderSettings::plain(sizes)
    };
    match kind {
        "post-norm" => EncoderSettings {
            positions: vec![PositionSettings::Learned { entries: PLACES, offset: 0, skips: None }],
            ..plain
        },
        "pre-norm, rotary" => {
            let mut e = EncoderSettings {
                norm: NormPlace::Before,
                final_norm: true,
                // Or a tied decoder would only repeat what it has just read.
                embedding_scale: 0.1,
                positions: vec![PositionSettings::Rotary { width: 8, interleaved: false }],
                ..plain
            };
            e.layers.iter_mut().for_each(|layer| layer.rotary_base = 10_000.0);
            e
        }
        "buckets" => EncoderSettings {
            positions: vec![PositionSettings::Buckets {
                buckets: 8,
                farthest: 12,
                one_sided: false,
            }],
            ..plain
        },
        _ => {
            let lstm = LstmSettings {
                cells: 8,
                projection: false,
                directions: Directions::Both,
                joint: true,
                skip_connections: false,
                cell_clip: None,
                projection_clip: None,
            };
            let sizes = Sizes { heads: 1, ..sizes };
            EncoderSettings {
                aggregator: Aggregator::Lstm,
                embedding_norm: true,
                head_width: 1,
                lstm: Some(lstm),
                maximum_tokens: Some(PLACES),
                initial_deviation: 1.0,
                ..EncoderSettings::plain(sizes)
            }
        }
    }
}

/// The encoder, turned to look backwards.
fn decoder(kind: &str) -> DecoderSettings {
    let mut layers = encoder(kind);
    for layer in &mut layers.layers {
        *layer = LayerSettings { reach: Reach::CAUSAL, ..*layer };
    }
    for position in &mut layers.positions {
        if let PositionSettings::Buckets { one_sided, .. } = position {
            *one_sided = true;
        }
    }
    if let Some(lstm) = &mut layers.lstm {
        lstm.directions = Directions::Forward;
        lstm.cells = layers.hidden;
    }
    let apart = kind != "pre-norm, rotary";
    DecoderSettings {
        layers,
        shared_words: !apart,
        tied: !apart,
        bias: apart,
        output_scale: if apart { 0.5 } else { 1.0 },
        start: START,
        end: END,
        // Few words are left to be told, so that the end is among the likely ones.
        never: [0, 1, START, 4].into_iter().chain(12..VOCABULARY as u32).collect(),
        longest: None,
    }
}

/// A model's folder, removed when it is dropped.
pub(crate) struct Tiny {
    pub(crate) folder: TempDir,
}

impl Tiny {
    pub(crate) fn new(kind: &str) -> Self {
        Self::with(kind, |_| {})
    }

    pub(crate) fn with(kind: &str, change: impl Fn(&mut NewModel)) -> Self {
        let mut new = NewModel {
            settings: encoder(kind),
            head: Vec::new(),
            language: None,
            classifier: None,
            decoder: Some(decoder(kind)),
            sentence: SentenceSettings::default(),
        };
        change(&mut new);
        let folder = tempfile::tempdir().expect("a folder");
        let model = Model::create(&new, 11).unwrap_or_else(|e| panic!("{kind}: {e}"));
        model.write(folder.path(), model.weights()).expect("a model");
        let words = SPECIAL.map(str::to_owned).into_iter().chain(words());
        let vocabulary: String = words.map(|word| word + "\n").collect();
        fs::write(folder.path().join("vocab.txt"), vocabulary).expect("a vocabulary");
        Self { folder }
    }

    pub(crate) fn path(&self) -> String {
        self.folder.path().display().to_string()
    }

    pub(crate) fn open(&self, threads: usize) -> Translator {
        let options = OpenOptions { threads, pull: false, ..OpenOptions::default() };
        Translator::open(self.path(), &options).expect("a translator")
    }

    /// The model as training sees it.
    pub(crate) fn plain(&self) -> Model {
        let options = contexture_model::OpenOptions {
            threads: 1,
            pack: false,
            ..contexture_model::OpenOptions::default()
        };
        Model::open(self.folder.path(), &options).expect("a model")
    }
}

fn words() -> impl Iterator<Item = String> {
    (SPECIAL.len()..VOCABULARY).map(|n| format!("w{n}"))
}

/// A number from `seed`, below `most`.
pub(crate) fn below(seed: &mut u64, most: usize) -> usize {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) as usize % most
}

/// Texts of 0 to 12 words, some of them unknown.
pub(crate) fn texts(count: usize) -> Vec<String> {
    let mut seed = 7;
    let known: Vec<String> = words().collect();
    let text = |_| {
        let length = below(&mut seed, 13);
        let word = |_| match below(&mut seed, 12) {
            0 => "unknown".to_owned(),
            _ => known[below(&mut seed, known.len())].clone(),
        };
        (0..length).map(word).collect::<Vec<_>>().join(" ")
    };
    (0..count).map(text).collect()
}

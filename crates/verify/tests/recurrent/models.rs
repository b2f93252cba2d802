//! Small recurrent models with their tokenizers, written to folders of the test.

use std::fs;
use std::path::Path;

use contexture::{Embedder, OpenOptions};
use contexture_kernels::Activation;
use contexture_model::architectures::{
    Aggregator, CharacterSettings, Directions, EncoderSettings, LstmSettings, Sizes, WordTable,
};
use contexture_model::heads::LanguageHeadSettings;
use contexture_model::positions::PositionSettings;
use contexture_model::{Model, NewModel};
use contexture_verify::goldens;
use tempfile::TempDir;

pub(crate) const HIDDEN: usize = 16;
pub(crate) const LAYERS: usize = 2;
/// The words of the tokenizer that sub-words are borrowed from.
const VOCABULARY: usize = 600;

pub(crate) const WORDS: [&str; 12] = [
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

/// A kind of recurrent model.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) new: NewModel,
}

fn kind(name: &'static str, change: impl Fn(&mut EncoderSettings, &mut LstmSettings)) -> Kind {
    let sizes =
        Sizes { hidden: HIDDEN, heads: 1, inner: HIDDEN, vocabulary: VOCABULARY, layers: LAYERS };
    let mut e = EncoderSettings {
        aggregator: Aggregator::Lstm,
        embedding_norm: false,
        initial_deviation: 1.0,
        ..EncoderSettings::plain(sizes)
    };
    let mut lstm = LstmSettings {
        cells: HIDDEN / 2,
        projection: false,
        directions: Directions::Both,
        joint: true,
        skip_connections: false,
        cell_clip: None,
        projection_clip: None,
    };
    change(&mut e, &mut lstm);
    e.lstm = Some(lstm);
    let language = Some(match e.keeps_sides_apart() {
        true => LanguageHeadSettings::sides(&e),
        false => {
            LanguageHeadSettings { tied: e.characters.is_none(), ..LanguageHeadSettings::bert(&e) }
        }
    });
    let (head, classifier, sentence) = (Vec::new(), None, Default::default());
    Kind {
        name,
        new: NewModel { settings: e, head, language, classifier, decoder: None, sentence },
    }
}

fn apart(lstm: &mut LstmSettings) {
    *lstm = LstmSettings {
        cells: 11,
        projection: true,
        joint: false,
        skip_connections: true,
        cell_clip: Some(0.5),
        projection_clip: Some(0.2),
        ..lstm.clone()
    };
}

fn spelled(e: &mut EncoderSettings) {
    let filters = vec![(1, 4), (2, 4), (3, 8)];
    let activation = Activation::Tanh;
    e.characters =
        Some(CharacterSettings { activation, ..CharacterSettings::bytes(6, filters, 2) });
    e.vocabulary = 3 + WORDS.len();
}

pub(crate) fn kinds() -> Vec<Kind> {
    vec![
        kind("joint", |e, _| e.embedding_norm = true),
        kind("joint mix", |e, _| {
            e.mix = true;
            e.final_norm = true;
            e.maximum_tokens = Some(300);
            e.positions = vec![PositionSettings::Learned { entries: 300, offset: 0, skips: None }];
        }),
        kind("forward", |_, lstm| {
            (lstm.cells, lstm.projection) = (20, true);
            lstm.directions = Directions::Forward;
            lstm.skip_connections = true;
        }),
        kind("apart", |_, lstm| apart(lstm)),
        kind("spelled apart", |e, lstm| {
            apart(lstm);
            spelled(e);
            e.mix = true;
        }),
        kind("spelled joint", |e, _| spelled(e)),
        kind("spelled and listed", |e, lstm| {
            apart(lstm);
            spelled(e);
            let words = Some(WordTable { width: 5, markers: [0, 1] });
            e.characters = e.characters.take().map(|c| CharacterSettings { words, ..c });
        }),
    ]
}

pub(crate) fn of(name: &str) -> Kind {
    kinds().into_iter().find(|kind| kind.name == name).expect("a kind of that name")
}

impl Kind {
    pub(crate) fn is_spelled(&self) -> bool {
        self.new.settings.characters.is_some()
    }

    pub(crate) fn create(&self) -> Model {
        Model::create(&self.new, 5).unwrap_or_else(|e| panic!("{}: {e}", self.name))
    }

    /// The model and its tokenizer in a folder.
    pub(crate) fn folder(&self) -> TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        let model = self.create();
        model
            .write(folder.path(), model.weights())
            .unwrap_or_else(|e| panic!("{}: {e}", self.name));
        self.add_tokenizer(folder.path());
        folder
    }

    fn add_tokenizer(&self, folder: &Path) {
        if self.is_spelled() {
            let list = ["<S>", "</S>", "<UNK>"].iter().chain(&WORDS);
            let list: String = list.map(|word| format!("{word}\n")).collect();
            fs::write(folder.join("vocab.txt"), list).expect("a file");
            fs::write(folder.join("characters.json"), r#"{"kind":"bytes"}"#).expect("a file");
            return;
        }
        for file in ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"] {
            let from = goldens().join("families/bert").join(file);
            fs::copy(from, folder.join(file)).expect("a file of the golden tokenizer");
        }
    }
}

pub(crate) fn open(folder: &Path, threads: usize) -> Embedder {
    let options = OpenOptions { threads, ..OpenOptions::default() };
    Embedder::open_folder(folder, &options).unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
}

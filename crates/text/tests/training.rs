//! Trained tokenizers: their files, their sameness, their refusals.

use std::convert::Infallible;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::Command;

use contexture_text::training::{TokenizerKind, TokenizerSettings, TrainedTokenizer, train};
use contexture_text::{TextError, Tokenizer};
use serde_json::Value;

const KINDS: [TokenizerKind; 3] =
    [TokenizerKind::WordPiece, TokenizerKind::Bpe, TokenizerKind::Unigram];

/// Words made of few syllables, many of them equally often: ties wherever a trainer can have them.
fn small_text() -> Vec<String> {
    let syllables = ["ba", "ing", "ra", "tion", "ed", "lo", "un", "mi", "ß", "É", "中", "ne"];
    let mut state = 7u64;
    let mut next = |most: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (state >> 33) as usize % most
    };
    let mut lines = Vec::new();
    for _ in 0..400 {
        let mut line = String::new();
        for word in 0..8 {
            if word > 0 {
                line.push(' ');
            }
            for _ in 0..=next(4) {
                line.push_str(syllables[next(syllables.len())]);
            }
        }
        line.push_str([".", "!", ", 42", " [MASK] \u{0}x"][next(4)]);
        lines.push(line);
    }
    lines
}

fn settings(kind: TokenizerKind, vocabulary: usize) -> TokenizerSettings {
    TokenizerSettings { kind, vocabulary, max_length: Some(128), ..TokenizerSettings::default() }
}

fn learn(
    settings: &TokenizerSettings,
    lines: &[String],
    folder: &Path,
) -> Result<TrainedTokenizer, TextError> {
    train(settings, lines.iter().cloned().map(Ok::<_, Infallible>), folder)
}

/// All files of a folder, by name.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<(PathBuf, Vec<u8>)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into(), std::fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    files
}

/// Not a test of itself: another process of `every_process_writes_the_same` trains here.
#[test]
fn another_process() {
    let Ok(folder) = std::env::var("CONTEXTURE_TEST_TRAIN_INTO") else { return };
    let mut lines = small_text();
    lines.reverse();
    for kind in KINDS {
        learn(&settings(kind, 420), &lines, &Path::new(&folder).join(format!("{kind:?}"))).unwrap();
    }
}

#[test]
fn every_process_writes_the_same() {
    let here = tempfile::tempdir().unwrap();
    let lines = small_text();
    let mut expected = Vec::new();
    for kind in KINDS {
        let folder = here.path().join(format!("{kind:?}"));
        learn(&settings(kind, 420), &lines, &folder).unwrap();
        expected.push(files(&folder));
        let names: Vec<&PathBuf> =
            expected[expected.len() - 1].iter().map(|file| &file.0).collect();
        assert_eq!(names.len(), if kind == TokenizerKind::WordPiece { 4 } else { 3 }, "{names:?}");
    }
    for _ in 0..6 {
        let there = tempfile::tempdir().unwrap();
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "another_process", "-q"])
            .env("CONTEXTURE_TEST_TRAIN_INTO", there.path())
            .stdout(std::process::Stdio::null())
            .status()
            .unwrap();
        assert!(status.success());
        for (kind, expected) in KINDS.iter().zip(&expected) {
            let found = files(&there.path().join(format!("{kind:?}")));
            assert!(found == *expected, "{kind:?} differs between processes");
        }
    }
}

/// What is read back gives what the crate itself gives, and the special tokens have their places.
#[test]
fn files_open_and_give_the_crates_ids() {
    let lines = small_text();
    for kind in KINDS {
        for lower_case in [true, false] {
            let folder = tempfile::tempdir().unwrap();
            let settings = TokenizerSettings { lower_case, ..settings(kind, 420) };
            let trained = learn(&settings, &lines, folder.path()).unwrap();
            let ours = Tokenizer::open(folder.path()).unwrap();
            let theirs = tokenizers::Tokenizer::from_file(folder.path().join("tokenizer.json"));
            let theirs = theirs.unwrap();
            assert_eq!(ours.is_fast(), kind == TokenizerKind::WordPiece);
            assert_eq!(ours.vocabulary_size(), trained.vocabulary);
            assert!(trained.vocabulary > 100 && trained.vocabulary <= 420, "{trained:?}");
            assert_eq!(ours.max_length(), Some(128));
            let special = ours.special();
            let roles = [special.pad, special.unk, special.cls, special.sep, special.mask];
            assert_eq!(roles, [0, 1, 2, 3, 4].map(Some));
            assert_eq!(special.all, [0, 1, 2, 3, 4]);
            let odd = ["", " a  b\tc ", "Ünï 日本 [MASK] zz", "[CLS] x [SEP]", "BAED Baed baed"];
            for line in lines.iter().map(String::as_str).chain(odd) {
                let ids = ours.encode(line).unwrap().ids;
                assert_eq!(ids, theirs.encode(line, true).unwrap().get_ids(), "{kind:?} {line:?}");
                assert_eq!((ids[0], ids[ids.len() - 1]), (2, 3));
            }
            let same = ours.encode("BAED").unwrap().ids == ours.encode("baed").unwrap().ids;
            assert_eq!(same, lower_case, "{kind:?}");
        }
    }
}

#[test]
fn vocab_txt_alone_is_the_same_tokenizer() {
    let folder = tempfile::tempdir().unwrap();
    let lines = small_text();
    learn(&settings(TokenizerKind::WordPiece, 300), &lines, folder.path()).unwrap();
    let whole = Tokenizer::open(folder.path()).unwrap();
    std::fs::remove_file(folder.path().join("tokenizer.json")).unwrap();
    let plain = Tokenizer::open(folder.path()).unwrap();
    assert_eq!(plain.vocabulary_size(), whole.vocabulary_size());
    for line in &lines {
        assert_eq!(plain.encode(line).unwrap().ids, whole.encode(line).unwrap().ids);
    }
}

#[test]
fn every_vocabulary_size_is_kept_or_refused_with_both_numbers() {
    let lines = small_text();
    let folder = tempfile::tempdir().unwrap();
    for kind in KINDS {
        let mut least = None;
        for vocabulary in (0..320).step_by(17) {
            match learn(&settings(kind, vocabulary), &lines, folder.path()) {
                Ok(trained) => {
                    assert!(trained.vocabulary <= vocabulary, "{kind:?} {vocabulary} {trained:?}");
                    least.get_or_insert(vocabulary);
                    Tokenizer::open(folder.path()).unwrap();
                }
                Err(error) => {
                    let TextError::SmallVocabulary { vocabulary: asked, special, letters } = error
                    else {
                        panic!("{kind:?} {vocabulary}: {error}")
                    };
                    assert_eq!((asked, special), (vocabulary, 5));
                    assert!(vocabulary < special + letters && least.is_none());
                    let text = error.to_string();
                    let both = [vocabulary.to_string(), (special + letters).to_string()];
                    assert!(both.iter().all(|number| text.contains(number)), "{text}");
                }
            }
        }
        assert!(least.is_some(), "{kind:?}");
    }
}

#[test]
fn a_small_alphabet_leaves_rare_characters_out() {
    let mut lines = small_text();
    lines.push("qqq zebra".to_owned());
    let folder = tempfile::tempdir().unwrap();
    for kind in [TokenizerKind::WordPiece, TokenizerKind::Unigram] {
        let settings = TokenizerSettings { alphabet: 20, ..settings(kind, 300) };
        let trained = learn(&settings, &lines, folder.path()).unwrap();
        assert!(trained.dropped_characters > 0, "{trained:?}");
        let tokenizer = Tokenizer::open(folder.path()).unwrap();
        assert!(tokenizer.id("q").is_none());
        assert!(tokenizer.encode("qqq").unwrap().ids.contains(&1), "{kind:?}");
        assert!(!tokenizer.encode("baing").unwrap().ids.contains(&1), "{kind:?}");
    }
}

#[test]
fn what_cannot_be_learned_from_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for kind in KINDS {
        for lines in [vec![], vec![String::new(), " \n\t ".to_owned()]] {
            let result = learn(&settings(kind, 400), &lines, folder.path());
            match (result, kind) {
                (Err(TextError::NoText { texts }), _) => assert_eq!(texts, lines.len() as u64),
                // White space is text to a tokenizer of bytes.
                (Ok(_), TokenizerKind::Bpe) if !lines.is_empty() => {}
                (other, _) => panic!("{kind:?}: {other:?}"),
            }
        }
        let texts = [Ok("a good line".to_owned()), Err(std::io::Error::other("torn page"))];
        let error = train(&settings(kind, 400), texts.into_iter(), folder.path()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("text 2") && text.contains("torn page"), "{text}");
        let file = folder.path().join("file");
        std::fs::write(&file, "x").unwrap();
        let error = learn(&settings(kind, 400), &small_text(), &file).unwrap_err();
        assert!(matches!(error, TextError::Write { .. }), "{error}");
    }
}

/// Text that no one would write: nothing of it may bring a trainer down.
#[test]
fn hostile_text_is_learned_from() {
    let lines = [
        "x".repeat(200_000),
        "\u{0}\u{0} \u{feff}\u{200b}\u{301}".to_owned(),
        "[CLS] [PAD][UNK] <UNK> ▁ ▁▁ ## ##a".to_owned(),
        "a".to_owned(),
        "\u{10ffff}\u{e000} \u{202e}abc".to_owned(),
        "日本語のテキスト".repeat(500),
    ];
    for kind in KINDS {
        let folder = tempfile::tempdir().unwrap();
        for count in (1..=lines.len()).rev() {
            let lines = &lines[lines.len() - count..];
            let trained = learn(&settings(kind, 400), lines, folder.path()).unwrap();
            let tokenizer = Tokenizer::open(folder.path()).unwrap();
            assert_eq!(tokenizer.vocabulary_size(), trained.vocabulary, "{kind:?} {count}");
            assert_eq!(tokenizer.id("[MASK]"), Some(4));
        }
    }
}

#[test]
fn settings_are_read_from_a_configuration() {
    let read = |text: &str| serde_json::from_str::<TokenizerSettings>(text);
    let settings = read(r#"{"kind": "unigram", "vocabulary": 500}"#).unwrap();
    assert_eq!((settings.kind, settings.vocabulary), (TokenizerKind::Unigram, 500));
    assert_eq!(settings.alphabet, TokenizerSettings::default().alphabet);
    assert!(read(r#"{"vocabluary": 500}"#).unwrap_err().to_string().contains("vocabluary"));
    assert!(read(r#"{"kind": "words"}"#).is_err());
}

/// Real text where it is there: lines of Austen and leads of encyclopedia articles.
#[test]
fn real_text_gives_whole_words() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/text");
    let file = folder.join("gutenberg/austen-emma.txt.gz");
    let Ok(packed) = std::fs::File::open(&file) else {
        eprintln!("skipped: {} is not there", file.display());
        return;
    };
    let mut text = String::new();
    flate2::read::GzDecoder::new(BufReader::new(packed)).read_to_string(&mut text).unwrap();
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (kind, most) in KINDS.into_iter().zip([1.35, 1.35, 1.5]) {
        let folder = tempfile::tempdir().unwrap();
        let trained = learn(&settings(kind, 4000), &lines, folder.path()).unwrap();
        assert_eq!(trained.vocabulary, 4000);
        let tokenizer = Tokenizer::open(folder.path()).unwrap();
        let (mut tokens, mut words, mut unknown) = (0, 0, 0);
        for line in &lines {
            let ids = tokenizer.encode_without_special(line).unwrap().ids;
            unknown += ids.iter().filter(|id| **id == 1).count();
            tokens += ids.len();
            words += line.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).count();
            words += line.chars().filter(char::is_ascii_punctuation).count();
        }
        let a_word = tokens as f64 / words as f64;
        println!("{kind:?}: {a_word:.3} tokens a word, {unknown} unknown");
        assert!(
            a_word < most && unknown == 0,
            "{kind:?}: {a_word} tokens a word, {unknown} unknown"
        );
        let json = std::fs::read_to_string(folder.path().join("tokenizer.json")).unwrap();
        let version = serde_json::from_str::<Value>(&json).unwrap()["version"].clone();
        assert_eq!(version, "1.0");
    }
}

//! Damaged SentencePiece models and hostile texts: typed errors, bounded time, spans that hold.

#[path = "small/files.rs"]
mod small;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use contexture_text::{Overflow, TextError, Tokenizer};
use small::{Seeded, write};

fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../verify/goldens")
}

fn model(name: &str) -> Vec<u8> {
    fs::read(goldens().join("sentencepiece").join(name)).unwrap()
}

/// Opens one model as T5 has it, from memory, so that thousands do not wait for a disk.
fn open(model: &[u8]) -> Result<Tokenizer, TextError> {
    let config = br#"{"extra_ids": 2, "model_max_length": 512}"#;
    let files = [("spiece.model", model), ("tokenizer_config.json", config.as_slice())];
    Tokenizer::open_files(Path::new("t5"), &files)
}

const TEXT: &str =
    " Foo bar <sep> fo e\u{301} a\u{300}\u{301}  ½ ﬃ été…\u{3000}x 中\u{200b}👩 <unk> aaaaaaa ";

#[test]
fn a_file_that_is_cut_off_anywhere_is_refused() {
    for name in ["symbols.model", "bpe.model", "bytes.model"] {
        let whole = model(name);
        let expected = open(&whole).unwrap().encode(TEXT).unwrap();
        let mut refused = 0;
        for length in 0..whole.len() {
            match open(&whole[..length]) {
                Err(TextError::Malformed { path, .. }) => {
                    assert!(path.ends_with("spiece.model"));
                    refused += 1;
                }
                Err(error) => panic!("{name} cut to {length}: {error}"),
                // What stands behind the normalizer decides nothing.
                Ok(tokenizer) => assert_eq!(tokenizer.encode(TEXT).unwrap(), expected, "{length}"),
            }
        }
        assert!(refused + 4 >= whole.len(), "{name}: {refused} of {} refused", whole.len());
    }
}

fn mutant(file: &[u8], seeded: &mut Seeded) -> Vec<u8> {
    let mut bytes = file.to_vec();
    for _ in 0..1 + seeded.below(3) {
        let at = seeded.below(bytes.len());
        let end = (at + 1 + seeded.below(16)).min(bytes.len());
        match seeded.below(5) {
            0 => bytes[at] ^= 1 << seeded.below(8),
            1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][seeded.below(5)],
            2 => drop(bytes.drain(at..end)),
            3 => {
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            _ => bytes.swap(at, end - 1),
        }
    }
    bytes
}

#[test]
fn mutants_are_opened_or_refused() {
    for name in ["symbols.model", "bpe.model", "bytes.model", "suffix.model"] {
        let whole = model(name);
        let (mut opened, mut refused) = (0, 0);
        let mut seeded = Seeded(23);
        for case in 0..1500 {
            let bad = mutant(&whole, &mut seeded);
            let start = Instant::now();
            match open(&bad) {
                Ok(tokenizer) => {
                    opened += 1;
                    let ids = tokenizer.encode(TEXT).unwrap().ids;
                    tokenizer.decode(&ids, false).unwrap();
                }
                Err(error) => {
                    refused += 1;
                    assert!(error.to_string().contains("spiece.model: "), "{error}");
                }
            }
            let taken = start.elapsed();
            assert!(taken < Duration::from_secs(2), "{name} {case}: {taken:?}");
        }
        assert!(opened > 50 && refused > 200, "{name}: {opened} opened, {refused} refused");
    }
}

/// A field of bytes in the way of protobuf.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap();
    let head = [number << 3 | 2, length as u8 | 0x80, (length >> 7) as u8];
    [&head, bytes].concat()
}

/// `symbols.model` with another character map: a later field counts.
fn with_map(map: &[u8]) -> Vec<u8> {
    [model("symbols.model"), field(3, &field(2, map))].concat()
}

#[test]
fn character_maps_are_measured() {
    let units = |units: &[u32], strings: &[u8]| {
        let array: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        [&(array.len() as u32).to_le_bytes(), array.as_slice(), strings].concat()
    };
    for (map, part) in [
        (vec![1, 2, 3], "less than 4 bytes"),
        (vec![0xff, 0xff, 0xff, 0xff, 0, 0], "claims 4294967295"),
        (vec![3, 0, 0, 0, 1, 2, 3, 0], "claims 3"),
        (units(&[0], b""), "claims 4"),
        (units(&[0], b"\xff\0"), "not UTF-8 from 0 bytes on"),
        (units(&[0, 1 << 31 | 1], b"ab\0"), "no replacement begins at 1"),
        (units(&[0, 1 << 31 | 3], b"ab\0"), "no replacement begins at 3"),
        (units(&[0], &[b'x'; 300]), "300 bytes, expected at most 256"),
    ] {
        let error = open(&with_map(&map)).unwrap_err().to_string();
        assert!(error.contains("precompiled_charsmap") && error.contains(part), "{error}");
    }
    // An array that leads nowhere holds no rule.
    open(&with_map(&units(&[0], b"a\0"))).unwrap().encode(TEXT).unwrap();
}

#[test]
fn what_is_not_read_is_refused_by_name() {
    let words = [model("symbols.model"), field(2, &[24, 3])].concat();
    let characters = [model("symbols.model"), field(2, &[24, 4])].concat();
    for (file, part) in [(words, "WORD"), (characters, "CHAR")] {
        let error = open(&file).unwrap_err();
        assert!(
            matches!(&error, TextError::Unsupported { place: "model_type", found, .. } if found == part)
        );
    }
    let file = model("symbols.model");
    for (config, part) in [
        (r#"{"tokenizer_class": "AlbertTokenizer"}"#, "tokenizer_class: found AlbertTokenizer"),
        (r#"{"extra_ids": 1000000000}"#, "extra_ids: found 1000000000"),
        (r#"{"eos_token": "<end>"}"#, "the special token <end> is not among its 300 tokens"),
        (
            r#"{"added_tokens_decoder": {"x": {"content": "<a>"}}}"#,
            "expected an id and its content",
        ),
        (
            r#"{"added_tokens_decoder": {"7": {"content": "<a>", "single_word": true}}}"#,
            "single_word: found true",
        ),
    ] {
        let files =
            [("spiece.model", file.as_slice()), ("tokenizer_config.json", config.as_bytes())];
        let error = Tokenizer::open_files(Path::new("t5"), &files).unwrap_err().to_string();
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[test]
fn a_marian_folder_that_does_not_fit_together() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["source.spm", "target.spm", "vocab.json"] {
        fs::copy(goldens().join("seq2seq/marian").join(name), folder.path().join(name)).unwrap();
    }
    // Without settings the usual names count.
    let tokenizer = Tokenizer::open(folder.path()).unwrap();
    assert_eq!((tokenizer.special().sep, tokenizer.special().unk), (Some(0), Some(1)));
    for (words, part) in [
        ("{", "vocab.json: malformed"),
        ("[]", "vocab.json: malformed"),
        (r#"{"</s>": -1}"#, "vocab.json: malformed"),
        (r#"{"</s>": 0, "<unk>": 0}"#, "both have the id 0"),
        (r#"{"</s>": 0, "a": 1}"#, "the special token <unk> is not among its 2 tokens"),
    ] {
        write(folder.path(), "vocab.json", words);
        let error = Tokenizer::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains(part), "{part}: {error}");
        assert_eq!(Tokenizer::open_target(folder.path()).unwrap_err().to_string(), error);
    }
    write(folder.path(), "vocab.json", r#"{"</s>": 4000000000, "<unk>": 7}"#);
    let ids = Tokenizer::open(folder.path()).unwrap().encode("a").unwrap().ids;
    assert_eq!(ids, [7, 4_000_000_000]);
    fs::remove_file(folder.path().join("target.spm")).unwrap();
    assert!(matches!(Tokenizer::open(folder.path()), Err(TextError::Missing { .. })));
    assert!(Tokenizer::open_target(folder.path()).unwrap().is_none());
}

#[test]
fn white_space_around_added_tokens() {
    let file = model("symbols.model");
    let config = br#"{"extra_ids": 0, "added_tokens_decoder": {
        "900": {"content": "<l>", "lstrip": true, "special": true},
        "901": {"content": "<r>", "rstrip": true, "special": true},
        "902": {"content": "<n>", "special": false}}}"#;
    let files = [("spiece.model", file.as_slice()), ("tokenizer_config.json", config.as_slice())];
    let tokenizer = Tokenizer::open_files(Path::new("t5"), &files).unwrap();
    let spans = |text: &str, id: u32| {
        let encoding = tokenizer.encode(text).unwrap();
        let place = encoding.ids.iter().position(|other| *other == id).unwrap();
        encoding.spans[place].unwrap()
    };
    assert_eq!(spans("a  <l>  b", 900), [1, 6]);
    assert_eq!(spans("a  <r>  b", 901), [3, 8]);
    assert_eq!(spans("a  <n>  b", 902), [3, 6]);
    let ids = tokenizer.encode("a <l> b <n> a").unwrap().ids;
    assert_eq!(tokenizer.decode(&ids, true).unwrap(), "a b<n> a");
    assert_eq!(tokenizer.decode(&ids, false).unwrap(), "a<l> b<n> a</s>");
}

#[test]
fn spans_and_chunks_hold_on_hostile_text() {
    let marian = Tokenizer::open(&goldens().join("seq2seq/marian_relu")).unwrap();
    let models = ["symbols", "bpe", "bytes", "keep", "suffix", "bpe_bytes"];
    let bare = models.map(|name| open(&model(&format!("{name}.model"))).unwrap());
    for tokenizer in bare.iter().chain([&marian]) {
        let mut seeded = Seeded(5);
        for _ in 0..400 {
            let text = seeded.text();
            let encoding = tokenizer.encode(&text).unwrap();
            let mut before = 0;
            for span in encoding.spans.iter().flatten() {
                assert!(text.get(span[0]..span[1]).is_some(), "{span:?} in {text:?}");
                assert!(span[0] >= before, "{span:?} after {before} in {text:?}");
                before = span[0];
            }
            let ids = encoding.ids.clone();
            let chunks = encoding.fit(&text, 7, Overflow::Chunk).unwrap();
            let bodies = chunks.iter().flat_map(|piece| &piece.ids[..piece.ids.len() - 1]);
            assert!(bodies.eq(&ids[..ids.len() - 1]), "{text:?}");
            tokenizer.decode(&ids, false).unwrap();
        }
    }
}

#[test]
fn large_texts_take_time_in_proportion() {
    for name in ["symbols.model", "bpe.model", "bytes.model"] {
        let tokenizer = open(&model(name)).unwrap();
        for text in ["a", " ", "é", "中", "</s", "</s>", "foo bar ", "\u{200b}", "½"] {
            let start = Instant::now();
            tokenizer.encode(&text.repeat(200_000 / text.len())).unwrap();
            let taken = start.elapsed();
            assert!(taken < Duration::from_secs(10), "{name}: {text:?}: {taken:?}");
        }
    }
}

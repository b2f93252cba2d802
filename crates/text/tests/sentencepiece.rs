//! SentencePiece models: ids and texts equal to those of the `sentencepiece` library and of
//! transformers, and laws that the spans obey. Goldens: `README.md` in `crates/verify/goldens`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use contexture_text::{Encoding, Tokenizer, align, words};
use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::Value;

fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../verify/goldens")
}

#[derive(Deserialize)]
struct Goldens {
    texts: Vec<String>,
    /// Bare models, without special tokens.
    models: BTreeMap<String, Golden>,
    /// Folders as transformers opens them.
    folders: BTreeMap<String, Golden>,
}

#[derive(Deserialize)]
struct Golden {
    ids: Vec<Vec<u32>>,
    #[serde(default)]
    decoded: Vec<String>,
}

fn stored() -> Goldens {
    let file = File::open(goldens().join("sentencepiece/ids.json.gz")).unwrap();
    serde_json::from_reader(GzDecoder::new(file)).unwrap()
}

fn compare(name: &str, tokenizer: &Tokenizer, texts: &[String], golden: &Golden, whole: bool) {
    let mut wrong = Vec::new();
    for (k, text) in texts.iter().enumerate() {
        let encoding = match whole {
            true => tokenizer.encode(text),
            false => tokenizer.encode_without_special(text),
        };
        let encoding = encoding.unwrap();
        check_spans(text, &encoding);
        if encoding.ids != golden.ids[k] {
            wrong.push(format!("{text:?}: {:?}, expected {:?}", encoding.ids, golden.ids[k]));
        }
        let Some(expected) = golden.decoded.get(k) else { continue };
        let decoded = tokenizer.decode(&golden.ids[k], true).unwrap();
        if decoded != *expected {
            wrong.push(format!("{text:?} back: {decoded:?}, expected {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{name}: {} of {}:\n{}", wrong.len(), texts.len(), wrong.join("\n"));
}

fn check_spans(text: &str, encoding: &Encoding) {
    assert_eq!(encoding.ids.len(), encoding.spans.len(), "{text:?}");
    let mut before = 0;
    for span in encoding.spans.iter().flatten() {
        assert!(text.get(span[0]..span[1]).is_some(), "{span:?} in {text:?}");
        assert!(span[0] >= before, "{span:?} after {before} in {text:?}");
        before = span[0];
    }
    for ([start, end], [first, last]) in
        words(text).into_iter().zip(align(text, &words(text), &encoding.spans))
    {
        for span in encoding.spans[first..last].iter().flatten() {
            assert!(span[0] < end && span[1] > start, "{span:?} outside a word of {text:?}");
        }
    }
}

/// The map nmt_nfkc, which another golden has in its tokenizer.
fn nmt_nfkc() -> Vec<u8> {
    fn find(value: &Value) -> Option<&str> {
        match value {
            Value::Object(keys) => match keys.get("precompiled_charsmap").and_then(Value::as_str) {
                Some(map) => Some(map),
                None => keys.values().find_map(find),
            },
            Value::Array(list) => list.iter().find_map(find),
            _ => None,
        }
    }
    let text = fs::read(goldens().join("families/xlm_roberta/tokenizer.json")).unwrap();
    let file: Value = serde_json::from_slice(&text).unwrap();
    let map = find(&file["normalizer"]).unwrap();
    base64::engine::general_purpose::STANDARD.decode(map).unwrap()
}

/// A field of bytes in the way of protobuf.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(bytes);
    out
}

/// A folder with one bare model.
fn bare(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut model = fs::read(goldens().join(format!("sentencepiece/{name}.model"))).unwrap();
    if name == "nfkc" {
        model.extend(field(3, &field(2, &nmt_nfkc())));
    }
    fs::write(folder.path().join("spiece.model"), model).unwrap();
    fs::write(folder.path().join("tokenizer_config.json"), r#"{"extra_ids": 0}"#).unwrap();
    folder
}

#[test]
fn bare_models_as_sentencepiece_reads_them() {
    let stored = stored();
    assert_eq!(stored.models.len(), 7);
    // What T5's folder looks for in a text is not the model's affair.
    let marks = ["</s>", "<unk>", "<pad>"];
    let chosen = |text: &&String| !marks.iter().any(|mark| text.contains(mark));
    for (name, golden) in &stored.models {
        let folder = bare(name);
        let tokenizer = Tokenizer::open(folder.path()).unwrap();
        assert_eq!(tokenizer.kind(), "sentencepiece");
        let places = stored.texts.iter().enumerate().filter(|(_, text)| chosen(text));
        let places: Vec<usize> = places.map(|(place, _)| place).collect();
        let texts: Vec<String> = places.iter().map(|k| stored.texts[*k].clone()).collect();
        let golden = Golden {
            ids: places.iter().map(|k| golden.ids[*k].clone()).collect(),
            decoded: places.iter().map(|k| golden.decoded[*k].clone()).collect(),
        };
        assert!(texts.len() > 350);
        compare(name, &tokenizer, &texts, &golden, false);
    }
}

fn folder(name: &str) -> PathBuf {
    goldens().join("seq2seq").join(name)
}

#[test]
fn folders_of_marian_and_t5_as_transformers_reads_them() {
    let Goldens { texts, folders, .. } = stored();
    assert_eq!(folders.len(), 8);
    for (name, golden) in &folders {
        let (model, side) = name.split_once('.').unwrap_or((name, "source"));
        let tokenizer = match side {
            "target" => Tokenizer::open_target(&folder(model)).unwrap().unwrap(),
            _ => Tokenizer::open(&folder(model)).unwrap(),
        };
        let kind = if model == "t5_gated" { "tokenizers" } else { "sentencepiece" };
        assert_eq!(tokenizer.kind(), kind);
        compare(name, &tokenizer, &texts, golden, true);
    }
}

#[test]
fn what_a_folder_says_beside_the_pieces() {
    let marian = Tokenizer::open(&folder("marian")).unwrap();
    let target = Tokenizer::open_target(&folder("marian")).unwrap().unwrap();
    for side in [&marian, &target] {
        let special = side.special();
        assert_eq!((special.sep, special.unk, special.cls), (Some(0), Some(1), None));
        assert_eq!(special.pad, Some(side.vocabulary_size() as u32 - 1));
        assert_eq!((side.max_length(), side.added_tokens()), (Some(96), 1));
    }
    assert!(marian.path().ends_with("source.spm") && target.path().ends_with("target.spm"));
    let apart = Tokenizer::open_target(&folder("marian_apart")).unwrap().unwrap();
    assert_eq!(apart.vocabulary_size(), 100);
    assert_eq!(apart.special().pad, Some(2));

    let t5 = Tokenizer::open(&folder("t5_relu")).unwrap();
    assert!(Tokenizer::open_target(&folder("t5_relu")).unwrap().is_none());
    assert_eq!((t5.special().pad, t5.special().sep, t5.special().unk), (Some(0), Some(1), Some(2)));
    assert_eq!((t5.id("<extra_id_0>"), t5.token(116)), (Some(121), Some("<extra_id_5>")));
    assert_eq!(t5.vocabulary_size(), 122);
}

#[test]
fn a_target_folder_of_our_own_layout() {
    let base = tempfile::tempdir().unwrap();
    let copy = |from: &str, to: &Path| {
        fs::create_dir_all(to).unwrap();
        let from = goldens().join("families").join(from);
        fs::copy(from.join("tokenizer.json"), to.join("tokenizer.json")).unwrap();
    };
    copy("bert", base.path());
    assert!(Tokenizer::open_target(base.path()).unwrap().is_none());
    copy("roberta", &base.path().join("target"));
    let source = Tokenizer::open(base.path()).unwrap();
    let target = Tokenizer::open_target(base.path()).unwrap().unwrap();
    assert_eq!((source.kind(), target.kind()), ("wordpiece (fast)", "tokenizers"));
    let ids = target.encode("as a stranger").unwrap().ids;
    assert_eq!(target.decode(&ids, true).unwrap(), "as a stranger");
}

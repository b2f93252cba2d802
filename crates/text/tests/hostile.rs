//! Hostile texts and hostile files: bounded time, typed errors, spans that hold.

#[path = "small/files.rs"]
mod small;

use std::time::{Duration, Instant};

use contexture_text::{Overflow, TextError, Tokenizer, align, words};
use serde_json::Value;
use small::{Seeded, bert_processing, bpe, folder, open, unigram, wordpiece, write};

fn files() -> [(&'static str, Value); 3] {
    let bert = wordpiece((true, true, None, true), bert_processing());
    [("WordPiece", bert), ("BPE", bpe()), ("Unigram", unigram())]
}

fn check(tokenizer: &Tokenizer, text: &str) {
    let encoding = tokenizer.encode(text).unwrap();
    assert_eq!(encoding.ids.len(), encoding.spans.len());
    let mut before = 0;
    for span in encoding.spans.iter().flatten() {
        assert!(text.get(span[0]..span[1]).is_some(), "{span:?} in {text:?}");
        assert!(span[0] >= before, "{span:?} after {before} in {text:?}");
        before = span[0];
    }
    let list = words(text);
    for (word, [first, last]) in list.iter().zip(align(text, &list, &encoding.spans)) {
        assert!(first <= last && last <= encoding.len());
        if first < last {
            let [a, b] = [encoding.spans[first].unwrap(), encoding.spans[last - 1].unwrap()];
            assert!(a[0] < word[1] && b[1] > word[0], "{word:?}: {a:?}..{b:?} in {text:?}");
        }
    }
    for max_length in [4, 7] {
        check_fit(tokenizer, text, max_length);
    }
}

fn check_fit(tokenizer: &Tokenizer, text: &str, max_length: usize) {
    let encoding = tokenizer.encode(text).unwrap();
    let body = |ids: &[u32]| ids[encoding.prefix..ids.len() - encoding.suffix].to_vec();
    let chunks = encoding.clone().fit(text, max_length, Overflow::Chunk).unwrap();
    let joined: Vec<u32> = chunks.iter().flat_map(|c| body(&c.ids)).collect();
    assert_eq!(joined, body(&encoding.ids), "{text:?}");
    assert_eq!(chunks[0].span[0], 0);
    assert_eq!(chunks.last().unwrap().span[1], text.len());
    for chunk in &chunks {
        assert!(chunk.ids.len() <= max_length && text.get(chunk.span[0]..chunk.span[1]).is_some());
    }
    let cut = &encoding.clone().fit(text, max_length, Overflow::Truncate).unwrap()[0];
    let kept = encoding.len().min(max_length) - encoding.prefix - encoding.suffix;
    assert_eq!(body(&cut.ids), body(&encoding.ids)[..kept]);
    let refused = encoding.clone().fit(text, max_length, Overflow::Error);
    assert_eq!(refused.is_err(), encoding.len() > max_length);
}

#[test]
fn spans_words_and_chunks_hold_on_hostile_text() {
    for (name, file) in files() {
        let tokenizer = open(&file.to_string()).unwrap();
        assert_eq!(tokenizer.is_fast(), name == "WordPiece");
        let mut seeded = Seeded(7);
        for _ in 0..1500 {
            check(&tokenizer, &seeded.text());
        }
    }
}

#[test]
fn large_texts_take_time_in_proportion() {
    let texts = [
        ("no blanks", "x".repeat(1_000_000)),
        ("blanks", " ".repeat(1_000_000)),
        ("marks", "\u{301}".repeat(100_000)),
        ("marks of many classes", "\u{301}\u{323}\u{f73}\u{345}".repeat(25_000)),
        ("nul", "\0".repeat(1_000_000)),
        ("ideographs", "中".repeat(300_000)),
        ("brackets", "[MASK".repeat(200_000)),
        ("angle brackets", "<unk".repeat(200_000)),
        ("masks", "[MASK]".repeat(50_000)),
        ("words of 100", format!("{} ", "x".repeat(100)).repeat(10_000)),
    ];
    for (name, file) in files() {
        let tokenizer = open(&file.to_string()).unwrap();
        for (what, text) in &texts {
            let start = Instant::now();
            tokenizer.encode(text).unwrap();
            let limit = if name == "WordPiece" { 2 } else { 20 };
            let taken = start.elapsed();
            assert!(taken < Duration::from_secs(limit), "{name}: {what}: {taken:?}");
        }
    }
}

/// A file with bytes struck, doubled, swapped or replaced, or with a piece of JSON exchanged.
fn mutant(file: &str, seeded: &mut Seeded) -> String {
    let mut bytes = file.as_bytes().to_vec();
    for _ in 0..1 + seeded.below(3) {
        let at = seeded.below(bytes.len());
        let end = (at + 1 + seeded.below(24)).min(bytes.len());
        match seeded.below(6) {
            0 => drop(bytes.drain(at..end)),
            1 => bytes[at] = b" \"\\{}[]:,0159aeu-#\xc3"[seeded.below(19)],
            2 => {
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            3 => {
                let digits = bytes.iter().skip(at).position(u8::is_ascii_digit);
                let values = ["-1", "1e9", "4294967295", "18446744073709551616", "0.5", "null"];
                if let Some(n) = digits {
                    bytes.splice(at + n..=at + n, values[seeded.below(6)].bytes());
                }
            }
            4 => {
                let words =
                    ["true", "false", "null", "[]", "{}", "\"\"", "\"BPE\"", "\"Sequence\""];
                let value = words[seeded.below(8)];
                if let Some(n) = bytes.iter().skip(at).position(|b| *b == b':') {
                    let from = at + n + 1;
                    let to = bytes[from..].iter().position(|b| matches!(b, b',' | b'}'));
                    bytes.splice(from..from + to.unwrap_or(0), value.bytes());
                }
            }
            _ => bytes.truncate(at.max(1)),
        }
        if bytes.is_empty() {
            bytes.push(b'{');
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn mutants_of_each_type_are_opened_or_refused() {
    for (name, file) in files() {
        let file = file.to_string();
        let (mut opened, mut refused) = (0, 0);
        let mut seeded = Seeded(11);
        for case in 0..900 {
            let seed = seeded.0;
            let bad = mutant(&file, &mut seeded);
            let start = Instant::now();
            match open(&bad) {
                Ok(tokenizer) => {
                    opened += 1;
                    // A file may be valid and still fail on a text, by its own error.
                    if let Err(error) = tokenizer.encode("Tokens, a <unk> [MASK] é 中\u{301}") {
                        assert!(matches!(error, TextError::Encode { .. }), "{error}");
                    }
                }
                Err(error) => {
                    refused += 1;
                    assert!(error.to_string().contains("tokenizer.json"), "{error}");
                }
            }
            let taken = start.elapsed();
            assert!(taken < Duration::from_secs(2), "{name} {case}, seed {seed}: {taken:?}");
        }
        assert!(opened > 20 && refused > 100, "{name}: {opened} opened, {refused} refused");
        let canary = open(&file).unwrap().encode("tokens").unwrap();
        assert_eq!(canary, open(&file).unwrap().encode("tokens").unwrap());
    }
}

#[test]
fn patterns_that_blow_up_are_cut_off() {
    for pattern in ["(a+)+$", "(?=(a+)+b)a", "(a|a)*c", "(.*)*\\1x", "a{1000}{1000}{100}"] {
        let mut file = bpe();
        file["pre_tokenizer"] = serde_json::json!({"type": "Split",
            "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false});
        let start = Instant::now();
        if let Ok(tokenizer) = open(&file.to_string()) {
            let _ = tokenizer.encode(&"a".repeat(3000));
        }
        assert!(start.elapsed() < Duration::from_secs(10), "{pattern}: {:?}", start.elapsed());
    }
}

#[test]
fn character_maps_are_measured() {
    // 0xffffffff bytes claimed; a count that fits but leads nowhere; no base64 at all.
    for (map, opens) in [("/////wAA", false), ("BAAAAAAAAAA=", true), ("!!", false), ("", false)] {
        let mut file = unigram();
        file["normalizer"] =
            serde_json::json!({"type": "Precompiled", "precompiled_charsmap": map});
        let result = open(&file.to_string());
        if let Err(error) = &result {
            assert!(error.to_string().contains("tokenizer.json: malformed"), "{error}");
        }
        assert!(opens || result.is_err(), "{map}");
    }
}

#[test]
fn settings_around_the_file_are_honoured() {
    let file = wordpiece((true, true, None, false), bert_processing()).to_string();
    let open_with = |name: &str, text: &str| {
        let folder = folder(&file);
        write(folder.path(), name, text);
        Tokenizer::open(folder.path())
    };
    let plain = open(&file).unwrap();
    let lower = plain.encode("token").unwrap().ids;
    assert_ne!(plain.encode("TOKEN").unwrap().ids, lower);
    let config =
        r#"{"tokenizer_class": "BertTokenizer", "do_lower_case": true, "model_max_length": 512}"#;
    let bert = open_with("tokenizer_config.json", config).unwrap();
    assert_eq!(bert.encode("TOKEN").unwrap().ids, lower);
    assert_eq!(bert.max_length(), Some(512));
    let first = open_with("sentence_bert_config.json", r#"{"do_lower_case": true}"#).unwrap();
    assert_eq!(first.encode("TOKEN").unwrap().ids, lower);
    let none = open_with("tokenizer_config.json", r#"{"model_max_length": 1e30}"#).unwrap();
    assert_eq!(none.max_length(), None);
    let error = open_with("tokenizer_config.json", "{").unwrap_err().to_string();
    assert!(error.contains("tokenizer_config.json: malformed"), "{error}");
}

#[test]
fn the_oldest_form_is_a_list_of_tokens() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Tokenizer::open(folder.path()), Err(TextError::Missing { .. })));
    write(folder.path(), "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ntoken\n##s\n");
    write(folder.path(), "tokenizer_config.json", r#"{"do_lower_case": true}"#);
    let tokenizer = Tokenizer::open(folder.path()).unwrap();
    assert!(tokenizer.is_fast());
    let encoding = tokenizer.encode("TOKENS [MASK] q").unwrap();
    assert_eq!(encoding.ids, [2, 5, 6, 4, 1, 3]);
    assert_eq!(encoding.spans[2], Some([5, 6]));
    write(folder.path(), "vocab.txt", "a\nb\n");
    let error = Tokenizer::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("vocab.txt") && error.contains("[CLS]"), "{error}");
}

#[test]
fn prompts_leave_the_users_spans_alone() {
    let tokenizer = open(&bpe().to_string()).unwrap();
    let encoding = tokenizer.encode_with_prompt("query: ", "token é").unwrap();
    assert_eq!(encoding.text_bytes, 8);
    // [CLS] q u e r y : and the blank; the trailing [SEP] does not count.
    assert_eq!(encoding.prompt_tokens, 8);
    let spans: Vec<_> = encoding.spans.iter().flatten().collect();
    assert_eq!(spans.first(), Some(&&[0, 5]));
    assert_eq!(spans.last(), Some(&&[6, 8]));
    let pieces = tokenizer.fit("query: ", "token é token", 12, Overflow::Chunk).unwrap();
    assert!(pieces.len() > 1);
    assert!(pieces.iter().all(|p| p.ids[..8] == encoding.ids[..8] && p.ids.len() <= 12));
    let error = tokenizer.fit("query: ", "token é token", 9, Overflow::Chunk).unwrap_err();
    assert!(matches!(error, TextError::NoRoom { reserved: 9, .. }), "{error}");
}

#[test]
fn chunks_end_between_words() {
    let tokenizer = open(&bpe().to_string()).unwrap();
    let pieces = tokenizer.fit("", "abc token defghijkl ab", 7, Overflow::Chunk).unwrap();
    let text = "abc token defghijkl ab";
    let cut: Vec<&str> = pieces.iter().map(|p| &text[p.span[0]..p.span[1]]).collect();
    assert_eq!(cut.concat().replace(' ', ""), text.replace(' ', ""));
    assert!(cut[0].trim() == "abc" || cut[0].trim() == "abc token", "{cut:?}");
    assert_eq!(cut.last().unwrap().trim(), "ab", "{cut:?}");
}

#[test]
fn a_tokenizer_is_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Tokenizer>();
    shared::<TextError>();
}

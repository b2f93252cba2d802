//! Words that are spelled out: numbers, spans, long words, chunks, files.

use std::io::Write;
use std::path::Path;

use contexture_text::training::{TokenizerKind, TokenizerSettings, train};
use contexture_text::{Encoding, Overflow, TextError, Tokenizer, WordSplit};
use proptest::prelude::*;

fn open(files: &[(&str, &[u8])]) -> Result<Tokenizer, TextError> {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    Tokenizer::open(folder.path())
}

fn plain() -> Tokenizer {
    open(&[("characters.json", br#"{"kind": "bytes"}"#)]).unwrap()
}

fn word(encoding: &Encoding, at: usize) -> &[u16] {
    &encoding.characters[50 * at..50 * (at + 1)]
}

#[test]
fn a_word_is_its_bytes_from_1_between_its_two_marks() {
    let tokenizer = plain();
    let text = " The\u{2003}cät.\n";
    let encoding = tokenizer.encode(text).unwrap();
    assert_eq!(encoding.spans, [Some([1, 4]), Some([7, 12])]);
    assert_eq!(encoding.ids, [0, 0]);
    assert_eq!(word(&encoding, 0)[..5], [259, 85, 105, 102, 260]);
    assert!(word(&encoding, 0)[5..].iter().all(|id| *id == 261));
    assert_eq!(word(&encoding, 1)[..7], [259, 100, 196, 165, 117, 47, 260]);
    assert_eq!(encoding.characters.len(), 100);
    assert!(encoding.cut.is_empty() && encoding.prefix + encoding.suffix == 0);
    assert_eq!(tokenizer.kind(), "characters");
    assert_eq!((tokenizer.vocabulary_size(), tokenizer.token(0)), (0, None));
}

#[test]
fn words_beyond_48_bytes_are_cut_and_counted() {
    let tokenizer = plain();
    let text = format!("{} {} {} b", "x".repeat(48), "x".repeat(49), "é".repeat(25));
    let encoding = tokenizer.encode(&text).unwrap();
    assert_eq!(encoding.cut, [1, 2]);
    for at in 0..3 {
        assert_eq!((word(&encoding, at)[0], word(&encoding, at)[49]), (259, 260));
    }
    assert_eq!(word(&encoding, 0), word(&encoding, 1));
    let pieces = encoding.clone().fit(&text, 10, Overflow::Truncate).unwrap();
    assert_eq!((pieces.len(), pieces[0].cut_words), (1, 2));
    let pieces = encoding.clone().fit(&text, 2, Overflow::Truncate).unwrap();
    assert_eq!((pieces[0].cut_words, pieces[0].truncated, pieces[0].tokens), (1, true, 4));
    assert_eq!(pieces[0].characters, encoding.characters[..100]);
    let pieces = encoding.clone().fit(&text, 2, Overflow::Chunk).unwrap();
    assert_eq!(pieces.iter().map(|piece| piece.cut_words).collect::<Vec<_>>(), [1, 1]);
    let joined: Vec<u16> = pieces.iter().flat_map(|piece| piece.characters.clone()).collect();
    assert_eq!(joined, encoding.characters);
}

#[test]
fn nothing_is_no_word() {
    for text in ["", " ", "\t\u{85}\u{3000}\n"] {
        let pieces = plain().fit("", text, 1, Overflow::Error).unwrap();
        assert_eq!(pieces.len(), 1);
        assert_eq!((pieces[0].tokens, pieces[0].characters.len()), (0, 0));
        assert_eq!(pieces[0].span, [0, text.len()]);
    }
}

#[test]
fn prompts_are_words_too() {
    let pieces = plain().fit("query: ", "a bc", 9, Overflow::Error).unwrap();
    assert_eq!((pieces[0].tokens, pieces[0].prompt_tokens), (3, 1));
    assert_eq!(pieces[0].spans, [None, Some([0, 1]), Some([2, 4])]);
    assert_eq!(pieces[0].characters.len(), 150);
}

#[test]
fn punctuation_and_case_are_settings() {
    let file = br#"{"kind": "bytes", "split": "punctuation", "lower_case": true, "most": 6}"#;
    let list = b"<S>\n</S>\n<UNK>\nhe\n.\nhe\n";
    let tokenizer = open(&[("characters.json", file), ("vocab.txt", list)]).unwrap();
    let encoding = tokenizer.encode("HE... l'\u{2014}Eau").unwrap();
    assert_eq!(encoding.ids, [3, 4, 4, 4, 2, 2, 2, 2]);
    assert_eq!(encoding.characters[..6], [259, 105, 102, 260, 261, 261]);
    assert_eq!(encoding.spans[6], Some([8, 11]));
    let special = tokenizer.special();
    assert_eq!((special.cls, special.sep, special.unk), (Some(0), Some(1), Some(2)));
    assert_eq!(special.all, [0, 1]);
    assert_eq!(tokenizer.decode(&[0, 3, 4, 1, 99], true).unwrap(), "he .");
    assert_eq!((tokenizer.id("he"), tokenizer.token(5)), (Some(3), Some("he")));
}

#[test]
fn elmo_folders_open_by_their_options() {
    let options = br#"{"char_cnn": {"max_characters_per_token": 20}}"#;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(b"<S>\r\n</S>\r\n<UNK>\r\nnai\xcc\x88ve").unwrap();
    let list = gzip.finish().unwrap();
    let tokenizer = open(&[("x_options.json", options), ("vocab.txt.gz", &list)]).unwrap();
    let encoding = tokenizer.encode("nai\u{308}ve, nai\u{308}ve").unwrap();
    assert_eq!((encoding.ids, encoding.characters.len()), (vec![2, 3], 40));
}

const LETTERS: &str =
    "a\t3\n語\t0\n\u{2003}\t1\n<bos>\t2\n<eos>\t4\n<oov>\t5\n<pad>\t6\n<bow>\t7\n<eow>\t8\n";
const LISTED: &str = "<oov>\t0\n<bos>\t1\n<eos>\t2\n<pad>\t3\naa語\t5\naaaa\t4\n";

/// ELMoForManyLangs numbers what its dictionaries say, words of at most `most - 2` characters.
#[test]
fn dictionaries_number_characters_and_words() {
    let sizes = br#"{"token_embedder": {"max_characters_per_token": 6}}"#;
    let files: [(&str, &[u8]); 4] = [
        ("config.json", br#"{"config_path": "/elsewhere/x.json", "seed": 1}"#),
        ("x.json", sizes),
        ("char.dic", LETTERS.as_bytes()),
        ("word.dic", LISTED.as_bytes()),
    ];
    let own =
        [("characters.json", &br#"{"kind": "dictionary", "most": 6}"#[..]), files[2], files[3]];
    for files in [&files[..], &own] {
        let tokenizer = open(files).unwrap();
        let encoding = tokenizer.encode("aa語 aaaaa\u{3000}<bos> b\u{200b} <pad>").unwrap();
        // Of a word that is cut, its beginning is looked up; <bos> has five characters and is cut.
        assert_eq!(encoding.ids, [5, 4, 0, 0, 0]);
        assert_eq!(encoding.cut, [1, 2, 4]);
        let expected: [[u16; 6]; 5] = [
            [8, 3, 3, 0, 7, 6],
            [8, 3, 3, 3, 3, 7],
            [8, 5, 5, 5, 5, 7],
            [8, 5, 5, 7, 6, 6],
            [8, 5, 5, 3, 5, 7],
        ];
        assert_eq!(encoding.characters, expected.concat());
        let special = tokenizer.special();
        assert_eq!((special.cls, special.sep, special.unk), (Some(1), Some(2), Some(0)));
        assert_eq!((tokenizer.vocabulary_size(), tokenizer.token(4)), (6, Some("aaaa")));
    }
    // Without a file of sizes the program's own 50 hold, and a mark is one character.
    let tokenizer = open(&[files[0], files[2], files[3]]).unwrap();
    let encoding = tokenizer.encode("<eos>").unwrap();
    assert_eq!((encoding.ids[0], &encoding.characters[..4]), (2, &[8, 4, 7, 6][..]));
    assert_eq!(encoding.characters.len(), 50);
}

#[test]
fn dictionaries_that_cannot_be_are_named() {
    let said = |letters: &str, words: &str| {
        let own = ("characters.json", &br#"{"kind": "dictionary"}"#[..]);
        let files = [own, ("char.dic", letters.as_bytes()), ("word.dic", words.as_bytes())];
        open(&files).map(|_| ()).unwrap_err().to_string()
    };
    let many: String = (0..70_000).map(|n| format!("w{n}\t{n}\n")).collect();
    let beyond = many.replace("w66000\t", "<pad>\t") + "<bow>\t1\n<eow>\t2\n<oov>\t3\n";
    for (letters, words, told) in [
        (
            LETTERS.replace("語\t0", "語 0"),
            LISTED,
            "char.dic: malformed: line 2: expected an entry",
        ),
        (LETTERS.replace("語\t0", "語\t0\t0"), LISTED, "line 2: expected an entry, a tab"),
        (LETTERS.replace("語\t0\n", "\n"), LISTED, "line 2"),
        (LETTERS.replace("語\t0", "語\t-1"), LISTED, "line 2"),
        (LETTERS.replace("語\t0", "語\t9"), LISTED, "\"語\" has number 9, but it has 9 entries"),
        (LETTERS.replace("<pad>", "x"), LISTED, "<pad> is not among its 9 entries"),
        (beyond, LISTED, "expected at most 65535"),
        (LETTERS.into(), "a\t0\n", "word.dic: malformed: <oov> is not among its 1 entries"),
    ] {
        assert!(said(&letters, words).contains(told), "{told}: {}", said(&letters, words));
    }
    let own = ("characters.json", &br#"{"kind": "dictionary"}"#[..]);
    let error = open(&[own, ("char.dic", LETTERS.as_bytes())]).unwrap_err();
    assert!(matches!(&error, TextError::MissingFile { path, .. } if path.ends_with("word.dic")));
    let error = open(&[own, ("char.dic", b"\xff")]).unwrap_err().to_string();
    assert!(error.contains("char.dic: malformed: not UTF-8"), "{error}");
}

#[test]
fn what_is_wrong_is_named() {
    let said = |file: &[u8]| {
        let error = open(&[("characters.json", file)]).unwrap_err();
        error.to_string()
    };
    for (file, told) in [
        (&b"{"[..], "characters.json: malformed"),
        (br#"{"kind": "runes"}"#, "unknown variant `runes`"),
        (br#"{"kind": "bytes", "size": 1}"#, "unknown field `size`"),
        (br#"{"kind": "bytes", "most": 2}"#, "most: found 2, supported: 3 to 1024"),
        (br#"{"kind": "bytes", "most": 5000}"#, "most: found 5000"),
    ] {
        assert!(said(file).contains(told), "{}", said(file));
    }
}

fn learn(settings: &TokenizerSettings, texts: &[&str], folder: &Path) -> Result<usize, TextError> {
    let texts = texts.iter().map(|text| Ok::<_, std::io::Error>((*text).to_owned()));
    train(settings, texts, folder).map(|trained| trained.vocabulary)
}

#[test]
fn a_trained_list_goes_by_falling_frequency() {
    let settings = TokenizerSettings {
        kind: TokenizerKind::Characters,
        vocabulary: 6,
        min_frequency: 1,
        max_length: Some(9),
        ..TokenizerSettings::default()
    };
    let texts = ["B a, a", "a <S> c b", "zz"];
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(learn(&settings, &texts, folder.path()).unwrap(), 6);
    let list = std::fs::read_to_string(folder.path().join("vocab.txt")).unwrap();
    assert_eq!(list, "<S>\n</S>\n<UNK>\na\nb\n,\n");
    let tokenizer = Tokenizer::open(folder.path()).unwrap();
    assert_eq!(tokenizer.encode("A,b c").unwrap().ids, [3, 5, 4, 2]);
    assert_eq!(tokenizer.max_length(), Some(9));
    let whole = TokenizerSettings { split: WordSplit::Whitespace, vocabulary: 99, ..settings };
    learn(&whole, &texts, folder.path()).unwrap();
    let list = std::fs::read_to_string(folder.path().join("vocab.txt")).unwrap();
    assert_eq!(list, "<S>\n</S>\n<UNK>\na\nb\n<s>\na,\nc\nzz\n");
    let none = TokenizerSettings { vocabulary: 3, ..whole };
    assert!(matches!(learn(&none, &texts, folder.path()), Err(TextError::SmallVocabulary { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_text_is_words_in_order(text in "\\PC*|[\\s\\S]{0,80}", split in any::<bool>()) {
        let split = if split { "punctuation" } else { "whitespace" };
        let file = format!(r#"{{"kind": "bytes", "split": "{split}", "lower_case": true}}"#);
        let tokenizer = open(&[("characters.json", file.as_bytes())]).unwrap();
        let encoding = tokenizer.encode(&text).unwrap();
        prop_assert_eq!(encoding.characters.len(), 50 * encoding.ids.len());
        let mut last = 0;
        for span in &encoding.spans {
            let [start, end] = span.unwrap();
            prop_assert!(last <= start && start < end);
            prop_assert!(!text[start..end].contains(char::is_whitespace));
            last = end;
        }
        let seen: usize = encoding.spans.iter().map(|s| s.unwrap()).map(|[a, b]| b - a).sum();
        let visible: usize =
            text.chars().filter(|c| !c.is_whitespace()).map(char::len_utf8).sum();
        prop_assert_eq!(seen, visible);
        prop_assert!(encoding.characters.iter().all(|id| (1..=261).contains(id)));
        for pieces in [1, 3].map(|most| encoding.clone().fit(&text, most, Overflow::Chunk)) {
            let pieces = pieces.unwrap();
            let joined: Vec<u16> =
                pieces.iter().flat_map(|piece| piece.characters.clone()).collect();
            prop_assert_eq!(&joined, &encoding.characters);
            let cut: usize = pieces.iter().map(|piece| piece.cut_words).sum();
            prop_assert_eq!(cut, encoding.cut.len());
        }
    }
}

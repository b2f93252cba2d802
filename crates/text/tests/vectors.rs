//! Word vectors for the tokens of a vocabulary.

use std::convert::Infallible;

use contexture_text::training::{TokenizerKind, TokenizerSettings, train};
use contexture_text::{TextError, Tokenizer, VectorFault, WordVectors};

fn tokenizer(kind: TokenizerKind, lower_case: bool) -> (tempfile::TempDir, Tokenizer) {
    let folder = tempfile::tempdir().unwrap();
    // Unigram seeds its pieces from what different words share: hence each with and without a sign.
    let line = "the the, the. The The, cat cat, cat. dog dog, dog. running, running US US, us us,";
    let lines = std::iter::repeat_n(line, 50).map(|line| Ok::<_, Infallible>(line.to_owned()));
    let settings =
        TokenizerSettings { kind, lower_case, vocabulary: 330, ..TokenizerSettings::default() };
    train(&settings, lines, folder.path()).unwrap();
    let tokenizer = Tokenizer::open(folder.path()).unwrap();
    (folder, tokenizer)
}

fn read(tokenizer: &Tokenizer, text: &str) -> Result<WordVectors, TextError> {
    WordVectors::read(tokenizer, text.as_bytes())
}

/// The vectors of the tokens of a text.
fn rows(tokenizer: &Tokenizer, vectors: &WordVectors, text: &str) -> Vec<Option<f32>> {
    let ids = tokenizer.encode_without_special(text).unwrap().ids;
    ids.iter().map(|id| vectors.row(*id).map(|row| row[0])).collect()
}

#[test]
fn whole_words_of_every_kind_find_their_vectors() {
    for kind in [TokenizerKind::WordPiece, TokenizerKind::Bpe, TokenizerKind::Unigram] {
        let (_folder, tokenizer) = tokenizer(kind, false);
        let text =
            "the 1 0\ncat 2 0\nrunning 3 0\n, 4 0\nUS 5 0\nelsewhere 6 0\nthe 9 9\ning 7 0\n";
        let vectors = read(&tokenizer, text).unwrap();
        assert_eq!((vectors.width, vectors.counts.lines), (2, 8));
        let cat = rows(&tokenizer, &vectors, "the cat");
        assert_eq!(cat, [Some(1.0), Some(2.0)], "{kind:?}");
        assert_eq!(rows(&tokenizer, &vectors, "the US"), [Some(1.0), Some(5.0)], "{kind:?}");
        assert_eq!(rows(&tokenizer, &vectors, "a dog").last(), Some(&None), "{kind:?}");
        assert_eq!(vectors.rows.len(), vectors.found() * 2);
        let counts = vectors.counts;
        assert_eq!(counts.exact + counts.other_case, vectors.found());
        let all = vectors.found() + counts.missed + counts.parts;
        assert_eq!(all, tokenizer.vocabulary_size(), "{kind:?} {counts:?}");
        assert!(counts.parts > 5 && counts.missed > 0, "{kind:?} {counts:?}");
        assert!(tokenizer.special().all.iter().all(|id| vectors.row(*id).is_none()));
    }
}

#[test]
fn the_very_word_comes_before_its_lower_case_and_that_before_any_other() {
    let (_folder, cased) = tokenizer(TokenizerKind::WordPiece, false);
    let of = |text: &str, word: &str| rows(&cased, &read(&cased, text).unwrap(), word)[0];
    assert_eq!(of("THE 3\nthe 2\nThe 1\n", "The"), Some(1.0));
    assert_eq!(of("THE 3\nthe 2\n", "The"), Some(2.0));
    assert_eq!(of("THE 3\ntHE 4\n", "The"), Some(3.0), "the first of one rank");
    assert_eq!(of("The 1\nThe 5\n", "The"), Some(1.0));
    let (_folder, lower) = tokenizer(TokenizerKind::WordPiece, true);
    let vectors = read(&lower, "US 1\nThe 2\nthe 3\n").unwrap();
    assert_eq!(rows(&lower, &vectors, "us the"), [Some(1.0), Some(3.0)]);
    assert_eq!((vectors.counts.exact, vectors.counts.other_case), (1, 1));
}

#[test]
fn headers_blanks_and_odd_words_are_no_trouble() {
    let (_folder, tokenizer) = tokenizer(TokenizerKind::WordPiece, true);
    let text = b"3 2\nthe 0.5 -1e-3 \r\n\n\xff\xfe 1 2\n. . . 3 4\ncat\t7\t8";
    let vectors = WordVectors::read(&tokenizer, &text[..]).unwrap();
    assert_eq!((vectors.width, vectors.counts.lines), (2, 4));
    let the = tokenizer.id("the").unwrap();
    assert_eq!(vectors.row(the), Some(&[0.5, -1e-3][..]));
    assert_eq!(rows(&tokenizer, &vectors, "cat"), [Some(7.0)]);
    assert_eq!(vectors.row(u32::MAX), None);
}

#[test]
fn faults_are_named_with_their_line() {
    let (_folder, tokenizer) = tokenizer(TokenizerKind::WordPiece, true);
    let fault = |text: &str| match read(&tokenizer, text) {
        Err(TextError::Vectors { line, fault }) => (line, fault),
        other => panic!("{text:?}: {other:?}"),
    };
    use VectorFault::{Empty, NoNumbers, NotANumber, NotFinite, Ragged};
    assert!(matches!(fault("a 1 2\nb 1\n"), (2, Ragged { expected: 2, found: 1 })));
    assert!(matches!(fault("a 1 2\nb 1 2 3\n"), (2, Ragged { expected: 2, found: 3 })));
    assert!(matches!(fault("9 3\na 1 2\n"), (2, Ragged { expected: 3, found: 2 })));
    assert!(matches!(fault("a 1 2\nb 1 x\n"), (2, NotANumber { place: 2, .. })));
    assert!(matches!(fault("a 1 2\nb NaN 1\n"), (2, NotFinite { place: 1, .. })));
    assert!(matches!(fault("a 1 2\nb 1 1e99\n"), (2, NotFinite { place: 2, .. })));
    assert!(matches!(fault("a 1 2\nb\n"), (2, NoNumbers { .. })));
    assert!(matches!(fault("word\n"), (1, NoNumbers { .. })));
    assert!(matches!(fault(""), (_, Empty)));
    assert!(matches!(fault("400000 300\n"), (_, Empty)));
    let (line, long) = fault(&format!("a 1\nb {}", "1".repeat(3 << 20)));
    assert!(line == 2 && matches!(long, VectorFault::TooLong { .. }), "{long}");
    let text = read(&tokenizer, "a 1 2\nb inf 1\n").unwrap_err().to_string();
    assert!(text.contains("line 2") && text.contains("place 1") && text.contains("inf"), "{text}");
}

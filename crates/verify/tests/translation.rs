//! BLEU and chrF against sacreBLEU, on real sentences and on odd ones.

use std::io::Read;
use std::path::Path;

use contexture_evaluate::metrics::{Bleu, BleuCounts, ChrfCounts, tokenize_13a};
use contexture_evaluate::{Bootstrap, Setup, translation};
use contexture_verify::{evaluation_set, goldens};
use serde::Deserialize;

/// Both sum a few logarithms; all that is counted is equal to the last unit.
const BOUND: f64 = 1e-11;

#[derive(Deserialize)]
struct Cases {
    stored: Vec<Stored>,
    spoiled: Vec<Spoiled>,
    sentences: Vec<Sentence>,
    tokens: Vec<Tokens>,
    spaces: Vec<u32>,
}

#[derive(Deserialize)]
struct Corpus {
    name: String,
    sentences: usize,
    bleu: Expected,
    chrf: f64,
    bleu_signature: String,
    chrf_signature: String,
}

#[derive(Deserialize)]
struct Expected {
    score: f64,
    precisions: [f64; 4],
    brevity_penalty: f64,
    matches: [u64; 4],
    totals: [u64; 4],
    hypothesis_length: u64,
    reference_length: u64,
    shown: String,
}

/// Text that lies beside.
#[derive(Deserialize)]
struct Stored {
    #[serde(flatten)]
    corpus: Corpus,
    sentence_bleu: Vec<f64>,
    sentence_chrf: Vec<f64>,
}

/// Text of the larger sets, spoiled here.
#[derive(Deserialize)]
struct Spoiled {
    file: String,
    column: usize,
    #[serde(flatten)]
    corpus: Corpus,
}

#[derive(Deserialize)]
struct Sentence {
    hypothesis: String,
    references: Vec<String>,
    bleu: Expected,
    corpus_bleu: f64,
    chrf: f64,
}

#[derive(Deserialize)]
struct Tokens {
    text: String,
    tokens: String,
}

fn cases() -> Cases {
    let path = goldens().join("translation/cases.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn near(what: &str, ours: f64, theirs: f64) {
    assert!((ours - theirs).abs() <= BOUND * theirs.abs(), "{what}: {ours} here, {theirs} there");
}

fn same_bleu(what: &str, ours: &Bleu, theirs: &Expected) {
    assert_eq!(ours.counts.matches, theirs.matches, "{what}");
    assert_eq!(ours.counts.totals, theirs.totals, "{what}");
    assert_eq!(ours.counts.hypothesis_length, theirs.hypothesis_length, "{what}");
    assert_eq!(ours.counts.reference_length, theirs.reference_length, "{what}");
    near(what, ours.score, theirs.score);
    near(what, ours.brevity_penalty, theirs.brevity_penalty);
    for (ours, theirs) in ours.precisions.iter().zip(theirs.precisions) {
        near(what, *ours, theirs);
    }
    assert_eq!(ours.to_string(), theirs.shown, "{what}");
}

fn same_corpus(data: &translation::Translations, theirs: &Corpus) {
    let name = &theirs.name;
    let bootstrap = Bootstrap { resamples: 20, ..Bootstrap::default() };
    let ours = translation(data, &Setup { bootstrap, ..Setup::default() }).unwrap();
    assert_eq!(ours.sentences, theirs.sentences, "{name}");
    same_bleu(name, &ours.bleu_parts, &theirs.bleu);
    near(name, ours.bleu.value, theirs.bleu.score);
    near(name, ours.chrf.value, theirs.chrf);
    near(name, ours.chrf_parts.score(), theirs.chrf);
    let theirs_without = |metric: &str, signature: &str| {
        let (settings, version) = signature.rsplit_once("|version:").unwrap();
        assert_eq!(version, "2.6.0");
        format!("{metric}|{settings}")
    };
    assert_eq!(ours.bleu_signature, theirs_without("BLEU", &theirs.bleu_signature));
    assert_eq!(ours.chrf_signature, theirs_without("chrF2", &theirs.chrf_signature));
}

fn refs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

#[test]
fn stored_files_are_scored_as_sacrebleu_does() {
    let folder = goldens().join("translation");
    let cases = cases().stored;
    assert!(cases.len() >= 4 && cases.iter().any(|case| case.corpus.name == "tatoeba-fr"));
    for case in &cases {
        let name = &case.corpus.name;
        let file = |kind: &str| folder.join(format!("{name}.{kind}.txt"));
        let mut references = vec![file("references")];
        references.extend(Some(file("references1")).filter(|path| path.is_file()));
        let data = translation::read(&file("hypotheses"), &references, None).unwrap();
        same_corpus(&data, &case.corpus);
        assert_eq!(case.sentence_bleu.len(), data.hypotheses.len());
        for (at, hypothesis) in data.hypotheses.iter().enumerate() {
            let references: Vec<&str> = data.references.iter().map(|r| r[at].as_str()).collect();
            let what = format!("{name}, sentence {at}");
            let bleu = BleuCounts::of(hypothesis, &references).sentence();
            near(&what, bleu.score, case.sentence_bleu[at]);
            near(&what, ChrfCounts::of(hypothesis, &references).score(), case.sentence_chrf[at]);
        }
    }
}

/// The rule `spoil` of scripts/translation.py.
fn spoil(lines: &[String], others: &[String]) -> Vec<String> {
    let words = |at: usize| lines[at].split(' ').collect::<Vec<&str>>();
    let spoiled = |i: usize| {
        let mut line = words(i);
        let kept = |keep: fn(usize) -> bool| {
            let line = words(i).into_iter().enumerate();
            line.filter(|(j, _)| keep(*j)).map(|(_, word)| word).collect::<Vec<&str>>()
        };
        match i % 8 {
            _ if i % 50 == 49 => line.clear(),
            1 => line = kept(|j| j % 5 != 4),
            2 => (0..line.len() - 1).step_by(4).for_each(|j| line.swap(j, j + 1)),
            3 => {
                let before = words(i - 1);
                for (j, word) in line.iter_mut().enumerate().filter(|(j, _)| j % 6 == 2) {
                    *word = before[j % before.len()];
                }
            }
            4 => line.truncate(line.len().div_ceil(2)),
            5 => {
                let times = |(j, word)| std::iter::repeat_n(word, if j % 7 == 3 { 2 } else { 1 });
                line = line.into_iter().enumerate().flat_map(times).collect();
            }
            6 => line = others[i].split(' ').collect(),
            7 => line.truncate(line.len() - 1),
            _ => {}
        }
        line.join(" ")
    };
    (0..lines.len()).map(spoiled).collect()
}

fn columns(path: &Path) -> Vec<Vec<String>> {
    let bytes = std::fs::read(path).unwrap();
    let mut text = String::new();
    if path.extension().is_some_and(|ending| ending == "gz") {
        flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
    } else {
        text = String::from_utf8(bytes).unwrap();
    }
    // Not `lines`: a `\r` before the end would be lost.
    let lines = text.trim_end_matches('\n').split('\n');
    lines.map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

#[test]
fn whole_sets_are_scored_as_sacrebleu_does() {
    let cases = cases().spoiled;
    assert_eq!(cases.len(), 4);
    for case in &cases {
        let test = "whole_sets_are_scored_as_sacrebleu_does";
        let Some(path) = evaluation_set(&case.file, test) else { continue };
        let rows = columns(&path);
        let side = |column: usize| rows.iter().map(|row| row[column].clone()).collect::<Vec<_>>();
        let references = side(case.column);
        let hypotheses = spoil(&references, &side(0));
        let data = translation::Translations { hypotheses, references: vec![references] };
        same_corpus(&data, &case.corpus);
    }
}

#[test]
fn odd_sentences_are_scored_as_sacrebleu_does() {
    let cases = cases().sentences;
    assert!(cases.len() > 200 && cases.iter().any(|case| case.references.len() > 2));
    for case in &cases {
        let references = refs(&case.references);
        let what = format!("{:?} against {references:?}", case.hypothesis);
        let counts = BleuCounts::of(&case.hypothesis, &references);
        same_bleu(&what, &counts.sentence(), &case.bleu);
        near(&what, counts.corpus().score, case.corpus_bleu);
        near(&what, ChrfCounts::of(&case.hypothesis, &references).score(), case.chrf);
    }
}

#[test]
fn tokens_are_sacrebleus() {
    let cases = cases();
    assert!(cases.tokens.len() >= 200);
    for Tokens { text, tokens } in &cases.tokens {
        assert_eq!(&tokenize_13a(text), tokens, "{text:?}");
    }
}

#[test]
fn white_space_is_pythons() {
    let spaces = cases().spaces;
    for c in '\0'..=char::MAX {
        let parted = tokenize_13a(&format!("a{c}a")) == "a a";
        let seen = ChrfCounts::of(&format!("a{c}a"), &["aa"]).hypothesis[0] == 3;
        let space = spaces.contains(&u32::from(c));
        assert_eq!((parted, seen), (space, !space), "{c:?}");
    }
}

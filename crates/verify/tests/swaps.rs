//! The swap set: large enough, hard enough, and well formed.

use std::collections::{BTreeMap, BTreeSet};

use contexture_evaluate::triples::{TripleColumns, read};
use contexture_verify::workspace;

fn words(text: &str) -> BTreeMap<String, i32> {
    let mut count = BTreeMap::new();
    let inner = |c: char| !c.is_alphanumeric() && c != '\'';
    for word in text.split(inner).filter(|word| !word.is_empty()) {
        *count.entry(word.to_lowercase()).or_default() += 1;
    }
    count
}

/// Words gone plus words come.
fn changed(a: &str, b: &str) -> i32 {
    let mut count = words(a);
    for (word, times) in words(b) {
        *count.entry(word).or_default() -= times;
    }
    count.values().map(|difference| difference.abs()).sum()
}

#[test]
fn each_kind_has_many_triples_and_paraphrases_change_more_than_swaps() {
    let path = workspace().join("data/swaps.tsv");
    let triples = read(&path, &TripleColumns::default(), None).expect("the swap set");
    assert!(triples.len() >= 500, "{} triples", triples.len());
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    triples.iter().for_each(|triple| *kinds.entry(&triple.kind).or_default() += 1);
    assert!(kinds.len() >= 6 && kinds.values().all(|count| *count >= 50), "{kinds:?}");
    let anchors: BTreeSet<&str> = triples.iter().map(|triple| triple.anchor.as_str()).collect();
    assert_eq!(anchors.len(), triples.len(), "no sentence stands twice");
    let mean = |change: &dyn Fn(usize) -> i32| {
        (0..triples.len()).map(|at| f64::from(change(at))).sum::<f64>() / triples.len() as f64
    };
    let paraphrase = mean(&|at| changed(&triples[at].anchor, &triples[at].positive));
    let swap = mean(&|at| changed(&triples[at].anchor, &triples[at].negative));
    assert!(paraphrase > 2.0 * swap, "{paraphrase} words are changed, and {swap} by the swap");
    for triple in &triples {
        assert_ne!(triple.anchor, triple.positive);
        assert_ne!(triple.anchor, triple.negative);
    }
}

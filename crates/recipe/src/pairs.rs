//! Pairs of texts that say the same.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::normal::{Seen, normal, shuffle};
use crate::sources::Tatoeba;
use crate::texts::Sources;

/// A text and another that says the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Pair {
    /// One text.
    pub(crate) anchor: String,
    /// The other.
    pub(crate) positive: String,
}

/// All pairs once, shuffled, without texts that are held out; `rewritten` are pairs that rules made.
pub(crate) fn pairs(
    sources: &Sources,
    rewritten: Vec<(String, String)>,
    held: &Seen,
    seed: u64,
) -> Vec<Pair> {
    let mut found = same_translation(&sources.tatoeba, seed);
    found.extend(rewritten);
    for split in &sources.wikisplit {
        found.push((split.whole.clone(), split.halves.join(" ")));
    }
    for synset in &sources.wordnet {
        found.push((synset.lemmas[0].clone(), synset.definition.clone()));
    }
    for article in &sources.wikipedia {
        if let Some(first) = article.sentences.first() {
            found.push((article.title.clone(), first.clone()));
        }
    }
    distinct(found, held, seed)
}

/// Pairs of texts that differ, once, shuffled, without texts that are held out.
fn distinct(found: Vec<(String, String)>, held: &Seen, seed: u64) -> Vec<Pair> {
    let mut seen = Seen::default();
    let mut pairs = Vec::new();
    for (anchor, positive) in found {
        let (a, b) = (normal(&anchor), normal(&positive));
        let key = if a < b { format!("{a}\t{b}") } else { format!("{b}\t{a}") };
        let fresh = a != b && !a.is_empty() && !b.is_empty();
        if fresh && !held.contains(&anchor) && !held.contains(&positive) && seen.insert(&key) {
            pairs.push(Pair { anchor, positive });
        }
    }
    shuffle(seed, &mut pairs, |pair| format!("{}\t{}", pair.anchor, pair.positive));
    pairs
}

/// How many of its neighbours a sentence of a group is paired with.
const NEIGHBOURS: usize = 3;

/// English sentences with one translation, each with the next few of its group.
pub(crate) fn same_translation(sentences: &[Tatoeba], seed: u64) -> Vec<(String, String)> {
    let mut groups: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for sentence in sentences {
        let key = (sentence.language, sentence.translation.as_str());
        groups.entry(key).or_default().insert(&sentence.english);
    }
    let mut pairs = Vec::new();
    for group in groups.into_values() {
        let mut group: Vec<&str> = group.into_iter().collect();
        shuffle(seed, &mut group, |text| (*text).to_owned());
        for (at, anchor) in group.iter().enumerate() {
            for positive in group.iter().skip(at + 1).take(NEIGHBOURS) {
                if agree(anchor, positive) {
                    pairs.push(((*anchor).to_owned(), (*positive).to_owned()));
                }
            }
        }
    }
    pairs
}

/// A translation may leave out who or how often: sentences that differ there do not say the same.
fn agree(a: &str, b: &str) -> bool {
    traits(a) == traits(b)
}

/// The persons, numbers, names and negations of a sentence.
fn traits(text: &str) -> (BTreeSet<&'static str>, BTreeSet<String>, bool) {
    let mut persons = BTreeSet::new();
    let mut fixed = BTreeSet::new();
    let mut negated = false;
    let text = text.replace('\u{2019}', "'").replace("n't", " not").replace('\'', " ");
    for (at, word) in
        text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).enumerate()
    {
        let lower = word.to_lowercase();
        match lower.as_str() {
            "i" | "me" | "my" | "mine" | "myself" => _ = persons.insert("I"),
            "you" | "your" | "yours" | "yourself" | "yourselves" => _ = persons.insert("you"),
            "he" | "him" | "his" | "himself" => _ = persons.insert("he"),
            "she" | "her" | "hers" | "herself" => _ = persons.insert("she"),
            "we" | "us" | "our" | "ours" | "ourselves" => _ = persons.insert("we"),
            "they" | "them" | "their" | "theirs" | "themselves" => _ = persons.insert("they"),
            "not" | "never" | "no" | "nobody" | "nothing" | "none" | "cannot" | "without"
            | "neither" | "nor" | "nowhere" => negated = true,
            _ => {
                let capital = at > 0 && word.chars().next().is_some_and(char::is_uppercase);
                if capital || ["tom", "mary"].contains(&lower.as_str()) {
                    fixed.insert(lower);
                } else if let Some(number) = number(&lower) {
                    fixed.insert(number);
                }
            }
        }
    }
    (persons, fixed, negated)
}

/// The digits of a number.
fn number(word: &str) -> Option<String> {
    const WORDS: &[&str] = &[
        "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    ];
    if word.chars().all(|c| c.is_ascii_digit()) {
        return Some(word.to_owned());
    }
    WORDS.iter().position(|name| *name == word).map(|at| (at + 2).to_string())
}

#[cfg(test)]
mod tests {
    use super::agree;

    #[test]
    fn sentences_that_differ_in_person_number_or_negation_do_not_agree() {
        assert!(agree("I'm twelve years old.", "I am 12 years of age."));
        assert!(!agree("He sings.", "She sings."));
        assert!(!agree("They sing.", "They don't sing."));
        assert!(!agree("I saw two dogs.", "I saw three dogs."));
        assert!(!agree("We met Tom.", "We met Mary."));
    }
}

//! The rules on sentences whose grammar is given.

use std::collections::HashMap;

use crate::grammar::{Lexicon, Sentence};
use crate::sources::Synset;
use crate::{rewrites, swaps};

type Rule = fn(&Sentence, &Lexicon) -> Vec<Sentence>;

fn lexicon() -> Lexicon {
    let synset = |class: &str, lemmas: &[&str]| Synset {
        class: class.to_owned(),
        lemmas: lemmas.iter().map(|lemma| (*lemma).to_owned()).collect(),
        definition: String::new(),
        examples: Vec::new(),
    };
    let verbs = ["chase", "write", "see", "meet", "move", "like", "live", "eat"];
    let mut synsets: Vec<Synset> = verbs.iter().map(|verb| synset("verb", &[verb])).collect();
    synsets.push(synset("noun", &["lawyer", "attorney"]));
    let seen = HashMap::from([("attorney".to_owned(), 9), ("lawyer".to_owned(), 9)]);
    Lexicon::new(&synsets, &seen)
}

/// All that a rule makes of a sentence.
fn made(rule: Rule, notation: &str) -> Vec<String> {
    rule(&Sentence::of(notation), &lexicon()).iter().map(Sentence::text).collect()
}

const CHASE: &str = "the/DET/2/det dog/NOUN/3/nsubj chased/VERB/0/root the/DET/5/det cat/NOUN/3/obj ./PUNCT/3/punct";
const WRITTEN: &str = "the/DET/2/det song/NOUN/4/nsubj:pass was/AUX/4/aux:pass written/VERB/0/root \
                       by/ADP/6/case Anna/PROPN/4/obl:agent ./PUNCT/4/punct";
const MET: &str = "Tom/PROPN/2/nsubj met/VERB/0/root Anna/PROPN/2/obj ./PUNCT/2/punct";
const MOVED: &str = "Anna/PROPN/2/nsubj moved/VERB/0/root from/ADP/4/case Leeds/PROPN/2/obl to/ADP/6/case \
                     York/PROPN/2/obl in/ADP/8/case 1990/NUM/2/obl ./PUNCT/2/punct";

#[test]
fn parties_are_exchanged_unless_the_verb_holds_both_ways() {
    assert!(made(swaps::roles, CHASE).contains(&"The cat chased the dog.".to_owned()));
    assert!(made(swaps::roles, MET).is_empty(), "{:?}", made(swaps::roles, MET));
    let pronouns = "he/PRON/2/nsubj saw/VERB/0/root them/PRON/2/obj ./PUNCT/2/punct";
    assert_eq!(made(swaps::roles, pronouns), ["They saw him."]);
    let list =
        "Tom/PROPN/4/nsubj and/CCONJ/3/cc Anna/PROPN/1/conj live/VERB/0/root ./PUNCT/4/punct";
    assert!(made(swaps::roles, list).is_empty());
}

#[test]
fn voice_changes_both_ways_and_agents_are_exchanged() {
    assert_eq!(made(rewrites::passive, CHASE), ["The cat was chased by the dog."]);
    assert_eq!(made(rewrites::active, WRITTEN), ["Anna wrote the song."]);
    assert_eq!(made(swaps::agents, WRITTEN), ["Anna was written by the song."]);
    assert_eq!(made(swaps::agents, CHASE), ["The dog was chased by the cat."]);
    assert!(made(rewrites::passive, MET).is_empty());
    let plural = "I/PRON/2/nsubj saw/VERB/0/root them/PRON/2/obj ./PUNCT/2/punct";
    assert_eq!(made(rewrites::passive, plural), ["They were seen by me."]);
    assert_eq!(made(swaps::agents, plural), ["I was seen by them."]);
}

#[test]
fn ends_are_exchanged_and_phrases_of_time_are_moved() {
    let found = made(swaps::directions, MOVED);
    assert!(found.contains(&"Anna moved from York to Leeds in 1990.".to_owned()), "{found:?}");
    let front = made(rewrites::moved_obliques, MOVED);
    assert_eq!(front, ["In 1990, Anna moved from Leeds to York."]);
    let back = "in/ADP/2/case 1990/NUM/5/obl ,/PUNCT/5/punct Anna/PROPN/5/nsubj moved/VERB/0/root \
                ./PUNCT/5/punct";
    assert_eq!(made(rewrites::moved_obliques, back), ["Anna moved in 1990."]);
    let next = made(rewrites::reordered_obliques, MOVED);
    assert!(next.contains(&"Anna moved from Leeds in 1990 to York.".to_owned()), "{next:?}");
}

#[test]
fn members_of_a_list_are_exchanged_with_what_belongs_to_them() {
    let list = "she/PRON/2/nsubj saw/VERB/0/root the/DET/4/det dog/NOUN/2/obj and/CCONJ/7/cc \
                a/DET/7/det owl/NOUN/4/conj ./PUNCT/2/punct";
    assert_eq!(made(rewrites::exchanged_conjuncts, list), ["She saw an owl and the dog."]);
    // "old" may belong to both.
    let shared =
        "old/ADJ/2/amod men/NOUN/5/nsubj and/CCONJ/4/cc women/NOUN/2/conj sing/VERB/0/root";
    assert!(made(rewrites::exchanged_conjuncts, shared).is_empty());
}

#[test]
fn modifiers_numbers_and_sides_of_a_comparison_are_exchanged() {
    let modifiers = "the/DET/3/det old/ADJ/3/amod man/NOUN/4/nsubj saw/VERB/0/root a/DET/7/det \
                     red/ADJ/7/amod house/NOUN/4/obj ./PUNCT/4/punct";
    assert_eq!(made(swaps::modifiers, modifiers), ["The red man saw an old house."]);
    let numbers = "three/NUM/2/nummod boys/NOUN/3/nsubj ate/VERB/0/root five/NUM/5/nummod \
                   apples/NOUN/3/obj ./PUNCT/3/punct";
    let found = made(swaps::numbers, numbers);
    assert_eq!(found[0], "Five boys ate three apples.");
    assert_eq!(found.len(), 3, "and each number changed: {found:?}");
    let taller = "Anna/PROPN/3/nsubj is/AUX/3/cop taller/ADJ/0/root than/ADP/5/case Tom/PROPN/3/obl \
                  ./PUNCT/3/punct";
    let found = made(swaps::comparisons, taller);
    assert_eq!(found, ["Tom is taller than Anna.", "Anna is shorter than Tom."]);
}

#[test]
fn a_not_is_put_in_and_taken_out_with_the_form_it_asks_for() {
    let likes = "Tom/PROPN/2/nsubj likes/VERB/0/root him/PRON/2/obj ./PUNCT/2/punct";
    assert_eq!(made(swaps::negations, likes), ["Tom does not like him."]);
    let denied =
        "Tom/PROPN/4/nsubj does/AUX/4/aux n't/PART/4/advmod like/VERB/0/root him/PRON/4/obj";
    assert!(made(swaps::negations, denied).contains(&"Tom likes him".to_owned()));
}

#[test]
fn clauses_around_before_are_exchanged_or_moved_whole() {
    let before = "Anna/PROPN/2/nsubj ate/VERB/0/root before/SCONJ/5/mark Tom/PROPN/5/nsubj \
                  moved/VERB/2/advcl ./PUNCT/2/punct";
    let found = made(swaps::times, before);
    let expected = ["Anna ate after Tom moved.", "Tom moved before Anna ate."];
    assert_eq!(found, expected);
    assert_eq!(made(rewrites::moved_clauses, before), ["Before Tom moved, Anna ate."]);
}

#[test]
fn names_dates_and_words_of_one_sense_have_other_wordings() {
    let army = "the/DET/2/det army/NOUN/5/nsubj of/ADP/4/case Grant/PROPN/2/nmod moved/VERB/0/root";
    assert_eq!(made(rewrites::genitives, army), ["Grant's army moved"]);
    let date = "on/ADP/2/case May/PROPN/6/obl 3/NUM/2/nummod ,/PUNCT/2/punct 1990/NUM/2/nummod \
                moved/VERB/0/root";
    assert_eq!(made(rewrites::dates, date), ["On 3 May 1990 moved"]);
    let lawyers = "two/NUM/2/nummod lawyers/NOUN/3/nsubj live/VERB/0/root";
    assert_eq!(made(rewrites::synonyms, lawyers), ["Two attorneys live"]);
    let short = "I/PRON/4/nsubj do/AUX/4/aux n't/PART/4/advmod see/VERB/0/root ./PUNCT/4/punct";
    assert_eq!(made(rewrites::contractions, short), ["I do not see."]);
}

//! Triples of a sentence, another way to put it, and a swap that changes what it says.
//!
//! A swap keeps nearly every word. So does the other way to put it: it is a rewriting of the same
//! sentence by rules, or a sentence with the same translation, so that the number of words moved
//! does not tell the two apart.

use std::collections::HashMap;

use serde::Serialize;

use crate::grammar::{Lexicon, Reader, Sentence};
use crate::normal::{Dice, Seen, normal, shuffle};
use crate::pairs::same_translation;
use crate::texts::Sources;
use crate::{rewrites, swaps};

/// A sentence, one that says the same, and one that does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Triple {
    /// The sentence.
    pub(crate) anchor: String,
    /// Another way to put it.
    pub(crate) positive: String,
    /// A swap of it.
    pub(crate) negative: String,
    /// What was swapped.
    pub(crate) kind: &'static str,
    /// The rewritings that made the positive, where they are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rewritings: Option<String>,
}

type Rule = fn(&Sentence, &Lexicon) -> Vec<Sentence>;

/// The kinds of swap, and how many of each one sentence may give.
pub(crate) const KINDS: &[(&str, Rule, usize)] = &[
    ("roles", swaps::roles, 2),
    ("modifiers", swaps::modifiers, 2),
    ("directions", swaps::directions, 1),
    ("times", swaps::times, 1),
    ("negations", swaps::negations, 1),
    ("numbers", swaps::numbers, 1),
    ("comparisons", swaps::comparisons, 1),
    ("voice", swaps::agents, 1),
    ("actions", swaps::actions, 1),
];

/// Ways to put a sentence, with whether they move phrases. Two with one beginning would undo each
/// other.
const REWRITES: &[(&str, Rule, bool)] = &[
    ("voice: passive", rewrites::passive, true),
    ("voice: active", rewrites::active, true),
    ("front: obliques", rewrites::moved_obliques, true),
    ("front: clauses", rewrites::moved_clauses, true),
    ("front: times", rewrites::moved_times, true),
    ("order: obliques", rewrites::reordered_obliques, true),
    ("order: phrases", rewrites::reordered_phrases, true),
    ("adverbs", rewrites::moved_adverbs, true),
    ("relatives", rewrites::relatives, true),
    ("appositions", rewrites::moved_appositions, true),
    ("conjuncts", rewrites::exchanged_conjuncts, true),
    ("genitives", rewrites::genitives, true),
    ("dates", rewrites::dates, true),
    ("contractions", rewrites::contractions, false),
    ("wordings", rewrites::wordings, false),
    ("synonyms", rewrites::synonyms, false),
];

/// The kinds whose swaps move words.
const MOVING: &[&str] = &["roles", "modifiers", "actions"];

/// The most rewritings that move phrases, and the most that change words.
const MOST_STEPS: usize = 2;

/// The words a sentence may have.
const WORDS: std::ops::RangeInclusive<usize> = 3..=45;

/// The most triples of one kind: the most frequent kind would drown the others.
const MOST_OF_A_KIND: usize = 50_000;

/// Makes all triples, balanced and shuffled.
pub(crate) struct Maker<'a> {
    reader: &'a Reader,
    lexicon: &'a Lexicon,
    held: &'a Seen,
    seed: u64,
    explains: bool,
    found: Vec<Triple>,
    seen: Seen,
    rewritten: Vec<(String, String)>,
}

/// What the rules made.
pub(crate) struct Made {
    /// Balanced and shuffled.
    pub(crate) triples: Vec<Triple>,
    /// A rewriting of each sentence that gave a triple.
    pub(crate) rewritten: Vec<(String, String)>,
}

impl<'a> Maker<'a> {
    /// A maker that has made nothing yet.
    pub(crate) fn new(reader: &'a Reader, lexicon: &'a Lexicon, held: &'a Seen, seed: u64) -> Self {
        let (found, seen, rewritten) = (Vec::new(), Seen::default(), Vec::new());
        Self { reader, lexicon, held, seed, explains: false, found, seen, rewritten }
    }

    /// Whether each triple names the rewritings that made its positive.
    pub(crate) fn explains(self, explains: bool) -> Self {
        Self { explains, ..self }
    }

    /// The triples of all sources, and a rewriting of each of their sentences.
    pub(crate) fn make(mut self, sources: &Sources) -> Made {
        let mut mates: HashMap<String, Vec<String>> = HashMap::new();
        for (a, b) in same_translation(&sources.tatoeba, self.seed) {
            mates.entry(a.clone()).or_default().push(b.clone());
            mates.entry(b).or_default().push(a);
        }
        let mut done = Seen::default();
        let wikipedia = sources.wikipedia.iter().flat_map(|article| &article.sentences);
        let wikisplit =
            sources.wikisplit.iter().flat_map(|split| split.halves.iter().chain([&split.whole]));
        let examples = sources.wordnet.iter().flat_map(|synset| &synset.examples);
        let tatoeba = sources.tatoeba.iter().map(|sentence| &sentence.english);
        let all = wikipedia.chain(wikisplit).chain(examples).chain(tatoeba);
        let (mut read, mut last) = (0, 0);
        for text in all {
            if done.insert(text)
                && WORDS.contains(&text.split_whitespace().count())
                && !self.held.contains(text)
            {
                self.of(text, mates.get(text).map_or(&[], Vec::as_slice));
                read += 1;
            }
            if read / 50_000 > last {
                last = read / 50_000;
                eprintln!("swaps: {read:>7} sentences read, {:>7} triples", self.found.len());
            }
        }
        shuffle(self.seed, &mut self.found, |t| {
            format!("{}\t{}\t{}", t.anchor, t.positive, t.negative)
        });
        let mut count: HashMap<&str, usize> = HashMap::new();
        self.found.retain(|triple| {
            let count = count.entry(triple.kind).or_default();
            *count += 1;
            *count <= MOST_OF_A_KIND
        });
        Made { triples: self.found, rewritten: self.rewritten }
    }

    fn of(&mut self, text: &str, mates: &[String]) {
        let sentence = self.reader.read(text);
        let dice = Dice::new(self.seed, text);
        let mut paired = false;
        for (kind, rule, most) in KINDS {
            let mut swaps = rule(&sentence, self.lexicon);
            shuffle(self.seed, &mut swaps, Sentence::text);
            for (number, swap) in swaps.into_iter().take(*most).enumerate() {
                let purpose = format!("{kind} {number}");
                let Some((positive, names)) = self.positive(&sentence, mates, &dice, &purpose)
                else {
                    continue;
                };
                // Two in five swaps are of the rewriting, so that the order of phrases does not
                // tell either.
                let other = (dice.below(&format!("{purpose} base"), 5) < 2)
                    .then(|| rule(&positive, self.lexicon))
                    .and_then(|mut swaps| {
                        shuffle(self.seed, &mut swaps, Sentence::text);
                        swaps.into_iter().next()
                    });
                let negative = other.unwrap_or(swap).text();
                let rewritings = self.explains.then(|| names.join(", "));
                let (anchor, positive) = (text.to_owned(), positive.text());
                if !std::mem::replace(&mut paired, true) {
                    self.rewritten.push((anchor.clone(), positive.clone()));
                }
                self.keep(Triple { anchor, positive, negative, kind, rewritings });
            }
        }
    }

    /// Another way to put a sentence: one with the same translation, or a few rewritings.
    fn positive(
        &self,
        sentence: &Sentence,
        mates: &[String],
        dice: &Dice,
        purpose: &str,
    ) -> Option<(Sentence, Vec<&'static str>)> {
        if !mates.is_empty() && dice.below(&format!("{purpose} mate"), 3) > 0 {
            let mate = &mates[dice.below(purpose, mates.len())];
            return Some((self.reader.read(mate), vec!["same translation"]));
        }
        let mut current = sentence.clone();
        let mut order: Vec<usize> = (0..REWRITES.len()).collect();
        order.sort_by_key(|at| (!REWRITES[*at].2, dice.below(&format!("{purpose} {at}"), 1000)));
        let mut names = Vec::new();
        let mut steps = [0, 0];
        for (name, rule, moves) in order.into_iter().map(|at| REWRITES[at]) {
            let step = &mut steps[usize::from(moves)];
            let family = name.split(':').next();
            if *step == MOST_STEPS
                || names.iter().any(|done: &&str| done.split(':').next() == family)
            {
                continue;
            }
            let ways = rule(&current, self.lexicon);
            if ways.is_empty() {
                continue;
            }
            current = ways[dice.below(&format!("{purpose} {name} way"), ways.len())].clone();
            *step += 1;
            names.push(name);
        }
        // Where a swap moves words, a rewriting that moves none would give it away.
        let told = steps[1] == 0 && MOVING.iter().any(|kind| purpose.starts_with(kind));
        let kept = !told || dice.below(&format!("{purpose} told"), 3) == 0;
        (!names.is_empty() && kept).then_some((current, names))
    }

    fn keep(&mut self, triple: Triple) {
        let forms = [&triple.anchor, &triple.positive, &triple.negative].map(|text| normal(text));
        let differ = forms[0] != forms[1] && forms[1] != forms[2] && forms[0] != forms[2];
        let held = self.held.contains(&triple.positive) || self.held.contains(&triple.negative);
        if differ && !held && self.seen.insert(&forms.concat()) {
            self.found.push(triple);
        }
    }
}

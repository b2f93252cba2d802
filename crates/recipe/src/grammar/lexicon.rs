//! WordNet as a word list: which words are verbs, and which have one sense and a synonym.

use std::collections::{HashMap, HashSet};

use crate::sources::Synset;

/// The word list.
pub(crate) struct Lexicon {
    verbs: HashSet<String>,
    synonyms: HashMap<(String, bool), Vec<String>>,
}

/// How often a synonym must stand in the texts to be used.
const FAMILIAR: usize = 5;

impl Lexicon {
    /// Built from the synsets; `count` is how often a word stands in the texts.
    pub(crate) fn new(synsets: &[Synset], count: &HashMap<String, usize>) -> Self {
        let mut senses: HashMap<&str, usize> = HashMap::new();
        for lemma in synsets.iter().flat_map(|synset| &synset.lemmas) {
            *senses.entry(lemma.as_str()).or_default() += 1;
        }
        let plain = |word: &str| word.len() > 3 && word.chars().all(|c| c.is_ascii_lowercase());
        let seen = |word: &str| count.get(word).copied().unwrap_or_default();
        let mut synonyms: HashMap<(String, bool), Vec<String>> = HashMap::new();
        for synset in synsets {
            let words: Vec<&String> = synset.lemmas.iter().filter(|lemma| plain(lemma)).collect();
            for word in words.iter().filter(|word| senses[word.as_str()] == 1) {
                for other in words.iter().filter(|other| *other != word) {
                    // A synonym that is mostly used in another sense would change the meaning.
                    if senses[other.as_str()] <= 2 && seen(other) >= FAMILIAR {
                        let verb = synset.class == "verb";
                        synonyms.entry(((*word).clone(), verb)).or_default().push((*other).clone());
                    }
                }
            }
        }
        let verbs = synsets.iter().filter(|synset| synset.class == "verb");
        let verbs = verbs.flat_map(|synset| synset.lemmas.iter().cloned()).collect();
        Self { verbs, synonyms }
    }

    /// Whether the word is the base of a verb.
    pub(crate) fn verb(&self, base: &str) -> bool {
        self.verbs.contains(base)
    }

    /// The synonyms of a word of one sense.
    pub(crate) fn synonyms(&self, word: &str, verb: bool) -> &[String] {
        self.synonyms.get(&(word.to_owned(), verb)).map_or(&[], Vec::as_slice)
    }
}

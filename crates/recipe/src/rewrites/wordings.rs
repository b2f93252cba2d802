//! Other words for the same: synonyms, contractions and a list of wordings.

use crate::grammar::{Lexicon, Sentence, Tag, Token, base, ing, past, third};

/// Wordings that may stand for each other, either way.
#[rustfmt::skip]
const WORDINGS: &[(&str, &str)] = &[
    ("approximately", "about"), ("located in", "situated in"), ("is located", "lies"),
    ("currently", "at present"), ("also known as", "also called"), ("film", "movie"),
    ("films", "movies"), ("began", "started"), ("begin", "start"), ("begins", "starts"),
    ("located", "situated"), ("founded", "established"), ("started", "commenced"),
    ("frequently", "often"), ("large", "big"), ("largest", "biggest"), ("larger", "bigger"),
    ("received", "got"), ("purchased", "bought"), ("purchase", "buy"), ("constructed", "built"),
    ("numerous", "many"), ("several", "a number of"), ("various", "different"),
    ("primarily", "mainly"), ("mostly", "for the most part"), ("usually", "normally"),
    ("however", "nevertheless"), ("due to", "because of"), ("prior to", "before"),
    ("afterwards", "later"), ("throughout the world", "worldwide"), ("approximately", "roughly"),
    ("resides", "lives"), ("resided", "lived"), ("almost", "nearly"), ("maybe", "perhaps"),
    ("quickly", "fast"), ("whole", "entire"), ("difficult", "hard"), ("finished", "completed"),
    ("assisted", "helped"), ("kids", "children"), ("nobody", "no one"), ("everybody", "everyone"),
    ("somebody", "someone"), ("anybody", "anyone"), ("ill", "sick"), ("right away", "at once"),
    ("immediately", "at once"), ("wish to", "want to"), ("lots of", "plenty of"),
    ("happened", "occurred"), ("happens", "occurs"), ("answered", "replied"), ("shop", "store"),
    ("car", "automobile"), ("photograph", "photo"), ("television", "TV"), ("telephone", "phone"),
    ("glad", "happy"), ("clever", "smart"), ("angry", "mad"), ("attempted", "tried"),
    ("permit", "allow"), ("permitted", "allowed"), ("require", "need"), ("requires", "needs"),
    ("required", "needed"), ("entire", "whole"), ("centre", "center"), ("theatre", "theater"),
    ("United States", "US"), ("United Kingdom", "UK"), ("for instance", "for example"),
    ("can not", "cannot"), ("in order to", "to"), ("besides", "in addition to"),
    ("regarded as", "considered"), ("by means of", "using"), ("until", "till"),
    ("nearly", "almost"), ("above all", "especially"), ("comprises", "consists of"),
    ("died in", "passed away in"), ("took place", "was held"), ("two", "2"), ("three", "3"),
    ("four", "4"), ("five", "5"), ("six", "6"), ("seven", "7"), ("eight", "8"), ("ten", "10"),
    ("twelve", "12"), ("twenty", "20"),
];

/// One wording in place of another, for each that stands in the sentence.
pub(crate) fn wordings(sentence: &Sentence, _: &Lexicon) -> Vec<Sentence> {
    let mut found = Vec::new();
    for (one, other) in WORDINGS.iter().flat_map(|(a, b)| [(*a, *b), (*b, *a)]) {
        // A short wording may have more meanings than the long one has.
        let loose = [
            "about",
            "for example",
            "to",
            "got",
            "fast",
            "many",
            "children",
            "at once",
            "lies",
            "using",
            "hard",
            "mad",
            "present",
            "till",
            "considered",
            "different",
            "before",
            "later",
            "and also",
            "US",
            "present",
        ];
        if loose.contains(&one) {
            continue;
        }
        let words: Vec<&str> = one.split(' ').collect();
        for start in 0..(sentence.tokens.len() + 1).saturating_sub(words.len()) {
            let here = &sentence.tokens[start..start + words.len()];
            let stands = here.iter().zip(&words).all(|(token, word)| token.text == *word);
            let named = here.iter().any(|t| t.tag == Tag::Propn) && !one.starts_with("United");
            if stands && !named && fits(sentence, start, one) {
                let tag = here[0].tag;
                let by = other.split(' ').map(|word| Token::word(word, tag)).collect();
                found.push(sentence.replace(start..start + words.len(), by));
            }
        }
    }
    found
}

/// Whether a wording has its usual meaning here: "start" as a verb, a number before a noun.
fn fits(sentence: &Sentence, start: usize, wording: &str) -> bool {
    let token = &sentence.tokens[start];
    let number = wording.chars().all(|c| c.is_ascii_digit())
        || ["two", "three", "four", "five", "six", "seven", "eight", "ten", "twelve", "twenty"]
            .contains(&wording);
    if number {
        return sentence.tokens.get(start + 1).is_some_and(|t| t.tag == Tag::Noun && !t.glued);
    }
    !["start", "begin", "finished", "purchase", "attempt", "permit", "require", "own"]
        .contains(&wording)
        || token.tag == Tag::Verb
}

/// A word of one sense replaced by a synonym, in the same form.
pub(crate) fn synonyms(sentence: &Sentence, lexicon: &Lexicon) -> Vec<Sentence> {
    let mut found = Vec::new();
    for (at, token) in sentence.tokens.iter().enumerate() {
        let verb = match token.tag {
            Tag::Verb => true,
            Tag::Noun | Tag::Adj => false,
            _ => continue,
        };
        let superlative = token.tag == Tag::Adj && token.text.ends_with("est");
        let hyphen = sentence.tokens.get(at + 1).is_some_and(|t| t.glued && t.is("-"));
        if hyphen || superlative {
            continue;
        }
        // "minutes" as a lemma of its own is not the plural of "minute".
        let lemma =
            token.tag != Tag::Noun || !token.text.ends_with('s') || token.text.ends_with("ss");
        let plain = lexicon.synonyms(&token.text, verb).iter().filter(|_| lemma).cloned();
        let plural = token.text.strip_suffix('s').filter(|_| token.tag == Tag::Noun);
        let plural = plural.into_iter().flat_map(|one| lexicon.synonyms(one, false));
        let plural = plural.map(|other| third(other));
        let inflected = verb.then(|| inflected(&token.text, lexicon)).into_iter().flatten();
        let others = plain.chain(plural).chain(inflected);
        let fresh = others.filter(|other| !sentence.tokens.iter().any(|t| t.is(other)));
        found.extend(fresh.map(|other| sentence.reword(at, &other)));
    }
    found
}

fn inflected(form: &str, lexicon: &Lexicon) -> Vec<String> {
    let Some(base) = base(form, |word| lexicon.verb(word)).filter(|base| base != form) else {
        return Vec::new();
    };
    let same: Option<fn(&str) -> String> =
        [past as fn(&str) -> String, third, ing].into_iter().find(|make| make(&base) == form);
    let others = lexicon.synonyms(&base, true).iter();
    same.map_or_else(Vec::new, |make| others.map(|other| make(other)).collect())
}

#[rustfmt::skip]
const CONTRACTIONS: &[(&[&str], &[&str])] = &[
    (&["ca", "n't"], &["can", "not"]), (&["wo", "n't"], &["will", "not"]),
    (&["do", "n't"], &["do", "not"]), (&["does", "n't"], &["does", "not"]),
    (&["did", "n't"], &["did", "not"]), (&["is", "n't"], &["is", "not"]),
    (&["are", "n't"], &["are", "not"]), (&["was", "n't"], &["was", "not"]),
    (&["were", "n't"], &["were", "not"]), (&["have", "n't"], &["have", "not"]),
    (&["has", "n't"], &["has", "not"]), (&["had", "n't"], &["had", "not"]),
    (&["would", "n't"], &["would", "not"]), (&["could", "n't"], &["could", "not"]),
    (&["should", "n't"], &["should", "not"]), (&["I", "'m"], &["I", "am"]),
    (&["I", "'ve"], &["I", "have"]), (&["I", "'ll"], &["I", "will"]),
    (&["you", "'re"], &["you", "are"]), (&["we", "'re"], &["we", "are"]),
    (&["they", "'re"], &["they", "are"]), (&["you", "'ve"], &["you", "have"]),
    (&["we", "'ve"], &["we", "have"]), (&["you", "'ll"], &["you", "will"]),
    (&["he", "'ll"], &["he", "will"]), (&["she", "'ll"], &["she", "will"]),
    (&["we", "'ll"], &["we", "will"]), (&["they", "'ll"], &["they", "will"]),
    (&["it", "'ll"], &["it", "will"]),
];

/// All contractions of a sentence written out, or the first pair of words contracted.
pub(crate) fn contractions(sentence: &Sentence, _: &Lexicon) -> Vec<Sentence> {
    let mut found = Vec::new();
    // A question's "not" stands behind the subject when it is written out.
    if sentence.tokens.last().is_some_and(|t| t.is("?")) {
        return found;
    }
    let (mut long, mut changed) = (sentence.clone(), false);
    for at in 0..sentence.tokens.len().saturating_sub(1) {
        let pair = [at, at + 1].map(|place| sentence.tokens[place].text.as_str());
        for (short, written) in CONTRACTIONS {
            if pair == **short {
                for (offset, word) in written.iter().enumerate() {
                    (*word).clone_into(&mut long.tokens[at + offset].text);
                    long.tokens[at + offset].glued &= offset == 0;
                }
                changed = true;
            } else if pair == **written {
                let mut contracted = sentence.clone();
                for (offset, word) in short.iter().enumerate() {
                    (*word).clone_into(&mut contracted.tokens[at + offset].text);
                    contracted.tokens[at + offset].glued |= offset == 1;
                }
                found.push(contracted);
            }
        }
    }
    if changed {
        found.push(long);
    }
    found
}

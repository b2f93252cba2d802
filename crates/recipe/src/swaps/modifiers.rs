//! What is how: the modifiers of two nouns exchanged.

use super::symmetry::symmetric;
use crate::grammar::{Lexicon, Sentence, Tag, phrases};

/// Sentences with two adjectives, or two noun modifiers, exchanged.
pub(crate) fn modifiers(sentence: &Sentence, _: &Lexicon) -> Vec<Sentence> {
    let tokens = &sentence.tokens;
    let mut places = Vec::new();
    for phrase in phrases(sentence) {
        let head = phrase.head();
        if phrase.name || phrase.range.len() < 2 || tokens[head].tag != Tag::Noun {
            continue;
        }
        let last = head - 1;
        if matches!(tokens[last].tag, Tag::Adj | Tag::Noun | Tag::Propn)
            && last >= phrase.range.start
        {
            let fixed = tokens[last].among(&[
                "own",
                "other",
                "same",
                "such",
                "many",
                "few",
                "several",
                "more",
                "most",
                "much",
                "last",
                "next",
                "little",
                "different",
                "various",
            ]);
            if !fixed {
                places.push((last, phrase));
            }
        }
    }
    let mut found = Vec::new();
    for (index, (a, first)) in places.iter().enumerate() {
        for (b, second) in &places[index + 1..] {
            let differ = !tokens[*a].is(&tokens[*b].text)
                && !tokens[first.head()].is(&tokens[second.head()].text);
            let same = tokens[*a].tag == tokens[*b].tag;
            let compared =
                symmetric(sentence, first.range.start, first.range.end, second.range.start);
            // In a list the things stay listed, but what each is like has changed.
            let list = sentence.tokens[first.range.end..second.range.start]
                .iter()
                .any(|t| t.tag == Tag::Cconj || t.is(","));
            if differ && same && (!compared || list) {
                found.push(sentence.exchange(*a..*a + 1, *b..*b + 1));
            }
        }
    }
    // "X is red and Y is blue": the same of two predicates.
    let predicates: Vec<usize> = (1..tokens.len())
        .filter(|at| tokens[*at].tag == Tag::Adj && tokens[at - 1].tag == Tag::Aux)
        .collect();
    if let [a, b] = predicates[..]
        && tokens[a].text != tokens[b].text
        && tokens[a..b].iter().any(|t| matches!(t.tag, Tag::Pron | Tag::Noun | Tag::Propn))
    {
        found.push(sentence.exchange(a..a + 1, b..b + 1));
    }
    found
}

//! Who does what to whom: subject and object, two names, or two nouns exchanged.

use super::symmetry::symmetric;
use crate::grammar::{Lexicon, Phrase, Sentence, Tag, phrases, same_words, verb_group};
use crate::rewrites::{as_object, as_subject, reflexive};

/// Sentences with two parties exchanged.
pub(crate) fn roles(sentence: &Sentence, _: &Lexicon) -> Vec<Sentence> {
    let all = phrases(sentence);
    let mut found = parties(sentence, &all);
    for (at, a) in all.iter().enumerate() {
        for b in &all[at + 1..] {
            if (names(sentence, a, b) || nouns(sentence, a, b))
                && !symmetric(sentence, a.range.start, a.range.end, b.range.start)
            {
                let heads = !a.name || !b.name;
                found.push(match heads {
                    true => sentence.exchange(a.head()..a.range.end, b.head()..b.range.end),
                    false => sentence.exchange(bare(sentence, a), bare(sentence, b)),
                });
            }
        }
    }
    found
}

/// Subject and object of a verb.
fn parties(sentence: &Sentence, all: &[Phrase]) -> Vec<Sentence> {
    let tokens = &sentence.tokens;
    let mut found = Vec::new();
    for a in all {
        let opens = a.range.start == 0
            || matches!(tokens[a.range.start - 1].tag, Tag::Sconj | Tag::Cconj)
            || tokens[a.range.start - 1].among(&["that", "which", ","]);
        let Some(verbs) = verb_group(tokens, a.range.end).filter(|verbs| opens && !verbs.passive)
        else {
            continue;
        };
        let Some(b) = all.iter().find(|b| b.range.start == verbs.range.end) else { continue };
        let same = a.number == b.number || !verbs.agrees;
        // What belongs to the object's head would go astray: "the capital of France".
        let closed = tokens.get(b.range.end).is_none_or(|t| {
            !t.among(&["of", "'s", "who", "which", "that", "to", "and", "or"])
                && t.tag != Tag::Verb
                && t.tag != Tag::Aux
        });
        let owner = reflexive(&tokens[b.range.clone()]);
        let time = tokens[b.head()].among(&[
            "day", "morning", "night", "week", "year", "time", "times", "hours", "minutes", "days",
            "years", "home",
        ]);
        let equal = same_words(&tokens[a.range.clone()], &tokens[b.range.clone()]);
        if same
            && closed
            && !owner
            && !time
            && !equal
            && !symmetric(sentence, a.range.start, a.range.end, b.range.start)
        {
            let (x, y) =
                (as_object(&tokens[a.range.clone()]), as_subject(&tokens[b.range.clone()]));
            found.push(sentence.replace(b.range.clone(), x).replace(a.range.clone(), y));
        }
    }
    found
}

/// Two names with more than "is" between them.
fn names(sentence: &Sentence, a: &Phrase, b: &Phrase) -> bool {
    let tokens = &sentence.tokens;
    let between = &tokens[a.range.end..b.range.start];
    let identity = between
        .iter()
        .all(|t| matches!(t.tag, Tag::Aux | Tag::Punct | Tag::Det) || t.is("not") || t.is("n't"));
    let differ = !same_words(&tokens[bare(sentence, a)], &tokens[bare(sentence, b)]);
    // "Paris, France" and "Tom (Thomas)" name one thing.
    let places = tokens[..b.range.start].last().is_some_and(|t| t.is(",") || t.is("("));
    a.name && b.name && !identity && differ && !places
}

/// Two nouns of one number, each with an article, and a verb or a preposition between.
fn nouns(sentence: &Sentence, a: &Phrase, b: &Phrase) -> bool {
    let tokens = &sentence.tokens;
    let common = |p: &Phrase| tokens[p.head()].tag == Tag::Noun && !p.name && !p.pronoun;
    let differ = tokens[a.head()].text != tokens[b.head()].text;
    let compound = |p: &Phrase| p.range.len() >= 2 && tokens[p.head() - 1].tag == Tag::Noun;
    let copula = tokens[a.range.end..b.range.start].iter().all(|t| t.tag == Tag::Aux);
    let vague = |p: &Phrase| {
        tokens[p.head()].among(&[
            "time", "way", "lot", "kind", "part", "number", "day", "year", "years", "couple",
            "variety", "range", "series", "group", "type", "form", "set", "bit",
        ])
    };
    common(a)
        && common(b)
        && a.number == b.number
        && differ
        && !compound(a)
        && !compound(b)
        && !copula
        && !vague(a)
        && !vague(b)
}

fn bare(sentence: &Sentence, phrase: &Phrase) -> std::ops::Range<usize> {
    let article = sentence.tokens[phrase.range.start].tag == Tag::Det;
    phrase.range.start + usize::from(article)..phrase.range.end
}

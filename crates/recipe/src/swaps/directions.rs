//! Where from, where to and where: two ends exchanged, or a direction turned round.

use crate::grammar::{Lexicon, Sentence, Tag, Token, phrases};

/// Words that point opposite ways, with the classes they are exchanged in.
#[rustfmt::skip]
const OPPOSITES: &[(&str, &str, &[Tag])] = &[
    ("up", "down", &[Tag::Adv, Tag::Adp]), ("left", "right", &[Tag::Adj, Tag::Noun, Tag::Adv]),
    ("into", "out of", &[Tag::Adp]), ("north", "south", ANY), ("east", "west", ANY),
    ("northern", "southern", ANY), ("eastern", "western", ANY), ("northeast", "southwest", ANY),
    ("northwest", "southeast", ANY), ("northwestern", "southeastern", ANY),
    ("inside", "outside", ANY), ("above", "below", ANY), ("upstairs", "downstairs", ANY),
    ("upper", "lower", ANY), ("forward", "backward", ANY), ("toward", "away from", &[Tag::Adp]),
    ("towards", "away from", &[Tag::Adp]), ("upward", "downward", ANY),
    ("top", "bottom", &[Tag::Noun]), ("front", "back", &[Tag::Noun]), ("on", "off", &[Tag::Adv]),
    ("in", "out", &[Tag::Adv]), ("bought", "sold", &[Tag::Verb]),
    ("buy", "sell", &[Tag::Verb]), ("buys", "sells", &[Tag::Verb]),
    ("arrived", "departed", &[Tag::Verb]), ("arrive", "depart", &[Tag::Verb]),
    ("entered", "left", &[Tag::Verb]), ("enter", "leave", &[Tag::Verb]),
    ("pushed", "pulled", &[Tag::Verb]), ("push", "pull", &[Tag::Verb]), ("export", "import", ANY),
    ("exports", "imports", ANY), ("exported", "imported", ANY), ("emigrated", "immigrated", ANY),
    ("ascending", "descending", ANY), ("inner", "outer", ANY), ("internal", "external", ANY),
    ("rise", "fall", &[Tag::Verb]), ("rose", "fell", &[Tag::Verb]),
    ("rises", "falls", &[Tag::Verb]), ("rising", "falling", &[Tag::Verb]),
    ("opened", "closed", &[Tag::Verb]), ("open", "close", &[Tag::Verb]),
    ("won", "lost", &[Tag::Verb]), ("win", "lose", &[Tag::Verb]),
    ("in front of", "behind", &[Tag::Adp]), ("teach", "learn", &[Tag::Verb]),
    ("taught", "learned", &[Tag::Verb]), ("increase", "decrease", ANY),
    ("increased", "decreased", ANY), ("increases", "decreases", ANY),
];

const ANY: &[Tag] = &[Tag::Adj, Tag::Noun, Tag::Adv, Tag::Adp, Tag::Verb, Tag::Propn];

/// Sentences with a direction turned round.
pub(crate) fn directions(sentence: &Sentence, _: &Lexicon) -> Vec<Sentence> {
    let tokens = &sentence.tokens;
    let all = phrases(sentence);
    let mut found = Vec::new();
    for pair in all.windows(2) {
        let (a, b) = (&pair[0], &pair[1]);
        let before = a.range.start.checked_sub(1).map(|at| &tokens[at]);
        let ends = |one: &str, other: &[&str]| {
            let between = &tokens[a.range.end..b.range.start];
            before.is_some_and(|t| t.is(one)) && matches!(between, [t] if t.among(other))
        };
        // "between" holds both ways; "from day to day" is one word in all but letters.
        let differ = tokens[a.head()].text != tokens[b.head()].text;
        if differ
            && (ends("from", &["to", "into", "towards", "toward"])
                || ends("to", &["from"])
                || ends("into", &["from"]))
        {
            found.push(sentence.exchange(a.range.clone(), b.range.clone()));
        }
    }
    for (one, other, tags) in
        OPPOSITES.iter().flat_map(|(a, b, tags)| [(*a, *b, *tags), (*b, *a, *tags)])
    {
        let words: Vec<&str> = one.split(' ').collect();
        for start in 0..(tokens.len() + 1).saturating_sub(words.len()) {
            let here = &tokens[start..start + words.len()];
            let stands = here.iter().zip(&words).all(|(token, word)| token.is(word))
                && tags.contains(&here[0].tag);
            let side = !["left", "right"].contains(&one)
                || start > 0
                    && tokens[start - 1].among(&[
                        "the", "my", "his", "her", "your", "its", "turn", "turned", "to", "far",
                        "upper", "lower",
                    ]);
            if stands
                && side
                && (here[0].tag != Tag::Propn || start == 0 || one.len() > 4 && here[0].text != one)
            {
                let by = other
                    .split(' ')
                    .map(|word| Token::word(&cased(word, &here[0].text), here[0].tag));
                found.push(sentence.replace(start..start + words.len(), by.collect()));
            }
        }
    }
    found
}

/// The word with a capital where `like` has one.
fn cased(word: &str, like: &str) -> String {
    match like.chars().next().is_some_and(char::is_uppercase) {
        true => word[..1].to_uppercase() + &word[1..],
        false => word.to_owned(),
    }
}

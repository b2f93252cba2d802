//! What comes first: order and time words turned round, clauses exchanged around "before".

use crate::grammar::{DAYS, Lexicon, MONTHS, Sentence, Tag};
use crate::normal::Dice;
use crate::rewrites::clause;

#[rustfmt::skip]
const OPPOSITES: &[(&str, &str, &[Tag])] = &[
    ("before", "after", &[Tag::Sconj, Tag::Adp]), ("earlier", "later", &[Tag::Adv, Tag::Adj]),
    ("early", "late", &[Tag::Adv, Tag::Adj]), ("first", "last", &[Tag::Adj]),
    ("morning", "evening", &[Tag::Noun]), ("beginning", "end", &[Tag::Noun]),
    ("began", "ended", &[Tag::Verb]), ("begins", "ends", &[Tag::Verb]),
    ("begin", "end", &[Tag::Verb]), ("started", "stopped", &[Tag::Verb]),
    ("start", "stop", &[Tag::Verb]), ("starts", "stops", &[Tag::Verb]),
    ("born", "buried", &[Tag::Verb]), ("yesterday", "last year", &[Tag::Noun, Tag::Adv]),
    ("tomorrow", "next year", &[Tag::Noun, Tag::Adv]),
    ("ancient", "modern", &[Tag::Adj]), ("old", "new", &[Tag::Adj]),
    ("older", "newer", &[Tag::Adj]), ("day", "night", &[Tag::Noun]),
    ("summer", "winter", &[Tag::Noun]), ("spring", "autumn", &[Tag::Noun]),
    ("previous", "following", &[Tag::Adj]), ("former", "future", &[Tag::Adj]),
    ("earliest", "latest", &[Tag::Adj]), ("first", "second", &[Tag::Adj]),
    ("second", "third", &[Tag::Adj]), ("since", "until", &[Tag::Adp]),
    ("minutes", "hours", &[Tag::Noun]), ("days", "weeks", &[Tag::Noun]),
    ("months", "years", &[Tag::Noun]), ("week", "month", &[Tag::Noun]),
    ("century", "decade", &[Tag::Noun]), ("started", "finished", &[Tag::Verb]),
];

/// Sentences in which something comes at another time.
pub(crate) fn times(sentence: &Sentence, _: &Lexicon) -> Vec<Sentence> {
    let tokens = &sentence.tokens;
    let mut found = Vec::new();
    for (one, other, tags) in
        OPPOSITES.iter().flat_map(|(a, b, tags)| [(*a, *b, *tags), (*b, *a, *tags)])
    {
        if one.contains(' ') {
            continue;
        }
        for at in (0..tokens.len())
            .filter(|at| tokens[*at].text == one && tags.contains(&tokens[*at].tag))
        {
            found.push(sentence.reword(at, other));
        }
    }
    for list in [DAYS, MONTHS] {
        for (at, token) in tokens.iter().enumerate() {
            let capital = token.text.chars().next().is_some_and(char::is_uppercase);
            let Some(place) = list.iter().position(|name| capital && token.is(name)) else {
                continue;
            };
            let dice = Dice::new(0, &token.text);
            let step = 1 + dice.below(&sentence.text(), list.len() - 1);
            let other = list[(place + step) % list.len()];
            found.push(sentence.reword(at, &(other[..1].to_uppercase() + &other[1..])));
        }
    }
    let body = sentence.body();
    for at in 1..body {
        if !tokens[at].among(&["before", "after"])
            || tokens[at - 1].among(&["the", "shortly", "soon", ","])
        {
            continue;
        }
        let (a, b) = (&tokens[..at], &tokens[at + 1..body]);
        if clause(a) && clause(b) && !a.iter().chain(b).any(|t| t.is(",")) {
            found.push(sentence.exchange(0..at, at + 1..body));
        }
    }
    found
}

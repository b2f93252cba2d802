//! Which is more: the two sides of a comparison exchanged, or its word turned round.

use crate::grammar::{Lexicon, Number, Sentence, Tag, phrases, same_words};
use crate::rewrites::{as_object, as_subject};

#[rustfmt::skip]
const OPPOSITES: &[(&str, &str)] = &[
    ("more", "less"), ("most", "least"), ("bigger", "smaller"), ("larger", "smaller"),
    ("largest", "smallest"), ("biggest", "smallest"), ("older", "younger"), ("oldest", "youngest"),
    ("taller", "shorter"), ("longer", "shorter"), ("longest", "shortest"), ("tallest", "shortest"),
    ("higher", "lower"), ("highest", "lowest"), ("better", "worse"), ("best", "worst"),
    ("faster", "slower"), ("stronger", "weaker"), ("richer", "poorer"), ("hotter", "colder"),
    ("warmer", "cooler"), ("heavier", "lighter"), ("greater", "smaller"), ("greatest", "smallest"),
    ("easier", "harder"), ("earlier", "later"), ("closer", "farther"), ("cheaper", "dearer"),
    ("wider", "narrower"), ("deeper", "shallower"), ("smarter", "stupider"),
    ("majority", "minority"), ("maximum", "minimum"),
];

/// Sentences that compare the other way.
pub(crate) fn comparisons(sentence: &Sentence, _: &Lexicon) -> Vec<Sentence> {
    let tokens = &sentence.tokens;
    let mut found = Vec::new();
    let than = tokens.iter().position(|t| t.is("than"));
    if let Some(than) = than {
        let all = phrases(sentence);
        let a = all.iter().rfind(|p| {
            let next = tokens.get(p.range.end);
            p.range.end < than && next.is_some_and(|t| matches!(t.tag, Tag::Aux | Tag::Verb))
        });
        let b = all.iter().find(|p| p.range.start == than + 1);
        if let (Some(a), Some(b)) = (a, b) {
            let agrees = tokens[a.range.end]
                .among(&["is", "are", "was", "were", "am", "has", "have", "'s", "does", "do"])
                || tokens[a.range.end].tag == Tag::Verb
                    && !crate::grammar::is_past(&tokens[a.range.end].text);
            let third = |n: Number| n == Number::Third;
            let same = third(a.number) == third(b.number) || !agrees;
            let whole =
                tokens.get(b.range.end).is_none_or(|t| !t.among(&["of", "'s", "in", "ago"]));
            let amount = tokens[b.range.clone()].iter().any(|t| t.tag == Tag::Num)
                || tokens[b.range.start].among(&["any"]);
            let differ = !same_words(&tokens[a.range.clone()], &tokens[b.range.clone()]);
            // "he is taller than I am": the verb after "than" agrees with its own subject.
            let verb =
                tokens.get(b.range.end).is_some_and(|t| matches!(t.tag, Tag::Aux | Tag::Verb));
            let case = !(a.pronoun || b.pronoun)
                || !verb
                || same && !tokens[b.range.start].is("I") && !tokens[a.range.start].is("I");
            if same && whole && !amount && differ && case {
                let second = match verb {
                    true => tokens[a.range.clone()].to_vec(),
                    false => as_object(&tokens[a.range.clone()]),
                };
                let first = as_subject(&tokens[b.range.clone()]);
                found.push(
                    sentence.replace(b.range.clone(), second).replace(a.range.clone(), first),
                );
            }
        }
    }
    for (one, other) in OPPOSITES.iter().flat_map(|(a, b)| [(*a, *b), (*b, *a)]) {
        let bare = [
            "more", "less", "better", "longer", "later", "earlier", "harder", "lighter", "most",
            "best",
        ]
        .contains(&one);
        for at in
            (0..tokens.len()).filter(|at| tokens[*at].text == one && tokens[*at].tag != Tag::Propn)
        {
            let compared = than.is_some_and(|than| than > at)
                || tokens.get(at + 1).is_some_and(|t| t.tag == Tag::Adj);
            let longer = at > 0 && tokens[at - 1].among(&["no", "any"]);
            if (compared || !bare || one == "best" || one == "most") && !longer {
                found.push(sentence.reword(at, other));
            }
        }
    }
    found
}

//! Other ways to put names: "the army of Grant" is "Grant's army", "May 3, 1990" is "3 May 1990".

use crate::grammar::date_end;
use crate::grammar::{Lexicon, Sentence, Tag, Token, phrases};

/// Nouns of which "the X of Y" is not "Y's X".
const PARTS: &[&str] = &[
    "city",
    "town",
    "state",
    "name",
    "kind",
    "number",
    "part",
    "one",
    "end",
    "battle",
    "university",
    "republic",
    "kingdom",
    "province",
    "island",
    "county",
    "gulf",
    "bay",
    "lake",
    "house",
    "age",
    "sort",
    "member",
    "bank",
    "district",
    "village",
    "king",
    "duke",
    "earl",
    "queen",
    "bishop",
];

/// "the N of NAME" and "NAME's N".
pub(crate) fn genitives(sentence: &Sentence, _: &Lexicon) -> Vec<Sentence> {
    let tokens = &sentence.tokens;
    let all = phrases(sentence);
    let mut found = Vec::new();
    for pair in all.windows(2) {
        let (a, b) = (&pair[0], &pair[1]);
        let of = a.range.end + 1 == b.range.start && tokens[a.range.end].is("of");
        let plain = tokens[a.range.start].is("the") && a.range.len() >= 2;
        let common = tokens[a.head()].tag == Tag::Noun && !tokens[a.head()].among(PARTS);
        let bare = tokens[b.range.start].tag == Tag::Propn;
        let ends =
            tokens.get(b.range.end).is_none_or(|t| !t.among(&["'s", "of", "and", "or", ",", "("]));
        let owned = tokens[a.range.clone()].iter().any(|t| t.is("'s"));
        if of && plain && common && b.name && bare && ends && !owned {
            let mut owner = tokens[b.range.clone()].to_vec();
            owner.push(Token { glued: true, ..Token::word("'s", Tag::Part) });
            owner.extend_from_slice(&tokens[a.range.start + 1..a.range.end]);
            found.push(sentence.replace(a.range.start..b.range.end, owner));
        }
    }
    for at in 1..tokens.len() {
        let owner = (0..at).rev().take_while(|p| tokens[*p].tag == Tag::Propn).last();
        let Some(start) = owner.filter(|_| tokens[at].is("'s") && tokens[at].tag == Tag::Part)
        else {
            continue;
        };
        let end = (at + 1..tokens.len())
            .take_while(|p| matches!(tokens[*p].tag, Tag::Noun | Tag::Adj))
            .last();
        let Some(end) =
            end.filter(|end| tokens[*end].tag == Tag::Noun && !tokens[*end].among(PARTS))
        else {
            continue;
        };
        let complement = tokens.get(end + 1).is_some_and(|t| t.among(&["of", "'s", "and"]));
        if complement || start > 0 && tokens[start - 1].tag == Tag::Det {
            continue;
        }
        let mut whole = vec![Token::word("the", Tag::Det)];
        whole.extend_from_slice(&tokens[at + 1..=end]);
        whole.push(Token::word("of", Tag::Adp));
        whole.extend_from_slice(&tokens[start..at]);
        found.push(sentence.replace(start..end + 1, whole));
    }
    found
}

/// "May 3, 1990" and "3 May 1990".
pub(crate) fn dates(sentence: &Sentence, _: &Lexicon) -> Vec<Sentence> {
    let tokens = &sentence.tokens;
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let Some(end) = date_end(tokens, at) else {
            at += 1;
            continue;
        };
        let number = |t: &Token| t.text.chars().all(|c| c.is_ascii_digit());
        match &tokens[at..end] {
            [month, day, comma, year] if comma.is(",") => {
                // The comma after a date in this form belongs to it.
                let after = usize::from(tokens.get(end).is_some_and(|t| t.is(",")));
                found.push(
                    sentence
                        .replace(at..end + after, vec![day.clone(), month.clone(), year.clone()]),
                );
            }
            [day, month, year] if number(day) => {
                let words = vec![month.clone(), day.clone(), Token::mark(","), year.clone()];
                found.push(sentence.replace(at..end, words));
            }
            _ => {}
        }
        at = end;
    }
    found
}

/// "NAME, the N of M, ..." and "the N of M, NAME, ...".
pub(crate) fn moved_appositions(sentence: &Sentence, _: &Lexicon) -> Vec<Sentence> {
    let tokens = &sentence.tokens;
    let commas: Vec<usize> = (0..tokens.len()).filter(|at| tokens[*at].is(",")).collect();
    let mut found = Vec::new();
    for pair in commas.windows(2) {
        let (open, close) = (pair[0], pair[1]);
        let inner = &tokens[open + 1..close];
        let described =
            inner.first().is_some_and(|t| t.among(&["the", "a", "an"]) || t.text.ends_with("'s"));
        let nominal = inner.iter().all(|t| {
            matches!(
                t.tag,
                Tag::Det | Tag::Noun | Tag::Propn | Tag::Adj | Tag::Adp | Tag::Num | Tag::Part
            )
        });
        let start = (0..open).rev().take_while(|at| tokens[*at].tag == Tag::Propn).last();
        let Some(start) = start.filter(|start| *start == 0 && described && nominal) else {
            continue;
        };
        let verb =
            tokens.get(close + 1).is_some_and(|t| matches!(t.tag, Tag::Verb | Tag::Aux | Tag::Adv));
        if verb && inner.len() >= 2 {
            found.push(sentence.exchange(start..open, open + 1..close));
        }
    }
    found
}

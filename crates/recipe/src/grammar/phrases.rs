//! Phrases found from word classes: noun phrases, verb groups and phrases of time.

use std::ops::Range;

use super::forms::is_past;
use super::sentence::{Sentence, Tag, Token};

/// Whether a verb agrees with a phrase in -s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Number {
    /// "he sees".
    Third,
    /// "they see".
    Other,
}

/// A noun phrase without what follows its head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Phrase {
    /// Its words.
    pub(crate) range: Range<usize>,
    /// Whether every word but an article is a name's.
    pub(crate) name: bool,
    /// Whether it is a personal pronoun.
    pub(crate) pronoun: bool,
    /// Its agreement.
    pub(crate) number: Number,
}

impl Phrase {
    /// The place of the last word.
    pub(crate) fn head(&self) -> usize {
        self.range.end - 1
    }
}

const PERSONAL: &[&str] =
    &["i", "you", "he", "she", "we", "they", "me", "him", "her", "us", "them"];
const POSSESSIVE: &[&str] = &["my", "your", "his", "her", "its", "our", "their"];
const PLURALS: &[&str] =
    &["people", "men", "women", "children", "police", "cattle", "feet", "teeth", "mice", "geese"];

/// The noun phrases of a sentence, from left to right, none inside another.
pub(crate) fn phrases(sentence: &Sentence) -> Vec<Phrase> {
    let tokens = &sentence.tokens;
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        match phrase(tokens, at) {
            Some(phrase) => {
                at = phrase.range.end;
                found.push(phrase);
            }
            None => at += 1,
        }
    }
    found
}

fn phrase(tokens: &[Token], start: usize) -> Option<Phrase> {
    let first = &tokens[start];
    let owner = first.among(POSSESSIVE)
        && tokens.get(start + 1).is_some_and(|next| {
            matches!(next.tag, Tag::Noun | Tag::Propn | Tag::Adj | Tag::Num) && !next.glued
        });
    if first.tag == Tag::Pron && !owner {
        let number = match first.among(&["he", "she", "him", "her"]) {
            true => Number::Third,
            false => Number::Other,
        };
        let pronoun = first.among(PERSONAL);
        let range = start..start + 1;
        return pronoun.then_some(Phrase { range, name: false, pronoun, number });
    }
    let determined = owner || first.tag == Tag::Det;
    let mut end = start + usize::from(determined);
    let mut head = None;
    while let Some(token) = tokens.get(end) {
        let next = tokens.get(end + 1).map(|next| next.tag);
        let inner = match token.tag {
            Tag::Noun | Tag::Propn => true,
            Tag::Adj | Tag::Num => true,
            Tag::Adv => next == Some(Tag::Adj) && determined,
            Tag::Verb => {
                let form = token.text.ends_with("ing") || is_past(&token.text);
                form && determined && head.is_none() && next == Some(Tag::Noun)
            }
            Tag::Part => token.is("'s") && head.is_some_and(|head| head + 1 == end),
            _ => false,
        };
        let day = token.among(&["yesterday", "today", "tomorrow", "tonight"]) && end > start;
        if !inner || day {
            break;
        }
        if matches!(token.tag, Tag::Noun | Tag::Propn) {
            head = Some(end);
        }
        end += 1;
    }
    let head = head?;
    let range = start..head + 1;
    let body = &tokens[start + usize::from(determined)..=head];
    let name = body.iter().all(|token| token.tag == Tag::Propn);
    let number = match plural(&tokens[head]) {
        true => Number::Other,
        false => Number::Third,
    };
    Some(Phrase { range, name, pronoun: false, number })
}

/// The agreement of a phrase with this head.
pub(crate) fn number(head: &Token) -> Number {
    let other = match head.tag {
        Tag::Pron => !head.among(&[
            "he",
            "she",
            "it",
            "him",
            "her",
            "this",
            "that",
            "one",
            "everyone",
            "someone",
            "nobody",
            "everybody",
            "somebody",
        ]),
        _ => plural(head),
    };
    if other { Number::Other } else { Number::Third }
}

fn plural(head: &Token) -> bool {
    let text = head.text.to_lowercase();
    let ends =
        text.ends_with('s') && !["ss", "us", "is", "ics"].iter().any(|end| text.ends_with(end));
    let people = head.tag == Tag::Propn && text.ends_with("ans");
    PLURALS.contains(&text.as_str()) || (head.tag == Tag::Noun && ends) || people
}

/// The verbs of a clause: auxiliaries, adverbs and "not" between, and the verb that says what is
/// done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VerbGroup {
    /// Its words.
    pub(crate) range: Range<usize>,
    /// Whether it is a form of "be" with a participle.
    pub(crate) passive: bool,
    /// Whether its first word changes with the subject: "sees", "is", but not "saw" or "can".
    pub(crate) agrees: bool,
}

/// Forms of "be".
pub(crate) const BE: &[&str] =
    &["am", "is", "are", "was", "were", "be", "been", "being", "'m", "'re"];

/// The verb group that begins here.
pub(crate) fn verb_group(tokens: &[Token], start: usize) -> Option<VerbGroup> {
    let mut end = start;
    while tokens.get(end).is_some_and(|token| {
        matches!(token.tag, Tag::Aux | Tag::Adv) || token.among(&["n't", "not"])
    }) {
        end += 1;
    }
    let verb = tokens.get(end).filter(|token| token.tag == Tag::Verb)?;
    let helped = tokens[start..end].iter().rev().find(|token| token.tag == Tag::Aux);
    let passive = helped.is_some_and(|token| token.among(BE)) && !verb.text.ends_with("ing");
    let finite =
        tokens[start..=end].iter().find(|token| matches!(token.tag, Tag::Aux | Tag::Verb))?;
    let fixed = [
        "can", "ca", "could", "will", "wo", "would", "may", "might", "must", "shall", "should",
        "had", "did", "'ll", "'d",
    ];
    let agrees = match finite.tag {
        Tag::Aux => !finite.among(&fixed),
        _ => !is_past(&finite.text),
    };
    Some(VerbGroup { range: start..end + 1, passive, agrees })
}

/// The months, in lower case.
pub(crate) const MONTHS: &[&str] = &[
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
/// The days of the week, in lower case.
pub(crate) const DAYS: &[&str] =
    &["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const UNITS: &[&str] = &[
    "second",
    "minute",
    "hour",
    "day",
    "night",
    "morning",
    "afternoon",
    "evening",
    "week",
    "weekend",
    "month",
    "year",
    "decade",
    "century",
    "summer",
    "winter",
    "spring",
    "autumn",
    "fall",
    "season",
    "time",
];

fn year(token: &Token) -> bool {
    let digits = token.text.trim_end_matches('s');
    (3..=4).contains(&digits.len()) && digits.chars().all(|c| c.is_ascii_digit())
}

fn small(token: &Token) -> bool {
    token.text.len() <= 2 && token.text.chars().all(|c| c.is_ascii_digit())
}

fn unit(token: &Token) -> bool {
    let lower = token.text.to_lowercase();
    let one = lower.strip_suffix('s').unwrap_or(&lower);
    UNITS.contains(&one) || UNITS.contains(&lower.as_str()) || lower == "centuries"
}

/// The end of a phrase of time that begins here: "in 1990", "on 3 May 1990", "last week",
/// "two years ago", "yesterday", "every day", "at night", "at the age of ten".
pub(crate) fn time_phrase(tokens: &[Token], start: usize) -> Option<usize> {
    let word = |at: usize| tokens.get(start + at);
    let test = |at: usize, test: fn(&Token) -> bool| word(at).is_some_and(test);
    let among = |at: usize, words: &[&str]| word(at).is_some_and(|token| token.among(words));
    let first = word(0)?;
    if first.among(&["yesterday", "today", "tomorrow", "tonight", "nowadays"]) {
        let part = among(1, &["morning", "afternoon", "evening", "night"]);
        return Some(start + 1 + usize::from(part));
    }
    if first.among(&["last", "next", "every", "this"])
        && test(1, |t| unit(t) || t.among(DAYS) || t.among(MONTHS))
    {
        let part = among(1, DAYS) && test(2, unit);
        return Some(start + 2 + usize::from(part));
    }
    if among(2, &["ago", "later", "earlier"]) && test(1, unit) {
        return Some(start + 3);
    }
    if first.among(&["in", "since", "by", "until", "from", "during", "around", "after", "before"]) {
        if test(1, year) && !test(2, |t| matches!(t.tag, Tag::Noun | Tag::Propn)) {
            return Some(start + 2);
        }
        if among(1, MONTHS) {
            return Some(date_end(tokens, start + 1).unwrap_or(start + 2));
        }
    }
    if first.is("on") {
        if let Some(end) = date_end(tokens, start + 1) {
            return Some(end);
        }
        if test(1, |t| DAYS.iter().any(|day| t.is(day) || t.is(&format!("{day}s")))) {
            let part = test(2, unit);
            return Some(start + 2 + usize::from(part));
        }
    }
    if first.is("in") && among(1, &["the"]) {
        let end = start
            + 3
            + usize::from(
                among(2, &["early", "late", "mid", "following", "same", "19th", "20th"])
                    || test(2, |t| t.text.ends_with("th")),
            );
        if tokens.get(end - 1).is_some_and(|t| unit(t) || (year(t) && t.text.ends_with('s'))) {
            return Some(end);
        }
    }
    if first.is("at") {
        if among(1, &["night", "noon", "midnight", "dawn", "dusk"]) {
            return Some(start + 2);
        }
        let clock = among(2, &["o'clock", "a.m.", "p.m."]);
        if clock {
            return Some(start + 3);
        }
        if among(1, &["the"])
            && among(2, &["age"])
            && among(3, &["of"])
            && test(4, |t| t.tag == Tag::Num)
        {
            return Some(start + 5);
        }
    }
    None
}

/// The end of a date that begins here: "3 May 1990", "May 3, 1990", "May 3", "May 1990".
pub(crate) fn date_end(tokens: &[Token], start: usize) -> Option<usize> {
    let word = |at: usize| tokens.get(start + at);
    let month = |at: usize| word(at).is_some_and(|t| t.among(MONTHS));
    let day = |at: usize| word(at).is_some_and(small);
    let years = |at: usize| word(at).is_some_and(year);
    if day(0) && month(1) {
        return Some(start + 2 + usize::from(years(2)));
    }
    if month(0) && day(1) {
        let comma = word(2).is_some_and(|t| t.is(","));
        return Some(start + if comma && years(3) { 4 } else { 2 });
    }
    (month(0) && years(1)).then_some(start + 2)
}

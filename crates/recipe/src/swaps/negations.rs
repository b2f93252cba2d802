//! Whether at all: a "not" put in or taken out, "never" for "always", "no" for "some".

use crate::grammar::{Lexicon, Sentence, Tag, Token, base, past, phrases, third, verb_group};

#[rustfmt::skip]
const OPPOSITES: &[(&str, &str)] = &[
    ("always", "never"), ("everyone", "no one"), ("everybody", "nobody"),
    ("everything", "nothing"), ("with", "without"), ("possible", "impossible"), ("able", "unable"),
    ("happy", "unhappy"), ("legal", "illegal"), ("successful", "unsuccessful"),
    ("likely", "unlikely"), ("necessary", "unnecessary"), ("agree", "disagree"),
    ("agreed", "disagreed"), ("like", "dislike"), ("liked", "disliked"), ("accepted", "rejected"),
    ("accept", "reject"), ("remember", "forget"), ("remembered", "forgot"),
    ("succeeded", "failed"), ("succeed", "fail"), ("allowed", "forbidden"), ("true", "false"),
    ("alive", "dead"), ("guilty", "innocent"), ("present", "absent"), ("often", "rarely"),
    ("many", "few"), ("all", "none"), ("dependent", "independent"), ("official", "unofficial"),
    ("regular", "irregular"), ("important", "unimportant"), ("fair", "unfair"),
    ("usual", "unusual"),
];

const LOOSE: &[&str] = &["with", "like", "present", "all", "many"];

/// Sentences that say it is not so.
pub(crate) fn negations(sentence: &Sentence, lexicon: &Lexicon) -> Vec<Sentence> {
    let tokens = &sentence.tokens;
    let mut found = Vec::new();
    for (one, other) in OPPOSITES.iter().flat_map(|(a, b)| [(*a, *b), (*b, *a)]) {
        for at in (0..tokens.len()).filter(|at| tokens[*at].text == one) {
            let class = match one {
                "with" => {
                    tokens[at].tag == Tag::Adp
                        && tokens.get(at + 1).is_some_and(|t| t.tag != Tag::Pron)
                }
                "like" => tokens[at].tag == Tag::Verb,
                _ => !LOOSE.contains(&one) && tokens[at].tag != Tag::Propn,
            };
            let single = !other.contains(' ');
            if class && single {
                found.push(sentence.reword(at, other));
            }
        }
    }
    found.extend(without_not(sentence));
    found.extend(with_not(sentence, lexicon));
    found
}

/// The first "not" taken out.
fn without_not(sentence: &Sentence) -> Option<Sentence> {
    let tokens = &sentence.tokens;
    let at = tokens.iter().position(|t| t.among(&["not", "n't"]))?;
    let before = tokens.get(at.checked_sub(1)?)?;
    let question = tokens.last().is_some_and(|t| t.is("?"));
    if before.tag != Tag::Aux
        || question
        || tokens.iter().any(|t| {
            t.among(&[
                "any", "yet", "anymore", "anything", "anyone", "either", "only", "ever", "until",
                "but",
            ])
        })
    {
        return None;
    }
    let mut out = sentence.clone();
    match before.text.as_str() {
        "ca" => "can".clone_into(&mut out.tokens[at - 1].text),
        "wo" => "will".clone_into(&mut out.tokens[at - 1].text),
        "do" | "does" | "did" => {
            let verb = tokens.get(at + 1).filter(|t| t.tag == Tag::Verb)?;
            let text = match before.text.as_str() {
                "do" => verb.text.clone(),
                "does" => third(&verb.text),
                _ => past(&verb.text),
            };
            text.clone_into(&mut out.tokens[at + 1].text);
            out.tokens.drain(at - 1..=at);
            return Some(out);
        }
        _ => {}
    }
    out.tokens.remove(at);
    Some(out)
}

/// A "not" put into the first clause.
fn with_not(sentence: &Sentence, lexicon: &Lexicon) -> Option<Sentence> {
    let tokens = &sentence.tokens;
    let end = tokens.last().is_some_and(|t| t.is("?"));
    let denied = tokens.iter().any(|t| {
        t.among(&[
            "not",
            "n't",
            "never",
            "no",
            "nobody",
            "nothing",
            "none",
            "neither",
            "some",
            "already",
            "too",
            "also",
            "something",
            "someone",
            "still",
            "hardly",
            "only",
            "both",
        ])
    });
    if end || denied {
        return None;
    }
    let subject = phrases(sentence).into_iter().find(|p| {
        verb_group(tokens, p.range.end).is_some()
            || tokens.get(p.range.end).is_some_and(|t| t.tag == Tag::Aux)
    })?;
    let at = subject.range.end;
    let first = &tokens[at];
    if first.tag == Tag::Aux {
        let not = vec![Token::word("not", Tag::Part)];
        return Some(sentence.insert(at + 1, not));
    }
    if first.tag != Tag::Verb {
        return None;
    }
    let base = base(&first.text, |word| lexicon.verb(word))?;
    let helper = match () {
        () if past(&base) == first.text && base != first.text => "did",
        () if third(&base) == first.text => "does",
        () if base == first.text => "do",
        () => return None,
    };
    let words = [(helper, Tag::Aux), ("not", Tag::Part), (&base, Tag::Verb)];
    Some(sentence.replace(at..at + 1, words.map(|(word, tag)| Token::word(word, tag)).to_vec()))
}

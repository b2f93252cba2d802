//! Phrases of time and place put elsewhere: "In 1990, X moved" is "X moved in 1990".

use crate::grammar::{Lexicon, Sentence, Tag, Token, time_phrase};

/// The time at the end put to the front, and the time at the front put to the end.
pub(crate) fn moved_times(sentence: &Sentence, _: &Lexicon) -> Vec<Sentence> {
    let tokens = &sentence.tokens;
    let body = sentence.body();
    let mut found = Vec::new();
    // A relative clause, a second clause or a quotation would keep the time to itself.
    let simple = |part: &[Token]| {
        !part.iter().any(|t| {
            t.tag == Tag::Sconj
                || t.tag == Tag::Cconj
                || t.tag == Tag::Punct
                || t.among(&[
                    "who", "which", "that", "whom", "whose", "where", "when", "than", "what", "how",
                ])
        })
    };
    let verbs = |part: &[Token]| part.iter().any(|t| matches!(t.tag, Tag::Verb | Tag::Aux));
    let questions = tokens.last().is_some_and(|t| t.is("?"));
    for start in 1..body {
        let rest = &tokens[..start];
        let subject = tokens[0].tag != Tag::Verb && tokens[0].tag != Tag::Aux;
        let whole = tokens[start - 1].tag != Tag::Adp && tokens[start - 1].tag != Tag::Sconj;
        let whole = whole && !tokens[start..].iter().any(|t| t.is("'s"));
        if whole
            && time_phrase(tokens, start) == Some(body)
            && simple(rest)
            && verbs(rest)
            && subject
            && !questions
        {
            let mut moved = tokens[start..body].to_vec();
            moved[0].glued = false;
            moved.push(Token::mark(","));
            moved.extend_from_slice(rest);
            moved.extend_from_slice(&tokens[body..]);
            found.push(sentence.with(moved));
        }
    }
    if let Some(end) =
        time_phrase(tokens, 0).filter(|end| tokens.get(*end).is_none_or(|t| !t.glued || t.is(",")))
    {
        let start = end + usize::from(tokens.get(end).is_some_and(|t| t.is(",")));
        if start < body && simple(&tokens[start..body]) && verbs(&tokens[start..body]) && !questions
        {
            let mut moved = tokens[start..body].to_vec();
            moved.extend_from_slice(&tokens[..end]);
            moved.extend_from_slice(&tokens[body..]);
            found.push(sentence.with(moved));
        }
    }
    found
}

/// Two neighbours of time and place exchanged: "in Paris in 1980" is "in 1980 in Paris".
pub(crate) fn reordered_phrases(sentence: &Sentence, _: &Lexicon) -> Vec<Sentence> {
    let tokens = &sentence.tokens;
    let mut found = Vec::new();
    for start in 1..tokens.len() {
        let pairs = [
            place(tokens, start).and_then(|middle| Some((middle, time_phrase(tokens, middle)?))),
            time_phrase(tokens, start).and_then(|middle| Some((middle, place(tokens, middle)?))),
        ];
        for (middle, end) in pairs.into_iter().flatten() {
            // After a noun, the first phrase may belong to it: "the war in Spain in 1936".
            let after_verb = matches!(tokens[start - 1].tag, Tag::Verb | Tag::Propn | Tag::Pron);
            if after_verb {
                found.push(sentence.exchange(start..middle, middle..end));
            }
        }
    }
    found
}

/// The end of a phrase of place that begins here: "in Paris", "at Eton College", "in Austin, Texas".
fn place(tokens: &[Token], start: usize) -> Option<usize> {
    if !tokens.get(start)?.among(&["in", "at", "near", "from"])
        || time_phrase(tokens, start).is_some()
    {
        return None;
    }
    let names = |from: usize| tokens[from..].iter().take_while(|t| t.tag == Tag::Propn).count();
    let article = usize::from(tokens.get(start + 1)?.is("the"));
    let from = start + 1 + article;
    let end = from + names(from);
    if end == from {
        return None;
    }
    let more = match tokens.get(end) {
        Some(comma) if comma.is(",") => names(end + 1),
        _ => 0,
    };
    // "in Austin, Texas, in 1990": a comma follows a place of two names.
    match more {
        0 => Some(end),
        _ if tokens.get(end + 1 + more).is_some_and(|t| t.is(",")) => None,
        more => Some(end + 1 + more),
    }
}

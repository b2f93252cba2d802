//! Phrases that say when, where and how, put elsewhere: "X moved to Y in May" is "In May, X moved
//! to Y".

use std::ops::Range;

use crate::grammar::{Lexicon, Relation, Sentence, Tag, Token, Tree};

/// Prepositions whose phrases may stand at the front; others are mostly asked for by the verb.
const FREE: &[&str] = &[
    "in",
    "on",
    "at",
    "during",
    "after",
    "before",
    "under",
    "since",
    "until",
    "within",
    "throughout",
    "despite",
    "following",
    "without",
    "among",
    "near",
    "across",
    "because",
    "due",
    "through",
    "along",
    "outside",
    "inside",
    "beyond",
    "besides",
    "while",
    "when",
    "although",
    "if",
    "as",
    "once",
    "though",
    "whereas",
    "unless",
    "where",
    "according",
    "like",
    "unlike",
];

/// A phrase at the end put to the front, and one at the front put to the end.
pub(crate) fn moved_obliques(sentence: &Sentence, _: &Lexicon) -> Vec<Sentence> {
    let tokens = &sentence.tokens;
    let tree = Tree::of(sentence);
    let body = sentence.body();
    let Some(root) = tree.root() else { return Vec::new() };
    let subject = tree.children(root).find(|at| {
        matches!(tree.relation(*at), Relation::Nsubj | Relation::NsubjPass) && *at < root
    });
    let Some(subject) = subject.and_then(|at| tree.span(at)) else { return Vec::new() };
    if tokens[..body].iter().any(|t| t.among(&["?", "\"", ";", ":"]))
        || tokens.last().is_some_and(|t| t.is("?"))
    {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (child, span) in free_phrases(sentence, &tree, root) {
        let conjoined =
            tree.children(root).any(|at| tree.relation(at) == Relation::Conj && at < child);
        if span.start > root && span.end == body && !conjoined && subject.start == 0 {
            let comma = usize::from(tokens[span.start - 1].is(","));
            let mut moved = tokens[span.clone()].to_vec();
            moved[0].glued = false;
            moved.push(Token::mark(","));
            moved.extend_from_slice(&tokens[..span.start - comma]);
            moved.extend_from_slice(&tokens[body..]);
            found.push(sentence.with(moved));
        }
        let comma = usize::from(tokens.get(span.end).is_some_and(|t| t.is(",")));
        if span.end + comma > body {
            continue;
        }
        let simple = !tokens[span.end + comma..body]
            .iter()
            .any(|t| t.is(",") || t.tag == Tag::Cconj && t.is("but"));
        if span.start == 0
            && span.end + comma == subject.start
            && simple
            && !conjoined_at_all(&tree, root)
        {
            let mut moved = tokens[span.end + comma..body].to_vec();
            moved.extend_from_slice(&tokens[span]);
            moved.extend_from_slice(&tokens[body..]);
            found.push(sentence.with(moved));
        }
    }
    found
}

fn conjoined_at_all(tree: &Tree, root: usize) -> bool {
    tree.children(root).any(|at| tree.relation(at) == Relation::Conj)
}

/// Two neighbours behind a verb exchanged: "born in Paris in 1980" is "born in 1980 in Paris".
pub(crate) fn reordered_obliques(sentence: &Sentence, _: &Lexicon) -> Vec<Sentence> {
    let tree = Tree::of(sentence);
    let tokens = &sentence.tokens;
    let mut found = Vec::new();
    for verb in (0..tokens.len()).filter(|at| tokens[*at].tag == Tag::Verb) {
        let all: Vec<Range<usize>> = adjuncts(sentence, &tree, verb)
            .map(|(_, span)| span)
            .filter(|span| span.start > verb)
            .collect();
        for pair in all.windows(2) {
            let (a, b) = (pair[0].clone(), pair[1].clone());
            let plain = |span: &Range<usize>| {
                !tokens[span.clone()].iter().any(|t| t.tag == Tag::Punct || t.tag == Tag::Cconj)
            };
            if a.end == b.start && plain(&a) && plain(&b) {
                found.push(sentence.exchange(a, b));
            }
        }
    }
    found
}

/// What belongs to a word as time, place, manner or reason, with its words.
fn adjuncts<'a>(
    sentence: &'a Sentence,
    tree: &'a Tree,
    head: usize,
) -> impl Iterator<Item = (usize, Range<usize>)> + 'a {
    let kinds = [Relation::Obl, Relation::OblUnmarked, Relation::Advcl];
    let children = tree.children(head).filter(move |at| kinds.contains(&tree.relation(*at)));
    children
        .filter_map(|at| Some((at, tree.span(at)?)))
        .map(|(at, span)| {
            let comma = usize::from(sentence.tokens[span.end - 1].is(","));
            (at, span.start..span.end - comma)
        })
        .filter(|(_, span)| {
            span.len() >= 2
                || sentence.tokens[span.start].among(&["yesterday", "today", "tomorrow", "tonight"])
        })
        .filter(|(_, span)| !sentence.tokens[span.start].is("by"))
}

fn free_phrases<'a>(
    sentence: &'a Sentence,
    tree: &'a Tree,
    root: usize,
) -> impl Iterator<Item = (usize, Range<usize>)> + 'a {
    adjuncts(sentence, tree, root).filter(|(at, span)| {
        let first = &sentence.tokens[span.start];
        let time = tree.relation(*at) == Relation::OblUnmarked;
        // A phrase with marks inside may end where the parser lost the way.
        let long = span.len() > 12
            || sentence.tokens[span.clone()].iter().any(|t| t.among(&["\"", "(", ";", "that"]));
        let fixed = sentence.tokens[span.clone()].iter().any(|t| t.is("all")) && span.len() == 2;
        (time || first.among(FREE)) && !long && !fixed
    })
}

/// Adverbs that may stand at the front of a clause or at its verb.
const ADVERBS: &[&str] = &[
    "later",
    "originally",
    "initially",
    "eventually",
    "subsequently",
    "currently",
    "recently",
    "sometimes",
    "usually",
    "previously",
    "finally",
    "often",
    "soon",
    "formerly",
    "generally",
    "historically",
    "traditionally",
    "typically",
    "commonly",
    "occasionally",
    "suddenly",
    "obviously",
    "apparently",
    "probably",
    "perhaps",
    "afterwards",
    "fortunately",
    "unfortunately",
    "officially",
];

/// "X later moved" is "later, X moved", either way.
pub(crate) fn moved_adverbs(sentence: &Sentence, _: &Lexicon) -> Vec<Sentence> {
    let tokens = &sentence.tokens;
    let tree = Tree::of(sentence);
    let Some(root) = tree.root() else { return Vec::new() };
    let subject = tree
        .children(root)
        .find(|at| matches!(tree.relation(*at), Relation::Nsubj | Relation::NsubjPass));
    let Some(subject) = subject.and_then(|at| tree.span(at)) else { return Vec::new() };
    let question = tokens.last().is_some_and(|t| t.is("?"));
    let mut found = Vec::new();
    for at in tree.children(root).filter(|at| tokens[*at].among(ADVERBS)) {
        let bare = tree.children(at).next().is_none();
        if question || !bare {
            continue;
        }
        if at > subject.end.saturating_sub(1) && at < root && subject.start == 0 {
            let mut moved = vec![tokens[at].clone(), Token::mark(",")];
            moved.extend_from_slice(&tokens[..at]);
            moved.extend_from_slice(&tokens[at + 1..]);
            found.push(sentence.with(moved));
        }
        let comma = usize::from(tokens.get(1).is_some_and(|t| t.is(",")));
        if at == 0 && subject.start == 1 + comma && subject.end <= root {
            // Behind the first auxiliary, or before the verb.
            let aux = tokens[subject.end].tag == Tag::Aux;
            let place = subject.end + usize::from(aux);
            let mut moved = tokens[1 + comma..place].to_vec();
            moved.push(tokens[0].clone());
            moved.extend_from_slice(&tokens[place..]);
            found.push(sentence.with(moved));
        }
    }
    found
}

//! Members of a list exchanged: "A and B" is "B and A".

use std::ops::Range;

use crate::grammar::{Lexicon, Relation, Sentence, Tag, Tree, same_words};

/// Two members of each list of nouns or adjectives exchanged.
pub(crate) fn exchanged_conjuncts(sentence: &Sentence, _: &Lexicon) -> Vec<Sentence> {
    let tokens = &sentence.tokens;
    let tree = Tree::of(sentence);
    let mut found = Vec::new();
    for head in 0..tokens.len() {
        let members = members(sentence, &tree, head);
        for (index, a) in members.iter().enumerate() {
            for b in &members[index + 1..] {
                if alike(sentence, a, b) {
                    found.push(sentence.exchange(a.clone(), b.clone()));
                }
            }
        }
    }
    found
}

/// The members of the list that a word opens, each without the marks and "and" between them.
fn members(sentence: &Sentence, tree: &Tree, head: usize) -> Vec<Range<usize>> {
    let tokens = &sentence.tokens;
    let others: Vec<usize> = tree
        .children(head)
        .filter(|at| {
            *at > head
                && tree.relation(*at) == Relation::Conj
                && tokens[*at].tag == tokens[head].tag
        })
        .collect();
    let listed = matches!(tokens[head].tag, Tag::Noun | Tag::Propn | Tag::Adj | Tag::Num);
    let Some(whole) = tree.span(head).filter(|_| listed && !others.is_empty()) else {
        return Vec::new();
    };
    let inner = |at: usize| {
        let span = tree.span(at)?;
        let joins =
            tokens[span.clone()].iter().take_while(|t| t.is(",") || t.tag == Tag::Cconj).count();
        Some(span.start + joins..span.end)
    };
    let Some(others) = others.into_iter().map(inner).collect::<Option<Vec<_>>>() else {
        return Vec::new();
    };
    // The first member ends where the marks before the second begin.
    let joins = |end: usize| {
        tokens[..end].iter().rev().take_while(|t| t.is(",") || t.tag == Tag::Cconj).count()
    };
    let first = others[0].start - joins(others[0].start);
    let start = first_word(sentence, tree, head, whole.start);
    // What follows the last member may belong to all of them; what stands within a member with a
    // clause of its own may too.
    let closed = others.last().is_some_and(|last| last.end == whole.end);
    let members: Vec<Range<usize>> = std::iter::once(start..first).chain(others).collect();
    let sound = members.iter().all(|span| {
        !span.is_empty()
            && span.len() <= 8
            && !tokens[span.clone()]
                .iter()
                .any(|t| t.tag == Tag::Punct || t.tag == Tag::Verb && t.text.ends_with("ed"))
    });
    let ordered = members.windows(2).all(|pair| pair[0].end < pair[1].start);
    match closed && sound && ordered {
        true => members,
        false => Vec::new(),
    }
}

/// A preposition, a copula and other words before a list belong to all of it.
fn first_word(sentence: &Sentence, tree: &Tree, head: usize, start: usize) -> usize {
    let shared = |at: &usize| {
        matches!(
            tree.relation(*at),
            Relation::Case
                | Relation::Mark
                | Relation::Cop
                | Relation::Nsubj
                | Relation::NsubjPass
                | Relation::Aux
                | Relation::Cc
                | Relation::Advmod
                | Relation::Obl
                | Relation::Punct
                | Relation::Expl
        ) || sentence.tokens[*at].among(&["both", "either", "neither", "between"])
    };
    let ends = tree
        .children(head)
        .filter(|at| *at < head && shared(at))
        .filter_map(|at| Some(tree.span(at)?.end));
    ends.max().unwrap_or(start).max(start)
}

/// Neither member takes words that stand before the other ("old men and women"), and neither is a
/// person who is named last.
fn alike(sentence: &Sentence, a: &Range<usize>, b: &Range<usize>) -> bool {
    let tokens = &sentence.tokens;
    let opens = |span: &Range<usize>| {
        let first = &tokens[span.start];
        first.tag == Tag::Det || first.among(&["my", "your", "his", "her", "its", "our", "their"])
    };
    let modified = |span: &Range<usize>| {
        matches!(tokens[span.start].tag, Tag::Adj | Tag::Num) && span.len() > 1
    };
    let pronoun = |span: &Range<usize>| tokens[span.start].tag == Tag::Pron && span.len() == 1;
    let own = opens(a) == opens(b) && (!modified(a) || modified(b) || opens(b));
    let compound = tokens[a.start..a.end].iter().all(|t| t.tag == Tag::Propn)
        == tokens[b.start..b.end].iter().all(|t| t.tag == Tag::Propn);
    // "East and Southeast Asia": the last word may belong to both.
    let bare = (a.len() == 1) == (b.len() == 1);
    own && (bare || opens(a))
        && compound
        && !pronoun(a)
        && !pronoun(b)
        && !same_words(&tokens[a.clone()], &tokens[b.clone()])
}

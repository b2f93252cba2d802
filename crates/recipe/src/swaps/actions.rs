//! What is done to which: two verbs of one form exchanged, or two adverbs.

use crate::grammar::{Lexicon, Relation, Sentence, Tag, Tree, is_past};

/// Sentences with the verbs of two clauses exchanged.
pub(crate) fn actions(sentence: &Sentence, _: &Lexicon) -> Vec<Sentence> {
    let tokens = &sentence.tokens;
    let tree = Tree::of(sentence);
    let form = |at: usize| {
        let text = &tokens[at].text;
        match tokens[at].tag {
            Tag::Verb if text.ends_with("ing") => 1,
            Tag::Verb if is_past(text) => 2,
            _ => 0,
        }
    };
    let verbs: Vec<usize> = (0..tokens.len()).filter(|at| form(*at) > 0).collect();
    let particle = |at: usize| tree.child(at, Relation::CompoundPrt).is_some();
    let mut found = Vec::new();
    for (index, a) in verbs.iter().enumerate() {
        for b in &verbs[index + 1..] {
            // "washed and dried the cups": both are done to the same.
            let apart = b - a > 2;
            let alike = form(*a) == form(*b) && !tokens[*a].is(&tokens[*b].text);
            if apart
                && alike
                && !particle(*a)
                && !particle(*b)
                && !tokens[*a].among(&["including", "being", "according", "following", "using"])
                && !tokens[*b].among(&["including", "being", "according", "following", "using"])
            {
                found.push(sentence.exchange(*a..a + 1, *b..b + 1));
            }
        }
    }
    found
}

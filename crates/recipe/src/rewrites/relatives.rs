//! Clauses that say what something is, with and without their pronoun: "X, who was the head of Y,"
//! is "X, the head of Y,".

use crate::grammar::{Lexicon, Number, Relation, Sentence, Tag, Token, Tree, is_past, number};

/// "who was", "which is" and the like taken out before a noun or a participle, or put in.
pub(crate) fn relatives(sentence: &Sentence, _: &Lexicon) -> Vec<Sentence> {
    let tokens = &sentence.tokens;
    let mut found = Vec::new();
    for at in 1..tokens.len().saturating_sub(3) {
        let pronoun = tokens[at].among(&["who", "which", "that"])
            && matches!(tokens[at - 1].tag, Tag::Noun | Tag::Propn | Tag::Punct);
        let be = tokens[at + 1].among(&["is", "are", "was", "were"]);
        let next = &tokens[at + 2];
        let participle = next.tag == Tag::Verb
            && (is_past(&next.text) || next.text.ends_with("en") || next.text.ends_with("ing"));
        let noun = tokens[at - 1].is(",") && next.among(&["a", "an", "the"]);
        if pronoun && be && (participle || noun) {
            found.push(sentence.replace(at..at + 2, Vec::new()));
        }
    }
    let tree = Tree::of(sentence);
    for verb in (1..tokens.len()).filter(|at| tree.relation(*at) == Relation::Acl) {
        let Some(head) = tree.head(verb).filter(|head| tokens[*head].tag == Tag::Noun) else {
            continue;
        };
        let followed = tokens
            .get(verb + 1)
            .is_some_and(|t| t.among(&["by", "in", "on", "at", "from", "for", "as"]));
        if head + 1 == verb && is_past(&tokens[verb].text) && followed {
            let year = |t: &Token| t.text.len() == 4 && t.text.chars().all(|c| c.is_ascii_digit());
            let past = tokens.iter().any(|t| t.among(&["was", "were", "had"]) || year(t));
            let be = match (past, number(&tokens[head]) == Number::Third) {
                (true, true) => "was",
                (true, false) => "were",
                (false, true) => "is",
                (false, false) => "are",
            };
            let words =
                [("that", Tag::Pron), (be, Tag::Aux)].map(|(word, tag)| Token::word(word, tag));
            found.push(sentence.insert(verb, words.to_vec()));
        }
    }
    found
}

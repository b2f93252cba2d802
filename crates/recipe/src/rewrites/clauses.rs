//! Clauses exchanged around their connective: "A because B" is "Because B, A".

use crate::grammar::{Lexicon, Sentence, Tag, Token};

const CONNECTIVES: &[&str] = &[
    "because", "when", "while", "although", "though", "if", "since", "before", "after", "unless",
    "until", "once", "whenever", "whereas",
];

/// The clause that a connective opens, put to the front or to the end.
pub(crate) fn moved_clauses(sentence: &Sentence, _: &Lexicon) -> Vec<Sentence> {
    let tokens = &sentence.tokens;
    let body = sentence.body();
    if tokens[body..].iter().any(|t| t.is("?")) || tokens[..body].iter().any(|t| t.is("\"")) {
        return Vec::new();
    }
    let opens = |at: usize| tokens[at].among(CONNECTIVES) && clause(&tokens[at + 1..body]);
    let mut found = Vec::new();
    let places: Vec<usize> = (1..body).filter(|at| opens(*at)).collect();
    if let [at] = places[..] {
        let comma = tokens[at - 1].is(",");
        let main = &tokens[..at - usize::from(comma)];
        let speech = main.iter().any(|t| {
            t.among(&[
                "that", "say", "said", "know", "think", "ask", "asked", "told", "wonder",
                "remember", "see",
            ])
        });
        let whole = clause(main) && !main.iter().any(|t| t.is(",")) && !speech;
        if whole
            && !tokens[at..body].iter().any(|t| t.is(","))
            && !tokens[at - 1].among(&[
                "even", "just", "only", "and", "but", "or", "as", "ever", "right", "shortly",
                "soon", "not",
            ])
        {
            let mut moved = tokens[at..body].to_vec();
            moved.push(Token::mark(","));
            moved.extend_from_slice(main);
            moved.extend_from_slice(&tokens[body..]);
            found.push(sentence.with(moved));
        }
    }
    if !tokens.is_empty() && tokens[0].among(CONNECTIVES) {
        let commas: Vec<usize> = (1..body).filter(|at| tokens[*at].is(",")).collect();
        if let [comma] = commas[..]
            && clause(&tokens[1..comma])
            && clause(&tokens[comma + 1..body])
        {
            let mut moved = tokens[comma + 1..body].to_vec();
            moved.extend_from_slice(&tokens[..comma]);
            moved.extend_from_slice(&tokens[body..]);
            found.push(sentence.with(moved));
        }
    }
    found
}

/// Whether these words are a clause of their own: a subject, then a verb.
pub(crate) fn clause(tokens: &[Token]) -> bool {
    let verb = tokens.iter().position(|t| matches!(t.tag, Tag::Verb | Tag::Aux));
    let Some(verb) = verb else { return false };
    let first = tokens.first().is_some_and(|t| {
        matches!(t.tag, Tag::Pron | Tag::Propn | Tag::Noun | Tag::Det | Tag::Adj | Tag::Num)
    });
    first && tokens[..verb].iter().any(|t| matches!(t.tag, Tag::Pron | Tag::Propn | Tag::Noun))
}

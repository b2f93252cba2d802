//! Active and passive: "X was written by Y" is "Y wrote X".

use std::ops::Range;

use crate::grammar::{
    Lexicon, Number, Relation, Sentence, Tag, Token, Tree, base, number, participle, past, third,
};

/// Subject and object forms of the pronouns that differ.
const CASES: &[(&str, &str)] =
    &[("I", "me"), ("he", "him"), ("she", "her"), ("we", "us"), ("they", "them")];

/// The words of a phrase as a subject.
pub(crate) fn as_subject(tokens: &[Token]) -> Vec<Token> {
    recased(tokens, |token| CASES.iter().find(|case| token.is(case.1)).map(|case| case.0))
}

/// The words of a phrase as an object.
pub(crate) fn as_object(tokens: &[Token]) -> Vec<Token> {
    recased(tokens, |token| CASES.iter().find(|case| token.is(case.0)).map(|case| case.1))
}

fn recased(tokens: &[Token], form: impl Fn(&Token) -> Option<&'static str>) -> Vec<Token> {
    let mut tokens = tokens.to_vec();
    if let [token] = &mut tokens[..]
        && token.tag == Tag::Pron
        && let Some(text) = form(token)
    {
        text.clone_into(&mut token.text);
    }
    tokens
}

/// A passive clause with its agent, by places of its words.
pub(crate) struct Passive {
    pub(crate) subject: Range<usize>,
    /// The form of "be".
    pub(crate) be: usize,
    pub(crate) verb: usize,
    /// Without "by".
    pub(crate) agent: Range<usize>,
    pub(crate) agent_number: Number,
}

/// "X was VERBed by Y", or "X was VERBed in Z by Y", with X at the beginning.
pub(crate) fn passive_clause(sentence: &Sentence) -> Option<Passive> {
    let tokens = &sentence.tokens;
    let tree = Tree::of(sentence);
    let verb = (1..tokens.len()).find(|at| tokens[*at].tag == Tag::Verb)?;
    let be = verb - 1;
    if !tokens[be].among(&["was", "were", "is", "are"]) || tree.head(be) != Some(verb) {
        return None;
    }
    let subject = tree
        .children(verb)
        .find(|at| matches!(tree.relation(*at), Relation::NsubjPass | Relation::Nsubj))?;
    let subject_span = tree.span(subject).filter(|span| span.start == 0 && span.end == be)?;
    let agent = tree.children(verb).find(|at| {
        let by = tree
            .span(*at)
            .is_some_and(|span| tokens[span.start].is("by") && span.start > verb && span.len() > 1);
        by && matches!(tree.relation(*at), Relation::OblAgent | Relation::Obl)
    })?;
    let span = tree.span(agent)?;
    let agent_span = span.start + 1..span.end;
    // "by hand", "by train", "by 1990" and "by doing so" name no agent.
    let bare = agent_span.len() == 1
        && tokens[agent].tag == Tag::Noun
        && number(&tokens[agent]) == Number::Third;
    let party = matches!(tokens[agent].tag, Tag::Noun | Tag::Propn | Tag::Pron) && !bare;
    let agent_number = match tree.child(agent, Relation::Conj) {
        Some(_) => Number::Other,
        None => number(&tokens[agent]),
    };
    party.then_some(Passive { subject: subject_span, be, verb, agent: agent_span, agent_number })
}

/// "X was VERBed by Y ..." as "Y VERBed X ...".
pub(crate) fn active(sentence: &Sentence, lexicon: &Lexicon) -> Vec<Sentence> {
    let Some(clause) = passive_clause(sentence) else { return Vec::new() };
    let tokens = &sentence.tokens;
    let Some(base) = base(&tokens[clause.verb].text, |word| lexicon.verb(word)) else {
        return Vec::new();
    };
    // A second clause would lose its subject, and a long agent may hold words of the verb.
    let joined = tokens[clause.verb..]
        .iter()
        .any(|t| matches!(t.tag, Tag::Cconj | Tag::Sconj) || t.among(&[",", ";", ":"]));
    if joined || clause.agent.len() > 8 {
        return Vec::new();
    }
    let form = match (tokens[clause.be].among(&["was", "were"]), clause.agent_number) {
        (true, _) => past(&base),
        (false, Number::Third) => third(&base),
        (false, Number::Other) => base,
    };
    let mut words = as_subject(&tokens[clause.agent.clone()]);
    words.push(Token { id: tokens[clause.verb].id, ..Token::word(&form, Tag::Verb) });
    words.extend(as_object(&tokens[clause.subject.clone()]));
    words.extend_from_slice(&tokens[clause.verb + 1..clause.agent.start - 1]);
    words.extend_from_slice(&tokens[clause.agent.end..]);
    vec![sentence.with(words)]
}

/// Verbs that have no passive, or another meaning in it.
const NO_PASSIVE: &[&str] = &[
    "have", "be", "become", "seem", "cost", "want", "like", "let", "get", "resemble", "fit",
    "lack", "suit", "weigh", "go", "come", "stay", "remain", "need", "wish", "love", "hope",
    "leave", "feel", "mean", "say", "think", "know", "look", "turn", "make", "help", "die", "live",
    "marry", "meet",
];

/// "Y VERBed X ..." as "X was VERBed by Y ...".
pub(crate) fn passive(sentence: &Sentence, lexicon: &Lexicon) -> Vec<Sentence> {
    passive_of(sentence, lexicon).into_iter().collect()
}

fn passive_of(sentence: &Sentence, lexicon: &Lexicon) -> Option<Sentence> {
    let tokens = &sentence.tokens;
    let tree = Tree::of(sentence);
    let verb = (1..tokens.len()).find(|at| matches!(tokens[*at].tag, Tag::Verb | Tag::Aux))?;
    let subject = tree.child(verb, Relation::Nsubj)?;
    let object = tree.child(verb, Relation::Obj)?;
    let subject_span = tree.span(subject).filter(|span| span.start == 0 && span.end == verb)?;
    let span = tree.span(object).filter(|span| span.start == verb + 1 && span.len() <= 10)?;
    let base = base(&tokens[verb].text, |word| lexicon.verb(word))?;
    let simple_past = past(&base) == tokens[verb].text && base != tokens[verb].text;
    let after = tokens.get(span.end);
    let closed = after.is_none_or(|t| {
        t.tag == Tag::Punct && !t.is(",") || t.among(&["in", "on", "at", "during"])
    });
    let others =
        [Relation::Conj, Relation::Xcomp, Relation::Iobj, Relation::Ccomp, Relation::CompoundPrt];
    let joined = others.iter().any(|relation| tree.child(verb, *relation).is_some());
    let asks = matches!(tokens[subject].tag, Tag::Noun | Tag::Propn | Tag::Pron)
        && !tokens[subject].among(&["who", "what", "which", "that"]);
    let marks = tokens[span.clone()].iter().any(|t| t.tag == Tag::Punct);
    if !simple_past
        || !closed
        || joined
        || !asks
        || marks
        || NO_PASSIVE.contains(&base.as_str())
        || reflexive(&tokens[span.clone()])
    {
        return None;
    }
    let mut words = as_subject(&tokens[span.clone()]);
    words[object - span.start].relation = Relation::NsubjPass;
    let plural =
        tree.child(object, Relation::Conj).is_some() || number(&tokens[object]) == Number::Other;
    let one = !plural || words[0].is("I") && words.len() == 1;
    words.push(Token {
        head: tokens[verb].id,
        ..Token::word(if one { "was" } else { "were" }, Tag::Aux)
    });
    words.push(Token { text: participle(&base), ..tokens[verb].clone() });
    let by = Token {
        id: Some(sentence.fresh_id()),
        head: tokens[subject].id,
        ..Token::word("by", Tag::Adp)
    };
    let mut agent = as_object(&tokens[subject_span]);
    for token in &mut agent {
        if token.id == tokens[subject].id {
            token.relation = Relation::OblAgent;
        }
    }
    words.push(by);
    words.extend(agent);
    words.extend_from_slice(&tokens[span.end..]);
    Some(sentence.with(words))
}

/// Whether the phrase points back to the subject: "his hat".
pub(crate) fn reflexive(object: &[Token]) -> bool {
    object[0].among(&["my", "your", "his", "her", "its", "our", "their"])
        || object.last().is_some_and(|t| t.text.ends_with("self") || t.text.ends_with("selves"))
}

//! Active and passive: "X was written by Y" is "Y wrote X".

use crate::grammar::{Lexicon, Number, Phrase, Sentence, Tag, Token, base, participle, past, phrases, verb_group};

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
    pub(crate) subject: Phrase,
    /// The form of "be".
    pub(crate) be: usize,
    pub(crate) verb: usize,
    pub(crate) agent: Phrase,
}

/// "X was VERBed by Y" with X at the beginning.
pub(crate) fn passive_clause(sentence: &Sentence) -> Option<Passive> {
    let tokens = &sentence.tokens;
    let all = phrases(sentence);
    let subject = all.first().filter(|p| p.range.start == 0)?.clone();
    let be = subject.range.end;
    let verb = be + 1;
    let finite = tokens.get(be)?.among(&["was", "were", "is", "are"]);
    let shape = finite && tokens.get(verb)?.tag == Tag::Verb && tokens.get(verb + 1)?.is("by");
    let agent = all.iter().find(|p| p.range.start == verb + 2)?.clone();
    // "by hand", "by train", "by mistake" name no agent.
    let person = agent.name || agent.pronoun || tokens[agent.range.start].tag == Tag::Det || agent.range.len() > 1;
    (shape && person).then_some(Passive { subject, be, verb, agent })
}

/// "X was VERBed by Y ..." as "Y VERBed X ...".
pub(crate) fn active(sentence: &Sentence, lexicon: &Lexicon) -> Vec<Sentence> {
    let Some(clause) = passive_clause(sentence) else { return Vec::new() };
    let tokens = &sentence.tokens;
    let Some(base) = base(&tokens[clause.verb].text, |word| lexicon.verb(word)) else {
        return Vec::new();
    };
    // What follows the agent may belong to it.
    let after = tokens.get(clause.agent.range.end);
    let closed = after.is_none_or(|t| t.tag == Tag::Punct && !t.is(",") || t.among(&["in", "on", "at", "during"]));
    if !closed || !tokens[clause.be].among(&["was", "were"]) {
        return Vec::new();
    }
    let mut words = as_subject(&tokens[clause.agent.range.clone()]);
    words.push(Token::word(&past(&base), Tag::Verb));
    words.extend(as_object(&tokens[clause.subject.range.clone()]));
    vec![sentence.replace(0..clause.agent.range.end, words)]
}

/// Verbs that have no passive, or another meaning in it.
const NO_PASSIVE: &[&str] = &[
    "have", "be", "become", "seem", "cost", "want", "like", "let", "get", "resemble", "fit", "lack",
    "suit", "weigh", "go", "come", "stay", "remain", "need", "wish", "love", "hope", "leave", "feel",
    "mean", "say", "think", "know", "look", "turn", "make", "help", "die", "live", "marry", "meet",
];

/// "Y VERBed X ..." as "X was VERBed by Y ...".
pub(crate) fn passive(sentence: &Sentence, lexicon: &Lexicon) -> Vec<Sentence> {
    let tokens = &sentence.tokens;
    let all = phrases(sentence);
    let found = (|| {
        let subject = all.first().filter(|p| p.range.start == 0)?;
        let verbs = verb_group(tokens, subject.range.end)?;
        let [verb] = &tokens[verbs.range.clone()] else { return None };
        let object = all.iter().find(|p| p.range.start == verbs.range.end)?;
        let base = base(&verb.text, |word| lexicon.verb(word))?;
        let simple_past = past(&base) == verb.text && base != verb.text;
        let after = tokens.get(object.range.end);
        let closed = after.is_none_or(|t| t.tag == Tag::Punct && !t.is(",") || t.among(&["in", "on", "at", "during"]));
        if !simple_past || !closed || NO_PASSIVE.contains(&base.as_str()) || reflexive(&tokens[object.range.clone()]) {
            return None;
        }
        let mut words = as_subject(&tokens[object.range.clone()]);
        let one = object.number == Number::Third || words[0].is("I");
        words.push(Token::word(if one { "was" } else { "were" }, Tag::Aux));
        words.push(Token::word(&participle(&base), Tag::Verb));
        words.push(Token::word("by", Tag::Adp));
        words.extend(as_object(&tokens[subject.range.clone()]));
        Some(sentence.replace(0..object.range.end, words))
    })();
    found.into_iter().collect()
}

/// Whether the phrase points back to the subject: "his hat".
pub(crate) fn reflexive(object: &[Token]) -> bool {
    object[0].among(&["my", "your", "his", "her", "its", "our", "their"])
        || object.last().is_some_and(|t| t.text.ends_with("self") || t.text.ends_with("selves"))
}

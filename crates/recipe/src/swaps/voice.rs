//! By whom: what was done and who did it exchanged in a passive clause.

use super::symmetry::symmetric;
use crate::grammar::{Lexicon, Number, Sentence, same_words};
use crate::rewrites::{as_object, as_subject, passive, passive_clause};

/// "X was VERBed by Y" as "Y was VERBed by X", and the passive of "Y VERBed X" turned round.
pub(crate) fn agents(sentence: &Sentence, lexicon: &Lexicon) -> Vec<Sentence> {
    let mut found: Vec<Sentence> = turned(sentence).into_iter().collect();
    found.extend(passive(sentence, lexicon).iter().filter_map(turned));
    found
}

fn turned(sentence: &Sentence) -> Option<Sentence> {
    let clause = passive_clause(sentence)?;
    let tokens = &sentence.tokens;
    let (subject, agent) = (clause.subject.clone(), clause.agent.clone());
    let holds = symmetric(sentence, subject.start, subject.end, agent.start);
    let equal = same_words(&tokens[subject.clone()], &tokens[agent.clone()]);
    (!holds && !equal).then(|| {
        let (x, y) = (as_object(&tokens[subject.clone()]), as_subject(&tokens[agent.clone()]));
        let first_person = y.len() == 1 && y[0].is("I");
        let be = as_number(&tokens[clause.be].text, clause.agent_number, first_person);
        sentence.replace(agent, x).reword(clause.be, be).replace(subject, y)
    })
}

/// The form of "be" for a subject of this number, in the tense of the form given.
fn as_number(be: &str, number: Number, first_person: bool) -> &'static str {
    match (["was", "were"].contains(&be), number == Number::Third, first_person) {
        (true, _, true) | (true, true, false) => "was",
        (true, false, false) => "were",
        (false, _, true) => "am",
        (false, true, false) => "is",
        (false, false, false) => "are",
    }
}

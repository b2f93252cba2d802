//! Where an exchange leaves the meaning: "A met B", "between A and B", "A is a friend of B".

use crate::grammar::{Sentence, Tag, Token};

/// Stems of words that hold both ways.
const SYMMETRIC: &[&str] = &[
    "met",
    "meet",
    "marri",
    "marry",
    "divorc",
    "wed",
    "resembl",
    "equal",
    "similar",
    "same",
    "differ",
    "friend",
    "cousin",
    "colleague",
    "neighbo",
    "rival",
    "twin",
    "partner",
    "border",
    "adjacent",
    "adjoin",
    "intersect",
    "related",
    "relat",
    "near",
    "next",
    "close",
    "far",
    "match",
    "coincid",
    "correspond",
    "agree",
    "combin",
    "mix",
    "merg",
    "join",
    "between",
    "together",
    "both",
    "either",
    "neither",
    "each",
    "connect",
    "link",
    "distance",
    "collaborat",
    "interact",
    "compet",
    "versus",
    "vs",
    "along",
    "face",
    "fac",
    "fought",
    "fight",
    "identical",
    "synonym",
    "alongside",
    "tie",
    "debat",
    "discuss",
    "chat",
    "talk",
    "spoke",
    "argu",
    "kiss",
    "hug",
    "share",
    "alternat",
    "separat",
    "unlike",
    "dat",
    "danc",
    "play",
    "sibling",
    "contemporar",
    "parallel",
    "classmate",
    "engag",
    "or",
    "and",
    "namely",
    "including",
    "as",
];

/// Whether the words between two phrases, or just before them, hold both ways.
pub(crate) fn symmetric(
    sentence: &Sentence,
    first_start: usize,
    first_end: usize,
    second: usize,
) -> bool {
    let tokens = &sentence.tokens;
    let around =
        tokens[first_end..second].iter().chain(&tokens[first_start.saturating_sub(4)..first_start]);
    let stem = |token: &Token| {
        let lower = token.text.to_lowercase();
        SYMMETRIC.iter().any(|stem| match stem.len() {
            0..=4 => lower == *stem,
            _ => lower.starts_with(stem),
        })
    };
    let between = &tokens[first_end..second];
    let inside = around.filter(|t| t.tag != Tag::Cconj).any(stem);
    let list = !between
        .iter()
        .any(|t| matches!(t.tag, Tag::Verb | Tag::Adp | Tag::Part) && !t.is("n't") && !t.is("not"));
    let with = between.iter().filter(|t| t.tag == Tag::Adp).all(|t| t.is("with"))
        && between.iter().any(|t| t.is("with"));
    inside || list || with
}

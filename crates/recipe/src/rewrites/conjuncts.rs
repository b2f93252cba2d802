//! Members of a list exchanged: "A and B" is "B and A".

use crate::grammar::{Lexicon, Phrase, Sentence, Tag, phrases};

/// Two members of "A and B", "A or B" or "A, B and C" exchanged.
pub(crate) fn exchanged_conjuncts(sentence: &Sentence, _: &Lexicon) -> Vec<Sentence> {
    let tokens = &sentence.tokens;
    let all = phrases(sentence);
    let mut found = Vec::new();
    for pair in all.windows(2) {
        let (a, b) = (&pair[0], &pair[1]);
        let between = &tokens[a.range.end..b.range.start];
        let joined = match between {
            [and] => and.among(&["and", "or"]),
            [comma, and] => comma.is(",") && and.among(&["and", "or"]),
            _ => false,
        };
        if joined && alike(sentence, a, b) && stands_alone(sentence, b.range.end) {
            found.push(sentence.exchange(a.range.clone(), b.range.clone()));
        }
    }
    // Adjectives before one noun: "red and blue cars".
    for at in 1..tokens.len().saturating_sub(1) {
        let sides = (tokens[at - 1].tag, tokens[at + 1].tag);
        if tokens[at].among(&["and", "or"]) && sides == (Tag::Adj, Tag::Adj) && tokens[at - 1].text != tokens[at + 1].text {
            let alone = at < 2 || tokens[at - 2].tag != Tag::Adv;
            if alone {
                found.push(sentence.exchange(at - 1..at, at + 1..at + 2));
            }
        }
    }
    found
}

/// Both are names, both are bare words, or both have an article: then neither takes words that
/// stand before the other ("old men and women").
fn alike(sentence: &Sentence, a: &Phrase, b: &Phrase) -> bool {
    let tokens = &sentence.tokens;
    let determined = |p: &Phrase| tokens[p.range.start].tag == Tag::Det;
    let bare = |p: &Phrase| p.range.len() == 1;
    // "I" and "me" come last.
    let polite = !a.pronoun && !b.pronoun;
    // The verb before would be taken with the first: nothing to do. An owner is not a member.
    let owned = tokens.get(b.range.end).is_some_and(|t| t.is("'s"));
    polite && !owned && (a.name && b.name || bare(a) && bare(b) || determined(a) && determined(b))
}

/// Whether nothing that follows belongs to the last member alone: "of", a relative clause, a bracket.
fn stands_alone(sentence: &Sentence, end: usize) -> bool {
    sentence.tokens.get(end).is_none_or(|t| {
        !matches!(t.tag, Tag::Adp | Tag::Noun | Tag::Propn | Tag::Adj | Tag::Num)
            && !t.among(&["who", "which", "that", "whose", "whom", "(", "'s", "where"])
            && (!t.is(",") || sentence.tokens.get(end + 1).is_none_or(|n| n.tag != Tag::Det && n.tag != Tag::Pron))
    })
}

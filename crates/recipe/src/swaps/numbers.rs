//! How many and when: two numbers exchanged, or one changed.

use crate::grammar::{Lexicon, Sentence, Tag, Token};
use crate::normal::Dice;

const WORDS: &[&str] = &[
    "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "fifteen", "twenty", "thirty", "forty", "fifty", "hundred", "thousand", "million", "billion",
];

/// Sentences with other numbers.
pub(crate) fn numbers(sentence: &Sentence, _: &Lexicon) -> Vec<Sentence> {
    let tokens = &sentence.tokens;
    let digits = |t: &Token| {
        !t.text.is_empty()
            && t.text.chars().all(|c| c.is_ascii_digit() || ",.".contains(c))
            && t.text.chars().any(|c| c.is_ascii_digit())
    };
    let word = |t: &Token| WORDS.iter().position(|word| t.is(word));
    let places: Vec<usize> = (0..tokens.len())
        .filter(|at| digits(&tokens[*at]) || word(&tokens[*at]).is_some())
        .collect();
    let mut found = Vec::new();
    for (index, a) in places.iter().enumerate() {
        for b in &places[index + 1..] {
            let like = tokens[*a].text.len() == tokens[*b].text.len()
                && digits(&tokens[*a]) == digits(&tokens[*b])
                || word(&tokens[*a]).is_some() && word(&tokens[*b]).is_some();
            let between = &tokens[*a + 1..*b];
            let list = between.iter().all(|t| matches!(t.tag, Tag::Cconj | Tag::Punct | Tag::Num));
            if like && !list && !tokens[*a].is(&tokens[*b].text) {
                found.push(sentence.exchange(*a..*a + 1, *b..*b + 1));
            }
        }
    }
    for at in places {
        let text = sentence.text();
        let dice = Dice::new(at as u64, &text);
        let other = match word(&tokens[at]) {
            Some(place) if place >= 16 => {
                WORDS[16 + (place - 16 + 1 + dice.below("large", 3)) % 4].to_owned()
            }
            Some(place) => WORDS[(place + 1 + dice.below("small", 15)) % 16].to_owned(),
            None => altered(&tokens[at].text, &dice),
        };
        found.push(sentence.reword(at, &other));
    }
    found
}

/// The number with one of its last two digits changed, never to a leading zero.
fn altered(number: &str, dice: &Dice) -> String {
    let mut chars: Vec<char> = number.chars().collect();
    let places: Vec<usize> = (0..chars.len()).filter(|at| chars[*at].is_ascii_digit()).collect();
    let back = dice.below("place", places.len().min(2));
    let at = places[places.len() - 1 - back];
    let digit = chars[at].to_digit(10).unwrap_or_default();
    let other = 1 + (digit.max(1) - 1 + 1 + dice.below("digit", 8) as u32) % 9;
    chars[at] = char::from_digit(other, 10).unwrap_or('5');
    chars.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_altered_in_one_digit_and_never_led_by_zero() {
        for number in ["5", "10", "1990", "1,200", "9"] {
            for seed in 0..50 {
                let other = altered(number, &Dice::new(seed, "x"));
                let changed = other.chars().zip(number.chars()).filter(|(a, b)| a != b).count();
                assert_eq!((other.len(), changed), (number.len(), 1), "{number} {other}");
                assert!(!other.starts_with('0'));
            }
        }
    }
}

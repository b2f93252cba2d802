//! The tokenizer 13a, after mteval-v13a.pl of the NIST, rule by rule as sacreBLEU has it.
//!
//! `<skipped>` and a hyphen at a line's end go, four entities become what they stand for; then, each
//! over the whole text from left to right, pairs not overlapping:
//!
//! 1. every ASCII sign but `' , - .` is parted from its neighbours,
//! 2. `.` and `,` from what stands before them unless that is a digit,
//! 3. `.` and `,` from what stands behind them unless that is a digit,
//! 4. `-` from a digit before it.
//!
//! A digit is 0 to 9 only. Signs beyond ASCII (`„ « … –`) stay with their words.

/// What `str.split()` of Python divides at: Unicode's white space, and the four separators of
/// ASCII besides.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// In this order: `&amp;lt;` becomes `<`.
const ENTITIES: [(&str, &str); 4] =
    [("&quot;", "\""), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">")];

/// The tokens of a line, one blank between them.
pub fn tokenize_13a(line: &str) -> String {
    let mut text = line.replace("<skipped>", "").replace("-\n", "").replace('\n', " ");
    for (entity, sign) in ENTITIES {
        text = text.replace(entity, sign);
    }
    let text = signs_apart(&format!(" {text} "));
    let text = part(&text, |a, b| !a.is_ascii_digit() && is_stop(b), |a, b| [a, ' ', b, ' ']);
    let text = part(&text, |a, b| is_stop(a) && !b.is_ascii_digit(), |a, b| [' ', a, ' ', b]);
    let text = part(&text, |a, b| a.is_ascii_digit() && b == '-', |a, b| [a, ' ', b, ' ']);
    let tokens: Vec<&str> = text.split(is_space).filter(|token| !token.is_empty()).collect();
    tokens.join(" ")
}

fn is_stop(c: char) -> bool {
    matches!(c, '.' | ',')
}

fn is_sign(c: char) -> bool {
    matches!(c, '{'..='~' | '['..='`' | ' '..='&' | '('..='+' | ':'..='@' | '/')
}

fn signs_apart(text: &str) -> String {
    let mut parted = String::with_capacity(2 * text.len());
    for c in text.chars() {
        if is_sign(c) {
            parted.extend([' ', c, ' ']);
        } else {
            parted.push(c);
        }
    }
    parted
}

/// Writes each pair of neighbours to which a rule applies as the rule says. What was part of a pair
/// begins no other.
fn part(
    text: &str,
    applies: impl Fn(char, char) -> bool,
    parted: impl Fn(char, char) -> [char; 4],
) -> String {
    let mut written = String::with_capacity(text.len() + text.len() / 4);
    let mut rest = text.chars().peekable();
    while let Some(first) = rest.next() {
        match rest.next_if(|second| applies(first, *second)) {
            Some(second) => written.extend(parted(first, second)),
            None => written.push(first),
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_part_from_words_and_not_from_numbers() {
        assert_eq!(tokenize_13a("Hello, world. It's 1,234.5!"), "Hello , world . It's 1,234.5 !");
        assert_eq!(tokenize_13a("7. .5 3-4 x-4"), "7 . . 5 3 - 4 x-4");
        assert_eq!(tokenize_13a("„Nein“ – sagte er…"), "„Nein“ – sagte er…");
    }

    #[test]
    fn entities_are_read_once_and_in_order() {
        assert_eq!(tokenize_13a("&amp;lt; &quot;a&gt;"), "< \" a >");
        assert_eq!(tokenize_13a("&lt;skipped&gt;<skipped> b-\nc\nd"), "< skipped > bc d");
        assert_eq!(tokenize_13a(" \t\u{1c} "), "");
    }
}

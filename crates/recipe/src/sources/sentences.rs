//! Where a sentence ends: a rule for edited English prose.

/// Words before a full stop that does not end a sentence.
const ABBREVIATIONS: &[&str] = &[
    "mr", "mrs", "ms", "dr", "st", "sr", "jr", "vs", "etc", "e.g", "i.e", "cf", "ca", "c", "r",
    "no", "vol", "fig", "approx", "lit", "prof", "gen", "col", "sgt", "capt", "rev", "hon", "inc",
    "ltd", "co", "corp", "fl", "d", "b", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep",
    "sept", "oct", "nov", "dec", "mt", "ft", "op", "pp", "ed", "trans", "u.s", "u.k", "d.c",
];

/// The sentences of a paragraph.
pub(crate) fn sentences(paragraph: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    let bytes = paragraph.as_bytes();
    for (at, mark) in paragraph.match_indices(['.', '!', '?']) {
        // Closing quotation marks and brackets belong to the sentence they close.
        let closing =
            paragraph[at + 1..].chars().take_while(|c| "\"')]\u{201d}\u{2019}".contains(*c));
        let end = at + 1 + closing.map(char::len_utf8).sum::<usize>();
        let blank = bytes.get(end).is_some_and(u8::is_ascii_whitespace);
        if !blank || end < start {
            continue;
        }
        let next = paragraph[end..].trim_start().chars().next();
        let opens =
            next.is_some_and(|c| c.is_uppercase() || c.is_numeric() || "\"'([\u{201c}".contains(c));
        if opens && !(mark == "." && abbreviated(&paragraph[start..at])) {
            found.push(paragraph[start..end].trim());
            start = end;
        }
    }
    found.push(paragraph[start..].trim());
    found.retain(|sentence| !sentence.is_empty());
    found
}

fn abbreviated(before: &str) -> bool {
    let word = before.rsplit(|c: char| c.is_whitespace() || "([\"".contains(c)).next();
    let word = word.unwrap_or_default().to_lowercase();
    let initial = word.chars().count() == 1 && word.chars().all(char::is_alphabetic);
    initial || ABBREVIATIONS.contains(&word.as_str())
}

#[cfg(test)]
mod tests {
    use super::sentences;

    #[test]
    fn initials_and_abbreviations_end_no_sentence() {
        let text =
            "J. D. Salinger met Dr. Who in the U.S. in 1951. \"Was it late?\" Yes! See p. 5.";
        assert_eq!(
            sentences(text),
            [
                "J. D. Salinger met Dr. Who in the U.S. in 1951.",
                "\"Was it late?\"",
                "Yes!",
                "See p. 5."
            ]
        );
    }
}

//! The dictionaries of ELMoForManyLangs: an entry, a tab and its number in each line.

use std::collections::HashMap;
use std::path::Path;

use crate::error::TextError;

/// What a line without an entry stands for: its program takes white space off both ends of a line,
/// which leaves nothing of this one.
const BLANK: &str = "\u{3000}";

/// The entries with their numbers, each less than the number of entries. Of an entry that is
/// listed twice the last number counts, as for that program.
pub(crate) fn entries(text: &str, path: &Path) -> Result<HashMap<String, u32>, TextError> {
    let malformed = |reason: String| TextError::Malformed { path: path.into(), reason };
    let mut entries = HashMap::new();
    for (at, line) in text.split_terminator('\n').enumerate() {
        let parts: Vec<&str> = line.trim_matches(blank).split('\t').collect();
        let (entry, number) = match parts[..] {
            [number] => (BLANK, number),
            [entry, number] => (entry, number),
            _ => ("", ""),
        };
        let number = number.trim().parse::<u32>().map_err(|_| {
            let line = line.chars().take(60).collect::<String>();
            let expected = "an entry, a tab and a number";
            malformed(format!("line {}: expected {expected}, found {line:?}", at + 1))
        })?;
        entries.insert(entry.to_owned(), number);
    }
    let count = entries.len();
    match entries.iter().max_by_key(|(entry, number)| (**number, entry.as_str())) {
        Some((entry, number)) if *number as usize >= count => {
            Err(malformed(format!("{entry:?} has number {number}, but it has {count} entries")))
        }
        _ => Ok(entries),
    }
}

/// White space as Python sees it.
fn blank(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

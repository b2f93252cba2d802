//! Books of Project Gutenberg: sentences of their paragraphs.

use std::path::Path;

use anyhow::{Context, Result};

use super::sentences::sentences;
use crate::files::lines;

/// The words a sentence must have to be kept.
const WORDS: std::ops::RangeInclusive<usize> = 4..=40;

/// Reads the sentences of all books.
pub(crate) fn gutenberg(data: &Path) -> Result<Vec<String>> {
    let folder = data.join("text/gutenberg");
    let entries = std::fs::read_dir(&folder)
        .with_context(|| format!("{}: cannot be listed; see --help", folder.display()))?;
    let mut books = Vec::new();
    for entry in entries {
        books.push(entry?.path());
    }
    books.sort();
    let mut found = Vec::new();
    for book in books {
        let mut paragraph = String::new();
        lines(&book, |_, line| {
            if line.trim().is_empty() {
                keep(&mut found, &std::mem::take(&mut paragraph));
            }
            paragraph.push_str(line.trim());
            paragraph.push(' ');
            Ok(())
        })?;
        keep(&mut found, &paragraph);
    }
    Ok(found)
}

fn keep(found: &mut Vec<String>, paragraph: &str) {
    let text = paragraph.replace("--", " - ").replace('_', "");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for sentence in sentences(&text) {
        let letters = sentence.chars().filter(|c| c.is_alphabetic() && c.is_lowercase()).count();
        // Titles, stage directions and verse numbers are mostly capitals and digits.
        if WORDS.contains(&sentence.split_whitespace().count()) && 2 * letters > sentence.len() {
            found.push(sentence.trim_matches('"').to_owned());
        }
    }
}

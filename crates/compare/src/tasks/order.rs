//! Order: what becomes of a sentence's vector when its words change places?
//!
//! The cosine between a sentence's vector and that of the same words in another order: reversed,
//! shuffled, two neighbours exchanged, two words exchanged that do not touch. A model that sees a
//! bag of words says 1 to all of them. What a cosine is worth differs from model to model, so that
//! beside them stands the cosine to another sentence of the file, and in the split `change` each
//! change is told as a share of that: sum (1 - cosine to the changed) / sum (1 - cosine to the
//! other), 0 for a vector that stays where it is, 1 for one that goes as far as to another
//! sentence. Changes are drawn from the seed and the sentence's number: the same for all models.
//!
//! Last, three sentences whose order is all that matters: "ram hits sam" against "sam hits ram",
//! and against "ram strikes sam", which says the same in another word.

use std::path::Path;

use contexture_engine::EmbedOptions;
use contexture_evaluate::Draws;
use contexture_evaluate::reading::Table;
use contexture_evaluate::vectors::cosine;

use super::measure::{TaskContext, spread};
use super::{ItemGroup, OrderSettings, TaskItems};
use crate::CompareError;

/// The changes, in the order of the report.
const CHANGES: [&str; 4] =
    ["two neighbours exchanged", "two words exchanged", "shuffled", "reversed"];
const OTHER: &str = "another sentence";
/// Fewer words leave nothing to exchange.
const LEAST: usize = 4;
const TRIO: [&str; 3] = ["ram hits sam", "sam hits ram", "ram strikes sam"];

/// Compares every sentence with its changed forms.
///
/// # Errors
/// The file's, the model's.
pub(super) fn measure(
    settings: &OrderSettings,
    folder: &Path,
    context: &TaskContext,
) -> Result<TaskItems, CompareError> {
    let (texts, short) = read(settings)?;
    let changed: Vec<[String; 4]> =
        texts.iter().enumerate().map(|(at, text)| change(text, context.seed, at)).collect();
    let embedder = context.embedder(folder)?;
    let all: Vec<&str> = texts
        .iter()
        .zip(&changed)
        .flat_map(|(text, forms)| std::iter::once(text).chain(forms))
        .map(String::as_str)
        .chain(TRIO)
        .collect();
    let records = embedder.embed_with(&all, &EmbedOptions::default())?;
    let each = CHANGES.len() + 1;
    let row = |text: usize, form: usize| records[text * each + form].vector();
    // Behind the model's limit other words are lost in another order: that would look like order.
    let whole: Vec<usize> = (0..texts.len())
        .filter(|at| records[at * each..(at + 1) * each].iter().all(|record| !record.truncated))
        .collect();
    let mut cosines: Vec<ItemGroup> =
        CHANGES.iter().map(|name| ItemGroup::new("cosine", name, None)).collect();
    let mut shares: Vec<ItemGroup> =
        CHANGES.iter().map(|name| ItemGroup::new("change", name, None)).collect();
    let mut others = ItemGroup::new("cosine", OTHER, None);
    for (place, at) in whole.iter().copied().enumerate() {
        // The sentence half the file away is about something else.
        let other = whole[(place + whole.len() / 2) % whole.len()];
        let apart = cosine(row(at, 0), row(other, 0));
        others.push(at, apart);
        for change in 0..CHANGES.len() {
            let cosine = cosine(row(at, 0), row(at, change + 1));
            cosines[change].push(at, cosine);
            if 1.0 - apart > 1e-9 {
                shares[change].push(at, (1.0 - cosine) / (1.0 - apart));
                shares[change].weights.push(1.0 - apart);
            }
        }
    }
    let mut groups = cosines;
    groups.push(others);
    groups.extend(shares);
    let first = texts.len() * each;
    for (form, name) in TRIO.iter().enumerate().skip(1) {
        let mut group = ItemGroup::new(TRIO[0], name, None);
        group.push(0, cosine(records[first].vector(), records[first + form].vector()));
        groups.push(group);
    }
    let mut notes = vec![format!("{} sentences of {LEAST} words or more", whole.len())];
    if short > 0 {
        notes.push(format!("{short} rows are left out: nothing in them can change places"));
    }
    if whole.len() < texts.len() {
        let cut = texts.len() - whole.len();
        notes.push(format!("{cut} sentences are left out: they are longer than the model's limit"));
    }
    Ok(TaskItems { task: String::new(), groups, notes })
}

/// Sentences of which something can change places, and how many rows were not such.
fn read(settings: &OrderSettings) -> Result<(Vec<String>, usize), CompareError> {
    let path = &settings.file;
    let table = Table::open(path, settings.header, None)?;
    let usual = ["sentence1", "sentence", "text"];
    let column = table.column(settings.column.as_deref(), &usual, 1, "the task's `column`")?;
    let picked: Vec<&str> = spread(table.rows().len(), settings.rows)
        .map(|at| table.cell(&table.rows()[at], column))
        .collect::<Result<_, _>>()?;
    let rows = picked.len();
    let can_change = |text: &&str| {
        let (words, _) = words(text);
        words.len() >= LEAST && words.iter().any(|word| *word != words[0])
    };
    let texts: Vec<String> = picked.into_iter().filter(can_change).map(str::to_owned).collect();
    if texts.len() < 2 {
        return Err(CompareError::Row {
            place: path.display().to_string(),
            expected: format!("two sentences or more of {LEAST} different words or more"),
            found: texts.len().to_string(),
        });
    }
    let short = rows - texts.len();
    Ok((texts, short))
}

/// A sentence's words, and the mark at its end, which stays there.
fn words(text: &str) -> (Vec<&str>, Option<&str>) {
    let mut words: Vec<&str> = text.split_whitespace().collect();
    let marks = |word: &&str| word.chars().all(|letter| letter.is_ascii_punctuation());
    let end = words.last().copied().filter(marks);
    if end.is_some() {
        words.pop();
    }
    (words, end)
}

/// The sentence in the orders of [`CHANGES`].
fn change(text: &str, seed: u64, number: usize) -> [String; 4] {
    let mut draws = Draws::new(seed ^ Draws::new(number as u64).bits());
    let (words, end) = words(text);
    let joined = |words: &[&str]| {
        let all: Vec<&str> = words.iter().copied().chain(end).collect();
        all.join(" ")
    };
    // The first pair, from a drawn place on, whose exchange changes something.
    let exchanged = |draws: &mut Draws, apart: usize| {
        let pairs = words.len() - apart;
        let from = draws.below(pairs);
        let differ = |at: &usize| words[*at] != words[at + apart];
        let at = (0..pairs).map(|n| (from + n) % pairs).find(differ)?;
        let mut own = words.clone();
        own.swap(at, at + apart);
        Some(own)
    };
    let neighbours = exchanged(&mut draws, 1).unwrap_or_else(|| words.clone());
    let distances = words.len() - 2;
    let from = draws.below(distances);
    let two = (0..distances)
        .find_map(|n| exchanged(&mut draws, 2 + (from + n) % distances))
        .unwrap_or_else(|| neighbours.clone());
    let mut shuffled = words.clone();
    for _ in 0..8 {
        for at in (1..shuffled.len()).rev() {
            shuffled.swap(at, draws.below(at + 1));
        }
        if shuffled != words {
            break;
        }
    }
    let reversed: Vec<&str> = words.iter().rev().copied().collect();
    [neighbours, two, shuffled, reversed].map(|words| joined(&words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_keep_the_words_and_the_mark_at_the_end() {
        let text = "a man with a hard hat is dancing .";
        for seed in 0..50 {
            let forms = change(text, seed, 3);
            assert_eq!(forms, change(text, seed, 3));
            for form in &forms {
                let sorted = |text: &str| {
                    let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
                    words.sort();
                    words
                };
                assert_eq!(sorted(form), sorted(text));
                assert!(form != text && form.ends_with(" ."), "{form}");
            }
            assert_eq!(forms[3], "dancing is hat hard a with man a .");
            let moved =
                |form: &str| text.split(' ').zip(form.split(' ')).filter(|(a, b)| a != b).count();
            assert_eq!((moved(&forms[0]), moved(&forms[1])), (2, 2));
        }
        assert_ne!(change(text, 1, 3)[2], change(text, 1, 4)[2]);
    }
}

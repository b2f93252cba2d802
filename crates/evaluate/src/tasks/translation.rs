//! Translation: how near are translations to those of people? No model takes part, only its output.
//!
//! BLEU and chrF2 of the whole corpus, with what BLEU is made of. The intervals draw sentences.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::metrics::{Bleu, BleuCounts, ChrfCounts};
use crate::reading::lines;
use crate::report::{Figure, Line};
use crate::{Estimate, EvaluateError, Setup};

/// Translations beside those of people, sentence by sentence.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Translations {
    /// What a system wrote.
    pub hypotheses: Vec<String>,
    /// What people wrote: one list or more, each of one translation a sentence.
    pub references: Vec<Vec<String>>,
}

/// Reads files of a sentence a line, plain, .gz or .zst. An empty line is an empty sentence.
/// At most `limit` sentences are kept, once all lines are counted.
///
/// # Errors
/// Where a file cannot be read or is empty, or the files differ in lines.
pub fn read(
    hypotheses: &Path,
    references: &[PathBuf],
    limit: Option<usize>,
) -> Result<Translations, EvaluateError> {
    let mut found = Translations { hypotheses: sentences(hypotheses)?, ..Default::default() };
    for path in references {
        let other = sentences(path)?;
        if other.len() != found.hypotheses.len() {
            return Err(EvaluateError::Parallel {
                file: hypotheses.display().to_string(),
                lines: found.hypotheses.len(),
                other: path.display().to_string(),
                other_lines: other.len(),
            });
        }
        found.references.push(other);
    }
    if let Some(limit) = limit {
        found.hypotheses.truncate(limit);
        found.references.iter_mut().for_each(|list| list.truncate(limit));
    }
    Ok(found)
}

fn sentences(path: &Path) -> Result<Vec<String>, EvaluateError> {
    let found: Vec<String> =
        lines(path)?.map(|line| Ok(line?.1)).collect::<Result<_, EvaluateError>>()?;
    if found.is_empty() {
        let file = path.display().to_string();
        return Err(EvaluateError::Empty { file, expected: "a sentence a line" });
    }
    Ok(found)
}

/// How near translations are to their references.
#[derive(Debug, Clone, Serialize)]
pub struct TranslationResult {
    /// Sentences.
    pub sentences: usize,
    /// References a sentence.
    pub references: usize,
    /// BLEU of the corpus, of 100.
    pub bleu: Estimate,
    /// chrF2 of the corpus, of 100.
    pub chrf: Estimate,
    /// What BLEU is made of.
    pub bleu_parts: Bleu,
    /// What chrF2 is made of.
    pub chrf_parts: ChrfCounts,
    /// BLEU's settings.
    pub bleu_signature: String,
    /// chrF2's settings.
    pub chrf_signature: String,
    /// Hypotheses without a word.
    pub empty_hypotheses: usize,
    /// Sentences of which a reference is without a word.
    pub empty_references: usize,
}

impl TranslationResult {
    /// As a row of a report.
    pub fn line(&self, data: impl Into<String>) -> Line {
        let exact = |name: String, value| Figure::points(name, Estimate::exact(value));
        let parts = &self.bleu_parts;
        let mut figures =
            vec![Figure::points("BLEU", self.bleu), Figure::points("chrF2", self.chrf)];
        let precisions = parts.precisions.iter().enumerate();
        figures.extend(precisions.map(|(at, p)| exact(format!("{}-gram precision", at + 1), *p)));
        figures.extend([
            Figure::plain("brevity penalty", Estimate::exact(parts.brevity_penalty)),
            Figure::plain("length ratio", Estimate::exact(parts.length_ratio())),
            Figure::count("hypothesis tokens", parts.counts.hypothesis_length as usize),
            Figure::count("reference tokens", parts.counts.reference_length as usize),
        ]);
        Line::new(data, self.sentences, figures)
    }
}

/// BLEU and chrF2 of translations.
///
/// # Errors
/// No sentence, no reference, or lists that differ in length.
pub fn translation(
    data: &Translations,
    setup: &Setup<'_>,
) -> Result<TranslationResult, EvaluateError> {
    check(data)?;
    let count = data.hypotheses.len();
    let (mut words, mut characters) = (Vec::new(), Vec::new());
    let mut empty_references = 0;
    for (at, hypothesis) in data.hypotheses.iter().enumerate() {
        let references: Vec<&str> = data.references.iter().map(|list| list[at].as_str()).collect();
        words.push(BleuCounts::of(hypothesis, &references));
        characters.push(ChrfCounts::of(hypothesis, &references));
        empty_references += usize::from(references.iter().any(|text| text.trim().is_empty()));
        setup.say("counting", at + 1, count);
    }
    let of_words = |items: &[usize]| items.iter().map(|at| &words[*at]).sum::<BleuCounts>();
    let of_characters =
        |items: &[usize]| items.iter().map(|at| &characters[*at]).sum::<ChrfCounts>();
    let bleu_parts = words.iter().sum::<BleuCounts>().corpus();
    let references = data.references.len();
    Ok(TranslationResult {
        sentences: count,
        references,
        bleu: setup.bootstrap.estimate(count, |items| of_words(items).corpus().score),
        chrf: setup.bootstrap.estimate(count, |items| of_characters(items).score()),
        bleu_signature: bleu_parts.signature(references),
        bleu_parts,
        chrf_parts: characters.iter().sum(),
        chrf_signature: ChrfCounts::signature(references),
        empty_hypotheses: data.hypotheses.iter().filter(|text| text.trim().is_empty()).count(),
        empty_references,
    })
}

fn check(data: &Translations) -> Result<(), EvaluateError> {
    let empty = |expected| {
        let file = "the translations".to_owned();
        Err(EvaluateError::Empty { file, expected })
    };
    if data.hypotheses.is_empty() {
        return empty("sentences");
    }
    if data.references.is_empty() {
        return empty("references");
    }
    match data.references.iter().find(|list| list.len() != data.hypotheses.len()) {
        None => Ok(()),
        Some(list) => Err(EvaluateError::Lengths {
            left_name: "hypotheses",
            right_name: "references",
            left: data.hypotheses.len(),
            right: list.len(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(hypotheses: &[&str], references: &[&[&str]]) -> Translations {
        let own = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        Translations {
            hypotheses: own(hypotheses),
            references: references.iter().map(|list| own(list)).collect(),
        }
    }

    #[test]
    fn lists_that_do_not_fit_are_refused() {
        let said = |data: &Translations| {
            translation(data, &Setup::default()).expect_err("refused").to_string()
        };
        let unequal = said(&lists(&["a", "b"], &[&["a", "b"], &["a"]]));
        assert_eq!(unequal, "expected as many hypotheses as references, found 2 and 1");
        assert!(said(&lists(&["a"], &[])).contains("expected references, found none"));
        assert!(said(&lists(&[], &[&[]])).contains("expected sentences, found none"));
    }

    #[test]
    fn empty_sentences_are_counted() {
        let data = lists(&["a b c d e", " ", ""], &[&["a b c d e", "x", " "], &["y", "", "z"]]);
        let found = translation(&data, &Setup::default()).expect("figures");
        assert_eq!((found.empty_hypotheses, found.empty_references), (2, 2));
        assert_eq!((found.sentences, found.references), (3, 2));
        assert!(found.bleu_signature.starts_with("BLEU|nrefs:2|"));
        let [low, high] = found.chrf.interval.expect("an interval");
        assert!(low <= found.chrf.value && found.chrf.value <= high);
    }
}

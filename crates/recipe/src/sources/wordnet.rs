//! WordNet's synsets: lemmas, a definition, and quoted examples of use.

use std::path::Path;

use anyhow::Result;

use crate::files::rows;

/// A set of words of one sense.
pub(crate) struct Synset {
    /// `noun`, `verb`, `adj` or `adv`.
    pub(crate) class: String,
    /// Its words, with blanks inside.
    pub(crate) lemmas: Vec<String>,
    /// What they mean.
    pub(crate) definition: String,
    /// Phrases and sentences in which one of them stands.
    pub(crate) examples: Vec<String>,
}

/// Reads all synsets.
pub(crate) fn wordnet(data: &Path) -> Result<Vec<Synset>> {
    let mut synsets = Vec::new();
    let mut header = true;
    rows(&data.join("text/wordnet31-glosses.tsv.gz"), 3, |row| {
        if std::mem::take(&mut header) {
            return Ok(());
        }
        let (definition, examples) = split(row[2]);
        synsets.push(Synset {
            class: row[0].to_owned(),
            lemmas: row[1].split(';').map(|lemma| lemma.trim().replace('_', " ")).collect(),
            definition,
            examples,
        });
        Ok(())
    })?;
    Ok(synsets)
}

/// The definition before the first quotation mark, and what stands between such marks.
fn split(gloss: &str) -> (String, Vec<String>) {
    let mut parts = gloss.split('"');
    let definition = parts.next().unwrap_or_default();
    let definition = definition.trim_matches(|c: char| c.is_whitespace() || c == ';' || c == ':');
    let examples = parts
        .step_by(2)
        .map(|example| example.trim().trim_end_matches(';').to_owned())
        .filter(|example| example.split_whitespace().count() >= 2)
        .collect();
    (definition.to_owned(), examples)
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn a_gloss_is_a_definition_and_its_quoted_examples() {
        let (definition, examples) = split("a bend; or curve; \"the turns\"; \"it bends\"");
        assert_eq!(definition, "a bend; or curve");
        assert_eq!(examples, ["the turns", "it bends"]);
    }
}

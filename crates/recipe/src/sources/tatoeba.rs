//! Tatoeba's English sentences, each with its German or French translations.

use std::path::Path;

use anyhow::Result;

use crate::files::rows;

/// A sentence and one of its translations.
pub(crate) struct Tatoeba {
    /// The English sentence.
    pub(crate) english: String,
    /// `de` or `fr`.
    pub(crate) language: &'static str,
    /// The sentence in that language.
    pub(crate) translation: String,
}

/// Reads both files of translations.
pub(crate) fn tatoeba(data: &Path) -> Result<Vec<Tatoeba>> {
    let mut sentences = Vec::new();
    for (file, language) in [("en-de", "de"), ("en-fr", "fr")] {
        rows(&data.join(format!("mt/tatoeba-train.{file}.tsv.gz")), 2, |row| {
            let (english, translation) = (row[0].trim().to_owned(), row[1].trim().to_owned());
            sentences.push(Tatoeba { english, language, translation });
            Ok(())
        })?;
    }
    Ok(sentences)
}

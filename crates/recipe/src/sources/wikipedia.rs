//! Lead sections of Wikipedia articles.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::sentences::sentences;
use crate::files::lines;

/// The head of an article.
pub(crate) struct Article {
    /// What it is about.
    pub(crate) title: String,
    /// The sentences of its lead section.
    pub(crate) sentences: Vec<String>,
}

/// Reads the lead sections.
pub(crate) fn wikipedia(data: &Path) -> Result<Vec<Article>> {
    let mut articles = Vec::new();
    lines(&data.join("text/wikipedia-vital-summaries.jsonl.gz"), |_, line| {
        let object: Value = serde_json::from_str(line)?;
        let field = |name: &str| {
            let value = object[name].as_str();
            value.with_context(|| format!("expected a string {name:?}"))
        };
        let (title, text) = (field("title")?, field("text")?);
        let whole = text.lines().flat_map(sentences).map(tidy);
        // Pronunciations leave empty brackets and cut sentences behind.
        let sound = whole.filter(|sentence| sentence.split_whitespace().count() >= 3);
        articles.push(Article { title: title.to_owned(), sentences: sound.collect() });
        Ok(())
    })?;
    Ok(articles)
}

/// Single blanks, and none before punctuation marks.
fn tidy(sentence: &str) -> String {
    let text = sentence.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = text.replace(" ,", ",").replace("( ", "(").replace(" )", ")").replace("(; ", "(");
    text.replace(" ()", "").replace("(, ", "(")
}

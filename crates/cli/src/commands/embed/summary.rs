//! What a run did, said at its end.

use std::time::Duration;

use contexture::Record;

use crate::say::{plural, rounded};

/// Counts of one run.
#[derive(Debug, Default, serde::Serialize)]
pub(crate) struct Summary {
    pub(crate) model: String,
    pub(crate) texts: u64,
    pub(crate) records: u64,
    pub(crate) dimensions: usize,
    pub(crate) tokens: u64,
    pub(crate) tokens_used: u64,
    pub(crate) truncated: u64,
    pub(crate) empty: u64,
    pub(crate) cut_words: u64,
    pub(crate) skipped: u64,
    pub(crate) first_skipped: Option<String>,
    pub(crate) output: String,
    pub(crate) output_bytes: u64,
    pub(crate) threads: usize,
    pub(crate) seconds: f64,
    pub(crate) texts_per_second: f64,
    pub(crate) tokens_per_second: f64,
}

impl Summary {
    /// Counts one text's records.
    pub(crate) fn add(&mut self, records: &[Record]) {
        self.texts += 1;
        self.records += records.len() as u64;
        self.tokens += records.first().map_or(0, |record| record.tokens as u64);
        self.tokens_used += records.iter().map(|record| record.tokens_used as u64).sum::<u64>();
        self.empty += u64::from(records.iter().all(|record| record.tokens == 0));
        self.cut_words += records.iter().map(|record| record.cut_words as u64).sum::<u64>();
        self.truncated += u64::from(records.iter().any(|record| record.truncated));
    }

    pub(crate) fn took(&mut self, elapsed: Duration) {
        self.seconds = elapsed.as_secs_f64();
        self.texts_per_second = self.texts as f64 / self.seconds.max(1e-9);
        self.tokens_per_second = self.tokens_used as f64 / self.seconds.max(1e-9);
    }

    /// One line for a person.
    pub(crate) fn line(&self) -> String {
        let mut line = format!("{} {}", self.texts, plural(self.texts, "text"));
        if self.records != self.texts {
            line += &format!(", {} {}", self.records, plural(self.records, "record"));
        }
        line += &format!(
            ", {} tokens, {} dimensions, {:.2} s ({} texts/s)",
            self.tokens_used,
            self.dimensions,
            self.seconds,
            rounded(self.texts_per_second)
        );
        if self.output != "-" {
            line += &format!(" -> {}", self.output);
        }
        line
    }

    /// What a person must not miss.
    pub(crate) fn warnings(&self, limit: usize) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.truncated > 0 {
            warnings.push(format!(
                "{} of {} {} {} cut at {limit} tokens; --on-overflow chunk embeds all of a text",
                self.truncated,
                self.texts,
                plural(self.texts, "text"),
                if self.truncated == 1 { "was" } else { "were" },
            ));
        }
        if self.empty > 0 {
            warnings.push(format!(
                "{} of {} {} {} no word: the vector is zeros",
                self.empty,
                self.texts,
                plural(self.texts, "text"),
                if self.empty == 1 { "holds" } else { "hold" },
            ));
        }
        if self.cut_words > 0 {
            warnings.push(format!(
                "{} {} longer than the model spells out; only the beginning was seen",
                self.cut_words,
                if self.cut_words == 1 { "word is" } else { "words are" },
            ));
        }
        if self.skipped > 0 {
            let verb = if self.skipped == 1 { "was" } else { "were" };
            let rows = plural(self.skipped, "bad row");
            let first = self.first_skipped.as_deref().unwrap_or_default();
            warnings.push(format!("{} {rows} {verb} skipped, the first: {first}", self.skipped));
        }
        warnings
    }
}

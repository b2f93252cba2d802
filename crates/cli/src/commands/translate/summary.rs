//! What a run did, said at its end.

use std::time::Duration;

use contexture::Translation;

use crate::say::{plural, rounded};

/// Counts of one run.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(crate) texts: u64,
    /// Tokens of texts that were read.
    pub(crate) tokens_used: u64,
    /// Tokens of the likeliest outputs, their ends among them.
    pub(crate) tokens_told: u64,
    pub(crate) truncated: u64,
    pub(crate) outputs: u64,
    pub(crate) unfinished: u64,
    pub(crate) unknown: u64,
    /// Texts in which something is unknown.
    pub(crate) strange: u64,
    pub(crate) skipped: u64,
    pub(crate) first_skipped: Option<String>,
    pub(crate) output: Option<String>,
    pub(crate) seconds: f64,
}

impl Summary {
    /// Counts one text.
    pub(crate) fn add(&mut self, translation: &Translation) {
        let outputs = &translation.outputs;
        self.texts += 1;
        self.tokens_used += translation.tokens_used as u64;
        self.tokens_told += outputs.first().map_or(0, |best| best.log_probabilities.len() as u64);
        self.truncated += u64::from(translation.truncated);
        self.outputs += outputs.len() as u64;
        self.unfinished += outputs.iter().filter(|output| !output.ended).count() as u64;
        self.unknown += translation.unknown as u64;
        self.strange += u64::from(translation.unknown > 0);
    }

    pub(crate) fn took(&mut self, elapsed: Duration) {
        self.seconds = elapsed.as_secs_f64();
    }

    /// One line for a person.
    pub(crate) fn line(&self) -> String {
        let seconds = self.seconds.max(1e-9);
        let mut line = format!(
            "{} {}, {} tokens to {}, {:.2} s ({} texts/s, {} output tokens/s)",
            self.texts,
            plural(self.texts, "text"),
            self.tokens_used,
            self.tokens_told,
            self.seconds,
            rounded(self.texts as f64 / seconds),
            rounded(self.tokens_told as f64 / seconds)
        );
        if let Some(output) = &self.output {
            line += &format!(" -> {output}");
        }
        line
    }

    /// What a person must not miss; `limit`: the most tokens of a text.
    pub(crate) fn warnings(&self, limit: usize) -> Vec<String> {
        let mut warnings = Vec::new();
        let verb = |count| if count == 1 { "was" } else { "were" };
        if self.truncated > 0 {
            warnings.push(format!(
                "{} of {} {} {} cut at {limit} tokens; --on-overflow chunk translates all of a text",
                self.truncated,
                self.texts,
                plural(self.texts, "text"),
                verb(self.truncated),
            ));
        }
        if self.unfinished > 0 {
            warnings.push(format!(
                "{} of {} {} {} cut before coming to an end; --longest says after how many tokens",
                self.unfinished,
                self.outputs,
                plural(self.outputs, "output"),
                verb(self.unfinished),
            ));
        }
        if self.unknown > 0 {
            warnings.push(format!(
                "{} {} in {} of {} {} {} unknown to the model, which reads one sign for all of them",
                self.unknown,
                plural(self.unknown, "token"),
                self.strange,
                self.texts,
                plural(self.texts, "text"),
                verb(self.unknown),
            ));
        }
        if self.skipped > 0 {
            warnings.push(format!(
                "{} {} {} skipped, and nothing was written for {}; the first: {}",
                self.skipped,
                plural(self.skipped, "bad row"),
                verb(self.skipped),
                if self.skipped == 1 { "it" } else { "them" },
                self.first_skipped.as_deref().unwrap_or_default()
            ));
        }
        warnings
    }
}

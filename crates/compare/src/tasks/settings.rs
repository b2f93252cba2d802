//! The tasks' settings: the tables `[[task]]` of a comparison.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// One task, by its `kind`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TaskSettings {
    /// Verbs that agree with their subjects.
    Agreement(AgreementSettings),
    /// Whether a word means the same in two sentences.
    WordInContext(WordInContextSettings),
    /// Tags of words, told by a linear probe from their vectors.
    Probing(ProbingSettings),
    /// What a changed order does to a sentence's vector.
    Order(OrderSettings),
}

/// Agreement: sentences with one verb in its right form and its wrong one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgreementSettings {
    /// Its name in the report; its kind where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The items: a table with `sentence`, `verb_index`, `correct`, `wrong`, and `n_attractors`
    /// where it is known; or one with `grammatical`, `ungrammatical`, `test` and `case`.
    pub file: PathBuf,
    /// The most items, taken evenly over the file; 0: all.
    #[serde(default)]
    pub rows: usize,
}

/// Word in context.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WordInContextSettings {
    /// Its name in the report; its kind where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The pairs that are judged.
    pub file: PathBuf,
    /// Pairs that the threshold is learned from; without them it is learned on the judged pairs
    /// by cross-validation in ten parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<PathBuf>,
    /// The most pairs, the file's first; 0: all.
    #[serde(default)]
    pub rows: usize,
    /// The most training pairs, the file's first; 0: all.
    #[serde(default)]
    pub training_rows: usize,
}

/// Probing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbingSettings {
    /// Its name in the report; its kind where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The tagged sentences that are judged: a word and its tags a line, an empty line between
    /// sentences.
    pub file: PathBuf,
    /// The tagged sentences that the probe learns from.
    pub training: PathBuf,
    /// The tag's column, from 1; the word's is the first.
    #[serde(default = "second")]
    pub column: usize,
    /// The most sentences that are judged, taken evenly over the file; 0: all.
    #[serde(default = "judged_sentences")]
    pub rows: usize,
    /// The most sentences that the probe learns from, taken evenly over the file; 0: all.
    #[serde(default = "training_sentences")]
    pub training_rows: usize,
}

fn second() -> usize {
    2
}

fn judged_sentences() -> usize {
    500
}

fn training_sentences() -> usize {
    1000
}

/// Order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderSettings {
    /// Its name in the report; its kind where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Sentences, one a row.
    pub file: PathBuf,
    /// Whether the file's first line names its columns.
    #[serde(default = "yes")]
    pub header: bool,
    /// The column that holds them, by name or by number from 1; by default `sentence1`, `sentence`
    /// or `text`, and without a header the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The most sentences, taken evenly over the file; 0: all.
    #[serde(default = "ordered_sentences")]
    pub rows: usize,
}

fn yes() -> bool {
    true
}

fn ordered_sentences() -> usize {
    1000
}

impl TaskSettings {
    /// Its name in the report.
    pub fn name(&self) -> &str {
        let name = match self {
            Self::Agreement(s) => &s.name,
            Self::WordInContext(s) => &s.name,
            Self::Probing(s) => &s.name,
            Self::Order(s) => &s.name,
        };
        name.as_deref().unwrap_or(self.kind())
    }

    /// Its kind, as the configuration spells it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Agreement(_) => "agreement",
            Self::WordInContext(_) => "word_in_context",
            Self::Probing(_) => "probing",
            Self::Order(_) => "order",
        }
    }

    /// The files that it reads, each with its key: a digest of results holds these too.
    pub fn files(&self) -> Vec<(&'static str, &Path)> {
        match self {
            Self::Agreement(s) => vec![("file", &s.file)],
            Self::Order(s) => vec![("file", &s.file)],
            Self::Probing(s) => vec![("file", &s.file), ("training", &s.training)],
            Self::WordInContext(s) => {
                let training = s.training.as_deref().map(|training| ("training", training));
                std::iter::once(("file", s.file.as_path())).chain(training).collect()
            }
        }
    }
}

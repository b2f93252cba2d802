//! The tasks' settings: the tables `[[task]]` of a comparison.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// One task, by its `kind`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TaskSettings {
    /// Verbs that agree with their subjects.
    Agreement(AgreementSettings),
    /// Whether a word means the same in two sentences.
    WordInContext(FileSettings),
    /// Tags of words, told by a probe from their rows.
    Probing(FileSettings),
    /// What a changed order does to a sentence's vector.
    Order(FileSettings),
}

/// Agreement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgreementSettings {
    /// Its name in the report; its kind where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The items.
    pub file: PathBuf,
    /// The most items; 0: all.
    #[serde(default)]
    pub rows: usize,
}

/// A task of one file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSettings {
    /// Its name in the report; its kind where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The items.
    pub file: PathBuf,
    /// The most items; 0: all.
    #[serde(default)]
    pub rows: usize,
}

impl TaskSettings {
    /// Its name in the report.
    pub fn name(&self) -> &str {
        let (kind, name) = match self {
            Self::Agreement(s) => ("agreement", &s.name),
            Self::WordInContext(s) => ("word_in_context", &s.name),
            Self::Probing(s) => ("probing", &s.name),
            Self::Order(s) => ("order", &s.name),
        };
        name.as_deref().unwrap_or(kind)
    }
}

//! Where rows come from.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What one unit of a text file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Join {
    /// Each line is a text.
    #[default]
    Line,
    /// Lines up to an empty one are a text, joined by blanks.
    Paragraph,
    /// Lines up to an empty one are a sentence, each line a word with its columns, divided by
    /// tabs (CoNLL). Columns are named by number.
    Sentence,
}

/// Which column each of an objective's fields is.
pub type Fields = BTreeMap<String, String>;

/// Files that are read alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceSettings {
    /// Text, TSV, CSV, JSONL or Parquet, also gzip or zstd; `*` in a file's name stands for any
    /// characters.
    pub files: Vec<String>,
    /// Plain text whose line n belongs to line n of `files`: the second field, as a translation's target.
    /// As many files, in the same order, of as many lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<String>,
    /// `txt`, `tsv`, `csv`, `jsonl`, `parquet`; by the file's ending where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Whether the first line of TSV and CSV names the columns.
    #[serde(default = "yes")]
    pub header: bool,
    /// The column, by name or number, of each field: `text`, or `first` and `second`, `label`, ...
    #[serde(default)]
    pub columns: Fields,
    /// What a text is, in files of plain text.
    #[serde(default)]
    pub join: Join,
    /// How often rows of this source are drawn, against the others.
    #[serde(default = "one")]
    pub weight: f64,
    /// Whether bad rows are passed over, and counted, instead of ending the run.
    #[serde(default)]
    pub skip_bad: bool,
    /// For `distillation`: the teacher's sentence vectors of this source's rows, in their order, as
    /// `embed --output vectors.npy` writes them; the teacher is then not asked again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vectors: Option<String>,
}

fn yes() -> bool {
    true
}

fn one() -> f64 {
    1.0
}

/// An objective's data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSettings {
    /// Files to learn from.
    pub train: Vec<SourceSettings>,
    /// Files to be judged on.
    #[serde(default)]
    pub held_out: Vec<SourceSettings>,
    /// Where `held_out` is empty: this share of the rows is not learned from, but judged on. It is
    /// chosen by a digest of the row's text, so that equal texts fall on one side.
    #[serde(default)]
    pub held_out_share: f64,
    /// Rows among which the next one is drawn at random; 0: in the files' order.
    #[serde(default = "buffer")]
    pub shuffle: usize,
}

fn buffer() -> usize {
    1 << 16
}

impl SourceSettings {
    /// One file with its defaults.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self {
            files: vec![path.into().display().to_string()],
            beside: Vec::new(),
            format: None,
            header: true,
            columns: Fields::new(),
            join: Join::Line,
            weight: 1.0,
            skip_bad: false,
            vectors: None,
        }
    }
}

//! Where texts come from, and how they are to be read.

use std::path::{Path, PathBuf};

use crate::error::BulkError;

/// Where texts come from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Input {
    /// The texts themselves.
    Arguments(Vec<String>),
    /// Standard input.
    Stdin,
    /// A file; its format and compression follow from its name and first bytes.
    File(PathBuf),
}

impl Input {
    /// The name that errors use.
    pub fn name(&self) -> String {
        match self {
            Self::Arguments(_) => "arguments".to_owned(),
            Self::Stdin => "standard input".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

/// `-` is standard input, anything else a path.
impl From<&str> for Input {
    fn from(name: &str) -> Self {
        if name == "-" { Self::Stdin } else { Self::File(name.into()) }
    }
}

/// How rows are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InputFormat {
    /// A text per line. An empty line is an empty text.
    Text,
    /// A JSON object per line. Blank lines are no rows.
    Jsonl,
    /// Columns divided by tabs, without quoting.
    Tsv,
    /// Columns divided by commas, quoted as RFC 4180 says. Blank lines are no rows.
    Csv,
    /// Apache Parquet.
    Parquet,
}

/// Format, its name, and the endings that stand for it.
const FORMATS: &[(InputFormat, &str, &[&str])] = &[
    (InputFormat::Text, "txt", &["txt", "text"]),
    (InputFormat::Jsonl, "jsonl", &["jsonl", "ndjson"]),
    (InputFormat::Tsv, "tsv", &["tsv", "tab"]),
    (InputFormat::Csv, "csv", &["csv"]),
    (InputFormat::Parquet, "parquet", &["parquet", "pq"]),
];

impl InputFormat {
    /// The names that [`InputFormat::from_name`] knows, for help texts.
    pub const NAMES: [&'static str; 5] = ["txt", "jsonl", "tsv", "csv", "parquet"];

    /// The format of this name or ending, without regard to case.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        FORMATS.iter().find(|(_, _, endings)| endings.contains(&name.as_str())).map(|row| row.0)
    }
}

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// gzip, of one or several members.
    Gzip,
    /// Zstandard, of one or several frames.
    Zstd,
}

impl Compression {
    /// The compression that a name's ending stands for.
    pub(crate) fn from_ending(ending: &str) -> Option<Self> {
        match ending.to_ascii_lowercase().as_str() {
            "gz" | "gzip" => Some(Self::Gzip),
            "zst" | "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The compression that a file's first bytes show.
    pub(crate) fn from_magic(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x1F, 0x8B, ..] => Some(Self::Gzip),
            [0x28, 0xB5, 0x2F, 0xFD, ..] => Some(Self::Zstd),
            // A skippable frame, with which parallel zstd writers begin.
            [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => Some(Self::Zstd),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// Splits `reviews.csv.gz` into its format's ending and its compression.
pub(crate) fn endings(path: &Path) -> (Option<String>, Option<Compression>) {
    let ending = |path: &Path| path.extension().map(|e| e.to_string_lossy().into_owned());
    let last = ending(path);
    match last.as_deref().and_then(Compression::from_ending) {
        Some(compression) => (ending(&path.with_extension("")), Some(compression)),
        None => (last, None),
    }
}

/// Which value becomes a row's id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum IdChoice {
    /// The field or column `id`, else `_id`, where the first row (JSONL) or the header has it with
    /// a text or a whole number in it; else the row's number from 0. The choice is made once, by
    /// the first row, and holds for the whole source.
    #[default]
    Auto,
    /// The row's number from 0. A row that is in error is counted, so that numbers stay in step
    /// with the file.
    RowNumber,
    /// This field or column, which every row must have.
    Named(String),
}

/// How a source is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceOptions {
    /// The format; `None`: by the name's ending, and text from standard input.
    pub format: Option<InputFormat>,
    /// The format where the name's ending stands for none (`news.en`); `None`: an error.
    pub otherwise: Option<InputFormat>,
    /// JSONL: the fields that make up the text, `a.b` for nested ones. Several are joined by one
    /// space, empty ones left out. Empty: `text`.
    pub fields: Vec<String>,
    /// TSV, CSV, Parquet: the column, by name or by number from 1. `None`: the column `text`, else
    /// `sentence`, else the only one.
    pub column: Option<String>,
    /// TSV, CSV: whether the first line names the columns.
    pub header: bool,
    /// Which value becomes the id.
    pub id: IdChoice,
    /// JSONL, Parquet: whether a number, or true and false, is taken as the text that spells it: for
    /// labels and scores. A list's items stay words.
    pub scalars: bool,
    /// Whether bytes that are not UTF-8 become U+FFFD instead of an error.
    pub lossy: bool,
    /// Whether bad rows are counted and passed over instead of given as errors.
    pub skip_bad: bool,
    /// The longest line, in bytes.
    pub line_limit_bytes: usize,
}

impl Default for SourceOptions {
    fn default() -> Self {
        Self {
            format: None,
            otherwise: None,
            fields: Vec::new(),
            column: None,
            header: true,
            id: IdChoice::Auto,
            scalars: false,
            lossy: false,
            skip_bad: false,
            line_limit_bytes: 64 << 20,
        }
    }
}

impl SourceOptions {
    /// The format of this input.
    pub(crate) fn format_of(&self, input: &Input) -> Result<InputFormat, BulkError> {
        if let Some(format) = self.format {
            return Ok(format);
        }
        let Input::File(path) = input else {
            return Ok(InputFormat::Text);
        };
        let (ending, _) = endings(path);
        let known = ending.as_deref().and_then(InputFormat::from_name).or(self.otherwise);
        known.ok_or_else(|| BulkError::Format {
            name: input.name(),
            known: InputFormat::NAMES.join(", "),
        })
    }
}

//! How texts are read: options that every command with texts shares.

use anyhow::{Error, Result, anyhow, bail};
use clap::Args;
use contexture::EngineError;
use contexture_bulk::{IdChoice, Input, InputFormat, RowError, Source, SourceOptions, open_source};

/// Where texts come from.
#[derive(Args)]
pub(crate) struct Texts {
    /// The texts themselves; without them and without --input, standard input, a text a line.
    #[arg(value_name = "TEXT")]
    texts: Vec<String>,
    /// Read texts from a file: .txt, .jsonl, .tsv, .csv, .parquet, also .gz or .zst; - is standard
    /// input.
    #[arg(short, long, value_name = "FILE", conflicts_with = "texts")]
    input: Option<String>,
}

/// How they are laid out.
#[derive(Args)]
#[command(next_help_heading = "Reading")]
pub(crate) struct Reading {
    /// The input's format, whatever its name.
    #[arg(long, value_name = "FORMAT", value_parser = InputFormat::NAMES)]
    input_format: Option<String>,
    /// JSONL: the field that holds the text (a.b for nested ones; several, comma-separated, are
    /// joined by a blank) [default: text].
    #[arg(long, value_delimiter = ',')]
    field: Vec<String>,
    /// TSV, CSV, Parquet: the column that holds the text, by name or number from 1 [default:
    /// text, else sentence, else the only one].
    #[arg(long)]
    column: Option<String>,
    /// TSV, CSV: the first line is data.
    #[arg(long)]
    no_header: bool,
    /// The field or column that holds the id [default: id, else _id, else the row's number from 0].
    #[arg(long, value_name = "NAME")]
    id: Option<String>,
    /// The row's number from 0 is the id, whatever the fields or columns are.
    #[arg(long, conflicts_with = "id")]
    row_ids: bool,
    /// Bytes that are not UTF-8 become U+FFFD instead of an error.
    #[arg(long)]
    lossy: bool,
    /// Rows that cannot be read (and texts too long, under --on-overflow error) are counted
    /// and passed over instead of ending the run.
    #[arg(long)]
    pub(crate) skip_bad: bool,
    /// The longest line, in MiB.
    #[arg(long, default_value_t = 64, value_name = "MIB",
          value_parser = clap::value_parser!(u32).range(1..=4096))]
    line_limit: u32,
}

impl Texts {
    pub(crate) fn input(&self) -> Input {
        match (&self.input, self.texts.is_empty()) {
            (Some(name), _) => Input::from(name.as_str()),
            (None, false) => Input::Arguments(self.texts.clone()),
            (None, true) => Input::Stdin,
        }
    }
}

/// Opens a source of texts.
pub(crate) fn open(input: &Input, reading: &Reading) -> Result<Source> {
    open_with(input, &reading.options())
}

/// As [`open`]; endings that stand for no format, as those of languages, are of texts, a line each.
pub(crate) fn open_lines(input: &Input, reading: &Reading) -> Result<Source> {
    open_with(input, &SourceOptions { otherwise: Some(InputFormat::Text), ..reading.options() })
}

fn open_with(input: &Input, options: &SourceOptions) -> Result<Source> {
    if let Input::File(path) = input
        && path.is_dir()
    {
        bail!("{}: is a folder; name a file, or - for standard input", path.display());
    }
    Ok(open_source(input, options)?)
}

impl Reading {
    fn options(&self) -> SourceOptions {
        SourceOptions {
            format: self.input_format.as_deref().and_then(InputFormat::from_name),
            otherwise: None,
            fields: self.field.clone(),
            column: self.column.clone(),
            header: !self.no_header,
            id: match (&self.id, self.row_ids) {
                (Some(name), _) => IdChoice::Named(name.clone()),
                (None, true) => IdChoice::RowNumber,
                (None, false) => IdChoice::Auto,
            },
            scalars: false,
            lossy: self.lossy,
            skip_bad: self.skip_bad,
            line_limit_bytes: (self.line_limit as usize) << 20,
        }
    }

    /// What a row of this input is called in messages.
    pub(crate) fn unit(&self, input: &Input) -> &'static str {
        let columns = |name: &str| InputFormat::from_name(name) == Some(InputFormat::Parquet);
        match input {
            Input::Arguments(_) => "argument",
            Input::File(path) => {
                let ending = path.extension().and_then(|ending| ending.to_str());
                match self.input_format.as_deref().or(ending) {
                    Some(name) if columns(name) => "row",
                    _ => "line",
                }
            }
            _ => "line",
        }
    }
}

/// A bad row ends the run; where others could still be read, the way to do so is said.
pub(crate) fn bad_row(error: RowError) -> Error {
    if error.ends_the_source() {
        return error.into();
    }
    anyhow!("{error}; --skip-bad passes over such rows and counts them")
}

/// The error at its place in the input (`reviews.csv: line`), instead of the text's number in the
/// engine's call.
pub(crate) fn at(place: &str, row: usize, error: &EngineError) -> Error {
    let said = error.to_string();
    let what = match said.split_once(": ") {
        Some((text, rest)) if text.starts_with("text ") => rest,
        _ => &said,
    };
    anyhow!("{place} {row}: {what}")
}

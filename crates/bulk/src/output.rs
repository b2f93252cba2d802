//! A stream of records out, whatever the format.

use std::io::IsTerminal;
use std::path::PathBuf;

use contexture_engine::{Record, Unit, Vector};

use crate::error::BulkError;
use crate::input::{Compression, endings};
use crate::item::{Id, IdKind};
use crate::sinks;

/// Where records go.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Output {
    /// Standard output.
    Stdout,
    /// A file; its format follows from its name.
    File(PathBuf),
}

/// `-` is standard output, anything else a path.
impl From<&str> for Output {
    fn from(name: &str) -> Self {
        if name == "-" { Self::Stdout } else { Self::File(name.into()) }
    }
}

/// How records are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutputFormat {
    /// A JSON object per record; `.gz` and `.zst` too.
    Jsonl,
    /// One matrix `[rows, dimensions]` in input order, with `<name>.ids.jsonl` beside it.
    Npy,
    /// Apache Parquet, a row per record.
    Parquet,
}

impl OutputFormat {
    /// The names that [`OutputFormat::from_name`] knows, for help texts.
    pub const NAMES: [&'static str; 3] = ["jsonl", "npy", "parquet"];

    /// The format of this name or ending, without regard to case.
    pub fn from_name(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            "npy" => Some(Self::Npy),
            "parquet" | "pq" => Some(Self::Parquet),
            _ => None,
        }
    }
}

/// How sentence vectors are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// 32-bit floats.
    F32,
    /// A signed byte per dimension.
    Int8,
    /// A bit per dimension, eight to a signed byte.
    Binary,
}

/// What every record of a run holds; each is checked against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Dimensions of a sentence vector, before it is packed into bits.
    pub dimensions: usize,
    /// How sentence vectors are stored.
    pub precision: Precision,
    /// Whether records hold a sentence vector.
    pub sentence: bool,
    /// Whether records hold word vectors.
    pub words: bool,
    /// Whether records hold token vectors.
    pub tokens: bool,
    /// Whether a text may give several records, told apart by their chunk's number.
    pub chunks: bool,
}

impl Shape {
    /// One f32 vector a text.
    pub fn sentences(dimensions: usize) -> Self {
        let (words, tokens, chunks) = (false, false, false);
        Self { dimensions, precision: Precision::F32, sentence: true, words, tokens, chunks }
    }

    /// Values that are stored for a sentence vector.
    pub(crate) fn stored(&self) -> usize {
        match self.precision {
            Precision::F32 | Precision::Int8 => self.dimensions,
            Precision::Binary => self.dimensions.div_ceil(8),
        }
    }
}

/// How a sink is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SinkOptions {
    /// The format; `None`: by the name's ending, and JSONL to standard output.
    pub format: Option<OutputFormat>,
    /// What every record holds.
    pub shape: Shape,
    /// Which ids may come: [`crate::Source::id_kind`].
    pub ids: IdKind,
}

impl SinkOptions {
    /// The format by the name's ending.
    pub fn new(shape: Shape, ids: IdKind) -> Self {
        Self { format: None, shape, ids }
    }
}

/// What a finished sink has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Records.
    pub records: usize,
    /// Bytes, those of a sidecar counted.
    pub bytes: u64,
}

/// What each format provides.
pub(crate) trait Records: Send {
    /// Writes a record that has been checked.
    fn write(&mut self, id: &Id, record: &Record) -> Result<(), BulkError>;
    /// Passes on what is held back, where the format allows it.
    fn flush(&mut self) -> Result<(), BulkError>;
    /// Completes the file and gives it its name; returns its bytes.
    fn finish(self: Box<Self>) -> Result<u64, BulkError>;
}

/// A stream of records. Dropped without [`Sink::finish`], it leaves nothing under the final name.
pub struct Sink {
    records: Box<dyn Records>,
    shape: Shape,
    ids: IdKind,
    unit_dimensions: Option<usize>,
    written: usize,
}

impl Sink {
    /// Creates the file under a partial name, or takes standard output.
    pub fn create(output: &Output, options: &SinkOptions) -> Result<Self, BulkError> {
        let (format, compression) = resolve(output, options)?;
        let SinkOptions { shape, ids, .. } = *options;
        let records: Box<dyn Records> = match format {
            OutputFormat::Jsonl => Box::new(sinks::Jsonl::create(output, compression, shape)?),
            OutputFormat::Npy => Box::new(sinks::Npy::create(output, shape)?),
            OutputFormat::Parquet => Box::new(sinks::Parquet::create(output, shape, ids)?),
        };
        Ok(Self { records, shape, ids, unit_dimensions: None, written: 0 })
    }

    /// Writes one record. A value that is NaN or infinite, or a record of another shape than the
    /// sink was created for, is refused and leaves the sink as it was.
    pub fn write(&mut self, id: &Id, record: &Record) -> Result<(), BulkError> {
        self.check(id, record)?;
        self.records.write(id, record)?;
        self.written += 1;
        Ok(())
    }

    /// Passes on what is buffered, for a reader that waits at the other end (JSONL).
    pub fn flush(&mut self) -> Result<(), BulkError> {
        self.records.flush()
    }

    /// Completes the output. Only now does a file stand under its final name, whole.
    pub fn finish(self) -> Result<Written, BulkError> {
        Ok(Written { records: self.written, bytes: self.records.finish()? })
    }

    fn check(&mut self, id: &Id, record: &Record) -> Result<(), BulkError> {
        let wrong = |expected: String, found: String| {
            Err(BulkError::Shape { id: id.to_string(), expected, found })
        };
        if self.ids == IdKind::Number && matches!(id, Id::Text(_)) {
            return wrong("numbers as ids".to_owned(), "a text".to_owned());
        }
        let expected = self.shape.sentence.then_some((self.shape.precision, self.shape.stored()));
        let found = record.embedding.as_ref().map(|vector| match vector {
            Vector::F32(values) => (Precision::F32, values.len()),
            Vector::Int8(values) => (Precision::Int8, values.len()),
            Vector::Binary(values) => (Precision::Binary, values.len()),
        });
        if expected != found {
            return wrong(describe(expected), describe(found));
        }
        if let Some(Vector::F32(values)) = &record.embedding {
            check_finite(id, "sentence", values)?;
        }
        let levels = [
            ("word", self.shape.words, &record.words),
            ("token", self.shape.tokens, &record.tokens_detail),
        ];
        for (level, expected, units) in levels {
            if expected != units.is_some() {
                let say = |yes| if yes { "" } else { "no " };
                let (expected, found) = (say(expected), say(units.is_some()));
                return wrong(
                    format!("{expected}{level} vectors"),
                    format!("{found}{level} vectors"),
                );
            }
            self.check_units(id, level, units.as_deref().unwrap_or_default())?;
        }
        Ok(())
    }

    fn check_units(
        &mut self,
        id: &Id,
        level: &'static str,
        units: &[Unit],
    ) -> Result<(), BulkError> {
        for unit in units.iter().filter(|unit| !unit.embedding.is_empty()) {
            let found = unit.embedding.len();
            let expected = *self.unit_dimensions.get_or_insert(found);
            if found != expected {
                return Err(BulkError::Shape {
                    id: id.to_string(),
                    expected: format!("{level} vectors of {expected} values"),
                    found: format!("one of {found}"),
                });
            }
            check_finite(id, level, &unit.embedding)?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sink").field("written", &self.written).finish_non_exhaustive()
    }
}

fn check_finite(id: &Id, level: &'static str, values: &[f32]) -> Result<(), BulkError> {
    // Summing the tests lets the compiler use whole registers; the place is looked up on failure.
    if values.iter().map(|value| u32::from(!value.is_finite())).sum::<u32>() == 0 {
        return Ok(());
    }
    let index = values.iter().position(|value| !value.is_finite()).unwrap_or(0);
    Err(BulkError::NotFinite { id: id.to_string(), level, index, value: values[index] })
}

fn describe(vector: Option<(Precision, usize)>) -> String {
    match vector {
        None => "no sentence vector".to_owned(),
        Some((Precision::F32, stored)) => format!("a sentence vector of {stored} floats"),
        Some((Precision::Int8, stored)) => format!("a sentence vector of {stored} int8 values"),
        Some((Precision::Binary, stored)) => format!("a sentence vector of {stored} packed bytes"),
    }
}

/// The format and compression of an output, and whether they fit it.
fn resolve(
    output: &Output,
    options: &SinkOptions,
) -> Result<(OutputFormat, Option<Compression>), BulkError> {
    let refuse = |name: String, option, reason: &str| {
        Err(BulkError::Option { name, option, reason: reason.to_owned() })
    };
    let shape = &options.shape;
    let levels = [shape.sentence, shape.words, shape.tokens].iter().filter(|level| **level).count();
    let name = match output {
        Output::Stdout => "standard output".to_owned(),
        Output::File(path) => path.display().to_string(),
    };
    if levels == 0 || (shape.sentence && shape.dimensions == 0) {
        return refuse(name, "shape", "holds nothing to write: ask for at least one level");
    }
    let (format, compression) = match output {
        Output::Stdout => (options.format.unwrap_or(OutputFormat::Jsonl), None),
        Output::File(path) => {
            let (ending, compression) = endings(path);
            let by_name = ending.as_deref().and_then(OutputFormat::from_name);
            match options.format.or(by_name) {
                Some(format) => (format, compression),
                None => {
                    let known = OutputFormat::NAMES.join(", ");
                    return Err(BulkError::Format { name, known });
                }
            }
        }
    };
    match format {
        OutputFormat::Npy if levels > 1 => refuse(
            name,
            "npy",
            "holds one matrix, so one level; ask for one level, or write jsonl or parquet",
        ),
        OutputFormat::Npy if *output == Output::Stdout => refuse(
            name,
            "npy",
            "states its rows at the start, which are known at the end; name a file",
        ),
        OutputFormat::Parquet if *output == Output::Stdout && std::io::stdout().is_terminal() => {
            refuse(name, "parquet", "is binary and this is a terminal; name a file or redirect")
        }
        OutputFormat::Npy | OutputFormat::Parquet if compression.is_some() => refuse(
            name,
            "compression",
            "by .gz or .zst is for jsonl; parquet compresses by itself, npy is for mapping",
        ),
        _ => Ok((format, compression)),
    }
}

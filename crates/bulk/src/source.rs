//! A stream of texts, whatever its format.

use crate::error::{BulkError, RowError};
use crate::input::{Input, InputFormat, SourceOptions};
use crate::item::{IdKind, Item};
use crate::sources;

/// What each format provides.
pub(crate) trait Rows: Send {
    /// The next row or its fault; `None` at the end.
    fn next_row(&mut self) -> Option<Result<Item, RowError>>;
    /// Which ids may come.
    fn id_kind(&self) -> IdKind;
    /// Bytes of the input that have been read.
    fn bytes_read(&self) -> u64;
    /// The input's size in bytes, where it has one.
    fn size_bytes(&self) -> Option<u64>;
    /// The number of rows, where the format states it.
    fn total_rows(&self) -> Option<usize> {
        None
    }
}

/// A stream of texts: one item or one error for each row, in order.
///
/// The stream ends after an error for which [`RowError::ends_the_source`] holds. After any other
/// error it goes on with the next row, so that the caller may stop or pass over it.
pub struct Source {
    rows: Box<dyn Rows>,
    skip_bad: bool,
    ended: bool,
    given: usize,
    skipped: usize,
    first_skipped: Option<RowError>,
}

/// Opens an input. The first bytes, the header or the Parquet footer are read and checked here;
/// rows are read as they are asked for.
pub fn open_source(input: &Input, options: &SourceOptions) -> Result<Source, BulkError> {
    let rows: Box<dyn Rows> = match (input, options.format_of(input)?) {
        (Input::Arguments(texts), _) => Box::new(sources::Arguments::open(texts.clone())),
        (_, InputFormat::Text) => Box::new(sources::Text::open(input, options)?),
        (_, InputFormat::Jsonl) => Box::new(sources::Jsonl::open(input, options)?),
        (_, InputFormat::Tsv) => Box::new(sources::Tsv::open(input, options)?),
        (_, InputFormat::Csv) => Box::new(sources::Csv::open(input, options)?),
        (_, InputFormat::Parquet) => Box::new(sources::Parquet::open(input, options)?),
    };
    Ok(Source {
        rows,
        skip_bad: options.skip_bad,
        ended: false,
        given: 0,
        skipped: 0,
        first_skipped: None,
    })
}

impl Source {
    /// Which ids this source can give.
    pub fn id_kind(&self) -> IdKind {
        self.rows.id_kind()
    }

    /// Rows given so far; rows in error are not counted.
    pub fn given(&self) -> usize {
        self.given
    }

    /// Bad rows passed over so far; always 0 without `skip_bad`.
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// The first bad row that was passed over, for a summary that names it.
    pub fn first_skipped(&self) -> Option<&RowError> {
        self.first_skipped.as_ref()
    }

    /// Bytes of the input that have been read, compressed where it is compressed.
    pub fn bytes_read(&self) -> u64 {
        self.rows.bytes_read()
    }

    /// The input's size in bytes on the disk; `None` for a pipe. With [`Source::bytes_read`] it
    /// gives the share that is done.
    pub fn size_hint_bytes(&self) -> Option<u64> {
        self.rows.size_bytes()
    }

    /// The number of rows, where the format states it (Parquet, arguments).
    pub fn total_rows(&self) -> Option<usize> {
        self.rows.total_rows()
    }
}

impl Iterator for Source {
    type Item = Result<Item, RowError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            match self.rows.next_row() {
                None => self.ended = true,
                Some(Ok(item)) => {
                    self.given += 1;
                    return Some(Ok(item));
                }
                Some(Err(error)) => {
                    self.ended = error.ends_the_source();
                    if self.ended || !self.skip_bad {
                        return Some(Err(error));
                    }
                    self.skipped += 1;
                    self.first_skipped.get_or_insert(error);
                }
            }
        }
        None
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("given", &self.given).finish_non_exhaustive()
    }
}

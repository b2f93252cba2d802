//! Apache Parquet: one column of texts or of lists of words.
//!
//! Only the columns of the text and the id are read, a few hundred rows at a time. A file that
//! cannot be sought in (compressed, or standard input) is first copied to a temporary file. The
//! decoder runs under `catch_unwind`: a damaged file gives an error whatever the decoder does.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Fields};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use crate::bytes::{ByteStream, open_file};
use crate::error::{BulkError, RowError, RowFault};
use crate::input::{IdChoice, Input, SourceOptions};
use crate::item::{Id, IdKind, Item, Words};
use crate::source::Rows;

use super::columns::{Columns, choose};
use super::strings::{Texts, WordLists, is_scalar, is_text, is_words, whole_numbers};

const ROWS_PER_READ: usize = 512;
const READABLE: &str =
    "texts (utf8, large_utf8, utf8_view, a dictionary of them) or lists of words";

pub(crate) struct Parquet {
    name: String,
    lossy: bool,
    reader: Option<ParquetRecordBatchReader>,
    text: Path,
    id: Option<Path>,
    id_kind: IdKind,
    total_rows: usize,
    size_bytes: u64,
    /// Rows of the batches before this one.
    passed: usize,
    batch: Option<Batch>,
    next: usize,
}

/// A column's name, and the way to it: the root's place among the columns that are read, then the
/// places within structs.
#[derive(Clone)]
struct Path {
    name: String,
    root: String,
    steps: Vec<usize>,
    data_type: DataType,
}

struct Batch {
    rows: usize,
    text: Text,
    id: Option<Ids>,
    /// Rows whose text or id lies in a struct that is null.
    hidden: Vec<bool>,
}

enum Text {
    Texts(Texts),
    Words(WordLists),
}

enum Ids {
    Texts(Texts),
    Numbers(Vec<Option<i128>>),
}

impl Parquet {
    pub(crate) fn open(input: &Input, options: &SourceOptions) -> Result<Self, BulkError> {
        let name = input.name();
        let (file, size_bytes) = seekable(input)?;
        let broken = |reason| BulkError::Parquet { name: name.clone(), reason };
        let builder =
            contained(|| ParquetRecordBatchReaderBuilder::try_new(file)).map_err(broken)?;
        contained(|| check_places(&builder, size_bytes)).map_err(broken)?;
        let rows = builder.metadata().file_metadata().num_rows();
        let total_rows =
            usize::try_from(rows).map_err(|_| broken(format!("it states {rows} rows")))?;

        let mut paths = Vec::new();
        list_roots(builder.schema().fields(), &mut paths);
        let (text, id) = choose_paths(&name, paths, options)?;
        let mut roots = vec![text.root.clone()];
        roots.extend(id.as_ref().map(|id| id.root.clone()));
        let fields = builder.schema().fields();
        let wanted = (0..fields.len())
            .filter(|index| roots.contains(fields[*index].name()))
            .collect::<Vec<_>>();
        let id_kind = match &id {
            Some(id) if is_text(&id.data_type) || id.data_type == DataType::UInt64 => IdKind::Text,
            _ => IdKind::Number,
        };
        let reader = contained(|| {
            let mask = ProjectionMask::roots(builder.parquet_schema(), wanted);
            builder.with_projection(mask).with_batch_size(ROWS_PER_READ).build()
        });
        let reader = Some(reader.map_err(broken)?);
        let lossy = options.lossy;
        let (passed, next, batch) = (0, 0, None);
        #[rustfmt::skip]
        let source = Self { name, lossy, reader, text, id, id_kind, total_rows, size_bytes, passed, batch, next };
        Ok(source)
    }

    /// Reads the next rows; `false` at the end.
    fn advance(&mut self) -> Result<bool, RowFault> {
        let fault = |reason| RowFault::Parquet { reason };
        self.passed += self.batch.take().map_or(0, |batch| batch.rows);
        self.next = 0;
        let Some(reader) = self.reader.as_mut() else { return Ok(false) };
        let read = catch_unwind(AssertUnwindSafe(|| reader.next()));
        let batch = match read {
            Err(panic) => Err(panic_reason(panic.as_ref())),
            Ok(None) if self.passed == self.total_rows => return Ok(false),
            Ok(None) => Err(format!(
                "the file states {} rows and ends after {}",
                self.total_rows, self.passed
            )),
            Ok(Some(batch)) => batch.map_err(|error| error.to_string()),
        };
        let batch = batch.map_err(fault)?;
        if self.passed + batch.num_rows() > self.total_rows {
            return Err(fault(format!("the file states {} rows and holds more", self.total_rows)));
        }
        let open = contained(|| Ok::<_, String>(self.open_batch(&batch))).map_err(fault)?;
        self.batch = Some(open.ok_or_else(|| fault("a column changed its type".to_owned()))?);
        Ok(true)
    }

    fn open_batch(&self, batch: &RecordBatch) -> Option<Batch> {
        let rows = batch.num_rows();
        let mut hidden = vec![false; rows];
        let text = self.text.walk(batch, &mut hidden)?;
        let text = if is_words(text.data_type()) {
            Text::Words(WordLists::new(&text)?)
        } else {
            Text::Texts(Texts::new(&text).or_else(|| Texts::spelled(&text))?)
        };
        let id = match &self.id {
            None => None,
            Some(path) => {
                let id = path.walk(batch, &mut hidden)?;
                Some(match whole_numbers(&id) {
                    Some(numbers) => Ids::Numbers(numbers),
                    None => Ids::Texts(Texts::new(&id)?),
                })
            }
        };
        Some(Batch { rows, text, id, hidden })
    }

    fn item(&self, batch: &Batch, index: usize) -> Result<Item, RowFault> {
        let row = self.passed + index + 1;
        let null = |path: &Path| RowFault::Null { field: path.name.clone() };
        if batch.hidden[index] {
            return Err(null(&self.text));
        }
        let (text, words) = match &batch.text {
            Text::Texts(texts) => {
                let bytes = texts.get(index).ok_or_else(|| null(&self.text))?;
                (self.decode(bytes, &self.text)?, None)
            }
            Text::Words(lists) => {
                let [start, end] = lists.ranges[index].ok_or_else(|| null(&self.text))?;
                let mut words = Words::default();
                for place in start..end {
                    let bytes = lists.words.get(place).ok_or_else(|| RowFault::WrongType {
                        field: self.text.name.clone(),
                        expected: "a list of words",
                        found: format!("null at index {} of the list", place - start),
                    })?;
                    words.push(&self.decode(bytes, &self.text)?);
                }
                words.finish()
            }
        };
        let id = match (&batch.id, &self.id) {
            (Some(Ids::Texts(texts)), Some(path)) => {
                Id::Text(self.decode(texts.get(index).ok_or_else(|| null(path))?, path)?)
            }
            (Some(Ids::Numbers(numbers)), Some(path)) => {
                let number = numbers[index].ok_or_else(|| null(path))?;
                i64::try_from(number).map_or_else(|_| Id::Text(number.to_string()), Id::Number)
            }
            _ => Id::Number(row as i64 - 1),
        };
        Ok(Item { id, row, text, words })
    }

    fn decode(&self, bytes: &[u8], path: &Path) -> Result<String, RowFault> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) if self.lossy => Ok(String::from_utf8_lossy(bytes).into_owned()),
            Err(error) => Err(RowFault::WrongType {
                field: path.name.clone(),
                expected: "UTF-8",
                found: format!(
                    "0x{:02X} at byte {} of the value; convert it, or read it with --lossy",
                    bytes[error.valid_up_to()],
                    error.valid_up_to()
                ),
            }),
        }
    }
}

impl Rows for Parquet {
    fn next_row(&mut self) -> Option<Result<Item, RowError>> {
        loop {
            if let Some(batch) = self.batch.as_ref().filter(|batch| self.next < batch.rows) {
                let item = self.item(batch, self.next);
                self.next += 1;
                return Some(item.map_err(|fault| self.error(self.passed + self.next, fault)));
            }
            match self.advance() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(fault) => {
                    // A decoder that failed is not asked again; even its drop is contained.
                    let reader = self.reader.take();
                    let _ = catch_unwind(AssertUnwindSafe(|| drop(reader)));
                    return Some(Err(self.error(self.passed + 1, fault)));
                }
            }
        }
    }

    fn id_kind(&self) -> IdKind {
        self.id_kind
    }

    /// Parquet is not read front to back: the share of the rows stands for that of the bytes.
    fn bytes_read(&self) -> u64 {
        let rows = (self.passed + self.next) as f64;
        (self.size_bytes as f64 * rows / self.total_rows.max(1) as f64) as u64
    }

    fn size_bytes(&self) -> Option<u64> {
        Some(self.size_bytes)
    }

    fn total_rows(&self) -> Option<usize> {
        Some(self.total_rows)
    }
}

impl Parquet {
    fn error(&self, row: usize, fault: RowFault) -> RowError {
        RowError { name: self.name.clone(), unit: "row", row, fault }
    }
}

impl Path {
    /// The array at the end of the path; marks the rows that lie in a null struct.
    fn walk(&self, batch: &RecordBatch, hidden: &mut [bool]) -> Option<ArrayRef> {
        let mut array = batch.column_by_name(&self.root)?.clone();
        for step in &self.steps {
            for (row, hidden) in hidden.iter_mut().enumerate() {
                *hidden |= array.is_null(row);
            }
            array = array.as_struct_opt()?.columns().get(*step)?.clone();
        }
        Some(array)
    }
}

/// The file itself, or a temporary copy of what cannot be sought in.
fn seekable(input: &Input) -> Result<(File, u64), BulkError> {
    let mut stream = ByteStream::open(input)?;
    let name = stream.name.clone();
    if let (Input::File(path), None, Some(_)) = (input, stream.compression, stream.size_bytes()) {
        let (file, size_bytes) = open_file(path, &name)?;
        return Ok((file, size_bytes.unwrap_or(0)));
    }
    let copy = |file: &mut File, stream: &mut ByteStream| {
        let bytes = std::io::copy(stream, file)?;
        file.seek(SeekFrom::Start(0))?;
        Ok((file.try_clone()?, bytes))
    };
    let copied = tempfile::tempfile().and_then(|mut file| copy(&mut file, &mut stream));
    copied.map_err(|source| BulkError::Read { name, byte: stream.bytes_read(), source })
}

/// Columns that the footer places outside the file would be allocated for before they are read.
fn check_places(
    builder: &ParquetRecordBatchReaderBuilder<File>,
    size_bytes: u64,
) -> Result<(), String> {
    for (group, metadata) in builder.metadata().row_groups().iter().enumerate() {
        for column in metadata.columns() {
            let (start, length) = column.byte_range();
            if start.checked_add(length).is_none_or(|end| end > size_bytes) {
                return Err(format!(
                    "row group {group}: column `{}` is placed at bytes {start} and {length} on, in \
                     a file of {size_bytes} bytes",
                    column.column_path().string()
                ));
            }
        }
    }
    Ok(())
}

fn list_roots(fields: &Fields, paths: &mut Vec<Path>) {
    // Numbers count the columns of the file, so the parts of structs come behind all of them.
    for field in fields {
        paths.push(Path {
            name: field.name().clone(),
            root: field.name().clone(),
            steps: Vec::new(),
            data_type: field.data_type().clone(),
        });
    }
    for root in 0..fields.len() {
        list_parts(root, paths, 8);
    }
}

/// Adds the parts of a struct, to a depth that no sensible table exceeds.
fn list_parts(parent: usize, paths: &mut Vec<Path>, depth: usize) {
    let DataType::Struct(fields) = paths[parent].data_type.clone() else { return };
    if depth == 0 {
        return;
    }
    for (place, field) in fields.iter().enumerate() {
        let (name, root) = (&paths[parent].name, paths[parent].root.clone());
        let name = format!("{name}.{}", field.name());
        let steps = paths[parent].steps.iter().copied().chain([place]).collect();
        paths.push(Path { name, root, steps, data_type: field.data_type().clone() });
        list_parts(paths.len() - 1, paths, depth - 1);
    }
}

fn choose_paths(
    name: &str,
    mut paths: Vec<Path>,
    options: &SourceOptions,
) -> Result<(Path, Option<Path>), BulkError> {
    let names: Vec<String> = paths.iter().map(|path| path.name.clone()).collect();
    let Columns { text, id, .. } = choose(name, &names, true, options)?;
    let wrong = |path: &Path, expected| BulkError::ColumnType {
        name: name.to_owned(),
        column: path.name.clone(),
        expected,
        found: path.data_type.to_string(),
    };
    let text_type = &paths[text].data_type;
    let scalar = options.scalars && is_scalar(text_type);
    if !is_text(text_type) && !is_words(text_type) && !scalar {
        return Err(wrong(&paths[text], READABLE));
    }
    let is_id = |path: &Path| is_text(&path.data_type) || path.data_type.is_integer();
    let id = match id {
        Some(id) if is_id(&paths[id]) => Some(id),
        // An `id` that nobody asked for and that cannot serve as one is passed over.
        Some(_) if options.id == IdChoice::Auto => None,
        Some(id) => return Err(wrong(&paths[id], "texts or whole numbers as ids")),
        None => None,
    };
    let id = id.map(|id| paths[id].clone());
    Ok((paths.swap_remove(text), id))
}

/// Runs a decoder; what it reports and what it panics with become the same kind of reason.
fn contained<T, E: ToString>(work: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(panic) => Err(panic_reason(panic.as_ref())),
    }
}

fn panic_reason(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("the decoder gave up: {}", text.unwrap_or("no reason given"))
}

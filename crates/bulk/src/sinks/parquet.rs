//! Apache Parquet: a row per record, in batches of a few megabytes and row groups of a bounded
//! size.
//!
//! | column | type |
//! |---|---|
//! | `id` | int64 where ids are numbers, else utf8 |
//! | `embedding` | fixed_size_list of float or int8; absent without sentence vectors |
//! | `tokens`, `tokens_used` | int64; with token vectors the first is called `tokens_total` |
//! | `truncated` | bool |
//! | `span_start`, `span_end` | int64, bytes of the text |
//! | `chunk` | int64, with chunks |
//! | `words`, `tokens` | list of struct {`text`, `span_start`, `span_end`, `embedding`} |
//!
//! The file's metadata states `contexture.precision` and `contexture.dimensions`.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, FixedSizeListArray, Float32Array, Int8Array, Int64Array, ListArray,
    RecordBatch, StringArray, StructArray,
};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, Field, Fields, Schema, SchemaRef};
use contexture_engine::{Record, Span, Unit, Vector};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use crate::error::BulkError;
use crate::item::{Id, IdKind};
use crate::output::{Output, Precision, Records, Shape};
use crate::target::Target;

const BATCH_BYTES: usize = 4 << 20;
const ROW_GROUP_BYTES: usize = 64 << 20;
const ROW_GROUP_ROWS: usize = 1 << 20;

pub(crate) struct Parquet {
    writer: ArrowWriter<Target>,
    schema: SchemaRef,
    shape: Shape,
    ids: IdKind,
    batch: Batch,
}

/// Columns of the records that wait to be written.
#[derive(Default)]
struct Batch {
    ids: Vec<Id>,
    floats: Vec<f32>,
    bytes: Vec<i8>,
    tokens: Vec<i64>,
    tokens_used: Vec<i64>,
    truncated: Vec<bool>,
    spans: Vec<Span>,
    chunks: Vec<i64>,
    words: Units,
    tokens_detail: Units,
}

/// Units of all records, end to end.
struct Units {
    texts: Vec<String>,
    text_bytes: usize,
    spans: Vec<Option<Span>>,
    floats: Vec<f32>,
    /// Where each unit's vector ends, after a 0.
    vector_ends: Vec<i32>,
    /// Where each record's units end, after a 0.
    record_ends: Vec<i32>,
}

impl Default for Units {
    fn default() -> Self {
        let (vector_ends, record_ends) = (vec![0], vec![0]);
        Self {
            texts: vec![],
            text_bytes: 0,
            spans: vec![],
            floats: vec![],
            vector_ends,
            record_ends,
        }
    }
}

impl Parquet {
    pub(crate) fn create(output: &Output, shape: Shape, ids: IdKind) -> Result<Self, BulkError> {
        let target = match output {
            Output::Stdout => Target::stdout(),
            Output::File(path) => Target::file(path)?,
        };
        let name = target.name.clone();
        let schema = Arc::new(schema(&shape, ids)?);
        let writer = ArrowWriter::try_new(target, Arc::clone(&schema), Some(properties(&shape)?));
        let writer = writer.map_err(|error| write_error(&name, 0, error))?;
        Ok(Self { writer, schema, shape, ids, batch: Batch::default() })
    }

    fn error(&self, error: ParquetError) -> BulkError {
        let target = self.writer.inner();
        write_error(&target.name, target.written, error)
    }

    fn write_batch(&mut self) -> Result<(), BulkError> {
        if self.batch.ids.is_empty() {
            return Ok(());
        }
        let batch = std::mem::take(&mut self.batch);
        if batch.size_bytes() > i32::MAX as usize {
            let text =
                format!("the record {} holds more than 2 GiB", batch.ids[batch.ids.len() - 1]);
            return Err(self.error(ParquetError::General(text)));
        }
        let columns = batch.columns(&self.shape, self.ids);
        let batch =
            columns.and_then(|columns| RecordBatch::try_new(Arc::clone(&self.schema), columns));
        let batch = batch.map_err(|error| self.error(error.into()))?;
        self.writer.write(&batch).map_err(|error| self.error(error))
    }
}

impl Records for Parquet {
    fn write(&mut self, id: &Id, record: &Record) -> Result<(), BulkError> {
        self.batch.push(id, record);
        if self.batch.size_bytes() >= BATCH_BYTES { self.write_batch() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), BulkError> {
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<u64, BulkError> {
        self.write_batch()?;
        let (name, bytes) = (self.writer.inner().name.clone(), self.writer.inner().written);
        // This writes the last row group and the footer too.
        let target = self.writer.into_inner().map_err(|error| write_error(&name, bytes, error))?;
        target.commit()
    }
}

impl Batch {
    fn push(&mut self, id: &Id, record: &Record) {
        self.ids.push(id.clone());
        match &record.embedding {
            None => {}
            Some(Vector::F32(values)) => self.floats.extend_from_slice(values),
            Some(Vector::Int8(values) | Vector::Binary(values)) => {
                self.bytes.extend_from_slice(values);
            }
        }
        self.tokens.push(record.tokens as i64);
        self.tokens_used.push(record.tokens_used as i64);
        self.truncated.push(record.truncated);
        self.spans.push(record.span);
        self.chunks.push(record.chunk as i64);
        self.words.push(record.words.as_deref().unwrap_or_default());
        self.tokens_detail.push(record.tokens_detail.as_deref().unwrap_or_default());
    }

    fn size_bytes(&self) -> usize {
        let floats = [&self.floats, &self.words.floats, &self.tokens_detail.floats];
        let floats: usize = floats.iter().map(|values| values.len() * 4).sum();
        let texts = self.words.text_bytes + self.tokens_detail.text_bytes;
        let units = self.words.texts.len() + self.tokens_detail.texts.len();
        floats + texts + self.bytes.len() + 64 * (units + self.ids.len())
    }

    fn columns(self, shape: &Shape, ids: IdKind) -> Result<Vec<ArrayRef>, ArrowError> {
        let mut columns: Vec<ArrayRef> = vec![match ids {
            IdKind::Number => Arc::new(Int64Array::from_iter(self.ids.iter().map(|id| match id {
                Id::Number(number) => Some(*number),
                Id::Text(_) => None,
            }))),
            IdKind::Text => {
                Arc::new(StringArray::from_iter_values(self.ids.iter().map(Id::to_string)))
            }
        }];
        if shape.sentence {
            let values: ArrayRef = match shape.precision {
                Precision::F32 => Arc::new(Float32Array::from(self.floats)),
                Precision::Int8 | Precision::Binary => Arc::new(Int8Array::from(self.bytes)),
            };
            let item = Arc::new(Field::new_list_field(values.data_type().clone(), false));
            let width = width_of(shape)?;
            columns.push(Arc::new(FixedSizeListArray::try_new(item, width, values, None)?));
        }
        let numbers = |values: Vec<i64>| -> ArrayRef { Arc::new(Int64Array::from(values)) };
        columns.push(numbers(self.tokens));
        columns.push(numbers(self.tokens_used));
        columns.push(Arc::new(BooleanArray::from(self.truncated)));
        columns.push(numbers(self.spans.iter().map(|span| span[0] as i64).collect()));
        columns.push(numbers(self.spans.iter().map(|span| span[1] as i64).collect()));
        if shape.chunks {
            columns.push(numbers(self.chunks));
        }
        if shape.words {
            columns.push(self.words.column()?);
        }
        if shape.tokens {
            columns.push(self.tokens_detail.column()?);
        }
        Ok(columns)
    }
}

impl Units {
    fn push(&mut self, units: &[Unit]) {
        for unit in units {
            self.texts.push(unit.text.clone());
            self.text_bytes += unit.text.len();
            self.spans.push(unit.span);
            self.floats.extend_from_slice(&unit.embedding);
            // A batch that is too large for these offsets is refused before they are used.
            self.vector_ends.push(i32::try_from(self.floats.len()).unwrap_or(i32::MAX));
        }
        self.record_ends.push(i32::try_from(self.texts.len()).unwrap_or(i32::MAX));
    }

    fn column(self) -> Result<ArrayRef, ArrowError> {
        let side = |side: usize| -> ArrayRef {
            Arc::new(Int64Array::from_iter(
                self.spans.iter().map(|span| span.map(|span| span[side] as i64)),
            ))
        };
        let (starts, ends) = (side(0), side(1));
        let vectors = ListArray::try_new(
            Arc::new(Field::new_list_field(DataType::Float32, false)),
            OffsetBuffer::new(ScalarBuffer::from(self.vector_ends)),
            Arc::new(Float32Array::from(self.floats)),
            None,
        )?;
        let texts = Arc::new(StringArray::from(self.texts));
        let units = StructArray::try_new(
            unit_fields(),
            vec![texts, starts, ends, Arc::new(vectors)],
            None,
        )?;
        Ok(Arc::new(ListArray::try_new(
            Arc::new(Field::new_list_field(units_type(), false)),
            OffsetBuffer::new(ScalarBuffer::from(self.record_ends)),
            Arc::new(units),
            None,
        )?))
    }
}

fn unit_fields() -> Fields {
    let vector = Arc::new(Field::new_list_field(DataType::Float32, false));
    Fields::from(vec![
        Field::new("text", DataType::Utf8, false),
        Field::new("span_start", DataType::Int64, true),
        Field::new("span_end", DataType::Int64, true),
        Field::new("embedding", DataType::List(vector), false),
    ])
}

fn units_type() -> DataType {
    DataType::Struct(unit_fields())
}

fn width_of(shape: &Shape) -> Result<i32, ArrowError> {
    i32::try_from(shape.stored())
        .map_err(|_| ArrowError::SchemaError(format!("{} dimensions", shape.stored())))
}

fn schema(shape: &Shape, ids: IdKind) -> Result<Schema, BulkError> {
    let id = match ids {
        IdKind::Number => DataType::Int64,
        IdKind::Text => DataType::Utf8,
    };
    let mut fields = vec![Field::new("id", id, false)];
    if shape.sentence {
        let value = match shape.precision {
            Precision::F32 => DataType::Float32,
            Precision::Int8 | Precision::Binary => DataType::Int8,
        };
        let item = Arc::new(Field::new_list_field(value, false));
        let width = width_of(shape).map_err(|error| BulkError::Option {
            name: "parquet".to_owned(),
            option: "shape",
            reason: format!("is too wide for a list: {error}"),
        })?;
        fields.push(Field::new("embedding", DataType::FixedSizeList(item, width), false));
    }
    let number = |name: &str| Field::new(name, DataType::Int64, false);
    fields.push(number(if shape.tokens { "tokens_total" } else { "tokens" }));
    fields.push(number("tokens_used"));
    fields.push(Field::new("truncated", DataType::Boolean, false));
    fields.push(number("span_start"));
    fields.push(number("span_end"));
    if shape.chunks {
        fields.push(number("chunk"));
    }
    for (name, wanted) in [("words", shape.words), ("tokens", shape.tokens)] {
        if wanted {
            let item = Arc::new(Field::new_list_field(units_type(), false));
            fields.push(Field::new(name, DataType::List(item), false));
        }
    }
    Ok(Schema::new(fields))
}

/// Vectors have no repeats for a dictionary to share and no order for statistics to use.
fn properties(shape: &Shape) -> Result<WriterProperties, BulkError> {
    let level = ZstdLevel::try_new(1).map_err(|error| write_error("parquet", 0, error))?;
    let precision = match shape.precision {
        Precision::F32 => "f32",
        Precision::Int8 => "int8",
        Precision::Binary => "binary",
    };
    let entry = |key: &str, value: String| KeyValue::new(format!("contexture.{key}"), value);
    let metadata = vec![
        entry("precision", precision.to_owned()),
        entry("dimensions", shape.dimensions.to_string()),
    ];
    Ok(WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
        .set_key_value_metadata(shape.sentence.then_some(metadata))
        .build())
}

fn write_error(name: &str, bytes: u64, error: ParquetError) -> BulkError {
    let source = match error {
        ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
            Ok(io) => *io,
            Err(other) => std::io::Error::other(other),
        },
        other => std::io::Error::other(other),
    };
    BulkError::Write { name: name.to_owned(), bytes, source }
}

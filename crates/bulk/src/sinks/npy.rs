//! NumPy's format: one matrix, row-major, little-endian, that can be mapped.
//!
//! The rows are counted as they come, so the header leaves room for any count and is overwritten
//! at the end. Beside `out.npy` stands `out.npy.ids.jsonl`, which says what each row is:
//!
//! - sentences: `{"row","id","tokens","tokens_used","truncated","span"}` and `chunk` with chunks;
//! - words, tokens: the rows are their vectors, and each line is one of them: `unit` is its number
//!   in the text, `text` and `span` its own, the counts its text's. `row` is null for a word that
//!   lies in the cut tail and has no vector, `unit` too for a text without any.

use std::io::Write;

use contexture_engine::{Record, Unit, Vector};

use crate::error::BulkError;
use crate::item::Id;
use crate::output::{Output, Precision, Records, Shape};
use crate::target::Target;

use super::json::Object;

const HEADER_BYTES: usize = 128;

pub(crate) struct Npy {
    matrix: Target,
    ids: Target,
    shape: Shape,
    rows: usize,
    width: Option<usize>,
    row: Vec<u8>,
    line: Vec<u8>,
}

impl Npy {
    pub(crate) fn create(output: &Output, shape: Shape) -> Result<Self, BulkError> {
        let refuse = |name: String| BulkError::Option {
            name,
            option: "npy",
            reason: "needs a regular file, since its header is completed at the end".to_owned(),
        };
        let Output::File(path) = output else {
            return Err(refuse("standard output".to_owned()));
        };
        let mut matrix = Target::file(path)?;
        if !matrix.is_regular() {
            return Err(refuse(matrix.name));
        }
        let mut sidecar = path.as_os_str().to_owned();
        sidecar.push(".ids.jsonl");
        let ids = Target::file(sidecar.as_ref())?;
        let written = matrix.write_all(&[b' '; HEADER_BYTES]);
        written.map_err(|source| matrix.error(source))?;
        let width = shape.sentence.then(|| shape.stored());
        Ok(Self { matrix, ids, shape, rows: 0, width, row: Vec::new(), line: Vec::new() })
    }

    fn write_row(&mut self, values: &[f32]) -> Result<(), BulkError> {
        self.row.clear();
        self.row.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        self.matrix.write_all(&self.row).map_err(|source| self.matrix.error(source))?;
        self.width = Some(values.len());
        self.rows += 1;
        Ok(())
    }

    fn write_bytes(&mut self, values: &[i8]) -> Result<(), BulkError> {
        self.row.clear();
        self.row.extend(values.iter().map(|value| value.to_le_bytes()[0]));
        self.matrix.write_all(&self.row).map_err(|source| self.matrix.error(source))?;
        self.rows += 1;
        Ok(())
    }

    /// Writes a line of the sidecar; `unit` is a finer level's vector and its number.
    fn write_line(
        &mut self,
        row: Option<usize>,
        id: &Id,
        unit: Option<(usize, &Unit)>,
        record: &Record,
    ) -> Result<(), BulkError> {
        self.line.clear();
        let mut object = Object::begin(&mut self.line);
        match row {
            Some(row) => object.number("row", row),
            None => object.null("row"),
        }
        object.id(id);
        match unit {
            Some((number, unit)) => {
                object.number("unit", number);
                object.text("text", &unit.text);
            }
            None if !self.shape.sentence => object.null("unit"),
            None => {}
        }
        object.number("tokens", record.tokens);
        object.number("tokens_used", record.tokens_used);
        object.flag("truncated", record.truncated);
        if record.cut_words > 0 {
            object.number("cut_words", record.cut_words);
        }
        object.span(unit.map_or(Some(record.span), |(_, unit)| unit.span));
        if self.shape.chunks {
            object.number("chunk", record.chunk);
        }
        object.end();
        self.line.push(b'\n');
        self.ids.write_all(&self.line).map_err(|source| self.ids.error(source))
    }

    fn header(&self) -> Vec<u8> {
        let bytes = self.shape.sentence && self.shape.precision != Precision::F32;
        let kind = if bytes { "|i1" } else { "<f4" };
        let (rows, width) = (self.rows, self.width.unwrap_or(self.shape.dimensions));
        let mut header = b"\x93NUMPY\x01\x00".to_vec();
        header.extend_from_slice(&(HEADER_BYTES as u16 - 10).to_le_bytes());
        let entries =
            format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({rows}, {width}), }}");
        header.extend_from_slice(entries.as_bytes());
        header.resize(HEADER_BYTES - 1, b' ');
        header.push(b'\n');
        header
    }
}

impl Records for Npy {
    fn write(&mut self, id: &Id, record: &Record) -> Result<(), BulkError> {
        match &record.embedding {
            Some(Vector::F32(values)) => self.write_row(values)?,
            Some(Vector::Int8(values) | Vector::Binary(values)) => self.write_bytes(values)?,
            None => {
                let units = record.words.as_deref().or(record.tokens_detail.as_deref());
                let units = units.unwrap_or_default();
                if units.is_empty() {
                    return self.write_line(None, id, None, record);
                }
                for (number, unit) in units.iter().enumerate() {
                    let row = (!unit.embedding.is_empty()).then_some(self.rows);
                    if row.is_some() {
                        self.write_row(&unit.embedding)?;
                    }
                    self.write_line(row, id, Some((number, unit)), record)?;
                }
                return Ok(());
            }
        }
        self.write_line(Some(self.rows - 1), id, None, record)
    }

    fn flush(&mut self) -> Result<(), BulkError> {
        Ok(())
    }

    /// The matrix comes under its name last: where it stands, its sidecar does.
    fn finish(mut self: Box<Self>) -> Result<u64, BulkError> {
        let header = self.header();
        self.matrix.overwrite_start(&header)?;
        Ok(self.ids.commit()? + self.matrix.commit()?)
    }
}

//! Records that wait on disk until the whole run is known: int8 needs the range of every dimension
//! over all vectors before it can write the first, and memory must stay flat.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, Write};

use anyhow::{Context, Result, bail};
use contexture::quantize::Ranges;
use contexture::{Record, Span, Unit, Vector};
use contexture_bulk::Id;
use serde::{Deserialize, Serialize};

/// A record without its sentence vector, which follows as raw floats.
#[derive(Serialize, Deserialize)]
struct Head {
    id: IdHead,
    tokens: usize,
    tokens_used: usize,
    truncated: bool,
    span: Span,
    chunk: usize,
    words: Option<Vec<UnitHead>>,
    tokens_detail: Option<Vec<UnitHead>>,
    cut_words: usize,
}

#[derive(Serialize, Deserialize)]
enum IdHead {
    Number(i64),
    Text(String),
}

#[derive(Serialize, Deserialize)]
struct UnitHead {
    text: String,
    span: Option<Span>,
    embedding: Vec<f32>,
}

/// Below this many vectors the reference warns that ranges are not to be relied on.
const ENOUGH_FOR_RANGES: u64 = 100;

/// An anonymous temporary file of records.
pub(crate) struct Spool {
    file: BufWriter<File>,
    ranges: Option<Ranges>,
    dimensions: usize,
    records: u64,
}

impl Spool {
    pub(crate) fn new(dimensions: usize) -> Result<Self> {
        let file = tempfile::tempfile().context("a temporary file for the int8 pass")?;
        Ok(Self { file: BufWriter::new(file), ranges: None, dimensions, records: 0 })
    }

    pub(crate) fn add(&mut self, id: &Id, record: Record) -> Result<()> {
        let Some(Vector::F32(vector)) = record.embedding else {
            bail!("int8 is made from f32 sentence vectors; this record has none");
        };
        self.ranges.get_or_insert_with(|| Ranges::empty(self.dimensions)).include(&vector);
        let head = Head {
            id: match id {
                Id::Number(number) => IdHead::Number(*number),
                Id::Text(text) => IdHead::Text(text.clone()),
            },
            tokens: record.tokens,
            tokens_used: record.tokens_used,
            truncated: record.truncated,
            span: record.span,
            chunk: record.chunk,
            cut_words: record.cut_words,
            words: record.words.map(heads),
            tokens_detail: record.tokens_detail.map(heads),
        };
        let head = serde_json::to_vec(&head)?;
        self.file.write_all(&(head.len() as u64).to_le_bytes())?;
        self.file.write_all(&head)?;
        vector.iter().try_for_each(|value| self.file.write_all(&value.to_le_bytes()))?;
        self.records += 1;
        Ok(())
    }

    /// Hands every record on, quantised over the ranges of all of them, in order. A single vector
    /// spans no range: it is refused, as the reference refuses it.
    pub(crate) fn drain(self, mut emit: impl FnMut(&Id, &Record) -> Result<()>) -> Result<()> {
        let Some(ranges) = self.ranges else { return Ok(()) };
        if self.records == 1 {
            bail!("int8 needs two vectors or more to span a range; name one with --int8-ranges");
        }
        if self.records < ENOUGH_FOR_RANGES {
            eprintln!(
                "contexture: int8 ranges come from {} vectors only; --int8-ranges takes them from \
                 a file",
                self.records
            );
        }
        let mut file = self.file.into_inner().map_err(|error| error.into_error())?;
        file.rewind()?;
        let mut file = BufReader::new(file);
        for _ in 0..self.records {
            let mut length = [0; 8];
            file.read_exact(&mut length)?;
            let mut head = vec![0; u64::from_le_bytes(length) as usize];
            file.read_exact(&mut head)?;
            let head: Head = serde_json::from_slice(&head)?;
            let mut bytes = vec![0; 4 * self.dimensions];
            file.read_exact(&mut bytes)?;
            let vector: Vec<f32> = bytes
                .chunks_exact(4)
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect();
            let id = match head.id {
                IdHead::Number(number) => Id::Number(number),
                IdHead::Text(text) => Id::Text(text),
            };
            let record = Record {
                embedding: Some(Vector::Int8(ranges.int8(&vector))),
                tokens: head.tokens,
                tokens_used: head.tokens_used,
                truncated: head.truncated,
                span: head.span,
                chunk: head.chunk,
                words: head.words.map(units),
                tokens_detail: head.tokens_detail.map(units),
                cut_words: head.cut_words,
            };
            emit(&id, &record)?;
        }
        Ok(())
    }
}

fn heads(units: Vec<Unit>) -> Vec<UnitHead> {
    let head = |Unit { text, span, embedding }| UnitHead { text, span, embedding };
    units.into_iter().map(head).collect()
}

fn units(heads: Vec<UnitHead>) -> Vec<Unit> {
    let unit = |UnitHead { text, span, embedding }| Unit { text, span, embedding };
    heads.into_iter().map(unit).collect()
}

//! JSON lines.
//!
//! ```text
//! {"id":0,"embedding":[0.1,0.2],"tokens":12,"tokens_used":12,"truncated":false,"span":[0,47]}
//! ```
//!
//! - `id`: the user's, or the row's number from 0.
//! - `embedding`: the sentence vector, in the shortest digits that give back the same f32, or
//!   whole numbers for int8 and binary. Absent where only finer levels were asked for.
//! - `tokens`, `tokens_used`, `truncated`: the text's tokens, those that the model saw, and whether
//!   it was cut.
//! - `span`: the bytes of the text that the record covers; `chunk` (with chunks): its number.
//! - `words` (word level): a list of `{"text","span","embedding"}`.
//! - `tokens` (token level): such a list; the count then goes by the name `tokens_total`. `span` is
//!   null for tokens that the model added.

use std::io::{self, Write};

use contexture_engine::{Record, Vector};
use flate2::write::GzEncoder;

use crate::error::BulkError;
use crate::input::Compression;
use crate::item::Id;
use crate::output::{Output, Records, Shape};
use crate::target::Target;

use super::json::{Object, bytes, floats};

// Digits of vectors hardly compress: a higher level costs more time than the model for a few percent.
const ZSTD_LEVEL: i32 = 1;

enum Encoder {
    Plain(Target),
    Gzip(GzEncoder<Target>),
    Zstd(zstd::Encoder<'static, Target>),
}

impl Encoder {
    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Plain(target) => target,
            Self::Gzip(encoder) => encoder,
            Self::Zstd(encoder) => encoder,
        }
    }

    fn target(&self) -> &Target {
        match self {
            Self::Plain(target) => target,
            Self::Gzip(encoder) => encoder.get_ref(),
            Self::Zstd(encoder) => encoder.get_ref(),
        }
    }

    fn finish(self) -> io::Result<Target> {
        match self {
            Self::Plain(target) => Ok(target),
            Self::Gzip(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

pub(crate) struct Jsonl {
    encoder: Encoder,
    shape: Shape,
    line: Vec<u8>,
}

impl Jsonl {
    pub(crate) fn create(
        output: &Output,
        compression: Option<Compression>,
        shape: Shape,
    ) -> Result<Self, BulkError> {
        let target = match output {
            Output::Stdout => Target::stdout(),
            Output::File(path) => Target::file(path)?,
        };
        let name = target.name.clone();
        let encoder = match compression {
            None => Encoder::Plain(target),
            Some(Compression::Gzip) => {
                Encoder::Gzip(GzEncoder::new(target, flate2::Compression::fast()))
            }
            Some(Compression::Zstd) => {
                let encoder = zstd::Encoder::new(target, ZSTD_LEVEL);
                Encoder::Zstd(encoder.map_err(|source| BulkError::Write {
                    name,
                    bytes: 0,
                    source,
                })?)
            }
        };
        Ok(Self { encoder, shape, line: Vec::new() })
    }
}

impl Records for Jsonl {
    fn write(&mut self, id: &Id, record: &Record) -> Result<(), BulkError> {
        self.line.clear();
        write_record(&mut self.line, id, record, &self.shape);
        self.line.push(b'\n');
        let written = self.encoder.writer().write_all(&self.line);
        written.map_err(|source| self.encoder.target().error(source))
    }

    fn flush(&mut self) -> Result<(), BulkError> {
        let flushed = self.encoder.writer().flush();
        flushed.map_err(|source| self.encoder.target().error(source))
    }

    fn finish(self: Box<Self>) -> Result<u64, BulkError> {
        let name = self.encoder.target().name.clone();
        let bytes = self.encoder.target().written;
        let target =
            self.encoder.finish().map_err(|source| BulkError::Write { name, bytes, source })?;
        target.commit()
    }
}

fn write_record(line: &mut Vec<u8>, id: &Id, record: &Record, shape: &Shape) {
    let mut object = Object::begin(line);
    object.id(id);
    match &record.embedding {
        None => {}
        Some(Vector::F32(values)) => floats(object.key("embedding"), values),
        Some(Vector::Int8(values) | Vector::Binary(values)) => {
            bytes(object.key("embedding"), values);
        }
    }
    let count = if shape.tokens { "tokens_total" } else { "tokens" };
    object.number(count, record.tokens);
    object.number("tokens_used", record.tokens_used);
    object.flag("truncated", record.truncated);
    if record.cut_words > 0 {
        object.number("cut_words", record.cut_words);
    }
    object.span(Some(record.span));
    if shape.chunks {
        object.number("chunk", record.chunk);
    }
    if let Some(words) = &record.words {
        object.units("words", words);
    }
    if let Some(tokens) = &record.tokens_detail {
        object.units("tokens", tokens);
    }
    object.end();
}

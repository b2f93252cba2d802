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

use contexture_engine::{Record, Vector};

use crate::error::BulkError;
use crate::input::Compression;
use crate::item::Id;
use crate::output::{Output, Records, Shape};

use super::TextSink;
use super::json::{Object, bytes, floats};

pub(crate) struct Jsonl {
    sink: TextSink,
    shape: Shape,
    line: Vec<u8>,
}

impl Jsonl {
    pub(crate) fn create(
        output: &Output,
        compression: Option<Compression>,
        shape: Shape,
    ) -> Result<Self, BulkError> {
        Ok(Self { sink: TextSink::compressed(output, compression)?, shape, line: Vec::new() })
    }
}

impl Records for Jsonl {
    fn write(&mut self, id: &Id, record: &Record) -> Result<(), BulkError> {
        self.line.clear();
        write_record(&mut self.line, id, record, &self.shape);
        self.line.push(b'\n');
        self.sink.write_bytes(&self.line)
    }

    fn flush(&mut self) -> Result<(), BulkError> {
        self.sink.flush()
    }

    fn finish(self: Box<Self>) -> Result<u64, BulkError> {
        self.sink.finish()
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

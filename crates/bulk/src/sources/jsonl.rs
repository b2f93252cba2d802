//! JSON lines: an object per line.
//!
//! A field's name is looked up as it stands, then, if it holds dots, as a path. A field that is a
//! list of texts holds the user's own words. Blank lines are no rows.

use contexture_engine::Span;
use serde_json::{Map, Value};

use crate::bytes::{ByteStream, Lines, decode};
use crate::error::{BulkError, RowError, RowFault};
use crate::input::{IdChoice, Input, SourceOptions};
use crate::item::{Id, IdKind, Item, Words};
use crate::source::Rows;

const NAMES_OF_IDS: [&str; 2] = ["id", "_id"];

pub(crate) struct Jsonl {
    lines: Lines,
    fields: Vec<String>,
    id: Option<String>,
    lossy: bool,
    scalars: bool,
    /// Rows so far, those in error counted.
    rows: usize,
    /// The outcome of reading the line that stands in `lines`, where it was read ahead.
    ahead: Option<Result<bool, RowFault>>,
}

impl Jsonl {
    pub(crate) fn open(input: &Input, options: &SourceOptions) -> Result<Self, BulkError> {
        let lines = Lines::new(ByteStream::open(input)?, options.line_limit_bytes);
        let mut fields = options.fields.clone();
        if fields.is_empty() {
            fields.push("text".to_owned());
        }
        let SourceOptions { lossy, scalars, .. } = *options;
        let mut rows = Self { lines, fields, id: None, lossy, scalars, rows: 0, ahead: None };
        rows.id = match &options.id {
            IdChoice::RowNumber => None,
            IdChoice::Named(name) => Some(name.clone()),
            IdChoice::Auto => rows.id_of_first_row(),
        };
        Ok(rows)
    }

    /// Looks at the first row without using it up.
    fn id_of_first_row(&mut self) -> Option<String> {
        let ahead = self.advance();
        let row = match ahead {
            Ok(true) => serde_json::from_slice::<Map<String, Value>>(&self.lines.line).ok(),
            _ => None,
        };
        self.ahead = Some(ahead);
        let row = row?;
        let fits = |name: &&&str| row.get(**name).is_some_and(|value| id_from(value).is_some());
        NAMES_OF_IDS.iter().find(fits).map(|name| (*name).to_owned())
    }

    /// The next line that is not blank.
    fn advance(&mut self) -> Result<bool, RowFault> {
        while self.lines.advance()? {
            if !self.lines.line.trim_ascii().is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn parse(&self) -> Result<Item, RowFault> {
        let line = decode(&self.lines.line, self.lossy, self.lines.start, 0)?;
        let value: Value = serde_json::from_str(&line).map_err(|error| json_fault(&error))?;
        let Value::Object(object) = value else {
            let field = self.fields[0].clone();
            return Err(RowFault::NotObject { field, found: kind(&value) });
        };
        let (text, words) = match self.fields.as_slice() {
            [field] => text_or_words(&object, field, self.scalars)?,
            fields => (joined(&object, fields)?, None),
        };
        let id = match &self.id {
            None => Id::Number(self.rows as i64 - 1),
            Some(field) => {
                let value = find(&object, field)?;
                id_from(value).ok_or_else(|| RowFault::WrongType {
                    field: field.clone(),
                    expected: "a text or a whole number as id",
                    found: kind(value).to_owned(),
                })?
            }
        };
        Ok(Item { id, row: self.lines.number, text, words })
    }
}

impl Rows for Jsonl {
    fn next_row(&mut self) -> Option<Result<Item, RowError>> {
        let ahead = self.ahead.take();
        let read = ahead.unwrap_or_else(|| self.advance());
        let item = match read {
            Ok(false) => return None,
            Ok(true) => {
                self.rows += 1;
                self.parse()
            }
            Err(fault) => {
                self.rows += 1;
                Err(fault)
            }
        };
        Some(item.map_err(|fault| RowError {
            name: self.lines.stream.name.clone(),
            unit: "line",
            row: self.lines.number,
            fault,
        }))
    }

    fn id_kind(&self) -> IdKind {
        if self.id.is_some() { IdKind::Text } else { IdKind::Number }
    }

    fn bytes_read(&self) -> u64 {
        self.lines.stream.bytes_read()
    }

    fn size_bytes(&self) -> Option<u64> {
        self.lines.stream.size_bytes()
    }
}

fn find<'a>(object: &'a Map<String, Value>, field: &str) -> Result<&'a Value, RowFault> {
    let missing = || RowFault::Missing { field: field.to_owned(), found: names(object) };
    if let Some(value) = object.get(field) {
        return Ok(value);
    }
    let mut steps = field.split('.');
    let first = steps.next().and_then(|step| object.get(step)).ok_or_else(missing)?;
    steps.try_fold(first, |value, step| value.get(step)).ok_or_else(missing)
}

fn text_or_words(
    object: &Map<String, Value>,
    field: &str,
    scalars: bool,
) -> Result<(String, Option<Vec<Span>>), RowFault> {
    let wrong = |found: String| RowFault::WrongType {
        field: field.to_owned(),
        expected: "a text or a list of words",
        found,
    };
    match find(object, field)? {
        Value::String(text) => Ok((text.clone(), None)),
        Value::Number(number) if scalars => Ok((number.to_string(), None)),
        Value::Bool(truth) if scalars => Ok((truth.to_string(), None)),
        Value::Null => Err(RowFault::Null { field: field.to_owned() }),
        Value::Array(list) => {
            let mut words = Words::default();
            for (index, word) in list.iter().enumerate() {
                let word = word
                    .as_str()
                    .ok_or_else(|| wrong(format!("{} at index {index} of the list", kind(word))))?;
                words.push(word);
            }
            Ok(words.finish())
        }
        other => Err(wrong(kind(other).to_owned())),
    }
}

fn joined(object: &Map<String, Value>, fields: &[String]) -> Result<String, RowFault> {
    let mut text = String::new();
    for field in fields {
        let part = match find(object, field)? {
            Value::String(part) => part,
            Value::Null => return Err(RowFault::Null { field: field.clone() }),
            other => {
                return Err(RowFault::WrongType {
                    field: field.clone(),
                    expected: "a text, since several fields are joined",
                    found: kind(other).to_owned(),
                });
            }
        };
        if !text.is_empty() && !part.is_empty() {
            text.push(' ');
        }
        text.push_str(part);
    }
    Ok(text)
}

fn id_from(value: &Value) -> Option<Id> {
    match value {
        Value::String(text) => Some(Id::Text(text.clone())),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Some(Id::Number(number)),
            (None, Some(number)) => Some(Id::Text(number.to_string())),
            (None, None) => None,
        },
        _ => None,
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The fields of an object, for an error: no more than a line of them.
fn names(object: &Map<String, Value>) -> String {
    if object.is_empty() {
        return "an object without fields".to_owned();
    }
    let shown: Vec<String> = object
        .keys()
        .take(12)
        .map(|name| format!("`{}`", name.chars().take(40).collect::<String>()))
        .collect();
    let rest = object.len() - shown.len();
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    format!("the fields {}{more}", shown.join(", "))
}

fn json_fault(error: &serde_json::Error) -> RowFault {
    let message = error.to_string();
    let reason = message.rfind(" at line ").map_or(message.as_str(), |end| &message[..end]);
    RowFault::Json { column: error.column(), reason: reason.to_owned() }
}

//! JSON, written straight into a buffer: vectors are most of the bytes, and a generic writer
//! would spend more on each number than its digits cost.

use std::io::Write;

use contexture_engine::Unit;

use crate::item::Id;

/// An object that is being written; keys are written as they stand.
pub(crate) struct Object<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl<'a> Object<'a> {
    pub(crate) fn begin(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, first: true }
    }

    pub(crate) fn end(self) {
        self.out.push(b'}');
    }

    /// Writes a key and returns where its value goes.
    pub(crate) fn key(&mut self, key: &str) -> &mut Vec<u8> {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    pub(crate) fn id(&mut self, value: &Id) {
        let out = self.key("id");
        match value {
            Id::Number(number) => display(out, number),
            Id::Text(text) => string(out, text),
        }
    }

    pub(crate) fn number(&mut self, key: &str, value: usize) {
        display(self.key(key), value);
    }

    pub(crate) fn flag(&mut self, key: &str, value: bool) {
        display(self.key(key), value);
    }

    pub(crate) fn text(&mut self, key: &str, value: &str) {
        string(self.key(key), value);
    }

    pub(crate) fn null(&mut self, key: &str) {
        self.key(key).extend_from_slice(b"null");
    }

    pub(crate) fn span(&mut self, value: Option<[usize; 2]>) {
        match value {
            Some([start, end]) => display(self.key("span"), format_args!("[{start},{end}]")),
            None => self.null("span"),
        }
    }

    pub(crate) fn units(&mut self, key: &str, units: &[Unit]) {
        list(self.key(key), units, |out, unit| {
            let mut object = Object::begin(out);
            object.text("text", &unit.text);
            object.span(unit.span);
            floats(object.key("embedding"), &unit.embedding);
            object.end();
        });
    }
}

/// The shortest digits that give back the same f32. The values are finite.
pub(crate) fn floats(out: &mut Vec<u8>, values: &[f32]) {
    let mut digits = zmij::Buffer::new();
    list(out, values, |out, value| {
        out.extend_from_slice(digits.format_finite(*value).as_bytes());
    });
}

pub(crate) fn bytes(out: &mut Vec<u8>, values: &[i8]) {
    list(out, values, |out, value| display(out, value));
}

fn list<T>(out: &mut Vec<u8>, values: &[T], mut write: impl FnMut(&mut Vec<u8>, &T)) {
    out.push(b'[');
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, value);
    }
    out.push(b']');
}

/// Writing to a `Vec` cannot fail.
fn display(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    let _ = write!(out, "{value}");
}

fn string(out: &mut Vec<u8>, text: &str) {
    let _ = serde_json::to_writer(out, text);
}

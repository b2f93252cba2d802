//! Files and records for the tests.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use contexture_bulk::{Input, Item, SourceOptions, open_source};
use contexture_engine::{Record, Vector};
use parquet::arrow::ArrowWriter;

/// A folder that goes away with the test.
pub(crate) struct Stage(tempfile::TempDir);

impl Stage {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).expect("writes");
        path
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).expect("lists");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

impl Packing {
    pub(crate) const ALL: [Self; 3] = [Self::Plain, Self::Gzip, Self::Zstd];

    pub(crate) fn ending(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
        }
    }

    pub(crate) fn pack(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Plain => bytes.to_vec(),
            Self::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(vec![], Default::default());
                encoder.write_all(bytes).expect("packs");
                encoder.finish().expect("packs")
            }
            Self::Zstd => {
                let mut encoder = zstd::Encoder::new(vec![], 3).expect("packs");
                encoder.include_checksum(true).expect("packs");
                encoder.write_all(bytes).expect("packs");
                encoder.finish().expect("packs")
            }
        }
    }
}

/// The content of a file, by its ending.
pub(crate) fn unpack(path: &Path) -> Vec<u8> {
    let file = fs::File::open(path).expect("opens");
    let mut content = vec![];
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("gz") => flate2::read::GzDecoder::new(file).read_to_end(&mut content),
        Some("zst") => zstd::Decoder::new(file).expect("zstd").read_to_end(&mut content),
        _ => fs::read(path).map(|bytes| {
            content = bytes;
            content.len()
        }),
    }
    .expect("unpacks");
    content
}

/// All items, or the first error's text.
pub(crate) fn read_all(path: &Path, options: &SourceOptions) -> Result<Vec<Item>, String> {
    let source = open_source(&Input::File(path.into()), options).map_err(|e| e.to_string())?;
    source.map(|item| item.map_err(|error| error.to_string())).collect()
}

/// A Parquet file with the columns `number` and `text`, two rows to a group.
pub(crate) fn parquet_texts(texts: &[Option<&str>]) -> Vec<u8> {
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..texts.len() as i64));
    let texts: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
    parquet_of(&[("number", numbers), ("text", texts)])
}

pub(crate) fn parquet_of(columns: &[(&str, ArrayRef)]) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns.iter().cloned()).expect("a batch");
    let properties = parquet::file::properties::WriterProperties::builder()
        .set_max_row_group_row_count(Some(2))
        .build();
    let mut bytes = vec![];
    let mut writer =
        ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).expect("a writer");
    writer.write(&batch).expect("writes");
    writer.close().expect("closes");
    bytes
}

pub(crate) fn record(values: Vec<f32>) -> Record {
    Record {
        embedding: Some(Vector::F32(values)),
        tokens: 9,
        tokens_used: 8,
        truncated: true,
        span: [0, 20],
        chunk: 2,
        words: None,
        tokens_detail: None,
        cut_words: 0,
    }
}

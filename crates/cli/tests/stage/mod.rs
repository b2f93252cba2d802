//! What the command's tests share: the command itself, tiny models, readers of what it writes.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::Value;

/// A tiny random model of this family.
pub(crate) fn model(family: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../verify/goldens/families").join(family)
}

/// The command, with nothing of the user's environment that changes results.
pub(crate) fn command() -> std::process::Command {
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("contexture"));
    command.env_remove("CONTEXTURE_MODEL").env_remove("CONTEXTURE_ISA").stdin(Stdio::null());
    command
}

/// A command with tiny BERT.
pub(crate) fn bert(name: &str, arguments: &[&str]) -> std::process::Command {
    let mut command = command();
    command.arg(name).arg("--model").arg(model("bert")).args(arguments);
    command
}

/// Runs `embed` with tiny BERT.
pub(crate) fn embed(arguments: &[&str]) -> Output {
    bert("embed", arguments).output().expect("the command starts")
}

/// As [`embed`], with bytes on standard input.
pub(crate) fn embed_stdin(arguments: &[&str], bytes: &[u8]) -> Output {
    let mut command = assert_cmd::Command::from_std(bert("embed", arguments));
    command.write_stdin(bytes.to_vec()).output().expect("the command starts")
}

/// Standard output of a run that must succeed.
pub(crate) fn good(output: Output) -> String {
    assert!(output.status.success(), "{}", errors(&output));
    String::from_utf8(output.stdout).expect("standard output is UTF-8")
}

/// Standard error.
pub(crate) fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The message of a run that must fail with code 1 and must not have written a record.
pub(crate) fn bad(output: Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
    errors(&output)
}

/// A JSON value a line.
pub(crate) fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

/// An array of numbers as f32; the digits give back the same bits.
pub(crate) fn floats(value: &Value) -> Vec<f32> {
    let values = value.as_array().expect("an array");
    values.iter().map(|value| value.to_string().parse().expect("a number")).collect()
}

/// The sentence vectors of JSONL records.
pub(crate) fn vectors(text: &str) -> Vec<Vec<f32>> {
    lines(text).iter().map(|record| floats(&record["embedding"])).collect()
}

/// A version 1 npy of little-endian f32: rows.
pub(crate) fn npy(path: &Path) -> Vec<Vec<f32>> {
    let bytes = fs::read(path).expect("the npy file");
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
    let begin = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = String::from_utf8_lossy(&bytes[10..begin]).into_owned();
    assert!(header.contains("'<f4'"), "{header}");
    let shape = header.split_once('(').and_then(|(_, rest)| rest.split_once(')')).expect("shape");
    let sizes: Vec<usize> = shape.0.split(',').filter_map(|n| n.trim().parse().ok()).collect();
    let values: Vec<f32> = bytes[begin..]
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect();
    assert_eq!(values.len(), sizes[0] * sizes[1], "{header}");
    values.chunks_exact(sizes[1]).map(<[f32]>::to_vec).collect()
}

/// The column `embedding` of a Parquet file.
pub(crate) fn parquet_vectors(path: &Path) -> Vec<Vec<f32>> {
    let file = fs::File::open(path).expect("the Parquet file");
    let reader = SerializedFileReader::new(file).expect("Parquet");
    let rows = reader.get_row_iter(None).expect("rows");
    let mut vectors = Vec::new();
    for row in rows {
        let row = row.expect("a row");
        let (_, field) =
            row.get_column_iter().find(|(name, _)| *name == "embedding").expect("a column");
        let Field::ListInternal(list) = field else { panic!("not a list: {field}") };
        let float = |value: &Field| match value {
            Field::Float(value) => *value,
            other => panic!("not a float: {other}"),
        };
        vectors.push(list.elements().iter().map(float).collect());
    }
    vectors
}

/// The names in a folder, sorted.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder");
    let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
    let mut names: Vec<String> = entries.map(|e| name(e).to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

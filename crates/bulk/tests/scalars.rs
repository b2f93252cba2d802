//! Labels and scores: numbers, true and false as the texts that spell them, where that is asked for.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int32Array, RecordBatch};
use contexture_bulk::{Input, SourceOptions, open_source};
use parquet::arrow::ArrowWriter;

fn texts(path: &Path, column: &str, scalars: bool) -> Result<Vec<String>, String> {
    let options = SourceOptions {
        fields: vec![column.into()],
        column: Some(column.into()),
        scalars,
        ..SourceOptions::default()
    };
    let source = open_source(&Input::File(path.into()), &options).map_err(|e| e.to_string())?;
    source.map(|item| item.map(|item| item.text).map_err(|e| e.to_string())).collect()
}

#[test]
fn numbers_and_truths_are_spelled_where_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("rows.jsonl");
    std::fs::write(
        &json,
        "{\"score\": 2.5, \"label\": 1, \"yes\": true}\n{\"score\": -3, \"label\": 0, \"yes\": false}\n",
    )
    .unwrap();
    let table = folder.path().join("rows.parquet");
    let columns: [(&str, ArrayRef); 3] = [
        ("score", Arc::new(Float64Array::from(vec![2.5, -3.0]))),
        ("label", Arc::new(Int32Array::from(vec![1, 0]))),
        ("yes", Arc::new(BooleanArray::from(vec![true, false]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let file = std::fs::File::create(&table).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    for path in [&json, &table] {
        for (column, expected) in
            [("score", ["2.5", "-3"]), ("label", ["1", "0"]), ("yes", ["true", "false"])]
        {
            assert_eq!(texts(path, column, true).unwrap(), expected, "{}", path.display());
            assert!(texts(path, column, false).is_err(), "{} {column}", path.display());
        }
    }
}

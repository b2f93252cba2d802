//! What goes in comes out: every format, every compression, every level.

mod stage;

use std::fs;

use contexture_bulk::{
    Id, IdChoice, IdKind, Input, Item, Output, OutputFormat, Precision, Shape, Sink, SinkOptions,
    SourceOptions, open_source,
};
use contexture_engine::{Record, Unit, Vector};
use npyz::NpyFile;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use stage::{Packing, Stage, parquet_texts, read_all, record};

const TEXTS: [&str; 8] = [
    "plain",
    "",
    "  spaces  ",
    "naïve 日本語 🦀",
    "a\u{0}b",
    "e\u{301}",
    "\"quoted\", comma",
    "last",
];

fn csv_cell(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// The eight texts in a format, with and without an end of the last line.
fn content(ending: &str, end: &str) -> Vec<u8> {
    let lines: Vec<String> = match ending {
        "txt" => TEXTS.iter().map(|text| (*text).to_owned()).collect(),
        "jsonl" => {
            TEXTS.iter().map(|text| serde_json::json!({ "text": text }).to_string()).collect()
        }
        "tsv" => {
            let rows = TEXTS.iter().map(|text| format!("x\t{text}"));
            ["label\ttext".to_owned()].into_iter().chain(rows).collect()
        }
        "csv" => {
            let rows = TEXTS.iter().map(|text| format!("x,{}", csv_cell(text)));
            ["label,text".to_owned()].into_iter().chain(rows).collect()
        }
        "parquet" => return parquet_texts(&TEXTS.map(Some)),
        other => panic!("{other}"),
    };
    lines.join(end).into_bytes()
}

#[test]
fn every_format_and_compression_gives_the_same_texts() {
    let stage = Stage::new();
    let mut cases = 0;
    for ending in ["txt", "jsonl", "tsv", "csv", "parquet"] {
        for (end, last) in [("\n", ""), ("\n", "\n"), ("\r\n", "\r\n")] {
            for packing in Packing::ALL {
                let mut bytes = content(ending, end);
                if ending != "parquet" {
                    bytes.extend_from_slice(last.as_bytes());
                }
                let name = format!("texts.{ending}{}", packing.ending());
                let path = stage.write(&name, &packing.pack(&bytes));
                let items = read_all(&path, &SourceOptions::default()).expect(&name);
                let texts: Vec<&str> = items.iter().map(|item| item.text.as_str()).collect();
                assert_eq!(texts, TEXTS, "{name}, line end {end:?}");
                let ids: Vec<Id> = items.iter().map(|item| item.id.clone()).collect();
                assert_eq!(ids, (0..8).map(Id::Number).collect::<Vec<_>>(), "{name}");
                cases += 1;
            }
        }
    }
    assert_eq!(cases, 45);
}

#[test]
fn content_tells_the_compression_where_the_name_does_not() {
    let stage = Stage::new();
    for packing in [Packing::Gzip, Packing::Zstd] {
        let path = stage.write("texts.txt", &packing.pack(b"one\ntwo"));
        let items = read_all(&path, &SourceOptions::default()).expect("reads");
        assert_eq!(items.len(), 2);
    }
}

#[test]
fn several_members_and_frames_are_one_file() {
    let stage = Stage::new();
    for packing in [Packing::Gzip, Packing::Zstd] {
        let mut bytes = packing.pack(b"one\ntw");
        bytes.extend(packing.pack(b"o\nthree\n"));
        let path = stage.write(&format!("texts.txt{}", packing.ending()), &bytes);
        let items = read_all(&path, &SourceOptions::default()).expect("reads");
        assert_eq!(
            items.iter().map(|item| &item.text).collect::<Vec<_>>(),
            ["one", "two", "three"]
        );
    }
}

#[test]
fn arguments_are_texts() {
    let input = Input::Arguments(vec!["one".into(), String::new()]);
    let mut source = open_source(&input, &SourceOptions::default()).expect("opens");
    assert_eq!((source.total_rows(), source.size_hint_bytes()), (Some(2), Some(3)));
    let items: Vec<Item> = source.by_ref().map(|item| item.expect("a text")).collect();
    assert_eq!((items[0].row, items[1].row, items[1].text.as_str()), (1, 2, ""));
    assert_eq!(source.bytes_read(), 3);
}

#[test]
fn a_byte_order_mark_is_no_text_and_empty_files_hold_none() {
    let stage = Stage::new();
    let read = |name: &str, bytes: &[u8]| {
        read_all(&stage.write(name, bytes), &SourceOptions::default()).expect(name)
    };
    assert_eq!(read("a.txt", b"\xEF\xBB\xBFone\n")[0].text, "one");
    assert_eq!(read("a.csv", b"\xEF\xBB\xBFtext\nx\n")[0].text, "x");
    assert_eq!(read("a.txt", b"").len(), 0);
    assert_eq!(read("a.txt", b"\xEF\xBB\xBF").len(), 0);
    assert_eq!(read("a.txt", b"\n").len(), 1);
    assert_eq!(read("a.txt", b"a\rb\n")[0].text, "a\rb");
    assert_eq!(read("a.jsonl", b"\n \n").len(), 0);
    assert_eq!(read("a.csv", b"text\n\n\n").len(), 0);
}

#[test]
fn fields_nest_join_and_hold_words() {
    let stage = Stage::new();
    let path = stage.write(
        "a.jsonl",
        br#"{"a":{"b":"nested"},"c.d":"dotted","title":"T","text":"body","words":["New York","","x"],"_id":"q7","n":5}
{"a":{"b":"n2"},"c.d":"d2","title":"","text":"only","words":[],"_id":"q8","n":6}
"#,
    );
    let read = |fields: &[&str], id: IdChoice| {
        let fields = fields.iter().map(|field| (*field).to_owned()).collect();
        read_all(&path, &SourceOptions { fields, id, ..SourceOptions::default() }).expect("reads")
    };
    assert_eq!(read(&["a.b"], IdChoice::Auto)[0].text, "nested");
    assert_eq!(read(&["c.d"], IdChoice::Auto)[0].text, "dotted");
    let joined = read(&["title", "text"], IdChoice::Auto);
    assert_eq!((joined[0].text.as_str(), joined[1].text.as_str()), ("T body", "only"));
    let words = read(&["words"], IdChoice::Auto);
    assert_eq!(words[0].text, "New York  x");
    assert_eq!(words[0].words, Some(vec![[0, 8], [9, 9], [10, 11]]));
    assert_eq!((words[1].text.as_str(), &words[1].words), ("", &Some(vec![])));
    assert_eq!(words[0].id, Id::Text("q7".into()));
    assert_eq!(read(&["text"], IdChoice::RowNumber)[1].id, Id::Number(1));
    assert_eq!(read(&["text"], IdChoice::Named("n".into()))[1].id, Id::Number(6));
}

#[test]
fn columns_go_by_name_or_number() {
    let stage = Stage::new();
    let csv = stage.write("a.csv", b"id,sentence,3\nx,one,two\n\ny,\"a\nb\",c\n");
    let read = |path, column: Option<&str>, header| {
        let column = column.map(str::to_owned);
        read_all(path, &SourceOptions { column, header, ..SourceOptions::default() })
            .expect("reads")
    };
    let items = read(&csv, None, true);
    assert_eq!((items[0].text.as_str(), items[1].text.as_str()), ("one", "a\nb"));
    assert_eq!((items[0].row, items[1].row), (2, 4), "rows are lines of the file");
    assert_eq!(items[1].id, Id::Text("y".into()));
    assert_eq!(read(&csv, Some("3"), true)[0].text, "two");
    assert_eq!(read(&csv, Some("2"), true)[0].text, "one");
    assert_eq!(read(&csv, Some("2"), false)[0].text, "sentence");
    let tsv = stage.write("a.tsv", b"a\tb\n1\t\"2\t3\n\t\n");
    let items = read(&tsv, Some("2"), false);
    assert_eq!(items.iter().map(|item| item.text.as_str()).collect::<Vec<_>>(), ["b", "\"2", ""]);
}

#[test]
fn lossy_reading_replaces() {
    let stage = Stage::new();
    for (name, bytes) in [
        ("a.txt", b"a\xFFb\n".as_slice()),
        ("a.csv", b"text\na\xFFb\n"),
        ("a.tsv", b"text\na\xFFb"),
    ] {
        let options = SourceOptions { lossy: true, ..SourceOptions::default() };
        let items = read_all(&stage.write(name, bytes), &options).expect(name);
        assert_eq!(items[0].text, "a\u{FFFD}b", "{name}");
    }
}

fn unit(text: &str, span: Option<[usize; 2]>, embedding: Vec<f32>) -> Unit {
    Unit { text: text.into(), span, embedding }
}

fn write(path: &std::path::Path, options: &SinkOptions, records: &[(Id, Record)]) -> u64 {
    let mut sink = Sink::create(&Output::File(path.into()), options).expect("creates");
    for (id, record) in records {
        sink.write(id, record).expect("writes");
    }
    assert!(!path.exists(), "nothing under the final name before the end");
    let written = sink.finish().expect("finishes");
    assert_eq!(written.records, records.len());
    written.bytes
}

#[test]
fn jsonl_is_exactly_the_documented_record() {
    let stage = Stage::new();
    let path = stage.path("out.jsonl");
    let mut full = record(vec![0.1, -1.0, 1e-8]);
    full.words =
        Some(vec![unit("a\"b", Some([0, 3]), vec![0.5]), unit("cut", Some([4, 7]), vec![])]);
    let mut options = SinkOptions::new(Shape::sentences(3), IdKind::Text);
    write(&path, &options, &[(Id::Number(7), record(vec![0.1, -1.0, 1e-8]))]);
    assert_eq!(
        fs::read_to_string(&path).expect("reads"),
        "{\"id\":7,\"embedding\":[0.1,-1.0,1e-8],\"tokens\":9,\"tokens_used\":8,\
         \"truncated\":true,\"span\":[0,20]}\n"
    );
    fs::remove_file(&path).expect("removes");
    options.shape.words = true;
    options.shape.chunks = true;
    write(&path, &options, &[(Id::Text("q\u{1}".into()), full.clone())]);
    assert_eq!(
        fs::read_to_string(&path).expect("reads"),
        "{\"id\":\"q\\u0001\",\"embedding\":[0.1,-1.0,1e-8],\"tokens\":9,\"tokens_used\":8,\
         \"truncated\":true,\"span\":[0,20],\"chunk\":2,\"words\":[{\"text\":\"a\\\"b\",\
         \"span\":[0,3],\"embedding\":[0.5]},{\"text\":\"cut\",\"span\":[4,7],\"embedding\":[]}]}\n"
    );
    fs::remove_file(&path).expect("removes");
    options.shape = Shape { sentence: false, words: false, tokens: true, ..Shape::sentences(1) };
    (full.embedding, full.words) = (None, None);
    full.tokens_detail = Some(vec![unit("[CLS]", None, vec![2.0])]);
    write(&path, &options, &[(Id::Number(0), full)]);
    assert_eq!(
        fs::read_to_string(&path).expect("reads"),
        "{\"id\":0,\"tokens_total\":9,\"tokens_used\":8,\"truncated\":true,\"span\":[0,20],\
         \"tokens\":[{\"text\":\"[CLS]\",\"span\":null,\"embedding\":[2.0]}]}\n"
    );
}

#[test]
fn floats_come_back_bit_for_bit() {
    let stage = Stage::new();
    let mut bits = 0x2545_F491_u32;
    let mut values = vec![0.0, -0.0, f32::MIN_POSITIVE, f32::MAX, f32::MIN, 1e-45, 16_777_216.0];
    while values.len() < 4096 {
        bits ^= bits << 13;
        bits ^= bits >> 17;
        bits ^= bits << 5;
        values.extend(Some(f32::from_bits(bits)).filter(|value| value.is_finite()));
    }
    for ending in ["", ".gz", ".zst"] {
        let path = stage.path(&format!("out.jsonl{ending}"));
        let options = SinkOptions::new(Shape::sentences(values.len()), IdKind::Number);
        write(&path, &options, &[(Id::Number(0), record(values.clone()))]);
        let line = stage::unpack(&path);
        let parsed: Value = serde_json::from_slice(&line).expect("is JSON");
        let back = parsed["embedding"].as_array().expect("a list");
        for (value, back) in values.iter().zip(back) {
            let back: f32 = back.to_string().parse().expect("a number");
            assert_eq!(value.to_bits(), back.to_bits(), "{value}");
        }
    }
}

#[test]
fn npy_holds_the_matrix_and_its_ids() {
    let stage = Stage::new();
    let path = stage.path("out.npy");
    let options = SinkOptions::new(Shape::sentences(3), IdKind::Text);
    let rows: Vec<(Id, Record)> =
        (0..5).map(|n| (Id::Text(format!("r{n}")), record(vec![n as f32, 0.5, -1.0]))).collect();
    write(&path, &options, &rows);
    let bytes = fs::read(&path).expect("reads");
    let file = NpyFile::new(&bytes[..]).expect("is npy");
    assert_eq!(file.shape(), [5, 3]);
    let values: Vec<f32> = file.into_vec().expect("is f32");
    assert_eq!(values[12..15], [4.0, 0.5, -1.0]);
    let ids = fs::read_to_string(stage.path("out.npy.ids.jsonl")).expect("reads");
    assert_eq!(
        ids.lines().nth(1),
        Some(
            "{\"row\":1,\"id\":\"r1\",\"tokens\":9,\"tokens_used\":8,\"truncated\":true,\
             \"span\":[0,20]}"
        )
    );
}

#[test]
fn npy_of_words_says_which_row_is_which() {
    let stage = Stage::new();
    let path = stage.path("out.npy");
    let mut options = SinkOptions::new(Shape::sentences(2), IdKind::Number);
    (options.shape.sentence, options.shape.words) = (false, true);
    let mut first = record(vec![]);
    first.embedding = None;
    let mut second = first.clone();
    first.words = Some(vec![
        unit("a", Some([0, 1]), vec![1.0, 2.0]),
        unit("cut", Some([2, 5]), vec![]),
        unit("b", Some([6, 7]), vec![3.0, 4.0]),
    ]);
    second.words = Some(vec![]);
    write(&path, &options, &[(Id::Number(0), first), (Id::Number(1), second)]);
    let bytes = fs::read(&path).expect("reads");
    let file = NpyFile::new(&bytes[..]).expect("is npy");
    assert_eq!(file.shape(), [2, 2]);
    let ids = fs::read_to_string(stage.path("out.npy.ids.jsonl")).expect("reads");
    let lines: Vec<Value> =
        ids.lines().map(|line| serde_json::from_str(line).expect("is JSON")).collect();
    let rows: Vec<Value> = lines.iter().map(|line| line["row"].clone()).collect();
    assert_eq!(rows, [Value::from(0), Value::Null, Value::from(1), Value::Null]);
    assert_eq!((&lines[2]["text"], &lines[2]["span"][0]), (&Value::from("b"), &Value::from(6)));
    assert_eq!((&lines[3]["id"], &lines[3]["unit"]), (&Value::from(1), &Value::Null));
}

#[test]
fn bytes_and_empty_runs_keep_their_types() {
    let stage = Stage::new();
    for (precision, stored) in [(Precision::Int8, 16), (Precision::Binary, 2)] {
        let shape = Shape { precision, ..Shape::sentences(16) };
        let values: Vec<i8> = (0..stored).map(|n| -128 + n).collect();
        let mut row = record(vec![]);
        row.embedding = Some(match precision {
            Precision::Int8 => Vector::Int8(values.clone()),
            _ => Vector::Binary(values.clone()),
        });
        for count in [0, 2] {
            let rows = vec![(Id::Number(3), row.clone()); count];
            let path = stage.path("out.npy");
            write(&path, &SinkOptions::new(shape, IdKind::Number), &rows);
            let bytes = fs::read(&path).expect("reads");
            let file = NpyFile::new(&bytes[..]).expect("is npy");
            assert_eq!(file.shape(), [count as u64, stored as u64]);
            assert_eq!(file.into_vec::<i8>().expect("is i8"), values.repeat(count));
            fs::remove_file(&path).expect("removes");
            let path = stage.path("out.parquet");
            write(&path, &SinkOptions::new(shape, IdKind::Number), &rows);
            let file = fs::File::open(&path).expect("opens");
            let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("is Parquet");
            assert_eq!(reader.metadata().file_metadata().num_rows(), count as i64);
            fs::remove_file(&path).expect("removes");
        }
    }
}

#[test]
fn parquet_holds_every_level() {
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Float32Type, Int64Type};
    let stage = Stage::new();
    let path = stage.path("out.parquet");
    let shape = Shape { words: true, tokens: true, chunks: true, ..Shape::sentences(2) };
    let rows: Vec<(Id, Record)> = (0..3000_u16)
        .map(|n| {
            let n = f32::from(n);
            let mut row = record(vec![n, -n]);
            row.words = Some(vec![unit("w", Some([0, 1]), vec![n]), unit("cut", None, vec![])]);
            row.tokens_detail = Some(vec![unit("[CLS]", None, vec![1.0])]);
            (Id::Text(format!("r{n}")), row)
        })
        .collect();
    write(&path, &SinkOptions::new(shape, IdKind::Text), &rows);
    let file = fs::File::open(&path).expect("opens");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("is Parquet");
    let mut seen = 0;
    for batch in reader.build().expect("reads") {
        let batch = batch.expect("reads");
        let vectors = batch["embedding"].as_fixed_size_list();
        assert_eq!(batch["id"].as_string::<i32>().value(0), format!("r{seen}"));
        let first = vectors.value(0);
        assert_eq!(first.as_primitive::<Float32Type>().values()[..], [seen as f32, -(seen as f32)]);
        let words = batch["words"].as_list::<i32>().value(0);
        let words = words.as_struct();
        assert_eq!(words["embedding"].as_list::<i32>().value(1).len(), 0);
        assert_eq!(words["text"].as_string::<i32>().value(1), "cut");
        assert_eq!(batch["tokens_total"].as_primitive::<Int64Type>().value(0), 9);
        assert_eq!(batch["chunk"].as_primitive::<Int64Type>().value(0), 2);
        seen += batch.num_rows();
    }
    assert_eq!(seen, 3000);
}

#[test]
fn a_sink_refuses_what_it_cannot_keep() {
    let stage = Stage::new();
    let options = SinkOptions::new(Shape::sentences(2), IdKind::Number);
    let path = stage.path("out.jsonl");
    let mut sink = Sink::create(&Output::File(path.clone()), &options).expect("creates");
    let cases = [
        (Id::Number(0), record(vec![f32::NAN, 0.0]), "value 0 of the sentence vector is NaN"),
        (Id::Number(1), record(vec![0.0, f32::INFINITY]), "value 1 of the sentence vector is inf"),
        (Id::Number(2), record(vec![0.0]), "expected a sentence vector of 2 floats, found a"),
        (Id::Text("x".into()), record(vec![0.0, 0.0]), "expected numbers as ids, found a text"),
        (
            Id::Number(3),
            Record { words: Some(vec![]), ..record(vec![0.0, 0.0]) },
            "expected no word vectors, found word vectors",
        ),
    ];
    for (id, record, expected) in cases {
        let error = sink.write(&id, &record).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
    }
    sink.write(&Id::Number(4), &record(vec![0.0, 1.0])).expect("the sink is as it was");
    assert_eq!(sink.finish().expect("finishes").records, 1);
    let refused = [
        ("out.npy.gz", None, "compression"),
        ("out.txt", None, "no format is known"),
        ("out", None, "no format is known"),
        ("missing/out.jsonl", None, "cannot be created"),
        (".", Some(OutputFormat::Jsonl), "is a folder"),
    ];
    for (name, format, expected) in refused {
        let options = SinkOptions { format, ..options };
        let output = Output::File(stage.path(name));
        let error = Sink::create(&output, &options).expect_err(name).to_string();
        assert!(error.contains(expected), "{name}: {error}");
    }
    let npy = SinkOptions { format: Some(OutputFormat::Npy), ..options };
    let error = Sink::create(&Output::Stdout, &npy).expect_err("a pipe").to_string();
    assert!(error.contains("name a file"), "{error}");
}

//! Each input and output format through the real command: the same texts, the same bits.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

mod stage;
use stage::{embed, embed_stdin, good, lines, npy, parquet_vectors, vectors};

const TEXTS: [&str; 5] =
    ["ram hits sam", "sam hits ram", "", "He said \"no\", twice.", "漢字 und e\u{301}"];

fn reference() -> Vec<Vec<f32>> {
    let mut arguments = vec!["-q", "--"];
    arguments.extend(TEXTS);
    vectors(&good(embed(&arguments)))
}

fn jsonl() -> String {
    let line = |(n, text): (usize, &&str)| {
        format!("{}\n", serde_json::json!({ "id": format!("doc {n}"), "text": text }))
    };
    TEXTS.iter().enumerate().map(line).collect()
}

fn csv() -> String {
    let line = |(n, text): (usize, &&str)| format!("{n},\"{}\"\r\n", text.replace('"', "\"\""));
    "number,text\r\n".to_owned() + &TEXTS.iter().enumerate().map(line).collect::<String>()
}

fn write_parquet(path: &Path) {
    let schema = parse_message_type("message m { required binary text (UTF8); }").expect("schema");
    let properties = Arc::new(WriterProperties::builder().build());
    let file = File::create(path).expect("a file");
    let mut writer = SerializedFileWriter::new(file, Arc::new(schema), properties).expect("writer");
    let mut group = writer.next_row_group().expect("group");
    let mut column = group.next_column().expect("column").expect("one column");
    let values: Vec<ByteArray> = TEXTS.iter().map(|text| ByteArray::from(*text)).collect();
    column.typed::<ByteArrayType>().write_batch(&values, None, None).expect("values");
    column.close().expect("column");
    group.close().expect("group");
    writer.close().expect("file");
}

/// Every kind of input file with the same texts.
fn inputs(folder: &Path) -> Vec<PathBuf> {
    let text: String = TEXTS.iter().map(|text| format!("{text}\n")).collect();
    let tsv = format!("text\n{text}");
    let contents = [("a.txt", text), ("a.jsonl", jsonl()), ("a.tsv", tsv), ("a.csv", csv())];
    let mut paths = Vec::new();
    for (name, content) in contents {
        let plain = folder.join(name);
        fs::write(&plain, &content).expect("written");
        let gz = folder.join(format!("{name}.gz"));
        let mut encoder =
            flate2::write::GzEncoder::new(File::create(&gz).expect("a file"), Default::default());
        encoder.write_all(content.as_bytes()).expect("written");
        encoder.finish().expect("finished");
        let zst = folder.join(format!("{name}.zst"));
        fs::write(&zst, zstd::encode_all(content.as_bytes(), 3).expect("zstd")).expect("written");
        paths.extend([plain, gz, zst]);
    }
    let path = folder.join("a.parquet");
    write_parquet(&path);
    paths.push(path);
    paths
}

#[test]
fn every_input_gives_the_same_bits() {
    let folder = tempfile::tempdir().expect("a folder");
    let reference = reference();
    for path in inputs(folder.path()) {
        let name = path.display().to_string();
        let found = vectors(&good(embed(&["-q", "--input", &name])));
        assert_eq!(found, reference, "{name}");
    }
}

#[test]
fn standard_input_is_text_or_what_it_is_said_to_be() {
    let reference = reference();
    let text: String = TEXTS.iter().map(|text| format!("{text}\n")).collect();
    assert_eq!(vectors(&good(embed_stdin(&[], text.as_bytes()))), reference);
    let zst = zstd::encode_all(text.as_bytes(), 3).expect("zstd");
    assert_eq!(vectors(&good(embed_stdin(&["--input", "-"], &zst))), reference);
    for (format, content) in [("jsonl", jsonl()), ("csv", csv())] {
        let arguments = ["--input", "-", "--input-format", format];
        let found = vectors(&good(embed_stdin(&arguments, content.as_bytes())));
        assert_eq!(found, reference, "{format}");
    }
}

#[test]
fn every_output_holds_the_same_bits() {
    let folder = tempfile::tempdir().expect("a folder");
    let reference = reference();
    let names = ["o.jsonl", "o.jsonl.gz", "o.jsonl.zst", "o.npy", "o.parquet"];
    for name in names {
        let path = folder.path().join(name);
        let shown = path.display().to_string();
        let mut arguments = vec!["-q", "--output", &shown, "--"];
        arguments.extend(TEXTS);
        assert_eq!(good(embed(&arguments)), "", "{name}");
        let bytes = fs::read(&path).expect(name);
        let found = match name {
            "o.npy" => npy(&path),
            "o.parquet" => parquet_vectors(&path),
            "o.jsonl" => vectors(&String::from_utf8(bytes).expect("UTF-8")),
            "o.jsonl.zst" => {
                let bytes = zstd::decode_all(bytes.as_slice()).expect("zstd");
                vectors(&String::from_utf8(bytes).expect("UTF-8"))
            }
            _ => {
                let decoder = flate2::read::GzDecoder::new(bytes.as_slice());
                vectors(&std::io::read_to_string(decoder).expect("gzip"))
            }
        };
        assert_eq!(found, reference, "{name}");
    }
    let sidecar = fs::read_to_string(folder.path().join("o.npy.ids.jsonl")).expect("the sidecar");
    let ids: Vec<_> = lines(&sidecar).iter().map(|line| line["id"].clone()).collect();
    assert_eq!(ids, [0, 1, 2, 3, 4].map(serde_json::Value::from));
    assert_eq!(stage::names(folder.path()).len(), names.len() + 1, "files and one sidecar");
}

#[test]
fn ids_come_from_the_user_or_from_the_row() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.jsonl");
    fs::write(
        &path,
        "{\"id\":\"x\",\"key\":7,\"text\":\"a\"}\n{\"id\":\"y\",\"key\":8,\"text\":\"b\"}\n",
    )
    .expect("written");
    let name = path.display().to_string();
    let ids = |more: &[&str]| -> Vec<String> {
        let output = good(embed(&[&["--input", &name], more].concat()));
        lines(&output).iter().map(|record| record["id"].to_string()).collect()
    };
    assert_eq!(ids(&[]), ["\"x\"", "\"y\""]);
    assert_eq!(ids(&["--id", "key"]), ["7", "8"]);
    assert_eq!(ids(&["--row-ids"]), ["0", "1"]);
}

#[test]
fn the_format_wins_over_the_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("vectors.out");
    let shown = path.display().to_string();
    good(embed(&["-o", &shown, "--format", "npy", "a", "b"]));
    assert_eq!(npy(&path).len(), 2);
}

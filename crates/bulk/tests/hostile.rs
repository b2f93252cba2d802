//! Malformed inputs: a typed error that names the place, never a panic, never a row in silence.

mod stage;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::{ArrayRef, BinaryArray, Float64Array, StringArray};
use contexture_bulk::{
    Id, IdChoice, IdKind, Input, Output, Shape, Sink, SinkOptions, Source, SourceOptions,
    open_source,
};
use stage::{Packing, Stage, parquet_of, parquet_texts, read_all, record};

/// Runs cases and counts them.
struct Table {
    stage: Stage,
    cases: usize,
}

impl Table {
    fn new() -> Self {
        Self { stage: Stage::new(), cases: 0 }
    }

    /// Expects an error that holds each of these texts.
    fn refuses(&mut self, name: &str, bytes: &[u8], options: &SourceOptions, expected: &[&str]) {
        let path = self.stage.write(name, bytes);
        let error = match read_all(&path, options) {
            Err(error) => error,
            Ok(items) => panic!(
                "{name}: {:?} gave {items:?}",
                String::from_utf8_lossy(&bytes[..bytes.len().min(200)])
            ),
        };
        let names_the_file = error.starts_with(&path.display().to_string());
        for part in expected {
            assert!(
                names_the_file && error.contains(part),
                "{:?}: expected {part:?} in: {error}",
                String::from_utf8_lossy(&bytes[..bytes.len().min(200)])
            );
        }
        self.cases += 1;
    }

    fn accepts(&mut self, name: &str, bytes: &[u8], options: &SourceOptions, texts: &[&str]) {
        let items = read_all(&self.stage.write(name, bytes), options).expect(name);
        assert_eq!(items.iter().map(|item| item.text.as_str()).collect::<Vec<_>>(), texts);
        self.cases += 1;
    }
}

const BAD_JSON: [(&str, &str); 36] = [
    ("{", "EOF while parsing"),
    ("}", "broken JSON"),
    ("{\"text\"}", "broken JSON"),
    ("{\"text\":}", "broken JSON"),
    ("{\"text\":\"a\"", "EOF while parsing"),
    ("{\"text\":\"a}", "EOF while parsing"),
    ("{\"text\":\"a\",}", "broken JSON"),
    ("{'text':'a'}", "broken JSON"),
    ("{text:\"a\"}", "broken JSON"),
    ("{\"text\":\"a\"} x", "trailing characters"),
    ("{\"text\":\"a\"}{\"text\":\"b\"}", "trailing characters"),
    ("{\"text\":\"\\x\"}", "invalid escape"),
    ("{\"text\":\"\\ud800\"}", "broken JSON"),
    ("{\"text\":\"\\udc00\\ud800\"}", "broken JSON"),
    ("{\"text\":\"\\u12\"}", "broken JSON"),
    ("{\"text\":\"a\tb\"}", "control character"),
    ("{\"text\":\"a\u{0}b\"}", "control character"),
    ("{\"text\":NaN}", "broken JSON"),
    ("{\"text\":\"a\",\"n\":1e999}", "broken JSON"),
    ("{\"text\":\"a\",\"n\":01}", "broken JSON"),
    ("nonsense", "broken JSON"),
    ("null", "found null"),
    ("12", "found a number"),
    ("\"text\"", "found a text"),
    ("[\"text\"]", "found a list"),
    ("true", "found true or false"),
    ("{}", "found an object without fields"),
    ("{\"Text\":\"a\"}", "found the fields `Text`"),
    ("{\"text\":null}", "expected a text, found null"),
    ("{\"text\":1}", "expected a text or a list of words, found a number"),
    ("{\"text\":false}", "found true or false"),
    ("{\"text\":{\"a\":\"b\"}}", "found an object"),
    ("{\"text\":[\"a\",null]}", "found null at index 1 of the list"),
    ("{\"text\":[1]}", "found a number at index 0 of the list"),
    ("{\"text\":[[\"a\"]]}", "found a list at index 0 of the list"),
    ("// comment", "broken JSON"),
];

fn json_lines(table: &mut Table) {
    let options = SourceOptions::default();
    for (line, expected) in BAD_JSON {
        table.refuses("a.jsonl", line.as_bytes(), &options, &["line 1:", expected]);
        let later = format!("{{\"text\":\"a\"}}\r\n\r\n{line}\r\n{{\"text\":\"b\"}}\n");
        table.refuses("a.jsonl", later.as_bytes(), &options, &["line 3:", expected]);
    }
    let deep = format!("{{\"text\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    table.refuses("a.jsonl", deep.as_bytes(), &options, &["line 1:", "recursion limit"]);
    let with_id = SourceOptions { id: IdChoice::Named("k".into()), ..options.clone() };
    for (line, expected) in [
        ("{\"text\":\"a\"}", "expected the field `k`"),
        ("{\"text\":\"a\",\"k\":null}", "field `k`: expected a text or a whole number as id"),
        ("{\"text\":\"a\",\"k\":1.5}", "found a number"),
        ("{\"text\":\"a\",\"k\":[]}", "found a list"),
    ] {
        table.refuses("a.jsonl", line.as_bytes(), &with_id, &["line 1:", expected]);
    }
    // The first row has an id, so every row must.
    let mixed = b"{\"text\":\"a\",\"id\":1}\n{\"text\":\"b\"}\n";
    table.refuses("a.jsonl", mixed, &options, &["line 2:", "expected the field `id`"]);
    let two = SourceOptions { fields: vec!["title".into(), "text".into()], ..options.clone() };
    for (line, expected) in [
        ("{\"text\":\"a\"}", "expected the field `title`"),
        ("{\"text\":\"a\",\"title\":null}", "field `title`: expected a text, found null"),
        ("{\"text\":[\"a\"],\"title\":\"t\"}", "several fields are joined"),
    ] {
        table.refuses("a.jsonl", line.as_bytes(), &two, &["line 1:", expected]);
    }
    let nested = SourceOptions { fields: vec!["a.b.c".into()], ..options.clone() };
    for line in ["{\"a\":1}", "{\"a\":{\"b\":[]}}", "{\"a\":{\"b\":{\"d\":1}}}", "{\"b\":1}"] {
        table.refuses("a.jsonl", line.as_bytes(), &nested, &["line 1:", "the field `a.b.c`"]);
    }
    table.accepts("a.jsonl", b"{\"text\":\"x\",\"text\":\"y\"}", &options, &["y"]);
}

fn broken_utf8(table: &mut Table) {
    let bad: [&[u8]; 10] = [
        b"\x80",
        b"\xFF",
        b"\xC0\xAF",
        b"\xC3",
        b"\xE2\x82",
        b"\xED\xA0\x80",
        b"\xF0\x9F\x98",
        b"\xF4\x90\x80\x80",
        b"\xF8\x88\x80\x80\x80",
        b"\xE0\x80\x80",
    ];
    let frames: [(&str, &str, &str); 4] = [
        ("a.txt", "text\nab", "cd\n"),
        ("a.jsonl", "{\"text\":\"a\"}\n{\"text\":\"", "\"}\n"),
        ("a.tsv", "n\ttext\n1\tab", "\n"),
        ("a.csv", "n,text\n1,\"ab", "\"\n"),
    ];
    let options = SourceOptions::default();
    for bytes in bad {
        for (name, before, after) in frames {
            let content = [before.as_bytes(), bytes, after.as_bytes()].concat();
            let in_line = before.len() - before.rfind('\n').map_or(0, |end| end + 1);
            let place = format!("byte {in_line} of the line (byte {} of the file)", before.len());
            let found = format!("found 0x{:02X}", bytes[0]);
            table.refuses(name, &content, &options, &["line 2:", &place, &found, "--lossy"]);
        }
    }
    let utf16 = b"\xFF\xFEa\x00\n\x00";
    table.refuses("a.txt", utf16, &options, &["line 1:", "looks like UTF-16"]);
    let in_cell = b"text\n\"a\nb\xFF\"\n";
    table.refuses("a.csv", in_cell, &options, &["line 3:", "byte 1 of the line (byte 9 of"]);
}

fn tables(table: &mut Table) {
    let options = SourceOptions::default();
    let with = |column: &str| SourceOptions { column: Some(column.into()), ..options.clone() };
    let bare = SourceOptions { header: false, ..with("2") };
    for (name, divider) in [("a.tsv", "\t"), ("a.csv", ",")] {
        let lines = |rows: &[&str]| rows.join("\n").replace('|', divider).into_bytes();
        let cases: [(&[&str], &SourceOptions, &[&str]); 10] = [
            (&["n|text", "1|a", "2"], &options, &["line 3:", "expected 2 columns, found 1"]),
            (&["text|n|m", "", "a"], &with("3"), &["expected 3 columns, found 1"]),
            (&["a|b", "1|2"], &options, &["which column holds the text", "1 `a`, 2 `b`"]),
            (&["a|b", "1|2"], &with("c"), &["there is no column `c`", "1 `a`, 2 `b`"]),
            (&["a|b", "1|2"], &with("3"), &["no column 3: columns count from 1 to 2"]),
            (&["a|b", "1|2"], &with("0"), &["no column 0"]),
            (&["a|b", "1|2"], &with("-1"), &["there is no column `-1`"]),
            (&["a|a", "1|2"], &with("a"), &["several columns are called `a`", "as 1 or 2"]),
            (&["a|b", "1"], &bare, &["line 2:", "expected 2 columns, found 1"]),
            (&[""], &options, &["expected a header line, found an empty file"]),
        ];
        for (rows, options, expected) in cases {
            table.refuses(name, &lines(rows), options, expected);
        }
        let by_name = SourceOptions { header: false, ..with("text") };
        table.refuses(name, &lines(&["text|b"]), &by_name, &["without a header"]);
        let id = SourceOptions { id: IdChoice::Named("k".into()), ..options.clone() };
        table.refuses(name, &lines(&["text|b", "1|2"]), &id, &["there is no column `k`"]);
        let header = [b"te\xFFxt".as_slice(), b"\na\n"].concat();
        table.refuses(name, &header, &options, &["expected a header line", "expected UTF-8"]);
    }
    let rows = b"n,text\n1,a, b\n";
    table.refuses("a.csv", rows, &options, &["line 2:", "found 3", "must stand in quotes"]);
    table.accepts("a.tsv", b"n\ttext\n1\ta\tb\n", &options, &["a"]);
    for (rows, place) in [
        ("text\n\"", "line 2:"),
        ("text\na\n\n\"b\nc\nd\n", "line 4:"),
        ("text\n\"a\"\"", "line 2:"),
        ("text\n\"a\"\n\"b\"\"\"\"", "line 3:"),
        ("text\n\"\n\n\n", "line 2:"),
    ] {
        table.refuses("a.csv", rows.as_bytes(), &options, &[place, "expected a closing quote"]);
    }
    table.accepts("a.csv", b"text\n\"a\"\"\"", &options, &["a\""]);
}

fn limits(table: &mut Table) {
    let options = SourceOptions { line_limit_bytes: 64, ..SourceOptions::default() };
    let long = "x".repeat(65);
    for (name, content, line, byte) in [
        ("a.txt", format!("a\n{long}\nb\n"), "line 2:", "byte 2 of"),
        ("a.txt", long.clone(), "line 1:", "byte 0 of"),
        (
            "a.jsonl",
            format!("{{\"text\":\"a\"}}\n{{\"text\":\"{long}\"}}"),
            "line 2:",
            "byte 13 of",
        ),
        ("a.tsv", format!("text\na\n{long}"), "line 3:", "byte 7 of"),
        ("a.csv", format!("text\na\n\"{long}\"\nb\n"), "line 3:", "byte 7 of"),
        ("a.csv", format!("text\n{}\n", ",".repeat(65)), "line 2:", "byte 5 of"),
    ] {
        let expected = [line, "a line of at most 64 bytes", byte];
        table.refuses(name, content.as_bytes(), &options, &expected);
        let skipping = SourceOptions { skip_bad: true, ..options.clone() };
        let items = read_all(&table.stage.path(name), &skipping).expect("goes on behind it");
        assert!(items.iter().all(|item| item.text.len() <= 64));
    }
    let exact = "x".repeat(64);
    table.accepts("a.txt", exact.as_bytes(), &options, &[&exact]);
}

fn packed(table: &mut Table) {
    let options = SourceOptions::default();
    let content: String =
        (0..4000_u32).map(|n| format!("{}\n", n.wrapping_mul(2_654_435_761))).collect();
    for packing in [Packing::Gzip, Packing::Zstd] {
        let name = format!("a.txt{}", packing.ending());
        let whole = packing.pack(content.as_bytes());
        for part in 1..20 {
            let cut = whole.len() * part / 20;
            table.refuses(&name, &whole[..cut], &options, &["byte"]);
        }
        for cut in [1, 4, 8] {
            table.refuses(&name, &whole[..whole.len() - cut], &options, &["truncated", "byte"]);
        }
        // Any flipped bit of the packed data is caught by the checksum at the latest.
        for part in 1..10 {
            let mut bytes = whole.clone();
            bytes[whole.len() * part / 10] ^= 0x10;
            table.refuses(&name, &bytes, &options, &["byte"]);
        }
        let expected = format!("the name says {packing:?} and the content starts with 70 6C");
        let expected = expected.to_lowercase();
        let path = table.stage.write(&name, b"plain text");
        let error = read_all(&path, &options).expect_err("is not packed").to_lowercase();
        assert!(error.contains(&expected), "{error}");
        table.refuses(&name, b"", &options, &["the file is empty"]);
        table.accepts(&name, &packing.pack(b""), &options, &[]);
    }
    let mut bytes = Packing::Gzip.pack(b"a\n");
    bytes.extend_from_slice(b"trailing garbage");
    table.refuses("a.txt.gz", &bytes, &options, &["byte 38", "invalid gzip header"]);
}

fn parquet(table: &mut Table) {
    let options = SourceOptions::default();
    let good = parquet_texts(&[Some("a"), Some("b"), Some("c")]);
    let not_parquet = ["not a readable Parquet file"];
    for part in 0..20 {
        table.refuses("a.parquet", &good[..good.len() * part / 20], &options, &not_parquet);
    }
    table.refuses("a.parquet", b"PAR1PAR1", &options, &not_parquet);
    table.refuses("a.parquet", b"PAR1\xFF\xFF\xFF\x7FPAR1", &options, &not_parquet);
    table.refuses("a.parquet", &[0; 64], &options, &not_parquet);
    let holes = parquet_texts(&[Some("a"), None, Some("c"), None]);
    table.refuses("a.parquet", &holes, &options, &["row 2:", "field `text`", "found null"]);
    let array = |values: &[f64]| -> ArrayRef { Arc::new(Float64Array::from(values.to_vec())) };
    let numbers = parquet_of(&[("text", array(&[1.0]))]);
    table.refuses("a.parquet", &numbers, &options, &["column `text`", "found Float64"]);
    let two = parquet_of(&[("a", array(&[1.0])), ("b", array(&[1.0]))]);
    table.refuses("a.parquet", &two, &options, &["which column holds the text", "1 `a`, 2 `b`"]);
    let bytes: ArrayRef = Arc::new(BinaryArray::from_vec(vec![b"a", b"b\xFFc"]));
    let bytes = parquet_of(&[("text", bytes)]);
    table.refuses("a.parquet", &bytes, &options, &["row 2:", "found 0xFF at byte 1", "--lossy"]);
    let mut lists = ListBuilder::new(StringBuilder::new());
    lists.append_value([Some("a"), Some("b")]);
    lists.append_value([Some("a"), None]);
    lists.append_null();
    let lists = parquet_of(&[("text", Arc::new(lists.finish()) as ArrayRef)]);
    table.refuses("a.parquet", &lists, &options, &["row 2:", "found null at index 1 of the list"]);
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
    let keys: ArrayRef = Arc::new(StringArray::from(vec![Some("k"), None]));
    let keyed = parquet_of(&[("id", keys), ("text", texts)]);
    table.refuses("a.parquet", &keyed, &options, &["row 2:", "field `id`", "found null"]);
    let skipping = SourceOptions { skip_bad: true, ..options };
    table.accepts("a.parquet", &holes, &skipping, &["a", "c"]);
}

#[test]
fn malformed_inputs_are_refused_with_their_place() {
    let mut table = Table::new();
    json_lines(&mut table);
    broken_utf8(&mut table);
    tables(&mut table);
    limits(&mut table);
    packed(&mut table);
    parquet(&mut table);
    println!("{} cases", table.cases);
    assert!(table.cases >= 260, "{} cases ran", table.cases);
}

#[test]
fn files_that_are_none_are_refused() {
    let stage = Stage::new();
    fs::create_dir(stage.path("folder.txt")).expect("a folder");
    for (name, expected) in [
        ("missing.txt", "cannot be opened"),
        ("folder.txt", "is a folder"),
        ("texts.xyz", "txt, jsonl, tsv, csv, parquet"),
        ("texts", "no format is known"),
        ("texts.gz", "no format is known"),
    ] {
        let error = read_all(&stage.path(name), &SourceOptions::default()).expect_err(name);
        assert!(error.contains(expected), "{name}: {error}");
    }
}

#[test]
fn bad_rows_are_counted_and_the_rest_is_read() {
    let stage = Stage::new();
    let path =
        stage.write("a.jsonl", b"{\"text\":\"a\"}\nbad\n{\"text\":\"b\"}\n{}\n{\"text\":\"c\"}\n");
    let open = |skip_bad| {
        let options = SourceOptions { skip_bad, ..SourceOptions::default() };
        open_source(&Input::File(path.clone()), &options).expect("opens")
    };
    let outcomes: Vec<bool> = open(false).map(|item| item.is_ok()).collect();
    assert_eq!(outcomes, [true, false, true, false, true]);
    let mut source: Source = open(true);
    let ids: Vec<Id> = source.by_ref().map(|item| item.expect("is good").id).collect();
    assert_eq!(ids, [0, 2, 4].map(Id::Number), "ids stay in step with the file");
    assert_eq!((source.given(), source.skipped()), (3, 2));
    assert_eq!(source.first_skipped().map(|error| error.row), Some(2));
    // A stream that broke off is no bad row: passing over it would lose the rest in silence.
    let packed = Packing::Gzip.pack(b"one\ntwo\n");
    let path = stage.write("a.txt.gz", &packed[..packed.len() - 2]);
    let options = SourceOptions { skip_bad: true, ..SourceOptions::default() };
    let mut source = open_source(&Input::File(path), &options).expect("opens");
    let last = source.by_ref().last().expect("an outcome");
    assert!(last.expect_err("it is truncated").ends_the_source());
    assert!(source.next().is_none());
}

/// Reads a file to its end, whatever comes; returns rows and errors.
fn exhaust(path: &Path) -> (usize, usize) {
    let Ok(source) = open_source(&Input::File(path.into()), &SourceOptions::default()) else {
        return (0, 1);
    };
    let (mut rows, mut errors) = (0, 0);
    for item in source.take(100_000) {
        match item {
            Ok(_) => rows += 1,
            Err(_) => errors += 1,
        }
    }
    assert!(rows + errors < 100_000, "it does not end");
    (rows, errors)
}

#[test]
fn seeded_mutants_neither_panic_nor_hang() {
    let stage = Stage::new();
    let texts: Vec<String> = (0..40).map(|n| format!("text {n}, naïve 日本語")).collect();
    let texts: Vec<Option<&str>> = texts.iter().map(|text| Some(text.as_str())).collect();
    let jsonl: String =
        texts.iter().flatten().map(|text| format!("{{\"id\":1,\"text\":\"{text}\"}}\n")).collect();
    let seeds = [
        ("a.parquet", parquet_texts(&texts), 3000),
        ("a.jsonl", jsonl.clone().into_bytes(), 1000),
        ("a.jsonl.zst", Packing::Zstd.pack(jsonl.as_bytes()), 500),
        ("a.jsonl.gz", Packing::Gzip.pack(jsonl.as_bytes()), 500),
    ];
    let mut ran = 0;
    let (mut clean, mut refused) = (0, 0);
    // What the decoder panics with is caught; the hook would only fill the screen.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    for (name, bytes, mutants) in seeds {
        for seed in 0..mutants {
            let path = stage.write(name, &mutate(&bytes, seed));
            let start = Instant::now();
            let outcome = catch_unwind(AssertUnwindSafe(|| exhaust(&path)));
            let took = start.elapsed();
            let (rows, errors) = outcome.unwrap_or_else(|_| panic!("{name}: panic at {seed}"));
            assert!(took < Duration::from_secs(2), "{name}: seed {seed} took {took:?}");
            clean += usize::from(rows == texts.len() && errors == 0);
            refused += usize::from(errors > 0);
            ran += 1;
        }
    }
    std::panic::set_hook(hook);
    println!("{ran} mutants: {clean} still whole, {refused} refused");
    assert_eq!(ran, 5000);
    assert!(clean > 0 && refused > 1000, "{clean} whole, {refused} refused");
}

/// One to four changes at places that the seed decides.
fn mutate(bytes: &[u8], seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below.max(1) as u64) as usize
    };
    let mut bytes = bytes.to_vec();
    for _ in 0..=next(4) {
        let at = next(bytes.len());
        match next(6) {
            0 => bytes[at] ^= 1 << next(8),
            1 => bytes[at] = [0, 0xFF, 0x7F, 0x80][next(4)],
            2 => bytes.truncate(at.max(1)),
            3 => bytes.insert(at, next(256) as u8),
            4 => drop(bytes.remove(at)),
            _ => {
                let end = (at + 8).min(bytes.len());
                bytes[at..end].fill(0xFF);
            }
        }
        if bytes.is_empty() {
            bytes.push(0);
        }
    }
    bytes
}

#[test]
fn an_unfinished_run_leaves_nothing() {
    let stage = Stage::new();
    for name in ["out.jsonl", "out.jsonl.gz", "out.jsonl.zst", "out.npy", "out.parquet"] {
        let options = SinkOptions::new(Shape::sentences(2), IdKind::Number);
        let output = Output::File(stage.path(name));
        let mut sink = Sink::create(&output, &options).expect("creates");
        for n in 0..100 {
            sink.write(&Id::Number(n), &record(vec![1.0, 2.0])).expect("writes");
        }
        let partial = format!(".{name}.partial-{}", std::process::id());
        assert!(stage.names().contains(&partial), "{:?}", stage.names());
        drop(sink);
        assert_eq!(stage.names(), [""; 0], "{name}");
    }
}

#[test]
fn an_older_file_stays_until_the_new_one_is_whole() {
    let stage = Stage::new();
    let path = stage.write("out.jsonl", b"older\n");
    let options = SinkOptions::new(Shape::sentences(1), IdKind::Number);
    let output = Output::File(path.clone());
    drop(Sink::create(&output, &options).expect("creates"));
    assert_eq!(fs::read(&path).expect("reads"), b"older\n");
    let (one, two) = (Sink::create(&output, &options), Sink::create(&output, &options));
    drop(one.expect("creates"));
    two.expect("two at once do not disturb each other").finish().expect("finishes");
    assert_eq!(fs::read(&path).expect("reads"), b"");
    assert_eq!(stage.names(), ["out.jsonl"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let options = SinkOptions {
        format: Some(contexture_bulk::OutputFormat::Jsonl),
        ..SinkOptions::new(Shape::sentences(1), IdKind::Number)
    };
    let mut sink = Sink::create(&Output::from("/dev/full"), &options).expect("opens");
    sink.write(&Id::Number(0), &record(vec![1.0])).expect("is buffered");
    let error = sink.finish().expect_err("the device is full").to_string();
    assert!(error.starts_with("/dev/full: cannot be written after"), "{error}");
    assert!(error.to_lowercase().contains("space"), "{error}");
}

//! The shapes of what the command prints, to the letter.

use serde_json::{Value, json};

mod stage;
use stage::{bert, command, embed, embed_stdin, errors, good, lines, model, vectors};

/// The keys of an object in the order in which they were written.
fn keys(line: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let (mut depth, mut rest) = (0, line);
    while let Some(at) = rest.find(['{', '}', '[', ']', '"']) {
        let symbol = rest.as_bytes()[at];
        rest = &rest[at + 1..];
        match symbol {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {
                let end = rest.find('"').expect("texts without escapes");
                if depth == 1 && rest[end + 1..].starts_with(':') {
                    keys.push(rest[..end].to_owned());
                }
                rest = &rest[end + 1..];
            }
        }
    }
    keys
}

#[test]
fn a_record_has_these_keys_in_this_order() {
    let output = good(embed(&["ram hits sam"]));
    let expected = ["id", "embedding", "tokens", "tokens_used", "truncated", "span"];
    assert_eq!(keys(output.trim_end()), expected);
    let record = &lines(&output)[0];
    assert_eq!(record["id"], 0);
    assert_eq!(record["embedding"].as_array().map(Vec::len), Some(48));
    assert_eq!(record["tokens"], record["tokens_used"]);
    assert_eq!(record["truncated"], false);
    assert_eq!(record["span"], json!([0, 12]));
}

#[test]
fn finer_levels_add_arrays_of_text_span_and_embedding() {
    let text = "die Übung im Fluss";
    let output = good(embed(&["--level", "word,token,sentence", text]));
    let record = &lines(&output)[0];
    let words = record["words"].as_array().expect("words");
    let found: Vec<&str> = words.iter().filter_map(|word| word["text"].as_str()).collect();
    assert_eq!(found, ["die", "Übung", "im", "Fluss"]);
    for word in words {
        let span: (usize, usize) = serde_json::from_value(word["span"].clone()).expect("a span");
        assert_eq!(text.get(span.0..span.1), word["text"].as_str());
        assert_eq!(word["embedding"].as_array().map(Vec::len), Some(48));
    }
    let tokens = record["tokens"].as_array().expect("tokens");
    assert_eq!(record["tokens_total"], tokens.len());
    assert_eq!(tokens[0]["span"], Value::Null);
    let unit = output.split("\"words\":[").nth(1).and_then(|rest| rest.split('}').next());
    let unit = format!("{}}}", unit.expect("a word"));
    assert_eq!(keys(&unit), ["text", "span", "embedding"]);
    let only_words = &lines(&good(embed(&["--level", "word", text])))[0];
    assert!(only_words.get("embedding").is_none_or(Value::is_null));
}

#[test]
fn chunks_cover_the_text_and_say_where_they_lie() {
    let text = "a b c d e f g h i j k l m n o p q r s t";
    let run = embed(&["--max-length", "8", "--on-overflow", "chunk", text]);
    assert!(!errors(&run).contains("cut"), "{}", errors(&run));
    let records = lines(&good(run));
    assert!(records.len() >= 3);
    let mut end = 0;
    for (number, record) in records.iter().enumerate() {
        assert_eq!(record["chunk"], number);
        assert_eq!(record["truncated"], false);
        let span: (usize, usize) = serde_json::from_value(record["span"].clone()).expect("a span");
        assert!(text[end..span.0].trim().is_empty(), "chunk {number} leaves a gap");
        end = span.1;
    }
    assert_eq!(end, text.len());
}

#[test]
fn nothing_is_cut_silently() {
    let long = "a b c d e f g h i";
    for quiet in [&[][..], &["--quiet"]] {
        let run = embed(&[quiet, &["--max-length", "5", long, "b"]].concat());
        let said = errors(&run);
        assert!(said.contains("1 of 2 texts was cut at 5 tokens"), "{said}");
        let records = lines(&good(run));
        assert_eq!(
            (&records[0]["truncated"], &records[1]["truncated"]),
            (&true.into(), &false.into())
        );
        assert_eq!((&records[0]["tokens"], &records[0]["tokens_used"]), (&11.into(), &5.into()));
        assert_eq!(records[0]["span"], json!([0, 5]));
    }
}

#[test]
fn the_summary_is_json_where_it_is_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("o.npy").display().to_string();
    let run = embed(&["--json", "--output", &path, "--max-length", "4", "a b c d", "e"]);
    assert_eq!(lines(&errors(&run).lines().skip(1).collect::<String>()).len(), 0);
    let summary = &lines(&good(run))[0];
    let expected =
        json!({"texts": 2, "records": 2, "dimensions": 48, "truncated": 1, "skipped": 0});
    for (key, value) in expected.as_object().expect("an object") {
        assert_eq!(&summary[key], value, "{key}");
    }
    assert_eq!((&summary["tokens"], &summary["tokens_used"]), (&9.into(), &7.into()));
    // Records on standard output: the summary must not mix with them.
    let run = embed(&["--json", "a"]);
    assert_eq!(lines(&errors(&run))[0]["texts"], 1);
    assert_eq!(lines(&good(run)).len(), 1);
}

#[test]
fn dimensions_layers_pooling_and_normalize_change_vectors() {
    let length = |vector: &[f32]| vector.iter().map(|v| v * v).sum::<f32>().sqrt();
    let one = |arguments: &[&str]| {
        vectors(&good(embed(&[arguments, &["ram hits sam"]].concat()))).remove(0)
    };
    let plain = one(&[]);
    let cut = one(&["--dimensions", "8"]);
    assert_eq!(cut.len(), 8);
    assert!((length(&cut) - 1.0).abs() < 1e-5, "cut, then normalised");
    assert!((cut[0] / cut[1] - plain[0] / plain[1]).abs() < 1e-4, "the first dimensions");
    let raw = one(&["--dimensions", "8", "--normalize=false"]);
    assert_eq!(raw, plain[..8], "cut, and no more than that");
    let ways = [
        &["--layer", "0"][..],
        &["--layer", "1"],
        &["--layer", "mix"],
        &["--layer", "mix:0,0,1,3"],
        &["--pooling", "cls"],
        &["--pooling", "max"],
        &["--pooling", "mean-sqrt-len", "--layer", "2"],
        &["--pooling", "weighted-mean"],
        &["--pooling", "last"],
    ];
    for way in ways {
        let found = one(way);
        assert!(found != plain, "{way:?} changes nothing");
    }
    assert_eq!(one(&["--layer", "3"]), plain, "the last of three layers");
}

#[test]
fn prompts_are_put_before_the_text() {
    let nomic = |arguments: &[&str]| {
        let mut run = command();
        run.args(["embed", "-q", "--model"]).arg(model("nomic_bert")).args(arguments);
        vectors(&good(run.output().expect("the command starts"))).remove(0)
    };
    let named = nomic(&["--prompt-name", "query", "ram"]);
    assert_eq!(named, nomic(&["--prompt", "search_query: ", "ram"]));
    assert_ne!(named, nomic(&["ram"]));
    assert_ne!(named, nomic(&["--prompt-name", "document", "ram"]));
}

#[test]
fn assumed_pooling_is_said_once() {
    let mut run = command();
    run.args(["embed", "a", "b", "--model"]).arg(model("bert_f16"));
    let output = run.output().expect("the command starts");
    assert_eq!(errors(&output).matches("does not say how tokens become").count(), 1);
    assert!(!errors(&embed(&["a"])).contains("does not say"));
}

#[test]
fn tokenize_shows_ids_texts_and_spans() {
    let run = bert("tokenize", &["--json", "hi"]).output().expect("the command starts");
    let output = good(run);
    let token = |id: u32, text: &str, span: Value| json!({"id": id, "text": text, "span": span});
    let expected = json!({"id": 0, "tokens": [
        token(2, "[CLS]", Value::Null), token(50, "h", json!([0, 1])),
        token(118, "##i", json!([1, 2])), token(3, "[SEP]", Value::Null),
    ]});
    assert_eq!(lines(&output)[0], expected);
    assert!(
        output.starts_with("{\"id\":0,\"tokens\":[{\"id\":2,\"text\":\"[CLS]\",\"span\":null}")
    );
    let run = bert("tokenize", &["--no-special", "hi"]).output().expect("the command starts");
    assert_eq!(good(run).lines().next(), Some("0: 2 tokens"));
}

#[test]
fn similarity_is_a_table() {
    let texts = ["ram hits sam", "sam hits ram", "ram hits sam"];
    let run = bert("similarity", &texts).output().expect("the command starts");
    let plain = good(run);
    assert!(plain.ends_with('\n') && !plain.contains('\x1b'), "{plain:?}");
    assert_eq!(plain.lines().count(), 4);
    let run = bert("similarity", &["--json"]).args(texts).output().expect("the command starts");
    let table = &lines(&good(run))[0];
    let cosine = |a: usize, b: usize| table["cosine"][a][b].as_f64().expect("a number");
    assert!((cosine(0, 2) - 1.0).abs() < 1e-6);
    assert!(cosine(0, 1) < 0.99999, "the order of words matters");
    assert_eq!(table["truncated"], json!([false, false, false]));
    let run = bert("similarity", &["--colour", "always"]).args(texts).output();
    assert!(good(run.expect("the command starts")).contains("\x1b["));
}

#[test]
fn info_describes_the_model() {
    let run = bert("info", &["--json"]).output().expect("the command starts");
    let info: Value = serde_json::from_str(&good(run)).expect("JSON");
    assert_eq!(info["dimensions"], 48);
    assert_eq!(info["parameters"], 95136);
    assert_eq!(info["sha256"][0].as_str().map(str::len), Some(64));
    let text = good(bert("info", &[]).output().expect("the command starts"));
    for part in ["positions", "mean pooling", "maximum length", "95,136", "licence", "hidden_size"]
    {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn weights_are_computed_with_as_asked() {
    let texts = ["ram hits sam", "sam hits ram"];
    let vectors = |options: &[&str]| -> Vec<Vec<f64>> {
        let run = bert("embed", options).args(texts).output().expect("the command starts");
        let values = |record: &Value| serde_json::from_value(record["embedding"].clone());
        lines(&good(run)).iter().map(|record| values(record).expect("numbers")).collect()
    };
    let (stored, f32s) = (vectors(&[]), vectors(&["--weights", "f32"]));
    assert_eq!(stored, f32s, "floats stay floats unless asked for");
    for (a, b) in f32s.iter().zip(vectors(&["--weights", "int8"])) {
        let cosine: f64 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
        assert!(*a != b && cosine > 0.99, "{cosine}");
    }
    let run = bert("info", &["--weights", "int8"]).output().expect("the command starts");
    assert!(good(run).contains("int8 ("));
    let run = bert("embed", &["--weights", "int4", "a"]).output().expect("the command starts");
    assert_eq!(run.status.code(), Some(2));
    assert!(errors(&run).contains("int8"), "{}", errors(&run));
}

#[test]
fn every_help_has_an_example() {
    for name in ["embed", "similarity", "tokenize", "info", "export", "pull"] {
        let output = good(command().args([name, "--help"]).output().expect("the command starts"));
        let (_, examples) = output.split_once("Examples:").expect(name);
        assert!(examples.contains(&format!("contexture {name} ")), "{name}");
        assert!(output.lines().all(|line| line.chars().count() <= 100), "{name}");
    }
    let output = good(command().arg("--help").output().expect("the command starts"));
    assert!(output.contains("Examples:") && output.contains("130 interrupted"));
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let text = "ram hits sam\n".repeat(20_000);
    let mut run = bert("embed", &["--input", "-"]);
    run.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    run.stderr(std::process::Stdio::piped());
    let mut child = run.spawn().expect("the command starts");
    let mut stdin = child.stdin.take().expect("piped");
    let feeder = std::thread::spawn(move || {
        let _ = std::io::Write::write_all(&mut stdin, text.as_bytes());
    });
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    feeder.join().expect("fed");
    assert!(output.status.success());
    assert_eq!(errors(&output), "");
    assert!(embed_stdin(&[], b"a\n").status.success());
}

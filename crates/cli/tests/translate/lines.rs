//! What is written: a line a text, in order, the same however it is computed.

use crate::stage::{PAIRS, good, pair, records, said, translate, translate_stdin};

fn sources() -> Vec<String> {
    (0..PAIRS).step_by(7).map(|n| pair(n)[0].clone()).collect()
}

#[test]
fn lines_come_in_order_and_are_right() {
    let sources = sources();
    let done = translate_stdin(&[], &(sources.join("\n") + "\n"));
    let lines: Vec<String> = good(&done).lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), sources.len());
    let targets = (0..PAIRS).step_by(7).map(|n| pair(n)[1].clone());
    let right = lines.iter().zip(targets).filter(|(line, target)| *line == target).count();
    assert!(right * 10 >= lines.len() * 9, "{right} of {}: {lines:?}", lines.len());
    let said = said(&done);
    assert!(said.contains("43 texts, ") && said.contains(" output tokens/s)"), "{said}");
    assert!(!said.contains("unknown") && !said.contains("cut"), "{said}");
}

#[test]
fn bytes_for_weights_change_little() {
    let text = sources().join("\n") + "\n";
    let floats = good(&translate_stdin(&["--json"], &text));
    let bytes = good(&translate_stdin(&["--json", "--weights", "int8"], &text));
    assert_ne!(floats, bytes, "the weights are bytes");
    let (floats, bytes) = (records(&floats), records(&bytes));
    let mut same = 0;
    for (a, b) in floats.iter().zip(&bytes) {
        let best = |record: &serde_json::Value| record["outputs"][0].clone();
        let score = |record| best(record)["score"].as_f64().expect("a score");
        // Mean log-probabilities of sure outputs.
        assert!((score(a) - score(b)).abs() < 0.05, "{a} and {b}");
        same += usize::from(best(a)["text"] == best(b)["text"]);
    }
    assert!(same * 20 >= floats.len() * 19, "{same} of {}", floats.len());
}

#[test]
fn threads_batches_and_the_way_in_change_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let sources = sources();
    let path = folder.path().join("in.txt");
    std::fs::write(&path, sources.join("\n")).expect("texts");
    let input = path.display().to_string();
    let all = ["--json", "--scores", "--n-best", "3"];
    let expected = good(&translate(&[&all[..], &["--threads", "1", "--input", &input]].concat()));
    assert_eq!(expected.lines().count(), sources.len());
    // An ending that stands for a language.
    let english = folder.path().join("in.en").display().to_string();
    std::fs::copy(&path, &english).expect("a copy");
    let found = good(&translate(&[&all[..], &["--input", &english]].concat()));
    assert!(found == expected, "{english}");
    for more in [
        &["--threads", "2"][..],
        &["--threads", "3", "--batch-tokens", "1"],
        &["--threads", "1", "--batch-tokens", "97"],
        &["--threads", "2", "--batch-tokens", "100000"],
    ] {
        let found = good(&translate(&[&all[..], more, &["--input", &input]].concat()));
        assert!(found == expected, "{more:?}");
    }
    let piped = translate_stdin(&all, &sources.join("\n"));
    assert!(good(&piped) == expected, "standard input");
    let texts: Vec<&str> = sources.iter().map(String::as_str).collect();
    assert!(good(&translate(&[&all[..], &texts].concat())) == expected, "arguments");
}

#[test]
fn empty_lines_stay_empty() {
    let [source, target] = pair(3);
    let text = format!("\n{source}\n\n  \n{source}\n");
    assert_eq!(good(&translate_stdin(&[], &text)), format!("\n{target}\n\n\n{target}\n"));
    let scored = good(&translate_stdin(&["--scores"], "\n"));
    assert_eq!(scored, "0.0000\t\n");
    let numbered = good(&translate_stdin(&["--n-best", "2"], &text));
    let numbers: Vec<&str> = numbered.lines().map(|line| &line[..2]).collect();
    assert_eq!(numbers, ["0\t", "1\t", "1\t", "2\t", "3\t", "4\t", "4\t"]);
}

#[test]
fn scores_and_the_n_best_are_those_of_the_records() {
    let source = pair(11)[0].clone();
    let arguments = ["--n-best", "4", "--length-penalty", "0.6", &source];
    let record = records(&good(&translate(&[&["--json", "--scores"], &arguments[..]].concat())));
    let [record] = record.as_slice() else { panic!("{record:?}") };
    assert_eq!(record["id"], 0);
    assert_eq!(record["truncated"], false);
    assert_eq!([&record["unknown"], &record["pieces"]], [0, 1]);
    assert_eq!(record["tokens"], record["tokens_used"]);
    let outputs = record["outputs"].as_array().expect("outputs");
    assert_eq!(outputs.len(), 4);
    for output in outputs {
        let told = output["tokens"].as_array().expect("tokens");
        let number = |value: &serde_json::Value| value.as_f64().expect("a number");
        let sum: f64 = told.iter().map(|told| number(&told["log_probability"])).sum();
        let score = sum / (told.len() as f64).powf(0.6);
        assert!((score - number(&output["score"])).abs() < 1e-5, "{output}");
        assert!(output["ended"] != true || told[told.len() - 1]["token"] == "[SEP]", "{output}");
    }
    let lines = |output: &serde_json::Value| {
        let score = output["score"].as_f64().expect("a number");
        format!("{score:.4}\t{}\n", output["text"].as_str().expect("a text"))
    };
    let expected: String = outputs.iter().map(|output| format!("0\t{}", lines(output))).collect();
    assert_eq!(good(&translate(&arguments)), expected);
    let one = ["--length-penalty", "0.6", "--scores", &source];
    assert_eq!(good(&translate(&one)), lines(&outputs[0]));
    let plain = records(&good(&translate(&[&["--json"], &arguments[..]].concat())));
    assert!(plain[0]["outputs"][0].get("tokens").is_none());
    assert_eq!(plain[0]["outputs"][0]["text"], outputs[0]["text"]);
}

#[test]
fn files_of_any_kind_are_read_and_written_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = |name: &str| folder.path().join(name).display().to_string();
    let rows: String = (0..5).map(|n| format!("k{n}\t{}\n", pair(n)[0])).collect();
    std::fs::write(place("in.tsv"), format!("id\ttext\n{rows}")).expect("rows");
    let run = translate(&["--input", &place("in.tsv"), "--output", &place("out.jsonl")]);
    assert_eq!(good(&run), "");
    assert!(said(&run).contains("out.jsonl"), "{}", said(&run));
    let found = records(&std::fs::read_to_string(place("out.jsonl")).expect("records"));
    let ids: Vec<_> = found.iter().map(|record| record["id"].clone()).collect();
    assert_eq!(ids, ["k0", "k1", "k2", "k3", "k4"]);
    good(&translate(&["--input", &place("in.tsv"), "--output", &place("out.txt.gz"), "-q"]));
    let file = std::fs::File::open(place("out.txt.gz")).expect("a file");
    let text = std::io::read_to_string(flate2::read::GzDecoder::new(file)).expect("gzip");
    let texts: Vec<&str> =
        found.iter().map(|r| r["outputs"][0]["text"].as_str().expect("a text")).collect();
    assert_eq!(text.lines().collect::<Vec<_>>(), texts);
    let names = std::fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(names, 3, "nothing else is left");
}

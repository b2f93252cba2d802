//! `contexture eval`: every task runs, says what it did, and names what is wrong by file and line.

use std::fs;
use std::path::PathBuf;

mod stage;
use serde_json::Value;
use stage::{bad, errors, good};

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    fn file(&self, name: &str, content: &str) -> String {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(&path, content).expect("written");
        path.display().to_string()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn eval(arguments: &[&str]) -> std::process::Output {
    let (task, rest) = arguments.split_first().expect("a task");
    // `--model` stands behind the task's name.
    let mut command = stage::command();
    command.args(["eval", task, "--model"]).arg(stage::model("bert")).args(rest);
    command.output().expect("the command starts")
}

fn json(arguments: &[&str]) -> Value {
    let said = good(eval(&[arguments, &["--json", "--bootstrap", "50"]].concat()));
    serde_json::from_str(&said).expect("one JSON object")
}

fn figure(report: &Value, line: usize, name: &str) -> f64 {
    let figures = report["lines"][line]["figures"].as_array().expect("figures");
    let found = figures.iter().find(|figure| figure["name"] == name);
    found.and_then(|figure| figure["value"].as_f64()).unwrap_or_else(|| panic!("{name}: {report}"))
}

const STS: &str = "score\tsentence1\tsentence2\n5\ta cat sat\ta cat sat\n0\ta cat sat\tstocks \
                   fell today\n3\tthe dog ran\tthe dog runs\n1\train\tthe sun shines on us\n";

#[test]
fn similarity_of_several_files_is_a_table() {
    let place = Place::new();
    let one = place.file("one.tsv", STS);
    let two = place.file("two.tsv", &STS.replace("score\tsentence1", "gold\tsentence_A"));
    let report = json(&["sts", &one, &two]);
    assert_eq!(report["lines"].as_array().map(Vec::len), Some(3), "two files and their mean");
    assert_eq!(figure(&report, 0, "Spearman"), figure(&report, 1, "Spearman"));
    assert_eq!(report["lines"][0]["items"], 4);
    let interval = &report["lines"][0]["figures"][0]["interval"];
    assert!(interval[0].as_f64() <= interval[1].as_f64());
    // Columns by number, without a header, give the same.
    let bare: String = STS.lines().skip(1).map(|line| format!("{line}\n")).collect();
    let bare = place.file("bare.tsv", &bare);
    let again = json(&["sts", &bare, "--no-header", "--first", "3", "--second", "2"]);
    assert_eq!(figure(&again, 0, "Spearman"), figure(&report, 0, "Spearman"));
}

#[test]
fn results_are_text_markdown_json_and_files() {
    let place = Place::new();
    let data = place.file("one.tsv", STS);
    let run = eval(&["sts", &data, "--bootstrap", "0"]);
    assert!(errors(&run).contains(" s on "), "{}", errors(&run));
    let text = good(run);
    assert!(text.starts_with("sts · ") && text.contains("one.tsv, 4 pairs"), "{text}");
    assert!(!text.contains('['), "no interval was asked for: {text}");
    let markdown = good(eval(&["sts", &data, "--markdown", "--quiet"]));
    assert!(markdown.contains("| data | pairs | Spearman | Pearson |"), "{markdown}");
    for (name, begin) in [("a.json", "{"), ("a.md", "**sts**"), ("a.txt", "sts · ")] {
        let out = place.path(name);
        good(eval(&["sts", &data, "--out", &out.display().to_string()]));
        let written = fs::read_to_string(&out).expect("the file");
        assert!(written.starts_with(begin), "{name}: {written}");
    }
    let said = bad(eval(&["sts", &data, "--out", "/no/such/folder/a.json"]));
    assert!(said.contains("a.json: cannot be written"), "{said}");
}

#[test]
fn the_same_run_gives_the_same_report() {
    let place = Place::new();
    let data = place.file("one.tsv", STS);
    let strip = |mut report: Value| {
        report["seconds"] = Value::Null;
        report
    };
    let one = strip(json(&["sts", &data, "--threads", "1"]));
    assert_eq!(one, strip(json(&["sts", &data, "--threads", "3"])));
}

#[test]
fn pairs_and_senses_are_told_apart() {
    let place = Place::new();
    let data = place.file(
        "p.tsv",
        "label\tsentence1\tsentence2\n1\ta b c\ta b c\n0\ta b c\tx y z 9\n1\tred car\tred car\n",
    );
    let report = json(&["pairs", &data]);
    assert_eq!(figure(&report, 0, "AP"), 1.0);
    assert_eq!(figure(&report, 0, "best accuracy"), 1.0);
    let data = place.file(
        "w.tsv",
        "label\tword\tpos\tidx1-idx2\tsentence1\tsentence2\nT\tbank\tN\t1-1\tthe bank\tthe \
         bank\nF\tbank\tN\t0-4\tbank of river\tI went to the bank\n",
    );
    let report = json(&["wic", &data]);
    assert_eq!(figure(&report, 0, "accuracy"), 1.0);
    assert!(report["notes"][0].as_str().is_some_and(|note| note.contains("--train")), "{report}");
    let report = json(&["wic", &data, "--train", &data, "--layer", "1"]);
    assert_eq!(report["lines"][0]["result"]["threshold_from"], "training");
}

#[test]
fn triples_are_counted_by_kind_and_ties_are_wrong() {
    let place = Place::new();
    // The first positive is the anchor itself; the other is as far as its negative, since case and
    // blanks are none of the model's.
    let rows = "a cat sat\ta cat sat\tstocks fell today\troles\na dog ran\tred car\tRed  \
                car\ttimes\n";
    let data = place.file("t.tsv", &format!("anchor\tpositive\tnegative\tkind\n{rows}"));
    let report = json(&["triples", &data]);
    let names = ["roles", "times", "mean of the cases", "all"];
    for (line, (name, share)) in names.iter().zip([1.0, 0.0, 0.5, 0.5]).enumerate() {
        assert_eq!(report["lines"][line]["data"], *name);
        assert_eq!(figure(&report, line, "accuracy"), share, "{name}");
    }
    assert_eq!(figure(&report, 3, "ties"), 1.0);
    assert_eq!(report["lines"][3]["result"]["overall"]["right"], 1);
    let markdown = good(eval(&["triples", &data, "--markdown", "--quiet"]));
    assert!(markdown.contains("| data | triples | accuracy | right | ties |"), "{markdown}");
    // By number, without kinds, all are one.
    let bare = place.file("bare.tsv", rows);
    let report = json(&["triples", &bare, "--no-header"]);
    assert_eq!(report["lines"].as_array().map(Vec::len), Some(2));
    assert_eq!(figure(&report, 1, "accuracy"), 0.5);
}

fn collection(place: &Place) -> String {
    let documents = ["a red car", "the blue sky above us", "some green grass"];
    let document = |(at, text): (usize, &&str)| {
        format!("{{\"_id\": \"d{at}\", \"title\": \"\", \"text\": \"{text}\"}}\n")
    };
    let corpus: String = documents.iter().enumerate().map(document).collect();
    place.file("c/corpus.jsonl", &corpus);
    let query =
        |(at, text): (usize, &&str)| format!("{{\"_id\": \"q{at}\", \"text\": \"{text}\"}}\n");
    place.file("c/queries.jsonl", &documents.iter().enumerate().map(query).collect::<String>());
    let qrels = "query-id\tcorpus-id\tscore\nq0\td0\t1\nq1\td1\t2\nq1\tgone\t0\nq9\td1\t1\n";
    place.file("c/qrels/test.tsv", qrels);
    place.path("c").display().to_string()
}

#[test]
fn documents_equal_to_the_query_come_first() {
    let place = Place::new();
    let folder = collection(&place);
    let report = json(&["retrieval", &folder]);
    assert_eq!(figure(&report, 0, "nDCG@10"), 1.0);
    assert_eq!(figure(&report, 0, "MRR@10"), 1.0);
    assert_eq!(report["lines"][0]["items"], 2);
    let notes = report["notes"].to_string();
    for part in ["1 queries without judgements", "1 judged queries that", "1 judged documents"] {
        assert!(notes.contains(part), "{part}: {notes}");
    }
    let said = bad(eval(&["retrieval", &folder, "--ndcg", "2000"]));
    assert!(said.contains("1 to 1000"), "{said}");
    let said = bad(eval(&["retrieval", &folder, "--split", "dev"]));
    assert!(said.contains("the judgements"), "{said}");
    place.file("c/qrels/dev.tsv", "q0\td0\tx\nq0\td1\ty\n");
    let said = bad(eval(&["retrieval", &folder, "--split", "dev"]));
    assert!(said.contains("dev.tsv: line 2: the judgement"), "{said}");
    place.file(
        "c/corpus.jsonl",
        "{\"_id\": \"a\", \"text\": \"x\"}\n{\"_id\": \"a\", \"text\": \"y\"}\n",
    );
    let said = bad(eval(&["retrieval", &folder]));
    assert!(said.contains("line 2: the id `a` stands in line 1 too"), "{said}");
}

#[test]
fn probes_learn_texts_and_words() {
    let place = Place::new();
    let rows: String =
        (0..20).map(|n| format!("up\tgood {n}\ndown\tbad day {n} today\n")).collect();
    let data = place.file("c.tsv", &format!("label\ttext\n{rows}"));
    let report = json(&["classify", &data, "--folds", "4"]);
    assert_eq!(figure(&report, 0, "accuracy"), 1.0);
    assert_eq!(figure(&report, 0, "majority"), 0.5);
    let report = json(&["classify", &data, "--test", &data]);
    assert_eq!(report["lines"][0]["result"]["converged"], true);
    let words = place.file("t.tsv", &"the\tDET\ncat\tNOUN\nsat\tVERB\n\n".repeat(6));
    for layer in ["last", "mix", "0"] {
        let report = json(&["tagging", &words, "--test", &words, "--layer", layer]);
        assert_eq!(figure(&report, 0, "accuracy"), 1.0, "{layer}");
        assert_eq!(figure(&report, 0, "most frequent tag, accuracy"), 1.0);
        assert_eq!(report["lines"][0]["items"], 18);
    }
}

#[test]
fn what_is_wrong_is_named_by_file_and_line() {
    let place = Place::new();
    let with = |name: &str, content: &str| place.file(name, content);
    let score = with("score.tsv", &STS.replace("\n3\t", "\nthree\t"));
    let short = with("short.tsv", "score\tsentence1\tsentence2\n1\ta\tb\n2\ta\n");
    let same = with("same.tsv", "score\tsentence1\tsentence2\n1\ta\tb\n1\tc\td\n");
    let empty = with("empty.tsv", "");
    let header = with("header.tsv", "score\tsentence1\tsentence2\n");
    let label = with("label.tsv", "label\tsentence1\tsentence2\n1\ta\tb\nmaybe\tc\td\n");
    let one = with("one.tsv", "label\tsentence1\tsentence2\n1\ta\tb\n1\tc\td\n");
    let won = with("won.tsv", "anchor\tpositive\tnegative\na\tb\tb\n");
    let index = with("index.tsv", "label\tidx\tsentence1\tsentence2\nT\t0-7\ta b\tc\n");
    let tags = with("tags.tsv", "a\tX\nb\n");
    let class = with("class.tsv", "label\ttext\nup\ta\nup\tb\n");
    let cases: &[(&[&str], &str)] = &[
        (&["sts", &score], "score.tsv: line 4: column `score`: expected a number, found `three`"),
        (&["sts", &short], "short.tsv: line 3: expected 3 columns or more, found 2"),
        (&["sts", &same], "same.tsv: expected different gold scores, found 1 in every row"),
        (&["sts", &empty], "empty.tsv: expected rows below a header, found none"),
        (&["sts", &header], "header.tsv: expected rows below a header, found none"),
        (&["sts", &score, "--score", "gold"], "no column `gold`; the columns are: 1 `score`"),
        (&["sts", &label], "there is no column `score` or"),
        (&["sts", "no-such-file.tsv"], "no-such-file.tsv: cannot be opened"),
        (&["sts", "."], ".: cannot be opened: is a folder"),
        (&["pairs", &label], "label.tsv: line 3: column `label`: expected 1, T or true"),
        (&["pairs", &one], "one.tsv: expected two classes or more, found `true` only"),
        (&["triples", &won], "won.tsv: line 2: column `negative`: expected another sentence"),
        (&["triples", &label], "there is no column `anchor` or"),
        (&["wic", &index], "index.tsv: line 2: column `idx`: expected two word numbers"),
        (&["tagging", &tags, "--test", &tags], "tags.tsv: line 2: expected 2 columns or more"),
        (&["tagging", &tags, "--test", &tags, "--tag", "1"], "2 or more"),
        (&["classify", &class], "class.tsv: expected two classes or more, found `up` only"),
        (&["retrieval", "."], "corpus.jsonl or corpus.jsonl.gz"),
        (&["minimal-pairs", &score], "no column `grammatical`"),
        (&["perplexity", "no-such-file.txt"], "no-such-file.txt: cannot be opened"),
    ];
    for (arguments, part) in cases {
        let said = bad(eval(arguments));
        assert!(said.contains(part), "{arguments:?}: {part:?} in {said}");
        assert_eq!(said.trim_end().lines().count(), 1, "one line: {said}");
    }
}

fn translation(arguments: &[&str]) -> std::process::Output {
    stage::command().args(["eval", "translation"]).args(arguments).output().expect("starts")
}

#[test]
fn translations_are_judged_without_a_model() {
    let place = Place::new();
    let reference = place.file("ref.de", "Ein Mann geht.\nZwei Hunde rennen im Schnee.\n\n");
    let good_one = place.file("a.de", "Ein Mann geht.\r\nZwei Hunde rennen im Schnee.\r\n\r\n");
    let other = place.file("b.de", "\nZwei Hunde laufen im tiefen Schnee.\nNein\n");
    let files = ["--hypotheses", &good_one, &other, "--references", &reference];
    let said = good(translation(&[&files[..], &["--json", "--bootstrap", "50"]].concat()));
    let report: Value = serde_json::from_str(&said).expect("one JSON object");
    assert_eq!(report["model"], Value::Null);
    assert!((figure(&report, 0, "BLEU") - 100.0).abs() < 1e-9);
    assert!((figure(&report, 0, "chrF2") - 100.0).abs() < 1e-9);
    assert!(figure(&report, 1, "chrF2") < 100.0);
    assert_eq!(report["lines"][1]["result"]["bleu_parts"]["hypothesis_length"], 8);
    assert_eq!(report["lines"][1]["result"]["empty_hypotheses"], 1);
    let notes = report["notes"].to_string();
    for part in ["a.de: 1 hypotheses are empty", "b.de: 1 sentences", "chrF2|nrefs:1|case:mixed"] {
        assert!(notes.contains(part), "{part}: {notes}");
    }
    let text = good(translation(&["--hypotheses", &good_one, "--references", &reference]));
    assert!(text.starts_with("translation\n\na.de, 3 sentences\n  BLEU "), "{text}");
    assert!(text.contains("100.00 [") && !text.contains("shares x 100"), "{text}");
    let two = ["--hypotheses", &other, "--references", &reference, &other, "--limit", "2"];
    let markdown = good(translation(&[&two[..], &["--markdown", "--quiet"]].concat()));
    assert!(markdown.starts_with("**translation**\n\n| data | sentences | BLEU | chrF2 |"));
    assert!(markdown.contains("| b.de | 2 | 100.00 ["), "{markdown}");
    assert!(markdown.contains("BLEU|nrefs:2|"), "{markdown}");
}

#[test]
fn translations_that_do_not_fit_are_refused() {
    let place = Place::new();
    let (two, three) = (place.file("two.de", "a\nb\n"), place.file("three.de", "a\nb\n\n"));
    let empty = place.file("empty.de", "");
    let refused = |hypotheses: &str, references: &str| {
        bad(translation(&["--hypotheses", hypotheses, "--references", references, "--limit", "1"]))
    };
    let said = refused(&two, &three);
    assert!(said.contains("two.de has 2 lines and ") && said.contains("three.de has 3;"), "{said}");
    for said in [refused(&empty, &three), refused(&two, &empty)] {
        assert!(said.contains("empty.de: expected a sentence a line, found none"), "{said}");
    }
    assert!(refused(&two, "no-such-file").contains("no-such-file: cannot be opened"));
    let model = ["--hypotheses", &two, "--references", &two, "--model", "x"];
    assert_eq!(translation(&model).status.code(), Some(2), "no model takes part");
}

#[test]
fn a_model_without_a_language_head_says_so() {
    let place = Place::new();
    let pairs = place.file("m.tsv", "grammatical\tungrammatical\nhe is\the are\n");
    let said = bad(eval(&["minimal-pairs", &pairs]));
    assert!(said.contains("has no language head"), "{said}");
    let text = place.file("t.txt", "he is\n");
    let said = bad(eval(&["perplexity", &text]));
    assert!(said.contains("has no language head"), "{said}");
    let said = bad(eval(&["perplexity", &text, "--layer", "1"]));
    assert!(said.contains("other tasks"), "{said}");
}

#[test]
fn help_tells_how_files_are_laid_out() {
    for (task, part) in [("translation", "line N of one belongs to line N"), ("sts", "no quoting")]
    {
        let output = stage::command().args(["eval", task, "--help"]).output().expect("starts");
        let said = good(output).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(part), "{task}: {said}");
    }
}

#[test]
fn help_shows_examples() {
    for task in [
        "sts",
        "pairs",
        "triples",
        "retrieval",
        "wic",
        "classify",
        "tagging",
        "minimal-pairs",
        "perplexity",
        "translation",
    ] {
        let output = stage::command().args(["eval", task, "--help"]).output().expect("starts");
        let said = good(output);
        assert!(said.contains(&format!("contexture eval {task} ")), "{task}: {said}");
    }
}

//! What goes wrong names its exact place, ends with code 1, and leaves nothing behind.

use std::fs;

mod stage;
use stage::{bad, bert, command, embed, embed_stdin, errors, good, lines, names};

/// Runs on a file of this content; returns the message.
fn on(name: &str, content: &[u8], more: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    fs::write(&path, content).expect("written");
    let (input, output) = (path.display().to_string(), folder.path().join("out.npy"));
    let output = output.display().to_string();
    let said = bad(embed(&[&["--input", &input, "--output", &output], more].concat()));
    assert_eq!(names(folder.path()), [name], "nothing is left: {said}");
    assert_eq!(said.trim_end().lines().count(), 1, "one line: {said}");
    assert!(said.starts_with("contexture: "), "{said}");
    said
}

#[test]
fn bad_rows_are_named_by_file_line_and_byte() {
    let cases: &[(&str, &[u8], &[&str])] = &[
        (
            "a.txt",
            b"good\nok\nno\xFFgood\n",
            &["a.txt: line 3: byte 2", "byte 10 of the file", "--lossy"],
        ),
        ("a.jsonl", b"{\"text\":\"a\"}\n{\"text\":\n", &["a.jsonl: line 2: column", "--skip-bad"]),
        (
            "a.jsonl",
            b"{\"text\":\"a\"}\n{\"txt\":\"a\"}\n",
            &["line 2: expected the field `text`", "txt"],
        ),
        ("a.jsonl", b"{\"text\":\"a\"}\n[1]\n", &["a.jsonl: line 2: expected a JSON object"]),
        ("a.jsonl", b"{\"text\":\"a\"}\n{\"text\":null}\n", &["line 2: field `text`", "null"]),
        ("a.csv", b"text,n\na,1\nb\n", &["a.csv: line 3: expected 2 columns, found 1"]),
        ("a.csv", b"text,n\na,1\n\"b,2\n", &["a.csv: line 3", "closing quote"]),
        ("a.tsv", b"n\ttext\n1\ta\n2\n", &["a.tsv: line 3: expected 2 columns, found 1"]),
        ("a.txt.gz", b"not gzip", &["a.txt.gz: the name says gzip"]),
        ("a.parquet", b"PAR1 and no more", &["a.parquet: not a readable Parquet file"]),
        ("a.xyz", b"text", &["a.xyz: no format is known", "parquet"]),
    ];
    for (name, content, parts) in cases {
        let said = on(name, content, &[]);
        for part in *parts {
            assert!(said.contains(part), "{part:?} in {said}");
        }
    }
}

#[test]
fn a_broken_archive_says_where_it_broke() {
    let plain: String = (0..200_000).map(|n| format!("{}\n", n * 7919 % 1_000_003)).collect();
    let whole = zstd::encode_all(plain.as_bytes(), 3).expect("zstd");
    let said = on("a.txt.zst", &whole[..whole.len() / 2], &["--skip-bad"]);
    assert!(said.contains("a.txt.zst: line ") && said.contains("truncated"), "{said}");
}

#[test]
fn bad_rows_are_passed_over_and_counted() {
    let rows = b"{\"text\":\"a\"}\nbroken\n{\"text\":\"b\"}\n{}\n";
    let run = embed_stdin(&["-i", "-", "--input-format", "jsonl", "--skip-bad", "--row-ids"], rows);
    let said = errors(&run);
    assert!(said.contains("2 bad rows were skipped, the first: standard input: line 2"), "{said}");
    let ids: Vec<_> = lines(&good(run)).iter().map(|record| record["id"].clone()).collect();
    assert_eq!(ids, [0, 2], "numbers stay in step with the file");
}

#[test]
fn long_texts_end_the_run_or_are_skipped_on_request() {
    let arguments = ["--max-length", "5", "--on-overflow", "error", "b", "a b c d e f g h i"];
    let said = bad(embed(&arguments));
    assert!(said.contains("argument 2: 11 tokens, and the limit is 5"), "{said}");
    let run = embed(&[&arguments[..], &["--skip-bad"]].concat());
    assert!(errors(&run).contains("1 bad row was skipped"), "{}", errors(&run));
    assert_eq!(lines(&good(run)).len(), 1);
}

#[test]
fn settings_that_the_model_cannot_honour_name_what_it_takes() {
    let cases: &[(&[&str], &str)] = &[
        (&["--layer", "99", "a"], "0 to 3"),
        (&["--dimensions", "49", "a"], "1 to 48"),
        (&["--dimensions", "0", "a"], "1 to 48"),
        (&["--layer", "mix:1,2", "a"], "4"),
        (&["--prompt-name", "query", "a"], "query"),
        (&["--max-length", "100000", "a"], "96"),
        (&["--budget-tokens", "0", "a"], "at least 1"),
        (&["--int8-ranges", "none.json", "a"], "--precision int8"),
        (&["--precision", "int8", "a"], "two vectors"),
        (&["--precision", "int8", "--level", "word", "a"], "sentence"),
        (&["--precision", "int8", "--int8-ranges", "none.json", "a"], "none.json"),
        (&["--format", "npy", "a"], "name a file"),
        (&["--input", "no-such-file.txt"], "no-such-file.txt: cannot be opened"),
        (&["--input", "."], ".: is a folder"),
    ];
    for (arguments, part) in cases {
        let said = bad(embed(arguments));
        assert!(said.contains(part), "{arguments:?}: {part:?} in {said}");
    }
}

#[test]
fn wrong_usage_is_code_2() {
    let cases: &[&[&str]] = &[
        &[],
        &["embed", "--level", "paragraph", "a"],
        &["embed", "--layer", "first", "a"],
        &["embed", "--input", "a.txt", "text"],
        &["embed", "--id", "x", "--row-ids", "a"],
        &["embed", "--threads", "5000", "a"],
        &["pull"],
    ];
    for arguments in cases {
        let output = command().args(*arguments).output().expect("the command starts");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", errors(&output));
    }
}

#[test]
fn an_unknown_instruction_set_is_refused_at_start() {
    let output = bert("embed", &["a"]).env("CONTEXTURE_ISA", "sse9").output();
    let said = bad(output.expect("the command starts"));
    assert!(said.contains("CONTEXTURE_ISA=sse9") && said.contains("plain"), "{said}");
    let output = bert("embed", &["a"]).env("CONTEXTURE_ISA", "plain").output();
    good(output.expect("the command starts"));
}

#[test]
fn a_model_that_is_not_there_says_so() {
    let output = command().args(["embed", "a", "--offline", "--model", "no-such-model"]).output();
    let said = bad(output.expect("the command starts"));
    assert!(said.contains("no-such-model"), "{said}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_clear_error() {
    for command in ["embed", "similarity", "tokenize", "info"] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
        let texts: &[&str] = if command == "info" { &[] } else { &["a", "b"] };
        let said = bad(bert(command, texts).stdout(full).output().expect("the command starts"));
        assert!(said.contains("standard output: cannot be written"), "{command}: {said}");
        assert_eq!(said.matches("No space left").count(), 1, "{command}: {said}");
    }
    let said = bad(embed(&["--output", "/dev/full", "--format", "jsonl", "a"]));
    assert!(said.contains("/dev/full: cannot be written"), "{said}");
}

#[cfg(unix)]
#[test]
fn a_folder_that_refuses_files_is_a_clear_error() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("missing/out.npy").display().to_string();
    assert!(bad(embed(&["--output", &missing, "a"])).contains("out.npy: cannot be created"));
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).expect("permissions");
    if fs::write(folder.path().join("probe"), "").is_ok() {
        eprintln!("skipped: this user may write into read-only folders");
        return;
    }
    let output = folder.path().join("out.npy").display().to_string();
    assert!(bad(embed(&["--output", &output, "a"])).contains("out.npy: cannot be created"));
    assert!(names(folder.path()).is_empty());
}

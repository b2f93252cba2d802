//! `contexture positions`: what it prints, draws and decides.

use assert_cmd::Command;

fn positions(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::cargo_bin("contexture")
        .expect("the command was built")
        .arg("positions")
        .args(arguments)
        .output()
        .expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("text is UTF-8");
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

#[test]
fn places_that_coincide_are_named_and_fail() {
    let source = "if(i % 2 == 0, sin(pos/100), cos(pos/100))";
    let (code, out, err) = positions(&[source, "--length", "1000"]);
    assert_eq!(code, 1);
    assert!(out.contains("verdict: positions 0 and 628 coincide"), "{out}");
    assert!(err.starts_with("contexture: positions 0 and 628 coincide"), "{err}");
    let (code, out, _) = positions(&[source, "--length", "1000", "--tolerance", "0.001"]);
    assert_eq!(code, 0, "{out}");
    let (code, out, _) = positions(&["none"]);
    assert!(code == 1 && out.contains("all places coincide"), "{out}");
}

#[test]
fn every_name_has_a_verdict() {
    for (name, verdict) in [
        ("sinusoidal", "all 512 places differ"),
        ("rotary", "all 512 places differ"),
        ("learned", "rows begin at random"),
        ("alibi", "does not tell absolute places apart"),
        ("relative", "does not tell absolute places apart"),
        ("pos / n", "coincide"),
    ] {
        let (code, out, err) = positions(&[name]);
        assert!(out.contains(verdict), "{name}: {out}{err}");
        assert_eq!(code, i32::from(verdict == "coincide"), "{name}: {err}");
    }
}

#[test]
fn numbers_come_as_json_and_as_lines() {
    let (code, out, err) = positions(&["sinusoidal", "--json", "--hidden", "8"]);
    let found: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, found["name"].as_str()), (0, Some("sinusoidal")), "{err}");
    assert_eq!(found["distances"].as_array().map(Vec::len), Some(512));
    assert!(found.get("table").is_none() && found["coincide"].is_null());
    let (_, out, _) = positions(&["sinusoidal", "--values", "--hidden", "4", "--length", "3"]);
    let rows: Vec<Vec<f64>> = out
        .lines()
        .map(|line| line.split('\t').map(|v| v.parse().expect("a number")).collect())
        .collect();
    assert_eq!((rows.len(), &rows[0][..]), (3, &[0.0, 1.0, 0.0, 1.0][..]));
    assert!((rows[2][0] - 2f64.sin()).abs() < 1e-6 && (rows[2][3] - 0.02f64.cos()).abs() < 1e-6);
}

#[test]
fn pictures_are_drawn_into_files() {
    let folder = tempfile::tempdir().expect("a folder");
    for (function, ending, begin) in [
        ("sinusoidal", "svg", "<svg"),
        ("alibi", "html", "<!doctype html"),
        ("relative", "svg", "<svg"),
    ] {
        let path = folder.path().join(format!("{function}.{ending}"));
        let (code, _, err) = positions(&[function, "--out", &path.display().to_string()]);
        assert_eq!(code, 0, "{err}");
        let text = std::fs::read_to_string(&path).expect("it was drawn");
        assert!(text.to_lowercase().starts_with(begin), "{}", &text[..40]);
        assert!(!text.contains("http://") || text.contains("www.w3.org"), "{function}");
    }
    let (code, _, err) = positions(&["alibi", "--out", "picture.png"]);
    assert!(code == 1 && err.contains(".svg or .html"), "{err}");
}

#[test]
fn what_cannot_be_computed_is_said() {
    for (arguments, expected) in [
        (&["sin(x)"][..], "unknown variable `x` at column 5"),
        (&["1/(pos-3)"], "at pos = 3, i = 0"),
        (&["-pos +"], "column 7"),
        (&["rotary", "--heads", "7"], "rotation needs heads"),
        (&["sinusoidal", "--tolerance", "NaN"], "--tolerance NaN"),
        (&["sinusoidal", "--hidden", "32768", "--length", "65536"], "take fewer"),
    ] {
        let (code, _, err) = positions(arguments);
        assert!(code == 1 && err.contains(expected), "{arguments:?}: {err}");
    }
    assert_eq!(positions(&["sinusoidal", "--length", "0"]).0, 2);
}

//! The house's rules that a machine can hold.

use std::path::{Path, PathBuf};

use contexture_verify::workspace;

fn rust_files() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    let mut folders = vec![workspace().join("crates")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                files.push((path, text));
            }
        }
    }
    assert!(files.len() > 40, "only {} Rust files were found", files.len());
    files
}

fn report(rule: &str, broken: Vec<String>) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

#[test]
fn files_stay_under_600_lines() {
    let broken = rust_files()
        .iter()
        .filter(|(_, text)| text.lines().count() > 600)
        .map(|(path, text)| format!("{}: {} lines", path.display(), text.lines().count()))
        .collect();
    report("a file has at most 600 lines", broken);
}

/// The lines of each function, by the indentation that rustfmt gives its closing brace.
fn long_functions(text: &str, limit: usize) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut long = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let indent = line.len() - code.len();
        let header = code.split('(').next().unwrap_or_default();
        let starts = header.starts_with("fn ") || header.contains(" fn ");
        if !starts || code.starts_with("//") || code.ends_with(';') {
            continue;
        }
        let closing = format!("{}}}", " ".repeat(indent));
        let length = lines[start..].iter().position(|l| *l == closing).map_or(0, |end| end + 1);
        if length > limit {
            long.push((start + 1, length));
        }
    }
    long
}

#[test]
fn functions_stay_under_70_lines() {
    let broken = rust_files()
        .iter()
        .flat_map(|(path, text)| {
            long_functions(text, 70)
                .into_iter()
                .map(move |(line, length)| format!("{}:{line}: {length} lines", path.display()))
        })
        .collect();
    report("a function has at most 70 lines", broken);
}

#[test]
fn the_function_rule_sees_long_functions() {
    let body = "    let x = 1;\n".repeat(80);
    let text = format!("impl A {{\n    pub fn long(\n        &self,\n    ) {{\n{body}    }}\n}}\n");
    assert_eq!(long_functions(&text, 70), [(2, 84)]);
}

#[test]
fn mod_files_hold_only_modules() {
    let allowed = |line: &str| {
        let line = line.trim();
        line.is_empty()
            || line.starts_with("//")
            || line.starts_with("#[cfg")
            || line.starts_with("mod ")
            || line.starts_with("pub mod ")
            || line.starts_with("pub(crate) mod ")
    };
    let broken = rust_files()
        .iter()
        // A test's shared code has no other place than the `mod.rs` of its folder.
        .filter(|(path, _)| path.components().any(|part| part.as_os_str() == "src"))
        .filter(|(path, _)| path.file_name().is_some_and(|name| name == "mod.rs"))
        .flat_map(|(path, text)| {
            // `use` items may span lines: they are dropped up to their semicolon.
            let mut inside_use = false;
            text.lines()
                .filter(|line| {
                    let opens = line.starts_with("pub use ")
                        || line.starts_with("pub(crate) use ")
                        || line.starts_with("use ");
                    let skip = opens || inside_use;
                    inside_use = skip && !line.trim_end().ends_with(';');
                    !skip && !allowed(line)
                })
                .map(|line| format!("{}: {line}", path.display()))
                .collect::<Vec<_>>()
        })
        .collect();
    report("mod.rs holds only mod and use lines", broken);
}

#[test]
fn unsafe_code_lives_in_the_kernels_only() {
    let broken = rust_files()
        .iter()
        .filter(|(path, _)| {
            let root = path.ends_with("src/lib.rs") || path.ends_with("src/main.rs");
            root && !path.starts_with(workspace().join("crates/kernels"))
        })
        .filter(|(_, text)| !text.contains("#![forbid(unsafe_code)]"))
        .map(|(path, _)| path.display().to_string())
        .collect();
    report("every crate but the kernels forbids unsafe code", broken);
}

#[test]
fn every_unsafe_block_says_why_it_is_safe() {
    let mut broken = Vec::new();
    let mut blocks = 0;
    for (path, text) in rust_files() {
        if !path.starts_with(workspace().join("crates/kernels")) {
            continue;
        }
        let lines: Vec<&str> = text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            let code = line.trim_start();
            let block = code.contains("unsafe {") || code.starts_with("unsafe impl");
            if !block || code.starts_with("//") {
                continue;
            }
            blocks += 1;
            let above = &lines[number.saturating_sub(8)..=number];
            if !above.iter().any(|line| line.contains("SAFETY")) {
                broken.push(format!("{}:{}", path.display(), number + 1));
            }
        }
    }
    assert!(blocks > 10, "only {blocks} unsafe blocks were seen");
    report("an unsafe block has a SAFETY comment", broken);
}

/// An op without a gradient check is not an op.
#[test]
fn every_op_is_checked_against_finite_differences() {
    let ops = workspace().join("crates/nn/src/ops");
    let broken: Vec<String> = rust_files()
        .iter()
        .filter(|(path, text)| path.parent() == Some(&ops) && text.contains("impl Op for"))
        .flat_map(|(path, text)| {
            let ops = text.matches("impl Op for").count();
            let checks = text.matches("check_gradients(").count();
            (checks < ops)
                .then(|| format!("{}: {ops} ops, {checks} gradient checks", path.display()))
        })
        .collect();
    report("an op's file checks its gradients", broken);
}

/// Layers point downward only: nothing imports upward.
#[test]
fn nothing_imports_upward() {
    let below: &[(&str, &[&str])] = &[
        ("kernels", &[]),
        ("nn", &["kernels"]),
        ("text", &[]),
        ("model", &["nn", "kernels"]),
        ("hub", &[]),
        ("built-in", &[]),
        ("engine", &["built-in", "model", "nn", "kernels", "text", "hub"]),
        ("bulk", &["engine"]),
        ("evaluate", &["bulk", "engine", "kernels"]),
        ("view", &["engine"]),
        ("contexture", &["engine", "hub"]),
        ("train", &["bulk", "engine", "evaluate", "hub", "model", "nn", "kernels", "text"]),
        ("compare", &["engine", "evaluate", "kernels", "model", "nn", "text", "train", "view"]),
        ("cli", &["contexture", "bulk", "compare", "evaluate", "train", "view"]),
    ];
    let mut broken = Vec::new();
    for (name, allowed) in below {
        let path = workspace().join("crates").join(name.replace('-', "_")).join("Cargo.toml");
        let manifest = std::fs::read_to_string(&path).unwrap();
        let dependencies = manifest.split("[dev-dependencies]").next().unwrap();
        for line in dependencies.split("[dependencies]").nth(1).unwrap_or_default().lines() {
            let Some(other) = line.split([' ', '=', '.']).next() else { continue };
            let other = match other {
                "contexture" => "contexture",
                _ => other.strip_prefix("contexture-").unwrap_or(""),
            };
            if !other.is_empty() && !allowed.contains(&other) {
                broken.push(format!("{name} depends on {other}"));
            }
        }
    }
    report("crates depend downward only", broken);
}

#[test]
fn nothing_names_the_machine_it_was_made_on() {
    let broken: Vec<String> = rust_files()
        .iter()
        .filter(|(path, _)| !path.ends_with(Path::new("tests/tidy.rs")))
        .flat_map(|(path, text)| {
            text.lines()
                .enumerate()
                .filter(|(_, line)| line.contains("/home/") || line.contains("/root/"))
                .map(|(number, _)| format!("{}:{}", path.display(), number + 1))
                .collect::<Vec<_>>()
        })
        .collect();
    report("no path of a developer's machine", broken);
}

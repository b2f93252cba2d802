//! Lists the files of the model folder so that they become part of the program.
//!
//! The folder is `model` beside this file, or the one that `CONTEXTURE_BUILT_IN` names. What stands
//! in it is taken as it is: it is read and checked like any model, when it is opened.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

const FOLDER: &str = "CONTEXTURE_BUILT_IN";

fn main() {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo"));
    let folder = match env::var_os(FOLDER) {
        Some(named) => fs::canonicalize(&named)
            .unwrap_or_else(|e| panic!("{FOLDER}: {}: {e}", Path::new(&named).display())),
        None => here.join("model"),
    };
    println!("cargo::rerun-if-env-changed={FOLDER}");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    if folder.join("config.json").is_file() {
        collect(&folder, "", &mut files);
    } else {
        println!(
            "cargo::warning=no model is built in: {} holds none (docs/built-in.md says how to put \
             one there)",
            folder.display()
        );
    }
    files.sort();
    let mut list = String::from("&[\n");
    for (name, path) in files {
        writeln!(list, "    ({name:?}, include_bytes!({path:?}).as_slice()),").expect("a string");
    }
    list += "]\n";
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo"));
    fs::write(out.join("files.rs"), list).expect("cargo's folder for what is built");
}

/// Every file beneath the folder whose name does not begin with a dot: its name, and its path.
fn collect(folder: &Path, prefix: &str, files: &mut Vec<(String, String)>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for entry in entries {
        let path = entry.unwrap_or_else(|e| panic!("{}: {e}", folder.display())).path();
        let text = |part: Option<&str>| match part {
            Some(part) => part.to_owned(),
            None => panic!("{}: its name is not UTF-8", path.display()),
        };
        let name = text(path.file_name().and_then(|name| name.to_str()));
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            collect(&path, &format!("{prefix}{name}/"), files);
        } else {
            files.push((format!("{prefix}{name}"), text(path.to_str())));
        }
    }
}

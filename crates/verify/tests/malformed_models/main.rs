//! Malformed model folders: each gives a typed error that names file and place, in bounded time,
//! without a panic, and leaves nothing open. Made here from one small model that is accepted.

mod folders;
mod settings;
mod tiny;
mod weights;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use contexture_model::{Model, ModelError, OpenOptions};
use serde_json::{Value, json};

use tiny::{Case, Cases, FILE, Tiny, header, tensor};

fn open(folder: &Path) -> Result<Model, ModelError> {
    Model::open(folder, &OpenOptions { threads: 2, ..OpenOptions::default() })
}

/// Files beneath `folder` that this process holds open.
fn open_files(folder: &Path) -> usize {
    let Ok(handles) = fs::read_dir("/proc/self/fd") else { return 0 };
    let real = fs::canonicalize(folder).expect("a folder");
    handles
        .flatten()
        .filter_map(|h| fs::read_link(h.path()).ok())
        .filter(|p| p.starts_with(&real))
        .count()
}

const LONGEST: Duration = Duration::from_secs(2);

/// What is wrong with how a case ended; `None` where all is well.
fn judge(case: &Case, root: &Path) -> Option<String> {
    let folder = root.join("model");
    fs::create_dir_all(&folder).expect("a folder");
    (case.build)(&folder);
    let named = fs::read_to_string(folder.join("open-this")).map(PathBuf::from);
    let begin = Instant::now();
    let result = catch_unwind(AssertUnwindSafe(|| open(&named.unwrap_or(folder))));
    let took = begin.elapsed();
    let error = match result {
        Err(_) => return Some("it panicked".into()),
        Ok(Ok(_)) => return Some("it was accepted".into()),
        Ok(Err(error)) => error,
    };
    let (variant, message) = (format!("{error:?}"), error.to_string());
    if !variant.starts_with(case.variant) {
        return Some(format!("expected {}, found {variant}", case.variant));
    }
    if let Some(word) = case.words.iter().find(|word| !message.contains(*word)) {
        return Some(format!("{word:?} is not in: {message}"));
    }
    (took > LONGEST).then(|| format!("it took {took:?}"))
}

#[test]
fn malformed_folders_are_refused_by_name() {
    let mut cases = Cases::default();
    let tables = [
        weights::headers,
        weights::entries,
        weights::tensors,
        weights::bytes,
        weights::nibbles,
        weights::columns_apart,
        weights::shards,
        settings::sizes,
        settings::values,
        settings::texts,
        settings::families,
        folders::modules,
        folders::pooling,
        folders::dense,
        folders::sentences,
        folders::places,
    ];
    tables.into_iter().for_each(|add| add(&mut cases));
    let mut failures = Vec::new();
    for case in &cases.0 {
        let root = tempfile::tempdir().expect("a folder");
        if let Some(fault) = judge(case, root.path()) {
            failures.push(format!("{}: {fault}", case.name));
        }
        assert_eq!(open_files(root.path()), 0, "{}: files are still open", case.name);
    }
    assert!(failures.is_empty(), "{}\n{} failures", failures.join("\n"), failures.len());
    assert!(cases.0.len() >= 150, "only {} cases", cases.0.len());
    println!("{} malformed folders", cases.0.len());
    canary();
}

/// After all that, the small model still opens to the same values.
fn canary() {
    let root = tempfile::tempdir().expect("a folder");
    Tiny::bert().write(root.path());
    let model = open(root.path()).expect("the small model");
    let declared = &model.weights().declaration().params[0];
    let expected: &[u8] = &Tiny::bert().tensors[0].bytes;
    let found: Vec<u8> =
        model.weights().plain(declared.param).iter().flat_map(|v| v.to_le_bytes()).collect();
    assert_eq!(found, expected);
}

#[test]
fn what_is_merely_unusual_is_accepted() {
    let mut head = Tiny::bert();
    head.tensors.push(tensor("cls.predictions.bias", &[12]));
    head.tensors.push(tensor("vision.weight", &[2]));
    let mut zero = Tiny::bytes();
    zero.tensor(&format!("{}.scale", tiny::WORDS)).bytes.fill(0);
    let unusual = [
        ("matrices and tables as bytes", Tiny::bytes()),
        ("rows of zeros as bytes", zero),
        ("words of four bits", Tiny::nibbles()),
        ("columns apart", Tiny::apart("encoder.layer.0.output.dense.weight")),
        ("no modules.json", {
            let mut tiny = Tiny::bert();
            tiny.files.clear();
            tiny
        }),
        ("heads of other tasks", head),
        ("sizes as floats", Tiny::bert().with("hidden_size", json!(4.0))),
        ("no token type count", Tiny::bert().without("type_vocab_size")),
        ("null where a default holds", Tiny::bert().with("hidden_act", Value::Null)),
        ("an unread key", Tiny::bert().with("id2label", json!({"0": "x"}))),
        (
            "all switches off",
            Tiny::bert().file("1_Pooling/config.json", r#"{"pooling_mode_max_tokens":false}"#),
        ),
    ];
    for (name, tiny) in unusual {
        let root = tempfile::tempdir().expect("a folder");
        tiny.write(root.path());
        let model = open(root.path()).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(model.info().pooling_assumed, name == "no modules.json");
        let unknown: &[String] = &model.info().tensors_unknown;
        assert_eq!(unknown.len(), usize::from(name == "heads of other tasks"), "{unknown:?}");
    }
    #[cfg(unix)]
    {
        let root = tempfile::tempdir().expect("a folder");
        let (snapshot, _) = folders::cache(root.path());
        open(&snapshot).expect("a model of the cache");
    }
}

#[test]
fn mutants_of_a_folder_never_panic() {
    let tiny = Tiny::bert();
    let header = 8 + header(&tiny.entries()).len();
    mutants(&tiny, 3000, header);
}

/// Scales and bytes are damaged too, not the header only.
#[test]
fn mutants_of_a_folder_of_bytes_never_panic() {
    mutants(&Tiny::bytes(), 1500, usize::MAX);
    mutants(&Tiny::apart("encoder.layer.0.intermediate.dense.weight"), 1500, usize::MAX);
}

/// Damages a folder's files one at a time, the weight file up to byte `most`.
fn mutants(tiny: &Tiny, count: usize, most: usize) {
    let root = tempfile::tempdir().expect("a folder");
    tiny.write(root.path());
    let files = ["config.json", FILE, "modules.json", "1_Pooling/config.json"];
    let originals = files.map(|name| fs::read(root.path().join(name)).expect("a file"));
    let mut accepted = 0;
    for seed in 1..=count as u64 {
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut next = |below: usize| {
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (random >> 33) as usize % below
        };
        let which = next(files.len());
        let mut bytes = originals[which].clone();
        for _ in 0..=next(4) {
            let end = if which == 1 { most } else { bytes.len() };
            let at = next(end.min(bytes.len()).max(1));
            match next(4) {
                0 => bytes[at] = next(256) as u8,
                1 => bytes[at] ^= 1 << next(8),
                2 => bytes[at] = b"0123456789{}[],:\"-.e"[next(20)],
                _ => bytes.truncate(bytes.len() - next(8).min(bytes.len() - 1)),
            }
        }
        fs::write(root.path().join(files[which]), &bytes).expect("a file");
        let begin = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| open(root.path()).is_ok()));
        assert!(result.is_ok(), "seed {seed}: {} panicked", files[which]);
        assert!(begin.elapsed() < LONGEST, "seed {seed}: {:?}", begin.elapsed());
        accepted += usize::from(result.unwrap_or(false));
        fs::write(root.path().join(files[which]), &originals[which]).expect("a file");
    }
    assert!((1..count - count / 30).contains(&accepted), "{accepted} of {count} were accepted");
    assert_eq!(open_files(root.path()), 0);
}

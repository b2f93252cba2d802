//! Real downloads; only with `CONTEXTURE_TEST_NETWORK=1`.

mod synthetic;

use contexture_hub::{Options, catalogue, locate, verify};
use std::time::Instant;
use synthetic::{cached_names, pull};

#[test]
fn every_model_of_the_catalogue_can_be_pulled() {
    if std::env::var("CONTEXTURE_TEST_NETWORK").as_deref() != Ok("1") {
        eprintln!("skipped: CONTEXTURE_TEST_NETWORK=1 is not set");
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let options =
        Options { cache: Some(root.path().join("cache")), hub_cache: None, ..Options::default() };
    for entry in catalogue() {
        let start = Instant::now();
        let (result, lines) = pull(entry.name, &options);
        let located = result.unwrap();
        eprintln!("{}: {:?}, {}; {lines:?}", entry.name, start.elapsed(), located.source);
        verify(&located).unwrap();
        let weights = located.folder.join("model.safetensors").metadata().unwrap().len();
        assert_eq!(weights, entry.bytes);
        let start = Instant::now();
        assert_eq!(locate(entry.repository, &options).unwrap(), located);
        eprintln!("located in {:?}", start.elapsed());
    }
    assert_eq!(cached_names(&options).len(), catalogue().len());
}

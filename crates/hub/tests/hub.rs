//! The Hugging Face Hub, played by a server on a local port.
#![cfg(feature = "hub")]

mod synthetic;

use contexture_hub::{HubError, Options, Source, Stage, Token, locate};
use std::time::{Duration, Instant};
use synthetic::{
    Answer, COMMIT, FakeHub, cached_names, listing, model_answer, model_files, options, pull,
};

fn at(hub: &FakeHub, root: &tempfile::TempDir) -> Options {
    let mut options = options(root.path());
    options.endpoint = hub.endpoint.clone();
    options
}

#[test]
fn a_model_is_fetched_once_and_then_never_asked_for() {
    let root = tempfile::tempdir().unwrap();
    let mut files = model_files();
    for extra in ["pytorch_model.bin", "onnx/model.onnx", "tf_model.h5", ".gitattributes"] {
        files.push((extra.to_owned(), vec![1; 100]));
    }
    let hub = FakeHub::with_model("org/tiny", files);
    let mut options = at(&hub, &root);
    options.token = Some(Token("hf_secret".to_owned()));
    let (result, lines) = pull("org/tiny", &options);
    let located = result.unwrap();
    for (path, data) in model_files() {
        assert_eq!(std::fs::read(located.folder.join(path)).unwrap(), data);
    }
    let source = Source::Hub {
        endpoint: hub.endpoint.clone(),
        repository: "org/tiny".into(),
        revision: COMMIT.into(),
    };
    assert_eq!(located.source, source);
    let asked = hub.paths();
    assert_eq!(asked.len(), 1 + model_files().len(), "{asked:?}");
    assert!(!asked.iter().any(|path| path.contains(".bin") || path.contains("onnx")), "{asked:?}");
    for seen in hub.seen.lock().unwrap().iter() {
        assert_eq!(seen.authorization.as_deref(), Some("Bearer hf_secret"), "{}", seen.path);
    }
    assert!(lines[0].1.contains("org/tiny") && lines[0].1.contains("bytes"), "{lines:?}");
    assert_eq!(
        lines.iter().map(|line| line.0).collect::<Vec<_>>(),
        [Stage::Announce, Stage::Download, Stage::Done]
    );
    assert_eq!(locate("org/tiny", &options).unwrap(), located);
    assert_eq!(pull("org/tiny", &options).0.unwrap(), located);
    assert_eq!(hub.paths().len(), asked.len(), "a cached model was asked for");
    options.force = true;
    pull("org/tiny", &options).0.unwrap();
    assert_eq!(hub.paths().len(), 2 * asked.len());
    assert_eq!(cached_names(&options), ["org--tiny"]);
}

#[test]
fn a_bare_name_means_sentence_transformers_first() {
    for owner in ["sentence-transformers/", ""] {
        let root = tempfile::tempdir().unwrap();
        let hub = FakeHub::with_model(&format!("{owner}tiny"), model_files());
        let options = at(&hub, &root);
        let located = pull("tiny", &options).0.unwrap();
        assert!(
            matches!(&located.source, Source::Hub { repository, .. } if *repository == format!("{owner}tiny"))
        );
        assert_eq!(located.name, "tiny");
    }
}

fn refusal(status: u16, body: &str, token: bool) -> HubError {
    let root = tempfile::tempdir().unwrap();
    let body = body.to_owned();
    let hub = FakeHub::start(Box::new(move |_, _| Answer::new(status, body.clone())));
    let mut options = at(&hub, &root);
    options.token = token.then(|| Token("hf_x".to_owned()));
    let error = pull("org/tiny", &options).0.unwrap_err();
    assert!(cached_names(&options).is_empty());
    error
}

#[test]
fn refusals_say_what_to_do() {
    let json = r#"{"error":"Access to model org/tiny is restricted"}"#;
    let error = refusal(404, "", false);
    assert!(matches!(error, HubError::NoRepository { status: 404, .. }), "{error}");
    let error = refusal(401, json, false);
    assert!(matches!(error, HubError::NoRepository { status: 401, .. }), "{error}");
    assert!(error.to_string().contains("HF_TOKEN"), "{error}");
    let error = refusal(401, json, true);
    assert!(matches!(error, HubError::Refused { status: 401, .. }), "{error}");
    assert!(error.to_string().contains("not valid"), "{error}");
    let error = refusal(403, json, true);
    assert!(
        error.to_string().contains("is restricted") && error.to_string().contains("ask for access"),
        "{error}"
    );
    let error = refusal(429, "slow down\u{7}", false);
    assert!(error.to_string().contains("slow down;"), "{error}");
    let error = refusal(500, "", false);
    assert!(
        matches!(error, HubError::Unreachable { .. }) && error.to_string().contains("500"),
        "{error}"
    );
    let error = refusal(200, "<html>a portal</html>", false);
    assert!(matches!(error, HubError::Unreachable { .. }), "{error}");
    let error = refusal(200, r#"{"sha":"../..","siblings":[]}"#, false);
    assert!(matches!(error, HubError::Unreachable { .. }), "{error}");
}

#[test]
fn repositories_without_safetensors_are_refused_before_any_download() {
    let root = tempfile::tempdir().unwrap();
    let files =
        vec![("config.json".to_owned(), b"{}".to_vec()), ("pytorch_model.bin".to_owned(), vec![0])];
    let hub = FakeHub::with_model("org/old", files);
    let error = pull("org/old", &at(&hub, &root)).0.unwrap_err();
    assert!(matches!(error, HubError::OnlyPickle { .. }), "{error}");
    assert_eq!(hub.paths().len(), 1);
    let hub = FakeHub::with_model("org/none", vec![("data.csv".to_owned(), vec![0])]);
    assert!(matches!(pull("org/none", &at(&hub, &root)).0, Err(HubError::NotAModel { .. })));
}

/// A Hub whose weights file fails for the first `failures` requests.
fn flaky(failures: usize, cut: bool) -> FakeHub {
    let count = std::sync::atomic::AtomicUsize::new(0);
    FakeHub::start(Box::new(move |seen, _| {
        let mut answer = model_answer("org/tiny", &model_files(), seen);
        if seen.path.ends_with("model.safetensors")
            && count.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < failures
        {
            match cut {
                true => answer.cut = Some(20),
                false => answer = Answer::new(503, ""),
            }
        }
        answer
    }))
}

#[test]
fn broken_downloads_are_tried_again_and_then_given_up() {
    for cut in [true, false] {
        let root = tempfile::tempdir().unwrap();
        let hub = flaky(2, cut);
        let located = pull("org/tiny", &at(&hub, &root)).0.unwrap();
        contexture_hub::verify(&located).unwrap();
        let root = tempfile::tempdir().unwrap();
        let hub = flaky(99, cut);
        let options = at(&hub, &root);
        let error = pull("org/tiny", &options).0.unwrap_err();
        assert!(
            matches!(&error, HubError::Transfer { url, .. } if url.ends_with("model.safetensors")),
            "{error}"
        );
        assert!(
            cached_names(&options).is_empty(),
            "a broken download left {:?}",
            cached_names(&options)
        );
    }
}

#[test]
fn bytes_that_are_not_those_of_the_listing_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let hub = FakeHub::start(Box::new(|seen, _| {
        let mut answer = model_answer("org/tiny", &model_files(), seen);
        if seen.path.ends_with("model.safetensors") {
            *answer.body.last_mut().unwrap() ^= 1;
        }
        answer
    }));
    let options = at(&hub, &root);
    let error = pull("org/tiny", &options).0.unwrap_err();
    assert!(matches!(error, HubError::Digest { .. }), "{error}");
    assert!(cached_names(&options).is_empty());
}

#[test]
fn the_catalogue_holds_the_hub_to_its_digest() {
    let root = tempfile::tempdir().unwrap();
    let hub = FakeHub::with_model("sentence-transformers/all-MiniLM-L6-v2", model_files());
    let options = at(&hub, &root);
    let error = pull("all-MiniLM-L6-v2", &options).0.unwrap_err();
    assert!(matches!(error, HubError::Digest { .. }), "{error}");
    assert!(cached_names(&options).is_empty());
}

#[test]
fn a_listing_cannot_name_a_path_outside() {
    let root = tempfile::tempdir().unwrap();
    let mut files = model_files();
    for name in ["../config.json", "/config.json", "../../vocab.txt", "..\\vocab.txt"] {
        files.push((name.to_owned(), b"evil".to_vec()));
    }
    let hub = FakeHub::start(Box::new(move |seen, _| {
        if seen.path.starts_with("/api/") {
            return Answer::new(200, listing(&files));
        }
        model_answer("org/tiny", &model_files(), seen)
    }));
    let options = at(&hub, &root);
    let located = pull("org/tiny", &options).0.unwrap();
    assert_eq!(located.manifest().unwrap().files.len(), model_files().len());
    assert!(!located.folder.parent().unwrap().join("config.json").exists());
}

#[test]
fn a_redirect_to_another_host_does_not_carry_the_token() {
    let root = tempfile::tempdir().unwrap();
    let weights = model_files()[1].1.clone();
    let store = FakeHub::start(Box::new(move |_, _| Answer::new(200, weights.clone())));
    let target = store.endpoint.replace("127.0.0.1", "localhost");
    let hub = FakeHub::start(Box::new(move |seen, _| {
        if seen.path.ends_with("model.safetensors") {
            let mut answer = Answer::new(302, "");
            answer.headers.push(("Location".to_owned(), format!("{target}/blob")));
            return answer;
        }
        model_answer("org/tiny", &model_files(), seen)
    }));
    let mut options = at(&hub, &root);
    options.token = Some(Token("hf_secret".to_owned()));
    pull("org/tiny", &options).0.unwrap();
    let seen = store.seen.lock().unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].authorization, None);
}

#[test]
fn an_unreachable_hub_is_noticed_soon() {
    let root = tempfile::tempdir().unwrap();
    for endpoint in ["http://127.0.0.1:1", "http://no-such-host.invalid", "https://192.0.2.1"] {
        let mut options = options(root.path());
        options.endpoint = endpoint.to_owned();
        options.python = None;
        let start = Instant::now();
        let error = pull("org/tiny", &options).0.unwrap_err();
        assert!(matches!(error, HubError::Unreachable { .. }), "{endpoint}: {error}");
        assert!(error.to_string().contains(endpoint), "{error}");
        assert!(start.elapsed() < Duration::from_secs(12), "{endpoint} took {:?}", start.elapsed());
    }
    let mut options = options(root.path());
    options.hub_offline = true;
    let error = pull("org/tiny", &options).0.unwrap_err();
    assert!(error.to_string().contains("HF_HUB_OFFLINE"), "{error}");
}

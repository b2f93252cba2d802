//! Which files make a model folder, and whether a folder or a listing is one.

use crate::error::HubError;
use crate::name::valid;
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

pub(crate) const WEIGHTS: &str = "model.safetensors";
pub(crate) const INDEX: &str = "model.safetensors.index.json";

/// Files of configuration and tokenizers, in the folder or one folder below.
const SMALL_FILES: &[&str] = &[
    "config.json",
    "config_sentence_transformers.json",
    "modules.json",
    "sentence_bert_config.json",
    "sentence_camembert_config.json",
    "sentence_distilbert_config.json",
    "sentence_mpnet_config.json",
    "sentence_roberta_config.json",
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "bpe.codes",
    "sentencepiece.bpe.model",
    "sentencepiece.model",
    "spiece.model",
    "source.spm",
    "target.spm",
    "target_vocab.json",
    "source_vocabulary.txt",
    "target_vocabulary.txt",
    "generation_config.json",
    "tokenizer.model",
    "README.md",
    "LICENSE",
    "LICENSE.txt",
];

/// Folders of a repository that hold the model in other formats.
const OTHER_FORMATS: &[&str] =
    &["onnx", "openvino", "coreml", "gguf", "tflite", "original", "__MACOSX"];

/// Largest text file that is fetched or unpacked; the largest known tokenizer.json is 34 MB.
pub(crate) const SMALL_FILE_BYTES: u64 = 256 << 20;
/// Largest weights file that is fetched or unpacked.
pub(crate) const WEIGHTS_BYTES: u64 = 64 << 30;

/// Whether a path, relative to the model folder and with `/`, is a file that is used.
pub(crate) fn wanted(path: &str) -> bool {
    let (folder, file) = match path.rsplit_once('/') {
        Some((folder, _)) if !valid(folder) || OTHER_FORMATS.contains(&folder) => return false,
        Some((folder, file)) => (folder, file),
        None => ("", path),
    };
    if file == "README.md" || file.starts_with("LICENSE") {
        return folder.is_empty() && SMALL_FILES.contains(&file);
    }
    SMALL_FILES.contains(&file) || is_weights(file) || file == INDEX
}

/// `model.safetensors` or one shard of it.
pub(crate) fn is_weights(path: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or(path);
    file == WEIGHTS || is_shard(file)
}

fn is_shard(file: &str) -> bool {
    let Some(middle) =
        file.strip_prefix("model-").and_then(|rest| rest.strip_suffix(".safetensors"))
    else {
        return false;
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    middle.split_once("-of-").is_some_and(|(part, parts)| digits(part) && digits(parts))
}

/// The most bytes that this file may have.
pub(crate) fn limit(path: &str) -> u64 {
    if is_weights(path) { WEIGHTS_BYTES } else { SMALL_FILE_BYTES }
}

/// Picks the files to take from a listing: shards only where no whole file stands beside them.
pub(crate) fn select<'a>(paths: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted_paths: BTreeSet<&str> = paths.filter(|path| wanted(path)).collect();
    let beside = |path: &str, file: &str| match path.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/{file}"),
        None => file.to_owned(),
    };
    let redundant = |path: &str| {
        let file = path.rsplit('/').next().unwrap_or(path);
        (is_shard(file) || file == INDEX) && wanted_paths.contains(beside(path, WEIGHTS).as_str())
    };
    wanted_paths.iter().copied().filter(|path| !redundant(path)).collect()
}

/// What a listing lacks to be a model; `place` names it in the error.
pub(crate) fn check_listing(place: &str, paths: &[&str]) -> Result<(), HubError> {
    let taken = select(paths.iter().copied());
    let has = |file: &str| taken.iter().any(|path| path.rsplit('/').next() == Some(file));
    if !has("config.json") {
        return Err(not_a_model(place, "no config.json"));
    }
    if taken.iter().any(|path| is_weights(path)) {
        return Ok(());
    }
    let pickle = paths.iter().find(|path| is_pickle(path));
    Err(match pickle {
        Some(file) => HubError::OnlyPickle { place: place.to_owned(), file: (*file).to_owned() },
        None => not_a_model(place, "no model.safetensors"),
    })
}

fn is_pickle(path: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.starts_with("pytorch_model") && file.ends_with(".bin")
}

fn not_a_model(place: &str, found: &str) -> HubError {
    HubError::NotAModel { place: place.to_owned(), found: found.to_owned() }
}

/// Checks that a folder on disk has configuration and all its weights files.
///
/// A handful of `stat` calls; only the index of a sharded model is read.
pub(crate) fn check_folder(folder: &Path) -> Result<(), HubError> {
    let place = folder.display().to_string();
    let folders = module_folders(folder);
    if is_elmo(folder) || is_ctranslate2(folder) {
        return Ok(());
    }
    if !folders.iter().any(|path| path.join("config.json").is_file()) {
        return Err(not_a_model(&place, "no config.json"));
    }
    let mut whole = false;
    for path in &folders {
        if path.join(WEIGHTS).is_file() {
            whole = true;
        } else if path.join(INDEX).is_file() {
            check_shards(&place, path)?;
            whole = true;
        }
    }
    if whole {
        return Ok(());
    }
    for path in &folders {
        if path.join("pytorch_model.bin").is_file()
            || path.join("pytorch_model.bin.index.json").is_file()
        {
            return Err(HubError::OnlyPickle { place, file: "pytorch_model.bin".to_owned() });
        }
    }
    Err(not_a_model(&place, "no model.safetensors"))
}

/// ELMo's files: sizes in `options.json` and weights in HDF5, or the files of ELMoForManyLangs. What
/// is wrong with them is said where they are opened.
fn is_elmo(folder: &Path) -> bool {
    let names = || folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.file_name());
    let any = |fits: &dyn Fn(&str) -> bool| names().any(|name| name.to_str().is_some_and(fits));
    let plain = !folder.join("config.json").is_file();
    plain
        && any(&|name| name.ends_with("options.json"))
        && any(&|name| name.ends_with(".hdf5") || name.ends_with(".h5"))
        || folder.join("char.dic").is_file() && !plain
}

/// CTranslate2's first Transformers, whose sizes are their tensors': two lists of words beside weights.
fn is_ctranslate2(folder: &Path) -> bool {
    ["source_vocabulary.txt", "target_vocabulary.txt", WEIGHTS]
        .iter()
        .all(|name| folder.join(name).is_file())
}

fn check_shards(place: &str, folder: &Path) -> Result<(), HubError> {
    let index = folder.join(INDEX);
    let size = index.metadata().map_err(|error| HubError::io("read", &index, error))?.len();
    if size > SMALL_FILE_BYTES {
        return Err(not_a_model(place, &format!("an index of {size} bytes")));
    }
    let text = std::fs::read(&index).map_err(|error| HubError::io("read", &index, error))?;
    let value: serde_json::Value = serde_json::from_slice(&text)
        .map_err(|error| not_a_model(place, &format!("{INDEX}: {error}")))?;
    let map = value.get("weight_map").and_then(serde_json::Value::as_object);
    let map = map.ok_or_else(|| not_a_model(place, "an index without weight_map"))?;
    let files: BTreeSet<&str> = map.values().filter_map(serde_json::Value::as_str).collect();
    for file in files {
        let inside =
            matches!(Path::new(file).components().collect::<Vec<_>>()[..], [Component::Normal(_)]);
        if !inside || !folder.join(file).is_file() {
            return Err(not_a_model(place, &format!("shard {file:?} of {INDEX} is missing")));
        }
    }
    Ok(())
}

/// The folder and those below it that its modules.json names.
fn module_folders(folder: &Path) -> Vec<PathBuf> {
    let mut folders = vec![folder.to_owned()];
    let modules = folder.join("modules.json");
    let small = modules.metadata().is_ok_and(|data| data.is_file() && data.len() < 1 << 20);
    let Some(text) = small.then(|| std::fs::read(&modules).ok()).flatten() else { return folders };
    let Ok(serde_json::Value::Array(list)) = serde_json::from_slice(&text) else { return folders };
    for module in list.iter().take(64) {
        let Some(path) = module.get("path").and_then(serde_json::Value::as_str) else { continue };
        let inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
        if inside && !path.is_empty() {
            folders.push(folder.join(path));
        }
    }
    folders
}

/// Where a model lies in an archive: the prefix of its paths, ending in `/` or empty.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Root {
    At(String),
    Several(Vec<String>),
    /// Configuration is there, but no weights that can be read.
    Incomplete(String),
    Nowhere,
}

/// Finds the shallowest folder with configuration and weights.
pub(crate) fn find_root<'a>(paths: impl Iterator<Item = &'a str>) -> Root {
    let paths: Vec<&str> = paths.collect();
    let parent = |path: &str| path.rfind('/').map_or("", |at| &path[..=at]).to_owned();
    let name = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
    let mut folders: BTreeSet<(usize, String)> = BTreeSet::new();
    for path in &paths {
        if matches!(name(path).as_str(), "config.json" | "modules.json") {
            let folder = parent(path);
            let skipped = folder.split('/').any(|part| OTHER_FORMATS.contains(&part));
            if !skipped {
                folders.insert((folder.matches('/').count(), folder));
            }
        }
    }
    let complete: Vec<&(usize, String)> = folders
        .iter()
        .filter(|(_, folder)| check_listing("", &below(&paths, folder)).is_ok())
        .collect();
    match complete.first() {
        Some((depth, folder)) => {
            let rivals: Vec<String> = complete
                .iter()
                .filter(|(other, _)| other == depth)
                .map(|(_, folder)| folder.clone())
                .collect();
            if rivals.len() > 1 { Root::Several(rivals) } else { Root::At(folder.clone()) }
        }
        None => {
            folders.first().map_or(Root::Nowhere, |(_, folder)| Root::Incomplete(folder.clone()))
        }
    }
}

/// The paths below a prefix, without it.
pub(crate) fn below<'a>(paths: &[&'a str], prefix: &str) -> Vec<&'a str> {
    paths
        .iter()
        .filter_map(|path| path.strip_prefix(prefix))
        .filter(|path| !path.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_needed_files_are_taken() {
        for path in [
            "config.json",
            "1_Pooling/config.json",
            "model.safetensors",
            "2_Dense/model.safetensors",
            "model-00001-of-00002.safetensors",
            "0_Transformer/tokenizer.json",
            "README.md",
            "vocab.txt",
        ] {
            assert!(wanted(path), "{path} should be fetched");
        }
        for path in [
            "pytorch_model.bin",
            "model.onnx",
            "onnx/config.json",
            "onnx/model.onnx",
            "tf_model.h5",
            "a/b/config.json",
            ".git/config.json",
            "training_args.bin",
            "modeling.py",
            "data/README.md",
            "consolidated.safetensors",
            "model-x-of-2.safetensors",
            "/config.json",
            "../config.json",
            "a\\b/config.json",
            "C:/config.json",
            "rust_model.ot",
            "",
        ] {
            assert!(!wanted(path), "{path} should not be fetched");
        }
    }

    #[test]
    fn a_whole_file_makes_its_shards_redundant() {
        let all = ["model.safetensors", "model-1-of-2.safetensors", INDEX, "config.json"];
        assert_eq!(select(all.into_iter()), ["config.json", "model.safetensors"]);
        let shards = ["model-1-of-1.safetensors", INDEX, "config.json"];
        assert_eq!(select(shards.into_iter()).len(), 3);
    }

    #[test]
    fn the_root_is_the_shallowest_whole_model() {
        let at = |paths: &[&str]| find_root(paths.iter().copied());
        assert_eq!(
            at(&["p/m/config.json", "p/m/model.safetensors", "p/m/1_Pooling/config.json"]),
            Root::At("p/m/".into())
        );
        assert_eq!(at(&["config.json", "model.safetensors"]), Root::At(String::new()));
        let old =
            ["m/modules.json", "m/0_Transformer/config.json", "m/0_Transformer/model.safetensors"];
        assert_eq!(at(&old), Root::At("m/".into()));
        let two = ["a/config.json", "a/model.safetensors", "b/config.json", "b/model.safetensors"];
        assert_eq!(at(&two), Root::Several(vec!["a/".into(), "b/".into()]));
        assert_eq!(at(&["a/config.json"]), Root::Incomplete("a/".into()));
        assert_eq!(at(&["a.txt"]), Root::Nowhere);
    }
}

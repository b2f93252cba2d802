//! The tensors of a folder: in one file, or spread over several with an index.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::header::{self, Entry};
use crate::folder::Folder;
use crate::folder::files::Opened;
use crate::{ModelError, error::shown};

/// A tensor and the file that holds it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) file: Arc<Opened>,
    pub(crate) entry: Entry,
}

/// All tensors of a model, by name.
#[derive(Debug)]
pub(crate) struct Tensors {
    pub(crate) files: Vec<Arc<Opened>>,
    pub(crate) places: BTreeMap<String, Place>,
    /// What to name where a tensor is in no file.
    pub(crate) shown: PathBuf,
}

const WHOLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
const PICKLES: [&str; 4] =
    ["pytorch_model.bin", "pytorch_model.bin.index.json", "model.pt", "model.pth"];

/// More shards than any model has.
const SHARD_LIMIT: usize = 1000;

impl Tensors {
    /// Opens `model.safetensors`, or else what its index names.
    pub(crate) fn open(folder: &Folder) -> Result<Self, ModelError> {
        if let Some(file) = open(folder, WHOLE)? {
            let (file, entries) = file;
            let places = entries
                .into_iter()
                .map(|(name, entry)| (name, Place { file: file.clone(), entry }))
                .collect();
            return Ok(Self { shown: file.shown.clone(), files: vec![file], places });
        }
        if let Some(index) = folder.json(INDEX)? {
            return Self::sharded(folder, &index);
        }
        for name in PICKLES {
            if folder.holds(name)? {
                return Err(ModelError::Pickle {
                    path: folder.shown(name),
                    advice: advice(folder),
                });
            }
        }
        Err(ModelError::NotFound {
            path: folder.shown(WHOLE),
            advice: "a model folder holds its weights as model.safetensors, or as shards with \
                     model.safetensors.index.json"
                .into(),
        })
    }

    fn sharded(folder: &Folder, index: &Value) -> Result<Self, ModelError> {
        let shown = folder.shown(INDEX);
        let wrong = |key: &str, expected: &str, found: Option<&Value>| ModelError::Setting {
            path: shown.clone(),
            key: key.into(),
            expected: expected.into(),
            found: found.map_or("missing".into(), crate::error::shown),
        };
        let map = index.get("weight_map");
        let Some(Value::Object(map)) = map else {
            return Err(wrong("weight_map", "an object from tensors to files", map));
        };
        let mut opened: BTreeMap<&str, (Arc<Opened>, header::Entries)> = BTreeMap::new();
        let mut places = BTreeMap::new();
        for (tensor, file) in map {
            let Value::String(name) = file else {
                return Err(wrong(&format!("weight_map.{tensor}"), "a file name", Some(file)));
            };
            if !opened.contains_key(name.as_str()) {
                if opened.len() == SHARD_LIMIT {
                    return Err(wrong("weight_map", "at most 1000 files", Some(file)));
                }
                opened.insert(name, shard(folder, &shown, name)?);
            }
            let (file, entries) = &opened[name.as_str()];
            let Some(entry) = entries.get(tensor) else {
                let reason = format!("{INDEX} places it in this file, which does not hold it");
                return Err(ModelError::tensor(&file.shown, tensor, reason));
            };
            places.insert(tensor.clone(), Place { file: file.clone(), entry: entry.clone() });
        }
        let files = opened.into_values().map(|(file, _)| file).collect();
        Ok(Self { files, places, shown })
    }

    /// The files' names beneath `folder`.
    pub(crate) fn names(&self, folder: &Folder) -> Vec<String> {
        let name = |file: &Arc<Opened>| {
            let shown = file.shown.strip_prefix(folder.path()).unwrap_or(&file.shown);
            shown.to_string_lossy().into_owned()
        };
        self.files.iter().map(name).collect()
    }

    /// Bytes of all files together.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.len).sum()
    }
}

fn shard(
    folder: &Folder,
    index: &Path,
    name: &str,
) -> Result<(Arc<Opened>, header::Entries), ModelError> {
    if !name.ends_with(".safetensors") {
        return Err(ModelError::Unsupported {
            path: index.into(),
            key: "weight_map".into(),
            found: shown(&name.into()),
            supported: "names that end in .safetensors".into(),
        });
    }
    open(folder, name)?.ok_or_else(|| ModelError::NotFound {
        path: folder.shown(name),
        advice: format!("{INDEX} names this file; bring it, the download may be incomplete"),
    })
}

/// Conversion needs nothing but what wrote the file: said so that it can be pasted.
fn advice(folder: &Folder) -> String {
    format!(
        "convert it once with: python -c \"from transformers import AutoModel; \
         AutoModel.from_pretrained('{0}').save_pretrained('{0}', safe_serialization=True)\"",
        folder.path().display()
    )
}

/// Opens a weight file beneath the folder and reads its header; `None` where there is none.
fn open(folder: &Folder, name: &str) -> Result<Option<(Arc<Opened>, header::Entries)>, ModelError> {
    let Some(file) = folder.open_file(name)? else { return Ok(None) };
    let Opened { ref shown, len, .. } = file;
    let mut first = [0; 8];
    if len < 8 {
        return Err(ModelError::header(shown, format!("the file has only {len} bytes")));
    }
    file.read_at(&mut first, 0)?;
    let mut json = vec![0; header::json_len(shown, first, len)?];
    file.read_at(&mut json, 8)?;
    let entries = header::parse(shown, &json, len)?;
    Ok(Some((Arc::new(file), entries)))
}

/// The SHA-256 of a file beneath the folder, in hexadecimal.
pub(crate) fn digest(folder: &Folder, name: &str) -> Result<String, ModelError> {
    let Some(file) = folder.open_file(name)? else {
        let advice = "it was there when the model was opened".into();
        return Err(ModelError::NotFound { path: folder.shown(name), advice });
    };
    let mut hash = Sha256::new();
    let mut reader = file.reader();
    std::io::copy(&mut reader, &mut hash).map_err(|e| ModelError::io(&file.shown, e))?;
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

//! Writes a model's weights back under its family's names.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::Path;

use contexture_nn::{Role, Weights};
use safetensors::{Dtype, View};

use super::names::{Dialect, pieces_of};
use crate::ModelError;
use crate::folder::Folder;

/// A tensor on its way to a file; borrowed where one parameter holds it in one run.
struct Outgoing<'a> {
    shape: Vec<usize>,
    values: Cow<'a, [f32]>,
}

impl View for &Outgoing<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        bytemuck::cast_slice(&self.values).into()
    }

    fn data_len(&self) -> usize {
        self.values.len() * size_of::<f32>()
    }
}

/// Writes every declared parameter whose name `dialect` knows to `path`, f32. The file appears
/// under its name only once it is whole. Weights must be plain.
pub(crate) fn write(
    path: &Path,
    weights: &Weights,
    dialect: &Dialect,
    prefix: &str,
    wanted: impl Fn(&str) -> bool,
) -> Result<(), ModelError> {
    let tensors = outgoing(weights, dialect, prefix, wanted);
    let failed = |e: std::io::Error| ModelError::io(path, e);
    let partial = path.with_extension("safetensors.partial");
    let metadata = HashMap::from([("format".to_string(), "pt".to_string())]);
    safetensors::serialize_to_file(&tensors, Some(metadata), &partial)
        .map_err(|e| failed(std::io::Error::other(e)))?;
    let file = fs::OpenOptions::new().write(true).open(&partial).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    fs::rename(&partial, path).map_err(failed)
}

/// What a folder holds besides weights that a copy needs.
const SETTINGS: [&str; 16] = [
    "config.json",
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "tokenizer.json",
    "characters.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.txt.gz",
    "char.dic",
    "word.dic",
    "vocab.json",
    "merges.txt",
    "sentencepiece.bpe.model",
];
const SETTING_LIMIT: u64 = 256 << 20;

/// Copies settings and tokenizer of `from` (and of the encoder's own folder) into `to`.
pub(crate) fn copy_settings(from: &Folder, encoder: &Folder, to: &Path) -> Result<(), ModelError> {
    let list = from.json("modules.json")?.unwrap_or_default();
    let paths = list.as_array().into_iter().flatten();
    let paths = paths.filter_map(|module| module.get("path")?.as_str());
    let configs = paths.filter(|path| !path.is_empty()).map(|path| format!("{path}/config.json"));
    let beneath = encoder.path().strip_prefix(from.path()).unwrap_or(Path::new(""));
    let own = SETTINGS.iter().map(|name| beneath.join(name).to_string_lossy().into_owned());
    let mut names: BTreeSet<String> = SETTINGS.iter().map(|name| name.to_string()).collect();
    names.extend(own.chain(configs));
    fs::create_dir_all(to).map_err(|e| ModelError::io(to, e))?;
    for name in names {
        let Some(bytes) = from.read(&name, SETTING_LIMIT)? else { continue };
        let path = to.join(&name);
        let parent = path.parent().unwrap_or(to);
        fs::create_dir_all(parent).map_err(|e| ModelError::io(parent, e))?;
        fs::write(&path, bytes).map_err(|e| ModelError::io(&path, e))?;
    }
    Ok(())
}

fn outgoing<'a>(
    weights: &'a Weights,
    dialect: &Dialect,
    prefix: &str,
    wanted: impl Fn(&str) -> bool,
) -> BTreeMap<String, Outgoing<'a>> {
    let mut tensors: BTreeMap<String, Outgoing<'a>> = BTreeMap::new();
    for declared in &weights.declaration().params {
        if !wanted(&declared.name) {
            continue;
        }
        let values = weights.plain(declared.param);
        let pieces = pieces_of(dialect, prefix, declared);
        let share = values.len() / pieces.len();
        for (piece, values) in pieces.iter().zip(values.chunks(share)) {
            let width = if declared.role == Role::Vector { 1 } else { declared.param.width };
            let outer = share / width * piece.parts;
            let shape =
                if declared.role == Role::Vector { vec![outer] } else { vec![outer, width] };
            if piece.parts == 1 {
                tensors.insert(piece.name.clone(), Outgoing { shape, values: values.into() });
                continue;
            }
            let whole = tensors.entry(piece.name.clone()).or_insert_with(|| Outgoing {
                shape,
                values: vec![0.0; share * piece.parts].into(),
            });
            whole.values.to_mut()[piece.part * share..][..share].copy_from_slice(values);
        }
    }
    tensors
}

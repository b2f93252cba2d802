//! Which files of a folder make it an ELMo.

use std::io::Read;

use contexture_nn::Declared;

use super::{options, weights};
use crate::ModelError;
use crate::architectures::EncoderSettings;
use crate::checkpoint::arrays::{Arrays, Reader};
use crate::checkpoint::hdf5::Hdf5;
use crate::families::foreign::{Foreign, LIST_LIMIT};
use crate::folder::{Config, Folder};

/// The family's name in `info`.
pub(crate) const NAME: &str = "ELMo";

/// The files of an ELMo's folder.
#[derive(Debug)]
pub(crate) struct ElmoFiles {
    /// Its sizes.
    pub(super) options: Config,
    /// The HDF5 file's name.
    weights: String,
    /// Words in its list, at least 1: without a list, every word has number 0.
    pub(super) vocabulary: usize,
}

pub(crate) const LISTS: [&str; 2] = ["vocab.txt", "vocab.txt.gz"];
const WHAT: &str = "an ELMo is one options.json (or *_options.json) and one *.hdf5 with `weights` \
                    in its name (or model.hdf5)";

impl ElmoFiles {
    /// The files; `None` where the folder is no ELMo. A `config.json` makes it something else.
    pub(crate) fn find(folder: &Folder) -> Result<Option<Self>, ModelError> {
        if folder.holds("config.json")? {
            return Ok(None);
        }
        let names = folder.names()?;
        let Some(options) =
            one(folder, &names, |name| name == "options.json" || name.ends_with("_options.json"))?
        else {
            return Ok(None);
        };
        let hdf5 = |name: &str| name.ends_with(".hdf5") || name.ends_with(".h5");
        let weights = one(folder, &names, |name| {
            hdf5(name) && (name.contains("weights") || name.starts_with("model."))
        })?;
        let Some(weights) = weights else {
            let path = folder.shown("weights.hdf5");
            let advice = format!("{} is there without weights; {WHAT}", options);
            return Err(ModelError::NotFound { path, advice });
        };
        let Some(value) = folder.json(&options)? else { return Ok(None) };
        let vocabulary = vocabulary(folder)?.max(1);
        let options = Config::new(folder.shown(&options), value)?;
        Ok(Some(Self { options, weights, vocabulary }))
    }
}

impl Foreign for ElmoFiles {
    fn name(&self) -> &'static str {
        NAME
    }

    fn stated(&self) -> &Config {
        &self.options
    }

    fn settings(&self) -> Result<EncoderSettings, ModelError> {
        options::read(self)
    }

    fn arrays(&self, folder: &Folder) -> Result<Box<dyn Arrays>, ModelError> {
        match Hdf5::open(folder, &self.weights)? {
            Some(file) => Ok(Box::new(file)),
            None => {
                let advice = "it was there a moment ago".into();
                Err(ModelError::NotFound { path: folder.shown(&self.weights), advice })
            }
        }
    }

    fn weight_files(&self) -> Vec<String> {
        vec![self.weights.clone()]
    }

    fn parameter(
        &self,
        arrays: &mut Reader<'_>,
        declared: &Declared,
        all: &[Declared],
    ) -> Result<Vec<f32>, ModelError> {
        weights::parameter(arrays, declared, all)
    }

    fn own(&self) -> (&'static [&'static str], &'static str) {
        (&["char_embed", "CNN", "RNN_"], "n_layers, n_highway and filters")
    }
}

fn one(
    folder: &Folder,
    names: &[String],
    fits: impl Fn(&str) -> bool,
) -> Result<Option<String>, ModelError> {
    let found: Vec<&String> = names.iter().filter(|name| fits(name)).collect();
    match found[..] {
        [] => Ok(None),
        [name] => Ok(Some(name.clone())),
        [first, second, ..] => {
            let reason = format!("{first} and {second} are both there; {WHAT}");
            Err(ModelError::modules(folder.path(), reason))
        }
    }
}

/// The lines of the list of words.
fn vocabulary(folder: &Folder) -> Result<usize, ModelError> {
    if let Some(bytes) = folder.read(LISTS[0], LIST_LIMIT)? {
        return Ok(lines(&bytes));
    }
    let Some(packed) = folder.read(LISTS[1], LIST_LIMIT)? else { return Ok(0) };
    let mut bytes = Vec::new();
    let mut unpacked = flate2::read::MultiGzDecoder::new(packed.as_slice()).take(LIST_LIMIT + 1);
    let shown = folder.shown(LISTS[1]);
    unpacked.read_to_end(&mut bytes).map_err(|e| ModelError::io(&shown, e))?;
    if bytes.len() as u64 > LIST_LIMIT {
        let found = bytes.len() as u64;
        return Err(ModelError::TooLarge { path: shown, found, limit: LIST_LIMIT });
    }
    Ok(lines(&bytes))
}

fn lines(bytes: &[u8]) -> usize {
    let ends = bytes.iter().filter(|byte| **byte == b'\n').count();
    ends + usize::from(bytes.last().is_some_and(|last| *last != b'\n'))
}

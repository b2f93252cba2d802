//! Which files of a folder make it an ELMoForManyLangs.

use std::path::{Component, Path};

use contexture_nn::Declared;

use super::dictionary::Dictionary;
use super::{sizes, weights};
use crate::ModelError;
use crate::architectures::EncoderSettings;
use crate::checkpoint::arrays::{Arrays, Reader};
use crate::checkpoint::files::Tensors;
use crate::families::foreign::Foreign;
use crate::folder::{Config, Folder};

/// The family's name in `info`.
pub(crate) const NAME: &str = "ELMoForManyLangs";

/// Its dictionaries, of characters and of words.
pub(crate) const LISTS: [&str; 2] = ["char.dic", "word.dic"];

/// The files of its folder.
#[derive(Debug)]
pub(crate) struct ManyLangsFiles {
    /// Its sizes.
    pub(super) sizes: Config,
    pub(super) characters: Dictionary,
    pub(super) words: Dictionary,
    weights: Vec<String>,
}

const CONFIG: &str = "config.json";
const PICKLES: [&str; 2] = ["token_embedder.pkl", "encoder.pkl"];

impl ManyLangsFiles {
    /// The files; `None` where the folder is none: its `config.json` alone has a `config_path`.
    pub(crate) fn find(folder: &Folder) -> Result<Option<Self>, ModelError> {
        let Some(value) = folder.json(CONFIG)? else { return Ok(None) };
        let config = Config::new(folder.shown(CONFIG), value)?;
        if config.has("model_type") || !config.has("config_path") {
            return Ok(None);
        }
        let weights = weight_files(folder)?;
        let sizes = sizes_file(folder, &config)?;
        let [characters, words] = LISTS;
        Ok(Some(Self {
            sizes,
            characters: Dictionary::open(folder, characters)?,
            words: Dictionary::open(folder, words)?,
            weights,
        }))
    }
}

/// The names of its files of weights.
fn weight_files(folder: &Folder) -> Result<Vec<String>, ModelError> {
    const WHOLE: &str = "model.safetensors";
    if folder.holds(WHOLE)? {
        return Ok(vec![WHOLE.into()]);
    }
    for name in PICKLES {
        if folder.holds(name)? {
            return Err(ModelError::Pickle { path: folder.shown(name), advice: advice(folder) });
        }
    }
    Err(ModelError::NotFound { path: folder.shown(WHOLE), advice: advice(folder) })
}

/// Conversion needs nothing but PyTorch and safetensors: said so that it can be pasted.
fn advice(folder: &Folder) -> String {
    format!(
        "convert both files once, in the model's folder ({}), which runs none of their code: \
         python -c \"import torch; from safetensors.torch import save_file; \
         load = lambda name: torch.load(name, map_location='cpu', weights_only=True); \
         save_file({{**load('{}'), **load('{}')}}, 'model.safetensors')\"",
        folder.path().display(),
        PICKLES[0],
        PICKLES[1]
    )
}

/// The file of sizes: where `config_path` says, else by its last name in the folder, else the
/// program's own of that name.
fn sizes_file(folder: &Folder, config: &Config) -> Result<Config, ModelError> {
    let named = config.text(&["config_path"])?.unwrap_or_default();
    let last = named.rsplit('/').next().unwrap_or(named);
    let beneath = |name: &&&str| {
        let mut parts = Path::new(name).components();
        !name.is_empty() && parts.all(|part| matches!(part, Component::Normal(_)))
    };
    for name in [named.trim_start_matches("./"), last].iter().filter(beneath) {
        if let Some(value) = folder.json(name)? {
            return Config::new(folder.shown(name), value);
        }
    }
    match sizes::SHIPPED.contains(&last) {
        true => Config::new(folder.shown(last), sizes::shipped()),
        false => {
            let advice = format!(
                "config.json names it as \"{named}\"; bring the file of sizes into the folder"
            );
            Err(ModelError::NotFound { path: folder.shown(last), advice })
        }
    }
}

impl Foreign for ManyLangsFiles {
    fn name(&self) -> &'static str {
        NAME
    }

    fn stated(&self) -> &Config {
        &self.sizes
    }

    fn sources(&self) -> String {
        let [characters, words] = LISTS;
        format!("{}, {characters} and {words}", self.sizes.path().display())
    }

    fn settings(&self) -> Result<EncoderSettings, ModelError> {
        sizes::read(self)
    }

    fn arrays(&self, folder: &Folder) -> Result<Box<dyn Arrays>, ModelError> {
        Ok(Box::new(Tensors::open(folder)?))
    }

    fn weight_files(&self) -> Vec<String> {
        self.weights.clone()
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
        let own = &[
            "word_emb_layer.",
            "char_emb_layer.",
            "convolutions.",
            "highways.",
            "projection.",
            "forward_layer_",
            "backward_layer_",
        ];
        (own, "n_layers, n_highway, filters and word_dim")
    }
}

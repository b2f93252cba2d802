//! A folder of a foreign kind (ELMo's), opened as an encoder of Contexture's own family.

use std::sync::Arc;

use contexture_nn::{Stored, Weights};

use super::info::ModelInfo;
use super::model::{Model, Parts, Source, override_pooling, wanted};
use super::options::{OpenOptions, WeightType};
use super::plan::{Spelling, fresh, packed};
use super::quantise;
use crate::ModelError;
use crate::checkpoint::load::Form;
use crate::families::{CONTEXTURE, Heads, foreign};
use crate::folder::modules;
use crate::folder::{Config, Folder, ModuleSettings};

impl Model {
    /// Opens `folder` where its files are of a foreign kind; `None` where they are not.
    pub(super) fn open_foreign(
        folder: &Folder,
        options: &OpenOptions,
    ) -> Result<Option<Self>, ModelError> {
        let Some(files) = foreign::find(folder)? else { return Ok(None) };
        let mut settings = files.settings()?;
        settings.dropout = options.dropout;
        let mut modules = modules::read(folder)?;
        if let Some(pooling) = &options.pooling {
            override_pooling(&mut modules, pooling);
        }
        let listed = folder.shown("modules.json");
        let dense = |module: &ModuleSettings| matches!(module, ModuleSettings::Dense { .. });
        if modules.head.modules.iter().any(dense) {
            return Err(ModelError::modules(
                &listed,
                "dense modules after such a model are not read",
            ));
        }
        let (heads, begin) = wanted(Heads::default(), options.add_heads.as_ref(), &settings)?;
        let parts = Parts::declare(&settings, modules.head.clone(), &heads, None, &listed)?;
        let file = files.arrays(folder)?;
        let is_fresh = |name: &str| {
            begin.0 && name.starts_with("language.") || begin.1 && name.starts_with("classifier.")
        };
        let form = Form::of_options(options, WeightType::F32);
        let declared = &parts.declaration.params;
        let mut read = Vec::with_capacity(declared.len());
        let unknown = foreign::values(
            &*files,
            &*file,
            declared,
            |name| !is_fresh(name),
            |of, values| {
                read.push(packed(values, of, form));
            },
        )?;
        let seed = options.add_heads.as_ref().map_or(0, |add| add.seed);
        let mut afresh = fresh(declared.iter().filter(|of| is_fresh(&of.name)), seed).into_iter();
        let mut read = read.into_iter();
        let next = |of: &contexture_nn::Declared| match is_fresh(&of.name) {
            true => afresh.next().map(|values| packed(values, of, form)),
            false => read.next(),
        };
        let stored: Vec<Stored> = declared.iter().filter_map(next).collect();
        let weights = Weights::new(parts.declaration, stored);
        let threads = options.threads.max(1);
        let weights = quantise::finish(weights, form, &parts.encoder, &parts.head, threads)?;
        let e = &settings;
        let info = ModelInfo {
            folder: folder.path().into(),
            architecture: "encoder",
            family: files.name(),
            positions: Vec::new(),
            hidden: e.hidden,
            layers: e.layers.len(),
            heads: e.heads,
            inner: e.inner,
            lstm: e.lstm.clone(),
            characters: e.characters.clone(),
            mix: e.mix,
            decoder: None,
            vocabulary: e.vocabulary,
            dimensions: parts.head.dimensions(),
            head: parts.head.settings().modules.iter().map(ToString::to_string).collect(),
            pooling_assumed: parts.head.settings().pooling_assumed,
            sentence: modules.sentence.clone(),
            maximum_tokens: e.maximum_tokens,
            parameters: weights.count(),
            bytes: file.bytes(),
            precisions: file.precisions(),
            weight_files: files.weight_files(),
            licence: None,
            keys_read: vec![keys_read(folder, files.stated())],
            tensors_ignored: Vec::new(),
            tensors_unknown: unknown,
        };
        Ok(Some(Self {
            encoder: parts.encoder,
            head: parts.head,
            language: parts.language,
            classifier: parts.classifier,
            decoder: None,
            weights: Arc::new(weights),
            sentence: modules.sentence,
            info,
            source: Some(Source { folder: folder.clone(), encoder: folder.clone() }),
            family: &CONTEXTURE,
            spelling: Spelling { dialect: &CONTEXTURE.dialects[0], prefix: "" },
        }))
    }
}

/// The file of sizes beneath the folder, and its keys that were read.
fn keys_read(folder: &Folder, config: &Config) -> (String, Vec<String>) {
    let path = config.path().strip_prefix(folder.path()).unwrap_or(config.path());
    (path.display().to_string(), config.keys_read())
}

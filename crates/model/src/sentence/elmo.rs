//! An ELMo's folder, opened as an encoder of Contexture's own family.

use std::sync::Arc;

use contexture_nn::{Stored, Weights};

use super::info::ModelInfo;
use super::model::{Model, Parts, Source, override_pooling, wanted};
use super::options::{OpenOptions, WeightType};
use super::plan::{Spelling, fresh, packed};
use super::quantise;
use crate::ModelError;
use crate::checkpoint::hdf5::Hdf5;
use crate::checkpoint::load::Form;
use crate::families::elmo::{self, ElmoFiles};
use crate::families::{CONTEXTURE, Heads};
use crate::folder::modules;
use crate::folder::{Folder, ModuleSettings};

impl Model {
    /// Opens `folder` where it is an ELMo's; `None` where it is not.
    pub(super) fn open_elmo(
        folder: &Folder,
        options: &OpenOptions,
    ) -> Result<Option<Self>, ModelError> {
        let Some(files) = ElmoFiles::find(folder)? else { return Ok(None) };
        let mut settings = elmo::read(&files)?;
        settings.dropout = options.dropout;
        let mut modules = modules::read(folder)?;
        if let Some(pooling) = &options.pooling {
            override_pooling(&mut modules, pooling);
        }
        let listed = folder.shown("modules.json");
        let dense = |module: &ModuleSettings| matches!(module, ModuleSettings::Dense { .. });
        if modules.head.modules.iter().any(dense) {
            return Err(ModelError::modules(&listed, "dense modules after an ELMo are not read"));
        }
        let (heads, begin) = wanted(Heads::default(), options.add_heads.as_ref(), &settings)?;
        let parts = Parts::declare(&settings, modules.head.clone(), &heads, &listed)?;
        let Some(file) = Hdf5::open(folder, &files.weights)? else {
            let advice = "it was there a moment ago".into();
            return Err(ModelError::NotFound { path: folder.shown(&files.weights), advice });
        };
        let is_fresh = |name: &str| {
            begin.0 && name.starts_with("language.") || begin.1 && name.starts_with("classifier.")
        };
        let form = Form::of_options(options, WeightType::F32);
        let declared = &parts.declaration.params;
        let mut read = Vec::with_capacity(declared.len());
        let shown = files.options.path().display().to_string();
        let unknown = elmo::values(
            &file,
            declared,
            &shown,
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
            family: elmo::NAME,
            positions: Vec::new(),
            hidden: e.hidden,
            layers: e.layers.len(),
            heads: e.heads,
            inner: e.inner,
            lstm: e.lstm.clone(),
            characters: e.characters.clone(),
            mix: e.mix,
            vocabulary: e.vocabulary,
            dimensions: parts.head.dimensions(),
            head: parts.head.settings().modules.iter().map(ToString::to_string).collect(),
            pooling_assumed: parts.head.settings().pooling_assumed,
            sentence: modules.sentence.clone(),
            maximum_tokens: e.maximum_tokens,
            parameters: weights.count(),
            bytes: file.len,
            precisions: vec!["F32".into()],
            weight_files: vec![files.weights.clone()],
            licence: None,
            keys_read: Vec::new(),
            tensors_ignored: Vec::new(),
            tensors_unknown: unknown,
        };
        Ok(Some(Self {
            encoder: parts.encoder,
            head: parts.head,
            language: parts.language,
            classifier: parts.classifier,
            weights: Arc::new(weights),
            sentence: modules.sentence,
            info,
            source: Some(Source { folder: folder.clone(), encoder: folder.clone() }),
            family: &CONTEXTURE,
            spelling: Spelling { dialect: &CONTEXTURE.dialects[0], prefix: "" },
        }))
    }
}

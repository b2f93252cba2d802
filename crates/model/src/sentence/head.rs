//! From token rows to one vector a sequence: pooling, then what the folder puts after it.

use std::path::Path;
use std::sync::Arc;

use contexture_nn::ops::{Concatenate, Linear, Normalize, Pool, Pooling};
use contexture_nn::{Builder, Segments, Session, Value};

use crate::ModelError;
use crate::folder::{HeadSettings, ModuleSettings};
use crate::layers::linear;

/// The modules after an encoder, ready to run.
#[derive(Debug)]
pub struct Head {
    settings: HeadSettings,
    modules: Vec<Module>,
    dimensions: usize,
}

#[derive(Debug)]
enum Module {
    Pool { pooling: Vec<Pooling>, include_prompt: bool },
    Dense(Linear),
    Normalize,
}

/// What dense modules begin with.
const DEVIATION: f32 = 0.02;
/// As the reference library guards a division by a row's length.
const LEAST_LENGTH: f32 = 1e-12;

impl Head {
    /// Declares the weights of dense modules under `head.N`, and checks that widths fit.
    pub(crate) fn declare(
        settings: HeadSettings,
        hidden: usize,
        path: &Path,
        b: &mut Builder,
    ) -> Result<Self, ModelError> {
        let mut width = hidden;
        let mut modules = Vec::with_capacity(settings.modules.len());
        for (index, module) in settings.modules.iter().enumerate() {
            modules.push(match module {
                ModuleSettings::Pool { pooling, include_prompt } => {
                    width = hidden * pooling.len();
                    Module::Pool { pooling: pooling.clone(), include_prompt: *include_prompt }
                }
                ModuleSettings::Dense { path: folder, inputs, outputs, bias, activation } => {
                    if *inputs != width {
                        let reason = format!("{folder} takes rows of {inputs}, but gets {width}");
                        return Err(ModelError::modules(path, reason));
                    }
                    width = *outputs;
                    let declare = |b: &mut Builder| {
                        linear(*outputs, *inputs, *bias, *activation, DEVIATION, b)
                    };
                    Module::Dense(b.within("head", |b| b.within(index, declare)))
                }
                ModuleSettings::Normalize => Module::Normalize,
            });
        }
        Ok(Self { settings, modules, dimensions: width })
    }

    /// What the folder says.
    pub fn settings(&self) -> &HeadSettings {
        &self.settings
    }

    /// The width of a sentence's vector.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// Whether a module scales vectors to unit length.
    pub fn normalizes(&self) -> bool {
        self.modules.iter().any(|module| matches!(module, Module::Normalize))
    }

    /// Whether the tokens of a prompt take no part in pooling, so that `skip` matters.
    pub fn skips_prompts(&self) -> bool {
        self.modules.iter().any(|m| matches!(m, Module::Pool { include_prompt: false, .. }))
    }

    /// The width of a sentence's vector if it were pooled in this one way; `None` where a dense
    /// module needs the folder's own.
    pub fn dimensions_pooled(&self, pooling: Pooling) -> Option<usize> {
        let dense = self.modules.iter().any(|module| matches!(module, Module::Dense(_)));
        self.modules.iter().find_map(|module| match module {
            Module::Pool { pooling: own, .. } if own.as_slice() == [pooling] => {
                Some(self.dimensions)
            }
            Module::Pool { .. } if dense => None,
            Module::Pool { pooling: own, .. } => Some(self.dimensions / own.len()),
            _ => None,
        })
    }

    /// `hidden` `[tokens, hidden]` to `[sequences, dimensions]`. `skip` says how many tokens of
    /// each sequence are its prompt; empty where none has one.
    pub fn forward(
        &self,
        s: &mut Session,
        hidden: &Value,
        segments: &Segments,
        skip: &Arc<[usize]>,
    ) -> Value {
        self.forward_pooled(s, hidden, segments, skip, None)
    }

    /// As [`Head::forward`], pooled in the given way in place of the folder's; see
    /// [`Head::dimensions_pooled`] for where that is possible.
    pub fn forward_pooled(
        &self,
        s: &mut Session,
        hidden: &Value,
        segments: &Segments,
        skip: &Arc<[usize]>,
        instead: Option<Pooling>,
    ) -> Value {
        let sentences = Segments::from_lengths(vec![1; segments.len()]);
        let mut x = hidden.clone();
        for module in &self.modules {
            x = match module {
                Module::Pool { pooling, include_prompt } => {
                    let skip = if *include_prompt { Arc::from([]) } else { skip.clone() };
                    let ways = instead.as_slice();
                    let ways = if ways.is_empty() { pooling } else { ways };
                    pool(s, &x, segments, ways, &skip)
                }
                Module::Dense(linear) => s.apply(*linear, &[&x], &sentences),
                Module::Normalize => {
                    s.apply(Normalize { epsilon: LEAST_LENGTH }, &[&x], &sentences)
                }
            };
        }
        x
    }
}

/// Each sequence pooled in each way, side by side.
fn pool(
    s: &mut Session,
    hidden: &Value,
    segments: &Segments,
    ways: &[Pooling],
    skip: &Arc<[usize]>,
) -> Value {
    let mut pooled: Vec<Value> = ways
        .iter()
        .map(|pooling| s.apply(Pool { pooling: *pooling, skip: skip.clone() }, &[hidden], segments))
        .collect();
    match pooled.len() {
        1 => pooled.remove(0),
        _ => s.apply(Concatenate, &pooled.iter().collect::<Vec<_>>(), segments),
    }
}

//! Where each declared parameter's values come from, with shapes compared before memory is taken.

use std::collections::BTreeSet;

use contexture_nn::{Builder, Declaration, Declared, Stored, Weights};

use safetensors::Dtype;

use super::head::Head;
use super::options::WeightType;
use crate::ModelError;
use crate::architectures::{Encoder, EncoderSettings};
use crate::checkpoint::Dialect;
use crate::checkpoint::files::{Place, Tensors};
use crate::checkpoint::load::{self, Fill, Form, Held};
use crate::checkpoint::names::{self, Unread};
use crate::families::Family;
use crate::folder::{Folder, ModuleSettings};

/// The spelling of a checkpoint: its dialect and what stands before every name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spelling {
    pub(super) dialect: &'static Dialect,
    pub(super) prefix: &'static str,
}

impl Spelling {
    /// The one under which most of the encoder's parameters are found.
    pub(super) fn of(
        family: &'static Family,
        settings: &EncoderSettings,
        tensors: &Tensors,
    ) -> Result<Self, ModelError> {
        let mut builder = Builder::new();
        Encoder::declare(settings, &mut builder)?;
        let (dialect, prefix) = names::choose(family.dialects, &builder.finish().params, tensors);
        Ok(Self { dialect, prefix })
    }

    /// The same, as files with heads besides the encoder spell it: the encoder's tensors then
    /// stand under a name of their own.
    pub(super) fn with_heads(self) -> Self {
        let own = self.dialect.prefixes.get(1).copied().unwrap_or("");
        Self { prefix: if self.prefix.is_empty() { own } else { self.prefix }, ..self }
    }
}

/// Where every declared parameter's bytes are.
pub(super) struct Plan {
    /// `None`: the parameter begins afresh.
    fills: Vec<Option<Fill>>,
    pub(super) tensors: Tensors,
    pub(super) ignored: Vec<String>,
    pub(super) unknown: Vec<String>,
}

/// A dense module's file has one pair of tensors.
pub(super) static DENSE: Dialect =
    Dialect { prefixes: &[""], rows: &[("head.#", &["linear"])], heads: &[] };

impl Plan {
    /// `tied_words`: a decoder scores words with their table. `fresh` tells which parameters are not
    /// read.
    pub(super) fn make(
        folder: &Folder,
        declaration: &Declaration,
        spelling: Spelling,
        tensors: Tensors,
        head: &Head,
        tied_words: bool,
        fresh: impl Fn(&str) -> bool,
    ) -> Result<Self, ModelError> {
        let Spelling { dialect, prefix } = spelling;
        let mut read = BTreeSet::new();
        let mut fills = Vec::with_capacity(declaration.params.len());
        let dense = dense_tensors(folder, head)?;
        for declared in &declaration.params {
            let of = dense.iter().find(|(prefix, _)| declared.name.starts_with(prefix));
            fills.push(match of {
                _ if fresh(&declared.name) => None,
                Some((_, tensors)) => {
                    Some(load::plan(declared, &DENSE, "", tensors, &mut BTreeSet::new())?)
                }
                None => {
                    let tied = tied(declared, declaration, spelling, &tensors);
                    let tied = tied.filter(|_| tied_words);
                    let source = tied.as_ref().unwrap_or(declared);
                    Some(load::plan(source, dialect, prefix, &tensors, &mut read)?)
                }
            });
        }
        let (mut ignored, mut unknown, mut misfits) = (Vec::new(), Vec::new(), Vec::new());
        let decodes = declaration.params.iter().any(|d| d.name.starts_with("decoder."));
        for (name, kind) in names::unread(dialect, prefix, &tensors, &read) {
            let layer = ["decoder.layers.", "decoder.block."]
                .iter()
                .any(|layers| name.strip_prefix(prefix).unwrap_or(&name).starts_with(layers));
            match kind {
                Unread::Known if decodes && layer => misfits.push(name),
                Unread::Known => ignored.push(name),
                Unread::Unknown => unknown.push(name),
                Unread::Encoder => misfits.push(name),
            }
        }
        if let Some(first) = misfits.first() {
            let path = tensors.places[first].file.shown.clone();
            let (tensor, others) = (first.clone(), misfits.len() - 1);
            return Err(ModelError::UnreadTensor { path, tensor, others });
        }
        Ok(Self { fills, tensors, ignored, unknown })
    }

    /// The numbers in which the files hold weights.
    pub(super) fn weight_type(&self) -> WeightType {
        let bytes = |place: &Place| place.entry.dtype == Dtype::I8;
        match self.tensors.places.values().any(bytes) {
            true => WeightType::Int8,
            false => WeightType::F32,
        }
    }

    /// Reads what is to be read and begins the rest from `seed`.
    pub(super) fn fill(
        &mut self,
        declaration: &Declaration,
        form: Form,
        threads: usize,
        seed: u64,
    ) -> Result<Vec<Stored>, ModelError> {
        let fills = std::mem::take(&mut self.fills);
        let afresh = fills.iter().zip(&declaration.params).filter(|(fill, _)| fill.is_none());
        let mut afresh = fresh(afresh.map(|(_, declared)| declared), seed).into_iter();
        let present: Vec<bool> = fills.iter().map(Option::is_some).collect();
        let fills: Vec<Fill> = fills.into_iter().flatten().collect();
        let mut read = load::fill(&fills, form, threads)?.into_iter();
        let mut stored = Vec::with_capacity(present.len());
        for (is_read, declared) in present.into_iter().zip(&declaration.params) {
            stored.extend(match is_read {
                true => read.next(),
                false => afresh.next().map(|values| packed(values, declared, form)),
            });
        }
        Ok(stored)
    }
}

/// The words' table in place of what scores words, where that is tied and the file does not hold it
/// twice.
fn tied(
    declared: &Declared,
    declaration: &Declaration,
    Spelling { dialect, prefix }: Spelling,
    tensors: &Tensors,
) -> Option<Declared> {
    let missing = |d: &Declared| {
        let pieces = names::pieces_of(dialect, prefix, d);
        pieces.iter().any(|piece| names::stored_name(tensors, &piece.name).is_none())
    };
    if declared.name != "decoder.output.weight" || !missing(declared) {
        return None;
    }
    let table = |name: &str| declaration.params.iter().find(|d| d.name == name);
    let words = ["decoder.embeddings.words.weight", "embeddings.words.weight"];
    let name = words.into_iter().filter_map(table).map(|d| d.name.clone()).next()?;
    Some(Declared { name, ..declared.clone() })
}

/// Values that are in memory, as `form` holds them.
pub(super) fn packed(values: Vec<f32>, declared: &Declared, form: Form) -> Stored {
    use contexture_kernels::gemm::PackedMatrix;
    let (rows, width) = (declared.param.rows, declared.param.width);
    match form.of(declared.role) {
        Held::Plain => Stored::Plain(values),
        Held::Packed => Stored::Packed(PackedMatrix::pack(&values, rows, width)),
        Held::Bytes => Stored::quantised(declared, &values, &[]),
    }
}

/// First values of some parameters of a larger declaration.
pub(super) fn fresh<'a>(declared: impl Iterator<Item = &'a Declared>, seed: u64) -> Vec<Vec<f32>> {
    let mut builder = Builder::new();
    let params: Vec<_> =
        declared.map(|d| builder.table(&d.name, d.param.rows, d.param.width, d.initial)).collect();
    let weights = Weights::initial(builder.finish(), seed);
    params.into_iter().map(|param| weights.plain(param).to_vec()).collect()
}

fn dense_tensors(folder: &Folder, head: &Head) -> Result<Vec<(String, Tensors)>, ModelError> {
    let modules = head.settings().modules.iter().enumerate();
    let dense = modules.filter_map(|(index, module)| match module {
        ModuleSettings::Dense { path, .. } => Some((index, path)),
        _ => None,
    });
    dense
        .map(|(index, path)| Ok((format!("head.{index}."), Tensors::open(&folder.within(path)?)?)))
        .collect()
}

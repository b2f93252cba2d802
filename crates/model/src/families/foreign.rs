//! Models whose files and arrays are both of another kind than a family's: their weights are
//! rearranged while they are read, and what is written is of Contexture's own family.

use std::io::Write;
use std::path::Path;

use contexture_nn::Declared;
use serde_json::{Value, json};

use super::elmo::ElmoFiles;
use super::many_langs::ManyLangsFiles;
use super::{elmo, many_langs};
use crate::ModelError;
use crate::architectures::EncoderSettings;
use crate::checkpoint::arrays::{Arrays, Reader};
use crate::folder::{Config, Folder, write_whole};

/// A folder of such a model.
pub(crate) trait Foreign {
    /// What it is called in `info`.
    fn name(&self) -> &'static str;
    /// The file that states its sizes.
    fn stated(&self) -> &Config;
    /// All files that the shapes of its arrays follow from, for messages.
    fn sources(&self) -> String {
        self.stated().path().display().to_string()
    }
    /// The encoder that the sizes describe.
    fn settings(&self) -> Result<EncoderSettings, ModelError>;
    /// Opens its weights.
    fn arrays(&self, folder: &Folder) -> Result<Box<dyn Arrays>, ModelError>;
    /// The files of the weights.
    fn weight_files(&self) -> Vec<String>;
    /// The values of one declared parameter in Contexture's order.
    fn parameter(
        &self,
        arrays: &mut Reader<'_>,
        declared: &Declared,
        all: &[Declared],
    ) -> Result<Vec<f32>, ModelError>;
    /// How the arrays of the encoder's own begin, and the sizes that decide which there are.
    fn own(&self) -> (&'static [&'static str], &'static str);
}

/// What `folder` is, where it is of this kind.
pub(crate) fn find(folder: &Folder) -> Result<Option<Box<dyn Foreign>>, ModelError> {
    if let Some(files) = ManyLangsFiles::find(folder)? {
        return Ok(Some(Box::new(files)));
    }
    Ok(ElmoFiles::find(folder)?.map(|files| Box::new(files) as Box<dyn Foreign>))
}

/// Whether `info` names a model of this kind.
pub(crate) fn is_foreign(name: &str) -> bool {
    [elmo::NAME, many_langs::NAME].contains(&name)
}

/// Values of all declared parameters, in their order; of those that are not `wanted`, none. With
/// the names of the arrays that nothing reads.
pub(crate) fn values(
    model: &dyn Foreign,
    file: &dyn Arrays,
    declared: &[Declared],
    wanted: impl Fn(&str) -> bool,
    mut take: impl FnMut(&Declared, Vec<f32>),
) -> Result<Vec<String>, ModelError> {
    let sources = model.sources();
    let mut reader = Reader::new(file, &sources);
    for parameter in declared.iter().filter(|declared| wanted(&declared.name)) {
        let values = model.parameter(&mut reader, parameter, declared)?;
        take(parameter, values);
    }
    let (own, sizes) = model.own();
    reader.unread(own, sizes)
}

/// Writes what tells Contexture's own family how words are spelled, and copies their lists.
pub(crate) fn write_spelling(
    name: &str,
    from: &Folder,
    settings: &EncoderSettings,
    to: &Path,
) -> Result<(), ModelError> {
    let (kind, lists) = match name {
        many_langs::NAME => ("dictionary", many_langs::LISTS),
        _ => ("bytes", elmo::LISTS),
    };
    let most = settings.characters.as_ref().map_or(50, |characters| characters.most);
    let spelling: Value = json!({"kind": kind, "split": "whitespace", "most": most});
    put(&to.join("characters.json"), format!("{spelling:#}\n").as_bytes())?;
    for name in lists {
        if let Some(bytes) = from.read(name, LIST_LIMIT)? {
            put(&to.join(name), &bytes)?;
        }
    }
    Ok(())
}

/// The largest list of words that is read.
pub(crate) const LIST_LIMIT: u64 = 256 << 20;

fn put(path: &Path, bytes: &[u8]) -> Result<(), ModelError> {
    write_whole(path, |file| file.write_all(bytes)).map_err(|e| ModelError::io(path, e))
}

/// Rows and width of a declared parameter; zeros where there is none.
pub(crate) fn size(declared: &[Declared], name: &str) -> (usize, usize) {
    let found = declared.iter().find(|declared| declared.name == name);
    found.map_or((0, 0), |found| (found.param.rows, found.param.width))
}

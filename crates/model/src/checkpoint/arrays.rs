//! Arrays by name, whatever the format of their file, for models whose arrays must be rearranged.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::files::Tensors;
use super::hdf5::Hdf5;
use super::load;
use crate::ModelError;

/// A file of arrays.
pub(crate) trait Arrays {
    /// The file, as it is shown to the user.
    fn shown(&self) -> &Path;
    /// Bytes in all.
    fn bytes(&self) -> u64;
    /// The number formats in it.
    fn precisions(&self) -> Vec<String>;
    /// Each array's shape.
    fn shapes(&self) -> BTreeMap<&str, &[usize]>;
    /// The shape of one array; `None` where there is no such array.
    fn shape(&self, name: &str) -> Option<&[usize]>;
    /// The values of one array, row-major, all finite.
    fn read(&self, name: &str) -> Result<Vec<f32>, ModelError>;
}

impl Arrays for Hdf5 {
    fn shown(&self) -> &Path {
        &self.shown
    }

    fn bytes(&self) -> u64 {
        self.len
    }

    fn precisions(&self) -> Vec<String> {
        vec!["F32".into()]
    }

    fn shapes(&self) -> BTreeMap<&str, &[usize]> {
        self.shapes.iter().map(|(name, shape)| (name.as_str(), shape.as_slice())).collect()
    }

    fn shape(&self, name: &str) -> Option<&[usize]> {
        self.shapes.get(name).map(Vec::as_slice)
    }

    fn read(&self, name: &str) -> Result<Vec<f32>, ModelError> {
        Hdf5::read(self, name)
    }
}

impl Arrays for Tensors {
    fn shown(&self) -> &Path {
        &self.shown
    }

    fn bytes(&self) -> u64 {
        Tensors::bytes(self)
    }

    fn precisions(&self) -> Vec<String> {
        let kinds = self.places.values().map(|place| format!("{:?}", place.entry.dtype));
        kinds.collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn shapes(&self) -> BTreeMap<&str, &[usize]> {
        let shape = |(name, place)| -> (&str, &[usize]) {
            let (name, place): (&String, &super::files::Place) = (name, place);
            (name, &place.entry.shape)
        };
        self.places.iter().map(shape).collect()
    }

    fn shape(&self, name: &str) -> Option<&[usize]> {
        self.places.get(name).map(|place| place.entry.shape.as_slice())
    }

    fn read(&self, name: &str) -> Result<Vec<f32>, ModelError> {
        match self.places.get(name) {
            Some(place) => load::values(name, place),
            None => Err(ModelError::tensor(&self.shown, name, "it is not there")),
        }
    }
}

/// Reads arrays of expected shapes and remembers which.
pub(crate) struct Reader<'a> {
    file: &'a dyn Arrays,
    /// The files that state the sizes, for messages.
    stated: &'a str,
    read: BTreeSet<String>,
    last: Option<(String, Vec<f32>)>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(file: &'a dyn Arrays, stated: &'a str) -> Self {
        Self { file, stated, read: BTreeSet::new(), last: None }
    }

    pub(crate) fn shown(&self) -> &Path {
        self.file.shown()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.file.shape(name).is_some()
    }

    /// An array of the expected shape.
    pub(crate) fn array(&mut self, name: &str, expected: &[usize]) -> Result<Vec<f32>, ModelError> {
        let path = || self.file.shown().to_path_buf();
        match self.file.shape(name) {
            None => Err(ModelError::MissingTensor {
                path: path(),
                tensor: name.into(),
                parameter: format!("named by {}", self.stated),
                expected: format!("{expected:?}"),
            }),
            Some(found) if found != expected => Err(ModelError::Shape {
                path: path(),
                tensor: name.into(),
                expected: format!("{expected:?} ({})", self.stated),
                found: format!("{found:?}"),
            }),
            Some(_) => {
                self.read.insert(name.into());
                match self.last.take() {
                    Some((last, values)) if last == name => Ok(values),
                    _ => self.file.read(name),
                }
            }
        }
    }

    /// Keeps an array for the parameter that comes next and needs it too.
    pub(crate) fn keep(&mut self, name: String, values: Vec<f32>) {
        self.last = Some((name, values));
    }

    /// The arrays that nothing read. One that begins like the model's own must have been read.
    pub(crate) fn unread(self, own: &[&str], sizes: &str) -> Result<Vec<String>, ModelError> {
        let shapes = self.file.shapes();
        let unread: Vec<&str> =
            shapes.keys().copied().filter(|name| !self.read.contains(*name)).collect();
        match unread.iter().find(|name| own.iter().any(|own| name.starts_with(own))) {
            None => Ok(unread.into_iter().map(String::from).collect()),
            Some(name) => {
                let reason = format!(
                    "{} has no place for it (shape {:?}); compare its {sizes} with the file",
                    self.stated, shapes[name]
                );
                Err(ModelError::tensor(self.file.shown(), name, reason))
            }
        }
    }
}

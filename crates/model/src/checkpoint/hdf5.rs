//! Arrays of an HDF5 file as f32, by the path of their datasets.
//!
//! The format is the `hdf5-pure` crate's business; this file adds what an untrusted file asks for:
//! the file's size bounds every array before it is read, the walk through groups ends, and a panic
//! of the crate becomes an error. The file is held whole while it is read: the crate's reading from
//! a seekable source was seen to take seconds and gigabytes for damaged files of half a megabyte.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use hdf5_pure::{DType, Error, File, Group};

use crate::ModelError;
use crate::folder::Folder;

/// An opened HDF5 file and the shapes of its datasets.
#[derive(Debug)]
pub(crate) struct Hdf5 {
    /// As it is shown to the user.
    pub(crate) shown: PathBuf,
    /// Bytes in all.
    pub(crate) len: u64,
    file: File,
    /// Each dataset's path, without a leading slash, and its shape.
    pub(crate) shapes: BTreeMap<String, Vec<usize>>,
}

/// The largest ELMo has some 375 MB.
const LIMIT: u64 = 8 << 30;
/// What arrays may take beyond the file's own size: packed ones grow a little.
const SLACK: u64 = 48 << 20;
/// Real files nest 6 deep and hold some 50 objects.
const DEPTH: usize = 16;
const OBJECTS: usize = 1 << 14;

impl Hdf5 {
    /// Opens a file beneath the folder; `None` where there is none.
    pub(crate) fn open(folder: &Folder, name: &str) -> Result<Option<Self>, ModelError> {
        let Some(bytes) = folder.read(name, LIMIT)? else { return Ok(None) };
        Self::parse(folder.shown(name), bytes).map(Some)
    }

    /// Reads the structure of a file's bytes.
    pub(crate) fn parse(shown: PathBuf, bytes: Vec<u8>) -> Result<Self, ModelError> {
        let len = bytes.len() as u64;
        let opened = guarded(|| {
            let file = File::from_bytes(bytes).map_err(told)?;
            let mut walk = Walk { shapes: BTreeMap::new(), seen: 0 };
            walk.group(&file.root(), "", 0)?;
            Ok((file, walk.shapes))
        });
        let (file, shapes) = opened.map_err(|reason| ModelError::hdf5(&shown, reason))?;
        Ok(Self { shown, len, file, shapes })
    }

    /// The values of a dataset, row-major, f32 or f64 rounded to it; all finite.
    pub(crate) fn read(&self, name: &str) -> Result<Vec<f32>, ModelError> {
        let wrong = |reason: String| ModelError::tensor(&self.shown, name, reason);
        let shape = self.shapes.get(name).ok_or_else(|| wrong("it is not there".into()))?;
        let count = shape.iter().try_fold(1u64, |all, n| all.checked_mul(*n as u64));
        let values = guarded(|| {
            let dataset = self.file.dataset(name).map_err(told)?;
            let kind = dataset.dtype().map_err(told)?;
            if !matches!(kind, DType::F32 | DType::F64) {
                return Ok(Err(ModelError::Precision {
                    path: self.shown.clone(),
                    tensor: name.into(),
                    found: format!("{kind:?}"),
                }));
            }
            let size = dataset.element_size().map_err(told)?;
            let most = self.len + SLACK;
            match count.and_then(|count| count.checked_mul(size)) {
                Some(bytes) if bytes <= most => {}
                _ => return Err(format!("its shape {shape:?} is too large for the file")),
            }
            dataset.read_f32().map_err(told).map(Ok)
        });
        let values = values.map_err(wrong)??;
        if Some(values.len() as u64) != count {
            return Err(wrong(format!("{} values for the shape {shape:?}", values.len())));
        }
        if values.iter().any(|value| !value.is_finite()) {
            let (path, tensor) = (self.shown.clone(), name.to_owned());
            return Err(ModelError::NotFinite { path, tensor });
        }
        Ok(values)
    }
}

/// A walk through groups that ends even where links lead in a circle.
struct Walk {
    shapes: BTreeMap<String, Vec<usize>>,
    seen: usize,
}

impl Walk {
    fn group(&mut self, group: &Group, place: &str, depth: usize) -> Result<(), String> {
        if depth > DEPTH {
            return Err(format!("groups nest more than {DEPTH} deep at {}", brief(place)));
        }
        for name in group.datasets().map_err(told)? {
            let dataset = group.dataset(&name).map_err(told)?;
            let shape = dataset.shape().map_err(told)?;
            let shape: Option<Vec<usize>> =
                shape.into_iter().map(|n| usize::try_from(n).ok()).collect();
            let path = format!("{place}{name}");
            let shape = shape.ok_or_else(|| format!("{} is too large", brief(&path)))?;
            self.shapes.insert(path, shape);
            self.count()?;
        }
        for name in group.groups().map_err(told)? {
            self.count()?;
            let inner = group.group(&name).map_err(told)?;
            self.group(&inner, &format!("{place}{name}/"), depth + 1)?;
        }
        Ok(())
    }

    fn count(&mut self) -> Result<(), String> {
        self.seen += 1;
        if self.seen > OBJECTS { Err(format!("more than {OBJECTS} objects")) } else { Ok(()) }
    }
}

fn told(error: Error) -> String {
    brief(&error.to_string())
}

fn brief(text: &str) -> String {
    match text.char_indices().nth(160) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// A panic of the reader is a fault of the file until shown otherwise.
fn guarded<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err("its reader gave up".into()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use safetensors::SafeTensors;

    use super::*;

    fn fixture(name: &str) -> Vec<u8> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../verify/goldens/elmo");
        std::fs::read(folder.join(name)).expect(name)
    }

    fn whole(bytes: Vec<u8>) -> Result<BTreeMap<String, Vec<f32>>, ModelError> {
        let file = Hdf5::parse("damaged.hdf5".into(), bytes)?;
        file.shapes.keys().map(|name| Ok((name.clone(), file.read(name)?))).collect()
    }

    #[test]
    fn values_and_shapes_are_those_of_the_safetensors_copy() {
        let copy = fixture("lm_weights.safetensors");
        let copy = SafeTensors::deserialize(&copy).expect("the copy");
        for name in ["lm_weights.hdf5", "packed.hdf5", "doubles.hdf5"] {
            let file = Hdf5::parse(name.into(), fixture(name)).expect(name);
            assert_eq!(file.shapes.len(), copy.len(), "{name}");
            for (tensor, view) in copy.tensors() {
                let path = tensor.replace('.', "/");
                assert_eq!(file.shapes[&path], view.shape(), "{name}: {path}");
                let expected: &[u8] = view.data();
                let found = file.read(&path).expect("values");
                let found: Vec<u8> = found.iter().flat_map(|v| v.to_le_bytes()).collect();
                assert!(found == expected, "{name}: {path}");
            }
        }
    }

    #[test]
    fn absent_halves_and_integers_are_refused_by_name() {
        let file = Hdf5::parse("odd.hdf5".into(), fixture("odd.hdf5")).expect("odd.hdf5");
        let error = |name: &str| file.read(name).expect_err(name).to_string();
        assert!(error("halves").contains("odd.hdf5: tensor `halves`"), "{}", error("halves"));
        assert!(error("whole").contains("tensor `whole`"), "{}", error("whole"));
        assert!(error("infinite").contains("not finite"), "{}", error("infinite"));
        assert!(error("none").contains("not there"), "{}", error("none"));
        assert!(error("vast").contains("too large for the file"), "{}", error("vast"));
    }

    #[test]
    fn cut_files_are_refused_at_every_length() {
        for name in ["lm_weights.hdf5", "packed.hdf5"] {
            let bytes = fixture(name);
            let reference = whole(bytes.clone()).expect(name);
            let mut refused = 0;
            let ends = (0..4096).step_by(61).chain((4096..bytes.len()).step_by(1511));
            let ends: Vec<usize> = ends.chain(bytes.len() - 64..bytes.len()).collect();
            for end in &ends {
                match whole(bytes[..*end].to_vec()) {
                    // Only bytes that nothing points to may be missing.
                    Ok(found) => assert!(found == reference, "{name}: {end} bytes"),
                    Err(_) => refused += 1,
                }
            }
            assert!(refused > ends.len() * 9 / 10, "{name}: {refused} of {}", ends.len());
        }
    }

    #[test]
    fn mutants_are_errors_or_values_and_quick() {
        let mut seed = 0x9e37_79b9u64;
        let mut random = move |below: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) as usize % below
        };
        for name in ["lm_weights.hdf5", "packed.hdf5"] {
            let bytes = fixture(name);
            let signatures = ["TREE", "SNOD", "HEAP", "OHDR"];
            let places: Vec<usize> = (0..bytes.len() - 4)
                .filter(|at| signatures.iter().any(|s| bytes[*at..].starts_with(s.as_bytes())))
                .collect();
            let (mut read, mut refused) = (0, 0);
            for case in 0..1000 {
                let mut mutant = bytes.clone();
                for _ in 0..1 + random(3) {
                    let at = match case % 3 {
                        0 => random(mutant.len()),
                        1 => random(4096),
                        _ => (places[random(places.len())] + random(600)).min(mutant.len() - 1),
                    };
                    mutant[at] = match random(4) {
                        0 => 0,
                        1 => 255,
                        2 => mutant[at] ^ (1 << random(8)),
                        _ => random(256) as u8,
                    };
                }
                let begun = std::time::Instant::now();
                match whole(mutant) {
                    Ok(_) => read += 1,
                    Err(error) => {
                        assert!(error.to_string().contains("damaged.hdf5"), "{error}");
                        refused += 1;
                    }
                }
                assert!(begun.elapsed().as_secs() < 5, "{name}: case {case}");
            }
            assert!(read > 100 && refused > 100, "{name}: {read} read, {refused} refused");
        }
    }
}

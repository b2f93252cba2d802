//! Goldens, laws and tidiness; ships nowhere.
//!
//! The tests lie in `tests/`; here is what they share: where goldens, models and larger sets are,
//! and how a test says that it was skipped.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The folder of goldens, made by the scripts kept beside them.
pub fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("goldens")
}

/// The root of the workspace.
pub fn workspace() -> PathBuf {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    crates.and_then(Path::parent).expect("crates/verify lies two folders deep").to_path_buf()
}

/// Says past the test harness's capture that a test did not run, and why.
pub fn skipped(test: &str, reason: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {reason}");
}

/// A pretrained model in the user's cache; where it is missing, the test is skipped by name.
pub fn pretrained(name: &str, test: &str) -> Option<PathBuf> {
    match contexture_hub::locate(name, &contexture_hub::Options::default()) {
        Ok(located) => Some(located.folder),
        Err(error) => {
            skipped(test, &format!("{error} (get it: contexture pull {name})"));
            None
        }
    }
}

/// A file of the larger evaluation sets, which stand beside the checkout where there are any;
/// where it is missing, the test is skipped by name.
pub fn evaluation_set(file: &str, test: &str) -> Option<PathBuf> {
    let root = std::env::var_os("CONTEXTURE_DATA")
        .map_or_else(|| workspace().join("../shared/data"), PathBuf::from);
    let path = root.join(file);
    if path.is_file() {
        return Some(path);
    }
    skipped(test, &format!("no {file} (set CONTEXTURE_DATA to the folder that holds it)"));
    None
}

/// An f32 tensor of a golden file.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub values: Vec<f32>,
}

impl Tensor {
    /// Row `index` of the first dimension.
    pub fn row(&self, index: usize) -> &[f32] {
        let width: usize = self.shape[1..].iter().product();
        &self.values[index * width..(index + 1) * width]
    }
}

/// All tensors of a golden safetensors file; integers are converted to f32 exactly.
pub fn tensors(path: &Path) -> HashMap<String, Tensor> {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let file = safetensors::SafeTensors::deserialize(&bytes)
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    file.iter()
        .map(|(name, view)| {
            let data = view.data();
            let values = match view.dtype() {
                safetensors::Dtype::F32 => words(data, f32::from_le_bytes),
                safetensors::Dtype::I32 => words(data, |b| i32::from_le_bytes(b) as f32),
                safetensors::Dtype::I64 => words(data, |b| i64::from_le_bytes(b) as f32),
                safetensors::Dtype::I8 => words(data, |b: [u8; 1]| f32::from(b[0] as i8)),
                safetensors::Dtype::U8 => words(data, |b: [u8; 1]| f32::from(b[0])),
                other => panic!("{}: {name} is {other:?}", path.display()),
            };
            (name.to_string(), Tensor { shape: view.shape().to_vec(), values })
        })
        .collect()
}

fn words<const N: usize>(data: &[u8], value: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    data.chunks_exact(N)
        .map(|chunk| value(chunk.try_into().expect("chunks_exact gives N bytes")))
        .collect()
}

/// The largest absolute difference; infinite where the lengths differ or a value is NaN.
pub fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    if a.len() != b.len() {
        return f32::INFINITY;
    }
    a.iter().zip(b).fold(0.0, |worst, (x, y)| {
        let difference = (x - y).abs();
        if difference.is_nan() { f32::INFINITY } else { worst.max(difference) }
    })
}

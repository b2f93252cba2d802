//! Vectors that stand in a file, one for each row of a source: a teacher's, embedded once.

use std::fs::File;
use std::io::{BufReader, Seek};
use std::path::{Path, PathBuf};

use npyz::{DType, NpyHeader, Order};

use crate::TrainError;

/// A matrix in NumPy's format, whose rows are read as they are asked for.
pub(super) struct StoredVectors {
    path: PathBuf,
    file: File,
    /// Where the first row begins.
    start: u64,
    rows: u64,
    width: usize,
}

impl StoredVectors {
    /// Opens a matrix `[rows, width]` of little-endian f32, as `embed --output vectors.npy` writes it.
    pub(super) fn open(path: &Path) -> Result<Self, TrainError> {
        let failed = |e| TrainError::io(path, "cannot be read", e);
        let file = File::open(path).map_err(failed)?;
        let mut reader = BufReader::new(&file);
        let header = NpyHeader::from_reader(&mut reader).map_err(failed)?;
        let start = reader.stream_position().map_err(failed)?;
        let plain = matches!(header.dtype(), DType::Plain(kind) if kind.to_string() == "<f4");
        let [rows, width] = header.shape()[..] else {
            let found = format!("{} of them", header.shape().len());
            return Err(TrainError::value(shown(path), "two dimensions: rows and values", found));
        };
        if !plain || header.order() != Order::C || width == 0 {
            let found = format!("{} in order {:?}", header.dtype().descr(), header.order());
            return Err(TrainError::value(shown(path), "f32 values ('<f4'), row after row", found));
        }
        let needed = rows.saturating_mul(width).saturating_mul(4).saturating_add(start);
        let found = file.metadata().map_err(failed)?.len();
        if found < needed {
            let expected = format!("{needed} bytes for {rows} rows of {width} values");
            return Err(TrainError::value(shown(path), expected, found));
        }
        let width = usize::try_from(width).unwrap_or(usize::MAX);
        Ok(Self { path: path.into(), file, start, rows, width })
    }

    /// The row's vector; `place` is the row's own, for messages.
    pub(super) fn row(&self, number: u64, place: &str) -> Result<Vec<f32>, TrainError> {
        if number >= self.rows {
            let expected = format!("a vector for row {number}, as for every row of {place}");
            return Err(TrainError::value(
                shown(&self.path),
                expected,
                format!("{} rows", self.rows),
            ));
        }
        let mut values = vec![0.0f32; self.width];
        let bytes = bytemuck::cast_slice_mut(&mut values);
        let at = self.start + number * bytes.len() as u64;
        read_at(&self.file, bytes, at)
            .map_err(|e| TrainError::io(&self.path, "cannot be read", e))?;
        values.iter_mut().for_each(|v| *v = f32::from_bits(u32::from_le(v.to_bits())));
        match values.iter().find(|v| !v.is_finite()) {
            None => Ok(values),
            Some(found) => {
                let key = format!("{}: row {number}", self.path.display());
                Err(TrainError::value(key, "numbers", found))
            }
        }
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], at: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
}

#[cfg(not(unix))]
fn read_at(file: &File, bytes: &mut [u8], at: u64) -> std::io::Result<()> {
    use std::io::{Read, SeekFrom};
    let mut file = file;
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(descr: &str, shape: &str, values: &[f32]) -> tempfile::NamedTempFile {
        let mut header =
            format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
        while (10 + header.len() + 1) % 64 != 0 {
            header.push(' ');
        }
        header.push('\n');
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.bytes());
        bytes.extend(values.iter().flat_map(|v| v.to_le_bytes()));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        file
    }

    #[test]
    fn rows_are_read_by_number() {
        let stored = file("<f4", "(2, 3)", &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let stored = StoredVectors::open(stored.path()).unwrap();
        assert_eq!(stored.row(1, "a:2").unwrap(), [4.0, 5.0, 6.0]);
        assert_eq!(stored.row(0, "a:1").unwrap(), [1.0, 2.0, 3.0]);
        let error = stored.row(2, "a:3").unwrap_err().to_string();
        assert!(error.contains("a:3") && error.contains("2 rows"), "{error}");
    }

    #[test]
    fn what_is_no_such_matrix_is_refused() {
        let refused = |descr: &str, shape: &str, values: &[f32], words: &str| {
            let stored = file(descr, shape, values);
            let error = StoredVectors::open(stored.path()).err().expect(words).to_string();
            assert!(error.contains(words), "{error}");
        };
        refused("<f8", "(1, 1)", &[1.0, 2.0], "<f4");
        refused("<f4", "(2,)", &[1.0, 2.0], "two dimensions");
        refused("<f4", "(2, 3)", &[1.0, 2.0], "2 rows of 3 values");
        let stored = file("<f4", "(1, 2)", &[1.0, f32::NAN]);
        let error = StoredVectors::open(stored.path()).unwrap().row(0, "a:1").unwrap_err();
        assert!(error.to_string().contains("row 0"), "{error}");
        let text = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(text.path(), "no numbers").unwrap();
        assert!(StoredVectors::open(text.path()).is_err());
    }
}

//! Rows of signed bytes with a scale each: `w[r, c] = scale[r] q[r, c]`.
//!
//! A matrix or table NAME of type I8, `[rows, width]`, stands beside NAME.scale of type F32, `[rows]`.
//! Scales are finite and not negative, bytes reach from -127 to 127 (-128 would have no counterpart).
//! A table may hold values of four bits instead, two a byte: NAME is of type U8 then, `[rows, width / 2]`,
//! see [`quantise_nibbles`](contexture_kernels::quantised::quantise_nibbles).
//! A matrix may have columns apart, whose inputs are far larger than others: NAME.columns of type I32,
//! `[k]`, names them, NAME.outliers of type F32, `[k, rows]`, holds their weights, and the bytes there
//! are 0.

use std::path::Path;

use contexture_kernels::quantised::{QuantisedTable, are_nibbles, widen_nibbles};
use contexture_nn::Role;
use safetensors::Dtype;

use super::files::{Place, Tensors};
use crate::ModelError;

/// What stands behind the name of a tensor of bytes in the names of those beside it.
pub(crate) const SCALE: &str = ".scale";
pub(crate) const COLUMNS: &str = ".columns";
pub(crate) const OUTLIERS: &str = ".outliers";

/// The numbers that a tensor of a file holds: of U8 only two values of four bits a byte are read.
pub(crate) fn precision(dtype: Dtype) -> String {
    match dtype {
        Dtype::U8 => "I4".into(),
        other => format!("{other:?}"),
    }
}

/// A tensor of bytes and what stands beside it.
#[derive(Debug, Clone)]
pub(crate) struct ByteRows {
    tensor: String,
    bytes: Place,
    scales: Place,
    rows: usize,
    width: usize,
    /// Whether two values share a byte.
    nibbles: bool,
    apart: Option<Apart>,
}

/// The columns that are no bytes.
#[derive(Debug, Clone)]
struct Apart {
    columns: Vec<u32>,
    values: Place,
}

impl ByteRows {
    /// Finds what stands beside `[rows, width]` bytes; `None` where `place` holds no bytes. Adds the
    /// names to `read`.
    pub(crate) fn find(
        tensor: &str,
        place: &Place,
        tensors: &Tensors,
        role: Role,
        read: &mut impl Extend<String>,
    ) -> Result<Option<Self>, ModelError> {
        let [rows, width] = place.entry.shape[..] else { return Ok(None) };
        let (width, nibbles) = match (place.entry.dtype, role) {
            (Dtype::I8, _) => (width, false),
            (Dtype::U8, Role::Table) => (2 * width, true),
            _ => return Ok(None),
        };
        let beside =
            |end: &str| (format!("{tensor}{end}"), tensors.places.get(&format!("{tensor}{end}")));
        let missing = |name: String, shape: String, what: &str| ModelError::MissingTensor {
            path: place.file.shown.clone(),
            tensor: name,
            parameter: format!("{what} of `{tensor}`, which is {:?}", place.entry.dtype),
            expected: shape,
        };
        let (name, scales) = beside(SCALE);
        let Some(scales) = scales else {
            return Err(missing(name, format!("[{rows}]"), "the scales of the rows"));
        };
        check(&name, scales, &[rows], Dtype::F32, "scales of rows")?;
        read.extend([name]);
        let apart = match (beside(COLUMNS), beside(OUTLIERS)) {
            ((_, None), (_, None)) => None,
            ((name, None), _) => return Err(missing(name, "[k]".into(), "the columns apart")),
            (_, (name, None)) => {
                return Err(missing(name, format!("[k, {rows}]"), "the columns apart"));
            }
            ((columns, Some(of_columns)), (values, Some(of_values))) => {
                if role != Role::Matrix {
                    let reason = "only the matrix of a product has columns apart";
                    return Err(ModelError::tensor(&of_columns.file.shown, &columns, reason));
                }
                let count = of_columns.entry.shape.first().copied().unwrap_or(0);
                check(&columns, of_columns, &[count], Dtype::I32, "numbers of columns")?;
                check(&values, of_values, &[count, rows], Dtype::F32, "columns apart")?;
                let apart = read_columns(&columns, of_columns, count, width)?;
                read.extend([columns, values]);
                Some(Apart { columns: apart, values: of_values.clone() })
            }
        };
        let (tensor, bytes, scales) = (tensor.to_owned(), place.clone(), scales.clone());
        Ok(Some(Self { tensor, bytes, scales, rows, width, nibbles, apart }))
    }

    /// The columns that are no bytes.
    pub(crate) fn columns(&self) -> &[u32] {
        self.apart.as_ref().map_or(&[], |apart| &apart.columns)
    }

    /// Reads bytes from value `first` on, whole rows or parts of them, and checks them.
    pub(crate) fn read_bytes(&self, first: usize, into: &mut [i8]) -> Result<(), ModelError> {
        let Place { file, entry } = &self.bytes;
        if self.nibbles {
            // Rows have even widths, and so do the steps that they are read in.
            let mut pairs = vec![0; into.len() / 2];
            file.read_at(&mut pairs, entry.start + (first / 2) as u64)?;
            self.check_nibbles(&pairs)?;
            widen_nibbles(&pairs, into);
            return Ok(());
        }
        file.read_at(bytemuck::cast_slice_mut(into), entry.start + first as u64)?;
        self.check_bytes(first, into)
    }

    /// Rows of a table, where they lie; `None` where their file is not in memory.
    pub(crate) fn table_in_place(
        &self,
        first: usize,
        len: usize,
    ) -> Result<Option<QuantisedTable>, ModelError> {
        let mut scales = vec![0.0; len / self.width.max(1)];
        self.read_scales(first / self.width.max(1), &mut scales)?;
        if !self.nibbles {
            let bytes = self.in_place(first, len)?;
            return Ok(bytes.map(|bytes| QuantisedTable::new(bytes, scales, self.width)));
        }
        let Place { file, entry } = &self.bytes;
        let Some(pairs) = file.in_place(entry.start + (first / 2) as u64, len / 2) else {
            return Ok(None);
        };
        self.check_nibbles(pairs)?;
        Ok(Some(QuantisedTable::of_nibbles(pairs, scales, self.width)))
    }

    fn check_nibbles(&self, pairs: &[u8]) -> Result<(), ModelError> {
        if are_nibbles(pairs) {
            return Ok(());
        }
        let reason =
            "it holds the four bits 0, which stand for -8; values are -7 to 7, held as 1 to 15";
        Err(ModelError::tensor(&self.bytes.file.shown, &self.tensor, reason))
    }

    /// The same where they lie; `None` where their file is not in memory.
    pub(crate) fn in_place(
        &self,
        first: usize,
        len: usize,
    ) -> Result<Option<&'static [i8]>, ModelError> {
        let Place { file, entry } = &self.bytes;
        let Some(bytes) = file.in_place(entry.start + first as u64, len) else { return Ok(None) };
        let bytes = bytemuck::cast_slice(bytes);
        self.check_bytes(first, bytes)?;
        Ok(Some(bytes))
    }

    fn check_bytes(&self, first: usize, into: &[i8]) -> Result<(), ModelError> {
        let file = &self.bytes.file;
        if into.contains(&i8::MIN) {
            let reason = "it holds the byte -128; rows are quantised to -127 to 127";
            return Err(ModelError::tensor(&file.shown, &self.tensor, reason));
        }
        for column in self.columns() {
            let column = *column as usize;
            let skipped = (column + self.width - first % self.width) % self.width;
            if into.iter().skip(skipped).step_by(self.width).any(|byte| *byte != 0) {
                let reason = format!("column {column} is apart, and its bytes are not 0");
                return Err(ModelError::tensor(&file.shown, &self.tensor, reason));
            }
        }
        Ok(())
    }

    /// Reads the scales of the rows from `row` on, and checks them.
    pub(crate) fn read_scales(&self, row: usize, into: &mut [f32]) -> Result<(), ModelError> {
        let path = &self.scales.file.shown;
        let name = || format!("{}{SCALE}", self.tensor);
        read_floats(&self.scales, row, into)?;
        let bad = |scale: &f32| !scale.is_finite() || scale.is_sign_negative();
        match into.iter().position(bad) {
            Some(at) if into[at].is_finite() => {
                let found = format!("row {} has the scale {:?}", row + at, into[at]);
                return Err(ModelError::tensor(path, &name(), found + "; expected 0 or more"));
            }
            Some(_) => return Err(not_finite(path, name())),
            None => {}
        }
        match into.iter().all(|scale| (scale * f32::from(i8::MAX)).is_finite()) {
            true => Ok(()),
            false => Err(not_finite(path, self.tensor.clone())),
        }
    }

    /// The weights of the columns apart in `rows` rows from `row` on: `[columns, rows]`.
    pub(crate) fn outliers(&self, row: usize, rows: usize) -> Result<Vec<f32>, ModelError> {
        let Some(apart) = &self.apart else { return Ok(Vec::new()) };
        let mut values = vec![0.0; apart.columns.len() * rows];
        for (index, values) in values.chunks_exact_mut(rows.max(1)).enumerate() {
            read_floats(&apart.values, index * self.rows + row, values)?;
            if values.iter().any(|value| !value.is_finite()) {
                let name = format!("{}{OUTLIERS}", self.tensor);
                return Err(not_finite(&apart.values.file.shown, name));
            }
        }
        Ok(values)
    }

    /// Reads values from `first` on, widened; `bytes` is as long as `into`, to work in.
    pub(crate) fn widen(
        &self,
        first: usize,
        bytes: &mut [i8],
        into: &mut [f32],
    ) -> Result<(), ModelError> {
        self.read_bytes(first, bytes)?;
        let row = first / self.width;
        let rows = (first + into.len()).div_ceil(self.width) - row;
        let mut scales = vec![0.0; rows];
        self.read_scales(row, &mut scales)?;
        let outliers = self.outliers(row, rows)?;
        let mut at = 0;
        for (number, scale) in scales.into_iter().enumerate() {
            let begin = (row + number) * self.width;
            let end = (begin + self.width - first).min(into.len());
            for (value, byte) in into[at..end].iter_mut().zip(&bytes[at..end]) {
                *value = f32::from(*byte) * scale;
            }
            for (index, column) in self.columns().iter().enumerate() {
                let place = (begin + *column as usize).checked_sub(first);
                if let Some(value) = place.and_then(|place| into.get_mut(place)) {
                    *value = outliers[index * rows + number];
                }
            }
            at = end;
        }
        Ok(())
    }
}

fn check(
    name: &str,
    place: &Place,
    shape: &[usize],
    dtype: Dtype,
    what: &str,
) -> Result<(), ModelError> {
    let path = &place.file.shown;
    if place.entry.shape != shape {
        return Err(ModelError::Shape {
            path: path.clone(),
            tensor: name.into(),
            expected: format!("{shape:?}"),
            found: format!("{:?}", place.entry.shape),
        });
    }
    if place.entry.dtype != dtype {
        let reason = format!("it is {:?}; {what} are {dtype:?}", place.entry.dtype);
        return Err(ModelError::tensor(path, name, reason));
    }
    Ok(())
}

/// The numbers of the columns apart: each within the matrix, none twice.
fn read_columns(
    name: &str,
    place: &Place,
    count: usize,
    width: usize,
) -> Result<Vec<u32>, ModelError> {
    let path = &place.file.shown;
    if count > width {
        let reason = format!("{count} columns of a matrix that has {width}");
        return Err(ModelError::tensor(path, name, reason));
    }
    let mut found = vec![0u32; count];
    place.file.read_at(bytemuck::cast_slice_mut(&mut found), place.entry.start)?;
    found.iter_mut().for_each(|column| *column = u32::from_le(*column));
    let mut seen = vec![false; width];
    for column in &found {
        match seen.get_mut(*column as usize) {
            Some(seen) if !*seen => *seen = true,
            Some(_) => {
                let reason = format!("column {column} is named twice");
                return Err(ModelError::tensor(path, name, reason));
            }
            None => {
                let reason = format!("column {}; expected 0 to {}", *column as i32, width - 1);
                return Err(ModelError::tensor(path, name, reason));
            }
        }
    }
    Ok(found)
}

fn read_floats(place: &Place, first: usize, into: &mut [f32]) -> Result<(), ModelError> {
    let start = place.entry.start + (first * size_of::<f32>()) as u64;
    place.file.read_at(bytemuck::cast_slice_mut(into), start)?;
    into.iter_mut().for_each(|v| *v = f32::from_bits(u32::from_le(v.to_bits())));
    Ok(())
}

fn not_finite(path: &Path, tensor: String) -> ModelError {
    ModelError::NotFinite { path: path.into(), tensor }
}

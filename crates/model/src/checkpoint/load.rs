//! Fills declared parameters from files: shapes first, then all bytes, on several threads.
//!
//! No file is mapped or held whole. A table is read straight to where it stays; a matrix is read
//! into a buffer that a thread reuses and packed from there while it is still in the cache.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use contexture_kernels::gemm::PackedMatrix;
use contexture_nn::{Declared, Role, Stored};
use half::slice::HalfFloatSliceExt;
use safetensors::Dtype;

use super::files::{Place, Tensors};
use super::names::{Dialect, Piece, pieces_of, stored_name};
use super::rows::ByteRows;
use crate::ModelError;

/// Where one parameter's values come from: equal pieces of rows, one after the other.
#[derive(Debug)]
pub(crate) struct Fill {
    declared: Declared,
    pieces: Vec<Span>,
}

/// How parameters are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// As plain floats, which can be trained and written.
    Plain,
    /// Matrices packed for products.
    Packed,
    /// Matrices and tables as bytes, those packed for products; what may not be bytes as above.
    Bytes,
}

impl Hold {
    /// Whether a parameter of this role is held in another form than it is read in.
    fn changes(self, role: Role) -> bool {
        match self {
            Self::Plain => false,
            Self::Packed => role.is_matrix(),
            Self::Bytes => role.is_matrix() || role.may_be_bytes(),
        }
    }

    /// Values as a parameter of this kind is held.
    pub(crate) fn of(self, declared: &Declared, values: Vec<f32>) -> Stored {
        match self.changes(declared.role) {
            true => self.changed(declared, &values),
            false => Stored::Plain(values),
        }
    }

    fn changed(self, declared: &Declared, values: &[f32]) -> Stored {
        let (rows, width) = (declared.param.rows, declared.param.width);
        match self {
            Self::Bytes if declared.role.may_be_bytes() => Stored::quantised(declared, values),
            _ => Stored::Packed(PackedMatrix::pack(values, rows, width)),
        }
    }
}

/// Consecutive values of one tensor.
#[derive(Debug, Clone)]
struct Span {
    place: Place,
    tensor: String,
    /// Where the values are bytes.
    bytes: Option<Arc<ByteRows>>,
    first: usize,
    len: usize,
}

/// Finds a declared parameter's tensors and compares shapes and number formats.
pub(crate) fn plan(
    declared: &Declared,
    dialect: &Dialect,
    prefix: &str,
    tensors: &Tensors,
    read: &mut BTreeSet<String>,
) -> Result<Fill, ModelError> {
    let pieces = pieces_of(dialect, prefix, declared);
    let vector = declared.role == Role::Vector;
    let whole = if vector { declared.param.width } else { declared.param.rows };
    let share = whole / pieces.len().max(1);
    let mut spans = Vec::with_capacity(pieces.len());
    for Piece { name, part, parts } in pieces {
        let outer = share.saturating_mul(parts);
        let expected = if vector { vec![outer] } else { vec![outer, declared.param.width] };
        let Some(stored) = stored_name(tensors, &name) else {
            return Err(ModelError::MissingTensor {
                path: tensors.shown.clone(),
                tensor: name,
                parameter: declared.name.clone(),
                expected: format!("{expected:?}"),
            });
        };
        let place = tensors.places[&stored].clone();
        check(&stored, &place, &expected)?;
        let bytes = ByteRows::find(&stored, &place, tensors, declared.role, read)?.map(Arc::new);
        read.insert(stored.clone());
        let len = if vector { share } else { share * declared.param.width };
        spans.push(Span { place, tensor: stored, bytes, first: part * len, len });
    }
    Ok(Fill { declared: declared.clone(), pieces: spans })
}

fn check(tensor: &str, place: &Place, expected: &[usize]) -> Result<(), ModelError> {
    let path = place.file.shown.clone();
    if place.entry.shape != expected {
        return Err(ModelError::Shape {
            path,
            tensor: tensor.into(),
            expected: format!("{expected:?}"),
            found: format!("{:?}", place.entry.shape),
        });
    }
    match place.entry.dtype {
        Dtype::F32 | Dtype::F16 | Dtype::BF16 => Ok(()),
        Dtype::I8 if expected.len() == 2 => Ok(()),
        other => {
            Err(ModelError::Precision { path, tensor: tensor.into(), found: format!("{other:?}") })
        }
    }
}

/// One thing for a thread to do.
enum Task<'a> {
    /// Read into place.
    Read { into: &'a mut [f32], span: Span },
    /// Read, and hold in another form.
    Change { index: usize, fill: &'a Fill },
}

/// Small enough that the threads finish together, large enough that a read is worth its call.
const CHUNK: usize = 1 << 20;

/// Reads all parameters.
pub(crate) fn fill(fills: &[Fill], hold: Hold, threads: usize) -> Result<Vec<Stored>, ModelError> {
    let changes = |fill: &Fill| hold.changes(fill.declared.role);
    let mut plain: Vec<Vec<f32>> =
        fills.iter().map(|fill| vec![0.0; if changes(fill) { 0 } else { fill.len() }]).collect();
    let mut tasks = Vec::new();
    for ((index, fill), values) in fills.iter().enumerate().zip(&mut plain) {
        if changes(fill) {
            tasks.push(Task::Change { index, fill });
        } else {
            split(fill, values, &mut tasks);
        }
    }
    // The longest first, so that no thread is left with a long one at the end. Taken from the back.
    tasks.sort_by_key(Task::len);
    let total: usize = tasks.iter().map(Task::len).sum();
    let threads = threads.clamp(1, total / CHUNK + 1);
    let changed = run(tasks, hold, threads)?;
    let mut stored: Vec<Stored> = plain.into_iter().map(Stored::Plain).collect();
    for (index, values) in changed {
        stored[index] = values;
    }
    Ok(stored)
}

fn split<'a>(fill: &Fill, mut values: &'a mut [f32], tasks: &mut Vec<Task<'a>>) {
    for span in &fill.pieces {
        let (mut piece, rest) = values.split_at_mut(span.len);
        values = rest;
        let mut first = span.first;
        while !piece.is_empty() {
            let (into, rest) = piece.split_at_mut(piece.len().min(CHUNK));
            piece = rest;
            let len = into.len();
            tasks.push(Task::Read { into, span: Span { first, len, ..span.clone() } });
            first += len;
        }
    }
}

type Changed = Vec<(usize, Stored)>;

fn run(tasks: Vec<Task<'_>>, hold: Hold, threads: usize) -> Result<Changed, ModelError> {
    let tasks = Mutex::new(tasks);
    let next = || tasks.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).pop();
    let work = || {
        let mut changed = Changed::new();
        let mut buffer = Vec::new();
        while let Some(task) = next() {
            match task {
                Task::Read { into, span } => read(&span, into)?,
                Task::Change { index, fill } => {
                    changed.push((index, read_changed(fill, hold, &mut buffer)?));
                }
            }
        }
        Ok(changed)
    };
    if threads == 1 {
        return work();
    }
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut result = work();
        for other in others {
            let part = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            result = result.and_then(|mut all| {
                all.extend(part?);
                Ok(all)
            });
        }
        result
    })
}

fn read_changed(fill: &Fill, hold: Hold, buffer: &mut Vec<f32>) -> Result<Stored, ModelError> {
    if hold == Hold::Bytes && fill.declared.role.may_be_bytes() && fill.is_bytes() {
        return read_bytes(fill);
    }
    let len = fill.len();
    if buffer.len() < len {
        // Nothing of the old contents is needed: a fresh one spares the copy.
        *buffer = vec![0.0; len];
    }
    let mut rest = &mut buffer[..len];
    for span in &fill.pieces {
        let (into, after) = rest.split_at_mut(span.len);
        rest = after;
        read(span, into)?;
    }
    Ok(hold.changed(&fill.declared, &buffer[..len]))
}

/// Bytes and scales as the file has them: nothing is rounded again.
fn read_bytes(fill: &Fill) -> Result<Stored, ModelError> {
    let param = fill.declared.param;
    let (mut bytes, mut scales) = (vec![0; fill.len()], vec![0.0; param.rows]);
    let (mut of_bytes, mut of_scales) = (&mut bytes[..], &mut scales[..]);
    let mut apart: Vec<Vec<f32>> = Vec::new();
    let mut columns: Option<&[u32]> = None;
    for span in &fill.pieces {
        let Some(rows) = &span.bytes else { continue };
        let (into, rest) = of_bytes.split_at_mut(span.len);
        of_bytes = rest;
        rows.read_bytes(span.first, into)?;
        let (row, count) = (span.first / param.width, span.len / param.width);
        let (into, rest) = of_scales.split_at_mut(count);
        of_scales = rest;
        rows.read_scales(row, into)?;
        let own = *columns.get_or_insert(rows.columns());
        if own != rows.columns() {
            let reason = format!(
                "its columns apart are {:?}, those of `{}` are {own:?}; they are one product",
                rows.columns(),
                fill.pieces[0].tensor
            );
            return Err(ModelError::tensor(&span.place.file.shown, &span.tensor, reason));
        }
        apart.resize_with(own.len(), Vec::new);
        let values = rows.outliers(row, count)?;
        for (all, values) in apart.iter_mut().zip(values.chunks_exact(count.max(1))) {
            all.extend_from_slice(values);
        }
    }
    match Stored::of_bytes(&fill.declared, bytes, scales) {
        Stored::QuantisedMatrix(matrix) if !apart.is_empty() => {
            let columns = columns.unwrap_or_default();
            Ok(Stored::QuantisedMatrix(matrix.with_outliers(columns, &apart.concat())))
        }
        stored => Ok(stored),
    }
}

/// Read, widen and check in steps that stay in the cache.
const STEP: usize = 1 << 15;

fn read(span: &Span, into: &mut [f32]) -> Result<(), ModelError> {
    let Place { file, entry } = &span.place;
    let size = entry.dtype.bitsize() / 8;
    let step_len = STEP.min(into.len());
    let mut halves = if size == 2 { vec![0u16; step_len] } else { Vec::new() };
    let mut bytes = if size == 1 { vec![0i8; step_len] } else { Vec::new() };
    for (step, values) in into.chunks_mut(STEP).enumerate() {
        let first = span.first + step * STEP;
        let start = entry.start + (first * size) as u64;
        if let Some(rows) = &span.bytes {
            rows.widen(first, &mut bytes[..values.len()], values)?;
        } else if size == 2 {
            let halves = &mut halves[..values.len()];
            file.read_at(bytemuck::cast_slice_mut(halves), start)?;
            halves.iter_mut().for_each(|v| *v = u16::from_le(*v));
            match entry.dtype {
                Dtype::BF16 => {
                    bytemuck::cast_slice::<u16, half::bf16>(halves).convert_to_f32_slice(values)
                }
                _ => bytemuck::cast_slice::<u16, half::f16>(halves).convert_to_f32_slice(values),
            }
        } else {
            file.read_at(bytemuck::cast_slice_mut(values), start)?;
            if cfg!(target_endian = "big") {
                values.iter_mut().for_each(|v| *v = f32::from_bits(u32::from_le(v.to_bits())));
            }
        }
        if !all_finite(values) {
            let (path, tensor) = (file.shown.clone(), span.tensor.clone());
            return Err(ModelError::NotFinite { path, tensor });
        }
    }
    Ok(())
}

/// One pass without branches over values that are in the cache anyway.
fn all_finite(values: &[f32]) -> bool {
    const EXPONENT: u32 = 0x7f80_0000;
    !values.iter().fold(false, |bad, v| bad | (v.to_bits() & EXPONENT == EXPONENT))
}

impl Task<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Read { into, .. } => into.len(),
            Self::Change { fill, .. } => fill.len(),
        }
    }
}

impl Fill {
    fn len(&self) -> usize {
        self.declared.param.len()
    }

    /// Whether all its values are bytes in their file.
    fn is_bytes(&self) -> bool {
        self.pieces.iter().all(|span| span.bytes.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infinities_and_nans_are_seen_wherever_they_are() {
        for bad in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
            for at in [0, 1, 7, 99] {
                let mut values = vec![f32::MAX; 100];
                values[50] = f32::MIN_POSITIVE / 2.0;
                assert!(all_finite(&values));
                values[at] = bad;
                assert!(!all_finite(&values));
            }
        }
    }
}

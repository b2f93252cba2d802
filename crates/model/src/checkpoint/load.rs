//! Fills declared parameters from files: shapes first, then all bytes, on several threads.
//!
//! No file is mapped or held whole. A table is read straight to where it stays; a matrix is read
//! into a buffer that a thread reuses and packed from there while it is still in the cache.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use contexture_kernels::gemm::PackedMatrix;
use contexture_kernels::quantised::{QuantisedMatrix, quantise_rows_into};
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
    for Piece { name, part, parts, row } in pieces {
        let outer = share.saturating_mul(parts);
        let expected = match (vector, row) {
            (true, true) => vec![1, outer],
            (true, false) => vec![outer],
            (false, _) => vec![outer, declared.param.width],
        };
        let Some(stored) = stored_name(tensors, &name) else {
            return Err(ModelError::MissingTensor {
                path: tensors.shown.clone(),
                tensor: name,
                parameter: declared.name.clone(),
                expected: format!("{expected:?}"),
            });
        };
        let place = tensors.places[&stored].clone();
        check(&stored, &place, &expected, declared.role)?;
        let bytes = ByteRows::find(&stored, &place, tensors, declared.role, read)?.map(Arc::new);
        read.insert(stored.clone());
        let len = if vector { share } else { share * declared.param.width };
        spans.push(Span { place, tensor: stored, bytes, first: part * len, len });
    }
    Ok(Fill { declared: declared.clone(), pieces: spans })
}

fn check(tensor: &str, place: &Place, expected: &[usize], role: Role) -> Result<(), ModelError> {
    let path = place.file.shown.clone();
    // Two values share a byte.
    let halved = match (place.entry.dtype, role, expected) {
        (Dtype::U8, Role::Table, [rows, width]) => {
            width.is_multiple_of(2) && place.entry.shape == [*rows, width / 2]
        }
        _ => false,
    };
    if halved {
        return Ok(());
    }
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

/// How parameters are to be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As they are, to be trained.
    Plain,
    /// Matrices packed.
    Packed,
    /// On the way to bytes: tables already are, matrices wait as they are for their inputs to be
    /// measured, and what must stay f32 is packed.
    Bytes,
}

/// How one parameter is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    Plain,
    Packed,
    Bytes,
}

impl Form {
    pub(crate) fn of(self, role: Role) -> Held {
        match (self, role) {
            (Self::Packed, Role::Matrix | Role::ExactMatrix) => Held::Packed,
            (Self::Bytes, Role::ExactMatrix) => Held::Packed,
            (Self::Bytes, Role::Table) => Held::Bytes,
            _ => Held::Plain,
        }
    }
}

/// One thing for a thread to do.
enum Task<'a> {
    /// Read into place.
    Read { into: &'a mut [f32], span: Span },
    /// Read and quantise rows.
    Quantise { bytes: &'a mut [i8], scales: &'a mut [f32], span: Span },
    /// Read and pack: floats, or bytes as they are.
    Pack { index: usize, fill: &'a Fill },
}

/// Small enough that the threads finish together, large enough that a read is worth its call.
const CHUNK: usize = 1 << 20;

/// Where parameters are read to, but for those that are packed.
#[derive(Default)]
struct Memory {
    values: Vec<f32>,
    bytes: Vec<i8>,
    scales: Vec<f32>,
}

/// Reads all parameters to how `form` holds them. What the files hold as bytes, and is to be bytes, is
/// not rounded again: a table is read to where it stays, a matrix is packed.
pub(crate) fn fill(fills: &[Fill], form: Form, threads: usize) -> Result<Vec<Stored>, ModelError> {
    let memory = |fill: &Fill| match fill.held(form) {
        Held::Plain => Memory { values: vec![0.0; fill.len()], ..Memory::default() },
        Held::Packed => Memory::default(),
        Held::Bytes => Memory {
            bytes: vec![0; fill.len()],
            scales: vec![0.0; fill.declared.param.rows],
            ..Memory::default()
        },
    };
    let mut memories: Vec<Memory> = fills.iter().map(memory).collect();
    let mut tasks = Vec::new();
    for ((index, fill), memory) in fills.iter().enumerate().zip(&mut memories) {
        match fill.held(form) {
            Held::Plain => split(fill, &mut memory.values, &mut tasks),
            Held::Packed => tasks.push(Task::Pack { index, fill }),
            Held::Bytes => split_rows(fill, memory, &mut tasks),
        }
    }
    // The longest first, so that no thread is left with a long one at the end. Taken from the back.
    tasks.sort_by_key(Task::len);
    let total: usize = tasks.iter().map(Task::len).sum();
    let threads = threads.clamp(1, total / CHUNK + 1);
    let packed = run(tasks, form, threads)?;
    let of = |(fill, memory): (&Fill, Memory)| match fill.held(form) {
        Held::Bytes => Stored::of_bytes(&fill.declared, memory.bytes, memory.scales),
        _ => Stored::Plain(memory.values),
    };
    let mut stored: Vec<Stored> = fills.iter().zip(memories).map(of).collect();
    for (index, matrix) in packed {
        stored[index] = matrix;
    }
    Ok(stored)
}

/// Whole rows, so that each is quantised by one thread.
fn split_rows<'a>(fill: &Fill, memory: &'a mut Memory, tasks: &mut Vec<Task<'a>>) {
    let width = fill.declared.param.width;
    let step = (CHUNK / width.max(1)).max(1);
    let (mut bytes, mut scales) = (&mut memory.bytes[..], &mut memory.scales[..]);
    for span in &fill.pieces {
        let rows = span.len / width.max(1);
        for row in (0..rows).step_by(step) {
            let count = (rows - row).min(step);
            let (own, rest) = std::mem::take(&mut bytes).split_at_mut(count * width);
            let (own_scales, rest_scales) = std::mem::take(&mut scales).split_at_mut(count);
            (bytes, scales) = (rest, rest_scales);
            let (first, len) = (span.first + row * width, own.len());
            let span = Span { first, len, ..span.clone() };
            tasks.push(Task::Quantise { bytes: own, scales: own_scales, span });
        }
    }
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

type Packed = Vec<(usize, Stored)>;

fn run(tasks: Vec<Task<'_>>, form: Form, threads: usize) -> Result<Packed, ModelError> {
    let tasks = Mutex::new(tasks);
    let next = || tasks.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).pop();
    let work = || {
        let mut packed = Packed::new();
        let (mut buffer, mut bytes) = (Vec::new(), Vec::new());
        while let Some(task) = next() {
            match task {
                Task::Read { into, span } => read(&span, into)?,
                Task::Quantise { bytes, scales, span } => {
                    read_rows(&span, bytes, scales, &mut buffer)?;
                }
                Task::Pack { index, fill } if fill.stays(form) => {
                    packed.push((index, read_bytes(fill, &mut bytes)?));
                }
                Task::Pack { index, fill } => {
                    packed.push((index, Stored::Packed(read_packed(fill, &mut buffer)?)));
                }
            }
        }
        Ok(packed)
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

/// The first `len` values of a buffer that grows where needed.
fn grown(buffer: &mut Vec<f32>, len: usize) -> &mut [f32] {
    if buffer.len() < len {
        // Nothing of the old contents is needed: a fresh one spares the copy.
        *buffer = vec![0.0; len];
    }
    &mut buffer[..len]
}

fn read_packed(fill: &Fill, buffer: &mut Vec<f32>) -> Result<PackedMatrix, ModelError> {
    let values = grown(buffer, fill.len());
    let mut rest = &mut *values;
    for span in &fill.pieces {
        let (into, after) = rest.split_at_mut(span.len);
        rest = after;
        read(span, into)?;
    }
    Ok(PackedMatrix::pack(values, fill.declared.param.rows, fill.declared.param.width))
}

/// Whole rows as bytes: as the file has them, or quantised.
fn read_rows(
    span: &Span,
    bytes: &mut [i8],
    scales: &mut [f32],
    buffer: &mut Vec<f32>,
) -> Result<(), ModelError> {
    let width = span.len / scales.len().max(1);
    if let Some(rows) = &span.bytes {
        rows.read_bytes(span.first, bytes)?;
        return rows.read_scales(span.first / width.max(1), scales);
    }
    let values = grown(buffer, span.len);
    read(span, values)?;
    quantise_rows_into(values, width, bytes, scales);
    Ok(())
}

/// A matrix or table of bytes, scales and columns apart as the file has them. One that is in memory
/// already is not copied on its way.
fn read_bytes(fill: &Fill, buffer: &mut Vec<i8>) -> Result<Stored, ModelError> {
    let param = fill.declared.param;
    if let (Role::Table, [Span { bytes: Some(rows), first, len, .. }]) =
        (fill.declared.role, &fill.pieces[..])
        && let Some(table) = rows.table_in_place(*first, *len)?
    {
        return Ok(Stored::QuantisedTable(table));
    }
    let in_place = match &fill.pieces[..] {
        [Span { bytes: Some(rows), first, len, .. }] => rows.in_place(*first, *len)?,
        _ => None,
    };
    if buffer.len() < fill.len() && in_place.is_none() {
        *buffer = vec![0; fill.len()];
    }
    let mut scales = vec![0.0; param.rows];
    let (mut of_bytes, mut of_scales) = (&mut buffer[..], &mut scales[..]);
    let mut apart: Vec<Vec<f32>> = Vec::new();
    let mut columns: Option<&[u32]> = None;
    for span in &fill.pieces {
        let Some(rows) = &span.bytes else { continue };
        let (row, count) = (span.first / param.width, span.len / param.width);
        if in_place.is_none() {
            let (into, rest) = of_bytes.split_at_mut(span.len);
            of_bytes = rest;
            rows.read_bytes(span.first, into)?;
        }
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
    let bytes = match in_place {
        Some(bytes) => bytes,
        None => &buffer[..fill.len()],
    };
    let matrix = QuantisedMatrix::pack(bytes, &scales, param.rows, param.width);
    let matrix = matrix.with_outliers(columns.unwrap_or_default(), &apart.concat());
    Ok(Stored::QuantisedMatrix(matrix))
}

/// Read, widen and check in steps that stay in the cache.
const STEP: usize = 1 << 15;

fn read(span: &Span, into: &mut [f32]) -> Result<(), ModelError> {
    let Place { file, entry } = &span.place;
    let size = entry.dtype.bitsize() / 8;
    let step_len = STEP.min(into.len());
    let mut narrow = if size == 2 { vec![0u16; step_len] } else { Vec::new() };
    let mut bytes = if size == 1 { vec![0i8; step_len] } else { Vec::new() };
    for (step, values) in into.chunks_mut(STEP).enumerate() {
        let first = span.first + step * STEP;
        let start = entry.start + (first * size) as u64;
        if let Some(rows) = &span.bytes {
            rows.widen(first, &mut bytes[..values.len()], values)?;
        } else if size == 2 {
            let narrow = &mut narrow[..values.len()];
            file.read_at(bytemuck::cast_slice_mut(narrow), start)?;
            narrow.iter_mut().for_each(|v| *v = u16::from_le(*v));
            match entry.dtype {
                Dtype::BF16 => {
                    bytemuck::cast_slice::<u16, half::bf16>(narrow).convert_to_f32_slice(values)
                }
                _ => bytemuck::cast_slice::<u16, half::f16>(narrow).convert_to_f32_slice(values),
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

/// All values of one tensor, row-major, of any format of floats that is read; all finite.
pub(crate) fn values(tensor: &str, place: &Place) -> Result<Vec<f32>, ModelError> {
    let shape = &place.entry.shape;
    check(tensor, place, shape, Role::Vector)?;
    if place.entry.dtype == Dtype::I8 {
        // Bytes are no values without their scales, which only declared matrices have.
        let (path, tensor) = (place.file.shown.clone(), tensor.into());
        return Err(ModelError::Precision { path, tensor, found: "I8".into() });
    }
    let len = shape.iter().product();
    let mut values = vec![0.0; len];
    let span = Span { place: place.clone(), tensor: tensor.into(), bytes: None, first: 0, len };
    read(&span, &mut values)?;
    Ok(values)
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
            Self::Quantise { bytes, .. } => bytes.len(),
            Self::Pack { fill, .. } => fill.len(),
        }
    }
}

impl Fill {
    fn len(&self) -> usize {
        self.declared.param.len()
    }

    /// How it is held: what comes as bytes and stays so need not wait.
    fn held(&self, form: Form) -> Held {
        if self.stays(form) { Held::Packed } else { form.of(self.declared.role) }
    }

    /// Whether it is a matrix of bytes, or a table of bytes in memory, that stays one.
    fn stays(&self, form: Form) -> bool {
        let bytes = || self.pieces.iter().all(|span| span.bytes.is_some());
        let in_memory = || match &self.pieces[..] {
            [span] => span.place.file.in_place(span.place.entry.start, 0).is_some(),
            _ => false,
        };
        form == Form::Bytes
            && bytes()
            && match self.declared.role {
                Role::Matrix => true,
                Role::Table => in_memory(),
                _ => false,
            }
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

//! Rows of signed bytes with a scale each: `w[r, c] = scale[r] q[r, c]`.
//!
//! A matrix or table NAME of type I8, `[rows, width]`, stands beside NAME.scale of type F32, `[rows]`.
//! Scales are finite and not negative, bytes reach from -127 to 127 (-128 would have no counterpart).

use safetensors::Dtype;

use super::files::{Place, Tensors};
use crate::ModelError;

/// What stands behind the name of a tensor of bytes in the name of its scales.
pub(crate) const SCALE: &str = ".scale";

/// The scales of a tensor of bytes.
#[derive(Debug, Clone)]
pub(crate) struct Scales {
    place: Place,
    tensor: String,
    width: usize,
}

impl Scales {
    /// Finds the scales of `[rows, width]` bytes; `None` where `place` holds no bytes.
    pub(crate) fn find(
        tensor: &str,
        place: &Place,
        tensors: &Tensors,
    ) -> Result<Option<Self>, ModelError> {
        let (Dtype::I8, [rows, width]) = (place.entry.dtype, &place.entry.shape[..]) else {
            return Ok(None);
        };
        let name = format!("{tensor}{SCALE}");
        let Some(found) = tensors.places.get(&name) else {
            return Err(ModelError::MissingTensor {
                path: place.file.shown.clone(),
                tensor: name,
                parameter: format!("the scales of the rows of `{tensor}`, which is I8"),
                expected: format!("[{rows}]"),
            });
        };
        let path = &found.file.shown;
        if found.entry.shape != [*rows] {
            return Err(ModelError::Shape {
                path: path.clone(),
                tensor: name,
                expected: format!("[{rows}]"),
                found: format!("{:?}", found.entry.shape),
            });
        }
        if found.entry.dtype != Dtype::F32 {
            let reason = format!("it is {:?}; scales of rows are F32", found.entry.dtype);
            return Err(ModelError::tensor(path, &name, reason));
        }
        Ok(Some(Self { place: found.clone(), tensor: name, width: *width }))
    }

    /// The tensor's name.
    pub(crate) fn tensor(&self) -> &str {
        &self.tensor
    }

    /// Reads the scales of some rows, and checks them.
    pub(crate) fn read(&self, first: usize, into: &mut [f32]) -> Result<(), ModelError> {
        let Place { file, entry } = &self.place;
        let start = entry.start + (first * size_of::<f32>()) as u64;
        file.read_at(bytemuck::cast_slice_mut(into), start)?;
        into.iter_mut().for_each(|v| *v = f32::from_bits(u32::from_le(v.to_bits())));
        let bad = |scale: &f32| !scale.is_finite() || scale.is_sign_negative();
        match into.iter().position(bad) {
            None => Ok(()),
            Some(at) if into[at].is_finite() => {
                let reason = format!("row {} has the scale {:?}", first + at, into[at]);
                let reason = reason + "; expected 0 or more";
                Err(ModelError::tensor(&file.shown, &self.tensor, reason))
            }
            Some(_) => {
                let (path, tensor) = (file.shown.clone(), self.tensor.clone());
                Err(ModelError::NotFinite { path, tensor })
            }
        }
    }

    /// Refuses scales with which a byte could stand for an infinity.
    pub(crate) fn check_reach(
        &self,
        tensor: &str,
        place: &Place,
        scales: &[f32],
    ) -> Result<(), ModelError> {
        match scales.iter().all(|scale| (scale * f32::from(i8::MAX)).is_finite()) {
            true => Ok(()),
            false => {
                let (path, tensor) = (place.file.shown.clone(), tensor.to_owned());
                Err(ModelError::NotFinite { path, tensor })
            }
        }
    }

    /// Values from `first` on, widened: `bytes` are as many as `into`.
    pub(crate) fn widen(
        &self,
        first: usize,
        bytes: &[i8],
        into: &mut [f32],
    ) -> Result<(), ModelError> {
        let row = first / self.width;
        let rows = (first + into.len()).div_ceil(self.width) - row;
        let mut scales = vec![0.0; rows];
        self.read(row, &mut scales)?;
        let mut at = 0;
        for (number, scale) in scales.into_iter().enumerate() {
            let end = ((row + number + 1) * self.width - first).min(into.len());
            for (value, byte) in into[at..end].iter_mut().zip(&bytes[at..end]) {
                *value = f32::from(*byte) * scale;
            }
            at = end;
        }
        Ok(())
    }
}

/// Reads bytes of a tensor from value `first` on, and checks them.
pub(crate) fn read(
    tensor: &str,
    place: &Place,
    first: usize,
    into: &mut [i8],
) -> Result<(), ModelError> {
    let Place { file, entry } = place;
    file.read_at(bytemuck::cast_slice_mut(into), entry.start + first as u64)?;
    match into.contains(&i8::MIN) {
        false => Ok(()),
        true => {
            let reason = "it holds the byte -128; rows are quantised to -127 to 127";
            Err(ModelError::tensor(&file.shown, tensor, reason))
        }
    }
}

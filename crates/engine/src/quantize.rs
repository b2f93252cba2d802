//! Smaller vectors, as sentence-transformers' `quantize_embeddings` defines them.
//!
//! - `int8`: per dimension, `step = (max - min) / 255`, `q = clip(floor((x - min) / step), 0, 255)
//!   - 128`, where min and max are over the calibration vectors.
//! - `binary`: the bits of `x > 0`, eight to a byte, most significant first, less 128.

/// The least and the greatest value of each dimension, `[dimensions]` each.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Ranges {
    /// The least value of each dimension.
    pub min: Vec<f32>,
    /// The greatest value of each dimension.
    pub max: Vec<f32>,
}

impl Ranges {
    /// The ranges of no vectors at all: everything is to be seen yet.
    pub fn empty(dimensions: usize) -> Self {
        Self { min: vec![f32::INFINITY; dimensions], max: vec![f32::NEG_INFINITY; dimensions] }
    }

    /// Over all `vectors`, `[n][dimensions]`; `None` where there is none.
    pub fn of<'a>(vectors: impl IntoIterator<Item = &'a [f32]>) -> Option<Self> {
        let mut vectors = vectors.into_iter();
        let first = vectors.next()?;
        let mut ranges = Self::empty(first.len());
        ranges.include(first);
        vectors.for_each(|vector| ranges.include(vector));
        Some(ranges)
    }

    /// Widens the ranges so that `vector` lies within.
    pub fn include(&mut self, vector: &[f32]) {
        assert_eq!(self.min.len(), vector.len(), "dimensions of ranges and vector");
        for ((min, max), value) in self.min.iter_mut().zip(&mut self.max).zip(vector) {
            *min = min.min(*value);
            *max = max.max(*value);
        }
    }

    /// The number of dimensions.
    pub fn dimensions(&self) -> usize {
        self.min.len()
    }

    /// One signed byte per dimension.
    pub fn int8(&self, vector: &[f32]) -> Vec<i8> {
        assert_eq!(self.min.len(), vector.len(), "dimensions of ranges and vector");
        let bounds = self.min.iter().zip(&self.max);
        vector
            .iter()
            .zip(bounds)
            .map(|(value, (min, max))| {
                let step = (max - min) / 255.0;
                // A dimension that never varies would divide by 0: the reference takes 1.
                let step = if step == 0.0 { 1.0 } else { step };
                (((value - min) / step).floor().clamp(0.0, 255.0) as i32 - 128) as i8
            })
            .collect()
    }
}

/// One bit per dimension, `ceil(dimensions / 8)` bytes.
pub fn binary(vector: &[f32]) -> Vec<i8> {
    vector
        .chunks(8)
        .map(|eight| {
            let byte = eight
                .iter()
                .enumerate()
                .fold(0u8, |byte, (bit, value)| byte | (u8::from(*value > 0.0) << (7 - bit)));
            (i32::from(byte) - 128) as i8
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn int8_spans_the_range() {
        // Steps of exactly 1, so that rounding takes no part.
        let vectors = [[0.0f32, -1.0], [255.0, -1.0], [127.5, -1.0]];
        let ranges = Ranges::of(vectors.iter().map(<[f32; 2]>::as_slice)).unwrap();
        let quantised: Vec<_> = vectors.iter().map(|v| ranges.int8(v)).collect();
        assert_eq!(quantised, [[-128, -128], [127, -128], [-1, -128]]);
        assert_eq!(ranges.int8(&[900.0, 9.0])[0], 127, "beyond the calibration is clipped");
        assert!(Ranges::of([]).is_none());
    }

    #[test]
    fn binary_packs_most_significant_first() {
        let bits = [1.0, -1.0, 0.0, 2.0, -0.5, -0.5, -0.5, 3.0, 1.0];
        assert_eq!(binary(&bits), [(0b1001_0001 - 128) as i8, (0b1000_0000u8 as i32 - 128) as i8]);
    }
}

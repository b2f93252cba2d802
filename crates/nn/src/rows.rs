//! The only array: `[n, width]` of f32, row-major, and the recycling of its memory.

use std::sync::{Arc, Mutex};

/// `[n, width]` of f32, row-major. Sequences lie end to end; there is no padding.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows {
    data: Vec<f32>,
    rows: usize,
    width: usize,
}

impl Rows {
    /// All zeros, `[rows, width]`.
    pub fn zeros(rows: usize, width: usize) -> Self {
        Self { data: vec![0.0; rows * width], rows, width }
    }

    /// Takes `data` as `[rows, data.len() / rows]`; `width` is checked against it.
    pub fn new(data: Vec<f32>, width: usize) -> Self {
        assert!(
            width > 0 && data.len().is_multiple_of(width),
            "{} values do not fill rows of {width}",
            data.len()
        );
        Self { rows: data.len() / width, data, width }
    }

    /// The number of rows, n.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Row `index`, `[width]`.
    pub fn row(&self, index: usize) -> &[f32] {
        &self.data[index * self.width..(index + 1) * self.width]
    }

    /// Row `index`, `[width]`, to be written.
    pub fn row_mut(&mut self, index: usize) -> &mut [f32] {
        &mut self.data[index * self.width..(index + 1) * self.width]
    }

    /// Everything, row after row.
    pub fn as_slice(&self) -> &[f32] {
        &self.data
    }

    /// Everything, row after row, to be written.
    pub fn as_mut_slice(&mut self) -> &mut [f32] {
        &mut self.data
    }

    /// The values themselves.
    pub fn into_vec(self) -> Vec<f32> {
        self.data
    }

    /// Both shapes must agree; the message names them.
    pub fn assert_same_shape(&self, other: &Rows, what: &str) {
        assert!(
            (self.rows, self.width) == (other.rows, other.width),
            "{what}: [{}, {}] against [{}, {}]",
            self.rows,
            self.width,
            other.rows,
            other.width
        );
    }
}

/// Keeps the memory of values that are gone for the next ones, so that a forward neither
/// allocates nor touches cold pages once it is warm.
#[derive(Debug, Clone)]
pub struct Recycler {
    free: Arc<Mutex<Vec<Vec<f32>>>>,
    most: usize,
}

/// More buffers than a layer holds at once would only keep memory that nobody needs.
const KEPT_BUFFERS: usize = 12;

impl Default for Recycler {
    fn default() -> Self {
        Self::keeping(KEPT_BUFFERS)
    }
}

impl Recycler {
    /// Keeps up to `most` buffers. A training step frees all that its forward made, so whoever
    /// trains keeps as many as a step has.
    pub fn keeping(most: usize) -> Self {
        Self { free: Arc::default(), most: most.max(1) }
    }

    /// Rows whose contents are unspecified (old values): the caller writes every element.
    pub fn rows(&self, rows: usize, width: usize) -> Rows {
        let needed = rows * width;
        let mut free = self.free.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        // The most recently freed buffer that fits is the one most likely to be in the cache.
        let fit = free.iter().rposition(|buffer| {
            buffer.capacity() >= needed && buffer.capacity() <= needed.max(1024) * 4
        });
        let mut data = match fit {
            Some(index) => free.remove(index),
            None => Vec::with_capacity(needed),
        };
        drop(free);
        if data.len() < needed {
            data.resize(needed, 0.0);
        } else {
            data.truncate(needed);
        }
        Rows { data, rows, width }
    }

    /// Takes the memory back.
    pub fn give_back(&self, rows: Rows) {
        let mut free = self.free.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if free.len() >= self.most {
            free.remove(0);
        }
        free.push(rows.data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recycled_rows_have_the_asked_shape() {
        let recycler = Recycler::default();
        let mut first = recycler.rows(3, 4);
        first.as_mut_slice().fill(7.0);
        recycler.give_back(first);
        let second = recycler.rows(2, 5);
        assert_eq!((second.rows(), second.width(), second.as_slice().len()), (2, 5, 10));
        let third = recycler.rows(100, 50);
        assert!(third.as_slice().iter().all(|v| *v == 0.0));
    }
}

//! Vectors that a probe learns from: in memory up to a budget, beyond it in a temporary file that
//! is read block by block, so that memory stays flat whatever their number.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::sync::{Mutex, PoisonError};

use crate::EvaluateError;

/// Rows that are visited together. Fixed, so that sums do not depend on the number of threads.
pub const BLOCK_ROWS: usize = 2048;

/// Vectors kept in memory by default.
const BUDGET_BYTES: usize = 512 << 20;

/// Rows of one width.
#[derive(Debug)]
pub struct Samples {
    width: usize,
    rows: usize,
    budget_bytes: usize,
    /// All rows, or those that the file does not hold yet.
    memory: Vec<f32>,
    file: Option<Mutex<File>>,
    spooled: usize,
}

impl Samples {
    /// No rows yet.
    pub fn new(width: usize) -> Self {
        Self::with_budget(width, BUDGET_BYTES)
    }

    /// As [`Samples::new`], with another budget of memory.
    pub fn with_budget(width: usize, budget_bytes: usize) -> Self {
        Self { width, rows: 0, budget_bytes, memory: Vec::new(), file: None, spooled: 0 }
    }

    /// Rows that are there already, `[rows, width]`.
    pub fn from_rows(width: usize, values: Vec<f32>) -> Self {
        let rows = values.len() / width.max(1);
        Self { width, rows, budget_bytes: usize::MAX, memory: values, file: None, spooled: 0 }
    }

    /// Values of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of blocks.
    pub fn blocks(&self) -> usize {
        self.rows.div_ceil(BLOCK_ROWS)
    }

    /// Adds a row.
    ///
    /// # Errors
    /// Where the temporary file cannot be written.
    ///
    /// # Panics
    /// Where the row has another width.
    pub fn push(&mut self, row: &[f32]) -> Result<(), EvaluateError> {
        assert_eq!(row.len(), self.width, "width of a row");
        self.memory.extend_from_slice(row);
        self.rows += 1;
        if 4 * self.memory.len() >= self.budget_bytes && self.rows.is_multiple_of(BLOCK_ROWS) {
            self.spool()?;
        }
        Ok(())
    }

    fn failed(&self, source: std::io::Error) -> EvaluateError {
        EvaluateError::Spool { bytes: (4 * self.rows * self.width) as u64, source }
    }

    fn spool(&mut self) -> Result<(), EvaluateError> {
        let file = match self.file.take() {
            Some(file) => file.into_inner().unwrap_or_else(PoisonError::into_inner),
            None => tempfile::tempfile().map_err(|e| self.failed(e))?,
        };
        let mut writer = BufWriter::with_capacity(1 << 20, file);
        let written = self.memory.iter().try_for_each(|v| writer.write_all(&v.to_le_bytes()));
        written.map_err(|e| self.failed(e))?;
        let file = writer.into_inner().map_err(|e| self.failed(e.into_error()))?;
        self.spooled += self.memory.len() / self.width;
        self.memory.clear();
        self.file = Some(Mutex::new(file));
        Ok(())
    }

    /// Calls `visit` with block number `block`, `[rows, width]`, at most [`BLOCK_ROWS`] rows.
    ///
    /// # Errors
    /// Where the temporary file cannot be read.
    ///
    /// # Panics
    /// Where there is no such block.
    pub fn block<R>(
        &self,
        block: usize,
        visit: impl FnOnce(&[f32]) -> R,
    ) -> Result<R, EvaluateError> {
        let (begin, end) = (block * BLOCK_ROWS, ((block + 1) * BLOCK_ROWS).min(self.rows));
        assert!(begin < end, "block {block} of {}", self.blocks());
        let Some(file) = self.file.as_ref().filter(|_| begin < self.spooled) else {
            let [begin, end] = [begin, end].map(|row| (row - self.spooled) * self.width);
            return Ok(visit(&self.memory[begin..end]));
        };
        let mut bytes = vec![0; 4 * (end - begin) * self.width];
        {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start((4 * begin * self.width) as u64))
                .and_then(|_| file.read_exact(&mut bytes))
                .map_err(|e| self.failed(e))?;
        }
        let value = |b: &[u8]| f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
        let values: Vec<f32> = bytes.chunks_exact(4).map(value).collect();
        Ok(visit(&values))
    }

    /// The rows whose numbers these are, in memory.
    ///
    /// # Errors
    /// Where the temporary file cannot be read.
    pub fn subset(&self, keep: impl Fn(usize) -> bool) -> Result<Self, EvaluateError> {
        let mut values = Vec::new();
        for block in 0..self.blocks() {
            self.block(block, |rows| {
                for (at, row) in rows.chunks_exact(self.width).enumerate() {
                    if keep(block * BLOCK_ROWS + at) {
                        values.extend_from_slice(row);
                    }
                }
            })?;
        }
        Ok(Self::from_rows(self.width, values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_on_disk_are_rows_in_memory() {
        let rows = 3 * BLOCK_ROWS + 17;
        let (mut disk, mut memory) = (Samples::with_budget(3, 0), Samples::new(3));
        for row in 0..rows {
            let row = [row as f32, 0.5, -(row as f32)];
            disk.push(&row).expect("disk");
            memory.push(&row).expect("memory");
        }
        assert_eq!((disk.spooled, memory.spooled), (3 * BLOCK_ROWS, 0));
        assert_eq!((disk.blocks(), disk.rows()), (4, rows));
        for block in [3, 0, 2, 1] {
            let from = |samples: &Samples| samples.block(block, <[f32]>::to_vec).expect("a block");
            assert_eq!(from(&disk), from(&memory));
        }
        let odd = disk.subset(|row| row % 2 == 1).expect("a subset");
        assert_eq!(odd.rows(), rows / 2);
        assert_eq!(odd.block(0, |rows| rows[3..6].to_vec()).expect("rows"), [3.0, 0.5, -3.0]);
    }
}

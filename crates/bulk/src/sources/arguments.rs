//! Texts from the command line.

use crate::error::RowError;
use crate::item::{Id, IdKind, Item};
use crate::source::Rows;

/// The texts themselves, one item each; their ids are their numbers from 0.
pub(crate) struct Arguments {
    texts: std::vec::IntoIter<String>,
    total: usize,
    total_bytes: u64,
    read_bytes: u64,
}

impl Arguments {
    pub(crate) fn open(texts: Vec<String>) -> Self {
        let total_bytes = texts.iter().map(|text| text.len() as u64).sum();
        Self { total: texts.len(), texts: texts.into_iter(), total_bytes, read_bytes: 0 }
    }
}

impl Rows for Arguments {
    fn next_row(&mut self) -> Option<Result<Item, RowError>> {
        let number = self.total - self.texts.len();
        let text = self.texts.next()?;
        self.read_bytes += text.len() as u64;
        Some(Ok(Item { id: Id::Number(number as i64), row: number + 1, text, words: None }))
    }

    fn id_kind(&self) -> IdKind {
        IdKind::Number
    }

    fn bytes_read(&self) -> u64 {
        self.read_bytes
    }

    fn size_bytes(&self) -> Option<u64> {
        Some(self.total_bytes)
    }

    fn total_rows(&self) -> Option<usize> {
        Some(self.total)
    }
}

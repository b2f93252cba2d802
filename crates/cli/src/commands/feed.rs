//! Rows of a source on their way to the engine.

use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread::JoinHandle;

use contexture::{Input, Next};
use contexture_bulk::{Id, Item, RowError, Source};

/// Rows that may wait between the reader and the engine.
const AHEAD: usize = 256;

/// Rows as they come.
pub(crate) enum Feed {
    /// From files and arguments, which never keep one waiting.
    Direct(Source),
    /// From a stream whose next row may be long in coming: a thread of its own waits for it, so
    /// that what has come is embedded meanwhile.
    Waiting { rows: Receiver<Result<Item, RowError>>, reader: JoinHandle<Source> },
}

impl Feed {
    pub(crate) fn new(mut source: Source, waits: bool) -> Self {
        if !waits {
            return Self::Direct(source);
        }
        let (sender, rows) = sync_channel(AHEAD);
        let reader = std::thread::spawn(move || {
            for row in source.by_ref() {
                // Nobody receives any more: the run has ended early.
                if sender.send(row).is_err() {
                    break;
                }
            }
            source
        });
        Self::Waiting { rows, reader }
    }

    /// The next row; where `wait` is false, [`Next::NotYet`] if none has come.
    pub(crate) fn next(&mut self, wait: bool) -> Result<Next<(Id, usize)>, RowError> {
        let row = match self {
            Self::Direct(source) => source.next(),
            Self::Waiting { rows, .. } if wait => rows.recv().ok(),
            Self::Waiting { rows, .. } => match rows.try_recv() {
                Ok(row) => Some(row),
                Err(TryRecvError::Empty) => return Ok(Next::NotYet),
                Err(TryRecvError::Disconnected) => None,
            },
        };
        let Some(item) = row.transpose()? else { return Ok(Next::End) };
        Ok(Next::Text(Input { text: item.text, words: item.words, tag: (item.id, item.row) }))
    }

    /// Bytes read so far, where it is known at any time.
    pub(crate) fn bytes_read(&self) -> Option<u64> {
        match self {
            Self::Direct(source) => Some(source.bytes_read()),
            Self::Waiting { .. } => None,
        }
    }

    /// The source again, when all has been read; `None` where its thread is gone.
    pub(crate) fn finish(self) -> Option<Source> {
        match self {
            Self::Direct(source) => Some(source),
            Self::Waiting { reader, .. } => reader.join().ok(),
        }
    }
}

//! The run's folder: who holds it, its metrics, and files that are there whole or not at all.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use contexture_model::folder;
use serde::Serialize;

use crate::TrainError;

/// A run's folder, held by this process.
#[derive(Debug)]
pub(crate) struct RunFolder {
    path: PathBuf,
    /// Held as long as this is alive; the system lets go of it when the process ends, however.
    _lock: File,
    metrics: File,
    timings: File,
}

/// What is learned, step by step: the same for the same run, however often it was interrupted.
pub const METRICS: &str = "metrics.jsonl";
/// How long it took: never the same twice.
pub const TIMINGS: &str = "timings.jsonl";
/// The configuration in full.
pub(crate) const CONFIG: &str = "config.toml";
const LOCK: &str = "train.lock";

impl RunFolder {
    /// Makes the folder where it is not there, and holds it.
    ///
    /// # Errors
    /// A folder that cannot be written, or that another process holds.
    pub(crate) fn open(path: &Path) -> Result<Self, TrainError> {
        std::fs::create_dir_all(path).map_err(|e| TrainError::io(path, "cannot be made", e))?;
        let file = |name: &str| {
            let path = path.join(name);
            let file =
                OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path);
            file.map_err(|e| TrainError::io(&path, "cannot be written", e))
        };
        let lock = file(LOCK)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(TrainError::Busy { folder: path.into(), lock: path.join(LOCK) });
            }
            Err(TryLockError::Error(e)) => {
                return Err(TrainError::io(&path.join(LOCK), "cannot be locked", e));
            }
        }
        let (metrics, timings) = (file(METRICS)?, file(TIMINGS)?);
        Ok(Self { path: path.into(), _lock: lock, metrics, timings })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Cuts both logs to where a snapshot saw them: what came after will come again.
    ///
    /// # Errors
    /// A log that cannot be written, or is shorter than it was.
    pub(crate) fn rewind(&mut self, lengths: [u64; 2]) -> Result<(), TrainError> {
        for (file, name, length) in
            [(&mut self.metrics, METRICS, lengths[0]), (&mut self.timings, TIMINGS, lengths[1])]
        {
            let path = self.path.join(name);
            let failed = |e| TrainError::io(&path, "cannot be written", e);
            let found = file.metadata().map_err(failed)?.len();
            if found < length && name == METRICS {
                let reason = format!("expected at least {length} bytes, found {found}");
                return Err(TrainError::Metrics { path, reason });
            }
            file.set_len(length.min(found)).map_err(failed)?;
            file.seek(SeekFrom::End(0)).map_err(failed)?;
        }
        Ok(())
    }

    /// Appends a line to the metrics.
    ///
    /// # Errors
    /// A disk that is full, or another failure of the system.
    pub(crate) fn log(&mut self, line: &impl Serialize) -> Result<(), TrainError> {
        append(&mut self.metrics, &self.path.join(METRICS), line)
    }

    /// Appends a line to the timings.
    ///
    /// # Errors
    /// As [`RunFolder::log`].
    pub(crate) fn time(&mut self, line: &impl Serialize) -> Result<(), TrainError> {
        append(&mut self.timings, &self.path.join(TIMINGS), line)
    }

    /// Sees both logs to the disk; their lengths.
    ///
    /// # Errors
    /// As [`RunFolder::log`].
    pub(crate) fn sync(&mut self) -> Result<[u64; 2], TrainError> {
        let mut lengths = [0; 2];
        for (index, (file, name)) in
            [(&mut self.metrics, METRICS), (&mut self.timings, TIMINGS)].into_iter().enumerate()
        {
            let failed = |e| TrainError::io(&self.path.join(name), "cannot be written", e);
            file.sync_data().map_err(failed)?;
            lengths[index] = file.stream_position().map_err(failed)?;
        }
        Ok(lengths)
    }
}

fn append(file: &mut File, path: &Path, line: &impl Serialize) -> Result<(), TrainError> {
    let failed = |e| TrainError::io(path, "cannot be written", e);
    let mut bytes = serde_json::to_vec(line).map_err(|e| failed(e.into()))?;
    bytes.push(b'\n');
    // One call, so that a line is there whole, or its torn end is the file's.
    file.write_all(&bytes).map_err(failed)
}

/// Writes a file that stands under its name whole or not at all.
///
/// # Errors
/// A disk that is full, a folder that cannot be written; what stood there before stands there still.
pub(crate) fn write_whole(
    path: &Path,
    write: impl FnOnce(&mut File) -> std::io::Result<()>,
) -> Result<(), TrainError> {
    folder::write_whole(path, write).map_err(|e| TrainError::io(path, "cannot be written", e))
}

//! The file that a sink writes: it comes under its final name whole, or not at all.
//!
//! A regular file is written as `.<name>.partial-<pid>` beside its final place, flushed to the
//! disk and renamed; then the folder is flushed. Whatever is dropped unfinished is removed. Pipes
//! and devices (`/dev/null`, a FIFO) are written directly, since there is nothing to rename.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::BulkError;

const BUFFER_BYTES: usize = 1 << 20;

/// The partial files of this process.
static PARTIALS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn partials() -> MutexGuard<'static, Vec<PathBuf>> {
    PARTIALS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes the partial files of all sinks of this process: for a signal handler that is about to
/// end it, since a killed process drops nothing. Sinks in use fail at their next step.
pub fn discard_partials() {
    for partial in partials().drain(..) {
        // It may have been finished in this very moment; nothing is left to be done then.
        let _ = fs::remove_file(partial);
    }
}

enum Place {
    Stdout(io::Stdout),
    File(File),
}

impl Write for Place {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(stdout) => stdout.write(bytes),
            Self::File(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(stdout) => stdout.flush(),
            Self::File(file) => file.flush(),
        }
    }
}

/// A file under a name that is not yet its own; removed when dropped.
struct Partial {
    at: PathBuf,
    finally: PathBuf,
}

impl Drop for Partial {
    fn drop(&mut self) {
        let mut live = partials();
        if let Some(index) = live.iter().position(|at| *at == self.at) {
            live.swap_remove(index);
            let _ = fs::remove_file(&self.at);
        }
    }
}

/// A place that bytes go to, counted.
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) written: u64,
    // Dropped in this order: the file is closed before it is removed.
    writer: BufWriter<Place>,
    partial: Option<Partial>,
}

impl Target {
    pub(crate) fn stdout() -> Self {
        let writer = BufWriter::with_capacity(BUFFER_BYTES, Place::Stdout(io::stdout()));
        Self { name: "standard output".to_owned(), written: 0, writer, partial: None }
    }

    pub(crate) fn file(path: &Path) -> Result<Self, BulkError> {
        let error = |source| BulkError::Create { path: path.to_owned(), source };
        // A link stays a link: what it points to is replaced.
        let finally = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let existing = fs::metadata(&finally).ok();
        let (file, partial) = match &existing {
            Some(metadata) if metadata.is_dir() => {
                return Err(error(io::Error::new(
                    io::ErrorKind::IsADirectory,
                    "is a folder; name a file",
                )));
            }
            Some(metadata) if !metadata.is_file() => {
                (OpenOptions::new().write(true).open(&finally).map_err(error)?, None)
            }
            _ => {
                let (file, at) = create_partial(&finally).map_err(error)?;
                (file, Some(Partial { at, finally }))
            }
        };
        if let (Some(metadata), Some(_)) = (existing, &partial) {
            // Not every file system keeps permissions; the content matters more.
            let _ = file.set_permissions(metadata.permissions());
        }
        let writer = BufWriter::with_capacity(BUFFER_BYTES, Place::File(file));
        Ok(Self { name: path.display().to_string(), written: 0, writer, partial })
    }

    /// Whether bytes that were written can be written again.
    pub(crate) fn is_regular(&self) -> bool {
        self.partial.is_some()
    }

    /// Overwrites bytes at the start of a regular file.
    pub(crate) fn overwrite_start(&mut self, bytes: &[u8]) -> Result<(), BulkError> {
        let place = self.writer.flush().and_then(|()| match self.writer.get_mut() {
            Place::File(file) => {
                file.seek(SeekFrom::Start(0))?;
                file.write_all(bytes)?;
                file.seek(SeekFrom::End(0)).map(|_| ())
            }
            Place::Stdout(_) => Err(io::Error::from(io::ErrorKind::NotSeekable)),
        });
        place.map_err(|source| self.error(source))
    }

    pub(crate) fn error(&self, source: io::Error) -> BulkError {
        BulkError::Write { name: self.name.clone(), bytes: self.written, source }
    }

    /// Flushes everything to the disk and gives the file its final name.
    pub(crate) fn commit(mut self) -> Result<u64, BulkError> {
        self.flush().and_then(|()| self.place()).map_err(|source| self.error(source))?;
        Ok(self.written)
    }

    fn place(&mut self) -> io::Result<()> {
        let (Place::File(file), Some(partial)) = (self.writer.get_ref(), &self.partial) else {
            return Ok(());
        };
        file.sync_all()?;
        let mut live = partials();
        fs::rename(&partial.at, &partial.finally)?;
        live.retain(|at| *at != partial.at);
        drop(live);
        flush_folder(&partial.finally)
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.writer.write(bytes)?;
        self.written += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

fn create_partial(finally: &Path) -> io::Result<(File, PathBuf)> {
    let name = finally.file_name().ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidInput, "the path does not name a file")
    })?;
    // A number follows where this process, or an earlier one of the same id, left such a file.
    for attempt in 0..1000 {
        let mut partial = std::ffi::OsString::from(".");
        partial.push(name);
        partial.push(format!(".partial-{}", std::process::id()));
        if attempt > 0 {
            partial.push(format!("-{attempt}"));
        }
        let at = finally.with_file_name(partial);
        match OpenOptions::new().write(true).create_new(true).open(&at) {
            Ok(file) => {
                partials().push(at.clone());
                return Ok((file, at));
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "a thousand partial files stand beside it"))
}

/// Makes the rename itself last. Only Unix lets a folder be flushed.
fn flush_folder(file: &Path) -> io::Result<()> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
